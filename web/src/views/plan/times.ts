/** When a zone holds. Pure: the moment is an argument. */
import type { Feature } from 'geojson';
import type { Zone } from '../../api/types';
import type { Drawn } from '../../map/livedata';

export type Phase = 'now' | 'coming' | 'over';

/** Start of a zone, Unix milliseconds: said, or else when it was recorded. */
export function from_ms({ properties: { valid_from, recorded_at } }: Zone): number {
  return Date.parse(valid_from ?? recorded_at);
}

/** End of a zone: as planned, or earlier when somebody ended it. */
export function to_ms({ properties: { valid_to, ended_at } }: Zone): number {
  const planned = Date.parse(valid_to);
  return ended_at ? Math.min(planned, Date.parse(ended_at)) : planned;
}

/** Where a zone stands at a moment. Start included, end excluded. */
export function phaseAt(zone: Zone, at_ms: number): Phase {
  if (at_ms >= to_ms(zone)) return 'over';
  return at_ms < from_ms(zone) ? 'coming' : 'now';
}

/** Zones as they hold at a moment; those that begin later are dashed, those that are over are left out. */
export function drawZonesAt(zones: readonly Zone[], at_ms: number, hidden_id: string | null): Drawn {
  const features = zones.flatMap(
    (zone): Feature<NonNullable<Zone['geometry']>, Record<string, unknown>>[] => {
      const phase = phaseAt(zone, at_ms);
      if (!zone.geometry || phase === 'over' || zone.id === hidden_id) return [];
      const { name, level } = zone.properties;
      return [
        {
          type: 'Feature',
          geometry: zone.geometry,
          properties: {
            id: zone.id,
            level: level ?? 0,
            digit: level ? String(level) : '–',
            name,
            inForce: phase === 'now',
          },
        },
      ];
    },
  );
  return { type: 'FeatureCollection', features };
}

/** The province's clock: UTC+7, without summer time. */
const OFFSET_MS = 7 * 3_600_000;

/** `YYYY-MM-DDTHH:MM` of the province's clock, for a field of a form. */
export function toLocal(at_ms: number): string {
  return new Date(at_ms + OFFSET_MS).toISOString().slice(0, 16);
}

/** The moment of a form's field, Unix milliseconds; `null` when it is empty or not a time. */
export function fromLocal(text: string): number | null {
  if (!/^\d{4,}-\d\d-\d\dT\d\d:\d\d$/.test(text)) return null;
  const ms = Date.parse(`${text}:00Z`);
  return Number.isNaN(ms) ? null : ms - OFFSET_MS;
}
