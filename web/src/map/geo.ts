/** Small geometry for drawing. Distances that somebody acts on come from the server. */
import type { Geometry, Point, Polygon, Position } from 'geojson';

/** Mean radius, metres. */
const EARTH_M = 6_371_008.8;
const RADIAN = Math.PI / 180;

export type Box = [minlon: number, minlat: number, maxlon: number, maxlat: number];

/** A ring of `radius_m` around a position, as a polygon. */
export function circle([lon = 0, lat = 0]: Position, radius_m: number, corners = 64): Polygon {
  const dlat = radius_m / EARTH_M / RADIAN;
  const dlon = dlat / Math.max(Math.cos(lat * RADIAN), 0.01);
  const ring = Array.from({ length: corners + 1 }, (_, index) => {
    const angle = ((index % corners) / corners) * 2 * Math.PI;
    return [lon + dlon * Math.cos(angle), lat + dlat * Math.sin(angle)];
  });
  return { type: 'Polygon', coordinates: [ring] };
}

/** Every position of a geometry, in order. */
function positionsOf(geometry: Geometry): Position[] {
  if (geometry.type === 'GeometryCollection') return geometry.geometries.flatMap(positionsOf);
  const flat = (coordinates: unknown[]): Position[] =>
    Array.isArray(coordinates[0])
      ? coordinates.flatMap((part) => flat(part as unknown[]))
      : coordinates.length > 0
        ? [coordinates as Position]
        : [];
  return flat(geometry.coordinates);
}

/** Box around a geometry; `null` for none or an empty one. */
export function boxOf(geometry: Geometry | null | undefined): Box | null {
  const positions = geometry ? positionsOf(geometry) : [];
  if (positions.length === 0) return null;
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [lon = 0, lat = 0] of positions) {
    box[0] = Math.min(box[0], lon);
    box[1] = Math.min(box[1], lat);
    box[2] = Math.max(box[2], lon);
    box[3] = Math.max(box[3], lat);
  }
  return box;
}

/** The northernmost corner of a geometry; `null` for an empty one. */
export function northTip(geometry: Geometry): Point | null {
  let tip: Position | null = null;
  for (const at of positionsOf(geometry)) if (!tip || (at[1] ?? 0) > (tip[1] ?? 0)) tip = at;
  return tip ? { type: 'Point', coordinates: tip } : null;
}

/** Great-circle metres on a sphere: good to 0.5 %, for ordering and for "about how far". */
export function roughDistance_m(from: Position, to: Position): number {
  const [lon1 = 0, lat1 = 0] = from;
  const [lon2 = 0, lat2 = 0] = to;
  const h =
    Math.sin(((lat2 - lat1) * RADIAN) / 2) ** 2 +
    Math.cos(lat1 * RADIAN) * Math.cos(lat2 * RADIAN) * Math.sin(((lon2 - lon1) * RADIAN) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.sqrt(h));
}

/** Metres that one CSS pixel covers at a latitude and zoom (512 px tiles). */
export function metresPerPixel(lat: number, zoom: number): number {
  return (2 * Math.PI * EARTH_M * Math.cos(lat * RADIAN)) / (512 * 2 ** zoom);
}
