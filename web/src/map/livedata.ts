/** Turns records of the live picture into what the map draws. Pure: time and names are arguments. */
import type { Feature, FeatureCollection, Geometry, Point } from 'geojson';
import type { AdminUnit, Incident, Feature as Stored, Unit, Zone } from '../api/types';
import { isInForce, phaseAt } from '../parts/zone';
import { circle, northTip } from './geo';
import { fixAge, markOf } from './symbols';

export type Drawn = FeatureCollection<Geometry, Record<string, unknown>>;

export const nothing: Drawn = { type: 'FeatureCollection', features: [] };

const collect = (features: Feature<Geometry, Record<string, unknown>>[]): Drawn => ({
  type: 'FeatureCollection',
  features,
});

/** What the page says about an age, such as "18 phút". */
export type AgeText = (age_ms: number) => string;

export function drawUnits(units: readonly Unit[], now_ms: number, ageText: AgeText): Drawn {
  return collect(
    units.flatMap((unit) => {
      const { name, code, force, status, fix_at, fix_source } = unit.properties;
      if (!unit.geometry) return [];
      const age = fixAge(fix_at, fix_source, now_ms);
      const mark = markOf(status);
      const aged = age === 'old' && fix_at ? ageText(now_ms - Date.parse(fix_at)) : '';
      const label = code ?? name;
      return [
        {
          type: 'Feature' as const,
          geometry: unit.geometry,
          properties: {
            id: unit.id,
            icon: `unit|${force}|${mark}|${age}`,
            order: mark === 'distress' ? 2 : mark === 'away' ? 0 : 1,
            age: aged,
            label: aged ? `${label}\n${aged}` : label,
          },
        },
      ];
    }),
  );
}

/** Incidents with a position; one of which only the commune is known is hatched instead. */
export function drawIncidents(
  incidents: readonly Incident[],
  isAlarm: (incident: Incident) => boolean,
  title: (incident: Incident) => string,
): Drawn {
  return collect(
    incidents.flatMap((incident) => {
      if (!incident.geometry || isOnlyCommune(incident)) return [];
      const rings = isAlarm(incident);
      return [
        {
          type: 'Feature' as const,
          geometry: incident.geometry,
          properties: {
            id: incident.id,
            icon: `incident|${incident.properties.severity ?? 0}|${rings ? 'alarm' : ''}`,
            order: (incident.properties.severity ?? 0) + (rings ? 10 : 0),
            label: title(incident),
          },
        },
      ];
    }),
  );
}

/** Where alarms stand that nobody took, by the id of the record, which has a position that is known. */
export function alarmPlaces(records: readonly (Incident | Unit)[]): Map<string, [number, number]> {
  return new Map(
    records.flatMap(({ id, geometry }) => {
      const [lon, lat] = geometry?.coordinates ?? [];
      return lon === undefined || lat === undefined ? [] : [[id, [lon, lat]]];
    }),
  );
}

/** Only the commune is known: there is no point to draw. */
export function isOnlyCommune(incident: Incident): boolean {
  return !incident.geometry || incident.properties.located_by === 'admin_unit';
}

/** Communes of which an incident says no more than the name. */
export function drawHatched(incidents: readonly Incident[], communes: ReadonlyMap<string, AdminUnit>): Drawn {
  return collect(
    incidents.flatMap((incident) => {
      if (!isOnlyCommune(incident)) return [];
      const { commune_code, admin_unit } = incident.properties;
      const geometry = communes.get(commune_code ?? admin_unit ?? '')?.geometry;
      return geometry ? [{ type: 'Feature' as const, geometry, properties: { id: incident.id } }] : [];
    }),
  );
}

/** Zones as they hold at a moment; those that begin later are dashed, those that are over are left out. */
export function drawZones(zones: readonly Zone[], at_ms: number, hidden_id: string | null = null): Drawn {
  return collect(
    zones.flatMap((zone) => {
      const { name, level } = zone.properties;
      if (!zone.geometry || zone.id === hidden_id || phaseAt(zone, at_ms) === 'over') return [];
      return [
        {
          type: 'Feature' as const,
          geometry: zone.geometry,
          properties: {
            id: zone.id,
            level: level ?? 0,
            digit: level ? String(level) : '–',
            name,
            inForce: isInForce(zone, at_ms),
          },
        },
      ];
    }),
  );
}

/** The northern tip of each drawn zone, for its digit and name: in its middle stand people and incidents. */
export function labelZones(zones: Drawn): Drawn {
  return collect(
    zones.features.flatMap(({ geometry, properties }) => {
      const tip = northTip(geometry);
      return tip ? [{ type: 'Feature' as const, geometry: tip, properties }] : [];
    }),
  );
}

/** Areas of concern, or of the plans of events, each with its name at its northern tip: an area would be labelled in each tile. */
export function drawNamedAreas(areas: readonly Stored<{ name: string }>[]): Drawn {
  return collect(
    areas.flatMap(({ id, geometry, properties: { name } }) => {
      if (!geometry) return [];
      const area = { type: 'Feature' as const, geometry: geometry as Geometry, properties: { id } };
      const tip = northTip(area.geometry);
      return tip ? [area, { ...area, geometry: tip, properties: { id, name } }] : [area];
    }),
  );
}

/** Label points of communes. */
export function drawCommunes(communes: ReadonlyMap<string, AdminUnit>): Drawn {
  return collect(
    [...communes.values()].flatMap(({ properties: { name, label_lon, label_lat } }) =>
      label_lon === undefined || label_lat === undefined
        ? []
        : [{ type: 'Feature' as const, geometry: point(label_lon, label_lat), properties: { name } }],
    ),
  );
}

export function drawPoints(
  features: readonly { id: string; geometry: Point | null; properties: { name: string } }[],
): Drawn {
  return collect(
    features.flatMap(({ id, geometry, properties: { name } }) =>
      geometry ? [{ type: 'Feature' as const, geometry, properties: { id, name } }] : [],
    ),
  );
}

/** The ring within which the selected thing truly lies. */
export function drawAccuracy(at: Point | null | undefined, accuracy_m: number | undefined): Drawn {
  if (!at || !accuracy_m) return nothing;
  return collect([{ type: 'Feature', geometry: circle(at.coordinates, accuracy_m), properties: {} }]);
}

export function drawPoint(at: Point | null | undefined): Drawn {
  return at ? collect([{ type: 'Feature', geometry: at, properties: {} }]) : nothing;
}

/** Dotted lines from the selected incident to the units that work on it: who belongs to it, not their way. */
export function drawLinks(at: Point | null | undefined, units: readonly Unit[]): Drawn {
  if (!at) return nothing;
  return collect(
    units.flatMap((unit) =>
      unit.geometry
        ? [
            {
              type: 'Feature' as const,
              geometry: {
                type: 'LineString' as const,
                coordinates: [unit.geometry.coordinates, at.coordinates],
              },
              properties: {},
            },
          ]
        : [],
    ),
  );
}

const point = (lon: number, lat: number): Point => ({ type: 'Point', coordinates: [lon, lat] });
