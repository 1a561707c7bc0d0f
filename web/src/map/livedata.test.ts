import { describe, expect, it } from 'vitest';
import type { Incident, LocatedBy, Unit, Zone } from '../api/types';
import { isInForce } from '../parts/zone';
import { drawHatched, drawIncidents, drawNamedAreas, drawUnits, drawZones, labelZones } from './livedata';

const NOW = Date.parse('2026-11-23T02:14:00Z');
const recorded = { version: 1, recorded_at: '2026-11-23T02:00:00Z' };
const at = { type: 'Point' as const, coordinates: [103.16, 22.47] };

function unit(fix_at?: string): Unit {
  const fix = fix_at ? { fix_at, fix_source: 'gps' as const } : { fix_source: 'post' as const };
  const properties = {
    name: 'Tổ 1',
    force: 'police' as const,
    kind: 'patrol' as const,
    status: 'available' as const,
  };
  return { type: 'Feature', id: 'u', geometry: at, properties: { ...properties, ...fix, ...recorded } };
}

function incident(geometry: Incident['geometry'], located_by: LocatedBy): Incident {
  const state = 'reported' as const;
  const properties = { kind: 'landslide' as const, state, located_by, commune_code: '03451' };
  return { type: 'Feature', id: 'i', geometry, properties: { ...properties, ...recorded } };
}

describe('drawUnits', () => {
  it('says how old a position is by its line, and in words after half an hour', () => {
    const iconAt = (fix_at?: string) =>
      drawUnits([unit(fix_at)], NOW, () => '31 phút').features[0]?.properties;
    expect(iconAt('2026-11-23T02:13:00Z')?.icon).toBe('unit|police|ready|fresh');
    expect(iconAt('2026-11-23T02:10:00Z')?.icon).toBe('unit|police|ready|fading');
    expect(iconAt('2026-11-23T02:00:00Z')?.icon).toBe('unit|police|ready|outline');
    expect(iconAt('2026-11-23T01:43:00Z')).toMatchObject({ icon: 'unit|police|ready|old', age: '31 phút' });
    expect(iconAt()).toMatchObject({ icon: 'unit|police|ready|post', age: '' });
  });
});

describe('an incident of which only the commune is known', () => {
  const commune = {
    type: 'Feature' as const,
    id: 'c',
    geometry: { type: 'Polygon' as const, coordinates: [] },
    properties: { code: '03451', name: 'Mù Cả', kind: 'commune' as const, ...recorded },
  };

  it('is hatched, never drawn as a point', () => {
    for (const known of [incident(null, 'admin_unit'), incident(at, 'admin_unit')]) {
      expect(drawIncidents([known], () => false, String).features).toHaveLength(0);
      expect(drawHatched([known], new Map([['03451', commune]])).features).toHaveLength(1);
    }
    expect(drawIncidents([incident(at, 'gps')], () => false, String).features).toHaveLength(1);
    expect(drawHatched([incident(at, 'gps')], new Map([['03451', commune]])).features).toHaveLength(0);
  });
});

describe('zones', () => {
  const zone = (fields: object): Zone => ({
    type: 'Feature',
    id: 'z',
    geometry: { type: 'Polygon', coordinates: [] },
    properties: {
      name: 'Sườn Pá Hạ',
      kind: 'landslide',
      valid_to: '2026-11-23T02:14:00Z',
      ...recorded,
      ...fields,
    },
  });

  it('are in force from their start to just before their end', () => {
    expect(isInForce(zone({}), NOW - 1)).toBe(true);
    expect(isInForce(zone({}), NOW)).toBe(false);
    expect(isInForce(zone({ valid_from: '2026-11-23T02:13:00Z' }), NOW - 60_001)).toBe(false);
    expect(isInForce(zone({ valid_from: '2026-11-23T02:13:00Z' }), NOW - 60_000)).toBe(true);
    expect(isInForce(zone({ ended_at: '2026-11-23T01:00:00Z' }), NOW - 1)).toBe(false);
    expect(isInForce(zone({ state: 'draft' }), NOW - 1)).toBe(false);
  });

  it('that begin later are drawn, those that ended are not', () => {
    const later = zone({ valid_from: '2026-11-24T00:00:00Z', valid_to: '2026-11-25T00:00:00Z' });
    expect(drawZones([later, zone({})], NOW).features.map((drawn) => drawn.properties.inForce)).toEqual([
      false,
    ]);
  });

  it('carry digit and name at their northern tip, clear of what stands in them', () => {
    const ring = [
      [103.1, 22.5],
      [103.2, 22.4],
      [103.3, 22.6],
      [103.1, 22.5],
    ];
    const slope = { ...zone({ level: 3 }), geometry: { type: 'Polygon' as const, coordinates: [ring] } };
    const [label] = labelZones(drawZones([slope, zone({})], NOW - 1)).features;
    expect(label).toMatchObject({
      geometry: { type: 'Point', coordinates: [103.3, 22.6] },
      properties: { digit: '3', name: 'Sườn Pá Hạ' },
    });
  });
});

describe('drawNamedAreas', () => {
  it('names each area once, at its northern tip', () => {
    const ring = [
      [103, 22],
      [103.2, 22.1],
      [103.1, 22.4],
      [103, 22],
    ];
    const geometry = { type: 'Polygon' as const, coordinates: [ring] };
    const area = {
      type: 'Feature' as const,
      id: 'a',
      geometry,
      properties: { name: 'Hội xuân', ...recorded },
    };
    const { features } = drawNamedAreas([area, { ...area, id: 'b', geometry: null }]);
    expect(features.map(({ geometry, properties }) => [geometry.type, properties.name])).toEqual([
      ['Polygon', undefined],
      ['Point', 'Hội xuân'],
    ]);
    expect(features[1]?.geometry).toMatchObject({ coordinates: [103.1, 22.4] });
  });
});
