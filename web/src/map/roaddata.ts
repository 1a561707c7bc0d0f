/** What the map draws of roads: closures, who is cut off, ways, areas that are reached. Pure. */
import type { Feature, Geometry, MultiPolygon, Polygon, Position } from 'geojson';
import type { CutOffRecord, Reach, RoadClosure, Route } from '../api/types';
import { closedFrom_ms, isPast, isSlow } from '../parts/closuretimes';
import { roughDistance_m } from './geo';
import { nothing, type Drawn } from './livedata';

/** A place less far from its road than this stands on it. */
const ON_ROAD_M = 15;

const collect = (features: Feature<Geometry, Record<string, unknown>>[]): Drawn => ({
  type: 'FeatureCollection',
  features,
});

const lineOf = (coordinates: Position[], properties: Record<string, unknown>) => ({
  type: 'Feature' as const,
  geometry: { type: 'LineString' as const, coordinates },
  properties,
});

const pointAt = (coordinates: Position, properties: Record<string, unknown>) => ({
  type: 'Feature' as const,
  geometry: { type: 'Point' as const, coordinates },
  properties,
});

function kindOf(closure: RoadClosure, at_ms: number): Record<string, unknown> {
  const isLater = closedFrom_ms(closure) > at_ms;
  return { id: closure.id, isSlow: isSlow(closure), isLater };
}

/** Each closure as its line; one that begins later is pale, one that is over is left out. */
export function drawClosures(closures: readonly RoadClosure[], at_ms: number): Drawn {
  return collect(
    closures.flatMap((closure) =>
      closure.geometry && !isPast(closure, at_ms)
        ? [
            {
              type: 'Feature' as const,
              geometry: closure.geometry as Geometry,
              properties: kindOf(closure, at_ms),
            },
          ]
        : [],
    ),
  );
}

/** A sign at the middle of each closure, so that twenty metres are seen from the whole province. */
export function drawClosureSigns(
  closures: readonly RoadClosure[],
  at_ms: number,
  label: (closure: RoadClosure) => string,
): Drawn {
  return collect(
    closures.flatMap((closure) => {
      const at = isPast(closure, at_ms) ? null : middleOf(closure.geometry as Geometry | null);
      if (!at) return [];
      const icon = `closure|${isSlow(closure) ? 'slow' : 'closed'}`;
      return [pointAt(at, { ...kindOf(closure, at_ms), icon, label: label(closure) })];
    }),
  );
}

/** The position half way along a line, or along the longest of several; `null` for none. */
export function middleOf(geometry: Geometry | null): Position | null {
  if (geometry?.type === 'Point') return geometry.coordinates;
  const lines =
    geometry?.type === 'LineString'
      ? [geometry.coordinates]
      : geometry?.type === 'MultiLineString'
        ? geometry.coordinates
        : [];
  const line = lines.toSorted((a, b) => length_m(b) - length_m(a))[0];
  if (!line) return null;
  let left_m = length_m(line) / 2;
  for (const [index, from] of line.slice(0, -1).entries()) {
    const to = line[index + 1] ?? from;
    const step_m = roughDistance_m(from, to);
    if (left_m <= step_m && step_m > 0) {
      const share = left_m / step_m;
      const between = (n: number) => (from[n] ?? 0) + ((to[n] ?? 0) - (from[n] ?? 0)) * share;
      return [between(0), between(1)];
    }
    left_m -= step_m;
  }
  return line[0] ?? null;
}

function length_m(line: Position[]): number {
  return line
    .slice(0, -1)
    .reduce((sum, from, index) => sum + roughDistance_m(from, line[index + 1] ?? from), 0);
}

/** Who is cut off; `isTried` for those who would be. */
export function drawCutOff(records: readonly CutOffRecord[], isTried = false): Drawn {
  return collect(
    records.map(({ id, collection, name, position }) =>
      pointAt(position, {
        id,
        icon: `cutoff|${isTried ? 'tried' : 'now'}`,
        isPlace: collection === 'places',
        label: collection === 'places' ? (name ?? '') : '',
      }),
    ),
  );
}

/** A way from door to door: the road, and at both ends what is walked beside it. */
export function drawRoute(way: { route: Route; from: Position; to: Position } | null): Drawn {
  if (!way) return nothing;
  const { route, from, to } = way;
  const road = lineOf(route.geometry.coordinates, { isFoot: route.profile === 'foot' });
  const walked = [
    [from, route.from.position, route.from.snap_m] as const,
    [route.to.position, to, route.to.snap_m] as const,
  ];
  const foot = walked.flatMap(([a, b, snap_m]) =>
    snap_m > ON_ROAD_M ? [lineOf([a, b], { isFoot: true })] : [],
  );
  return collect([road, ...foot]);
}

/** Areas that are reached, the widest first; their minutes stand where each reaches farthest. */
export function drawReach(reach: Reach | null, label: (minutes: number) => string): Drawn {
  if (!reach) return nothing;
  const widestFirst = reach.features.toSorted((a, b) => b.properties.minutes - a.properties.minutes);
  return collect(
    widestFirst.flatMap(({ geometry, properties: { minutes } }) => {
      const area = geometry as Polygon | MultiPolygon;
      const names = tipsOf(area).map((tip) => pointAt(tip, { minutes, label: label(minutes) }));
      return [{ type: 'Feature' as const, geometry: area, properties: { minutes } }, ...names];
    }),
  );
}

/** The corners that lie farthest north, south, east and west. */
function tipsOf(area: Polygon | MultiPolygon): Position[] {
  const rings = area.type === 'Polygon' ? area.coordinates : area.coordinates.flat();
  const corners = rings.flat();
  const farthest = (measure: (at: Position) => number) =>
    corners.reduce<Position | null>((far, at) => (far && measure(far) >= measure(at) ? far : at), null);
  const lon = ([x = 0]: Position) => x;
  const lat = ([, y = 0]: Position) => y;
  return [farthest(lat), farthest((at) => -lat(at)), farthest(lon), farthest((at) => -lon(at))].filter(
    (tip) => tip !== null,
  );
}

/** What would be closed: a line, or the points picked so far. */
export function drawTried(places: readonly Geometry[]): Drawn {
  return collect(places.map((geometry) => ({ type: 'Feature' as const, geometry, properties: {} })));
}
