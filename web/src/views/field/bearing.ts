import type { Position } from 'geojson';

const RADIAN = Math.PI / 180;

/** Initial great-circle bearing on a sphere, degrees clockwise from true north, 0 to 360. */
export function bearing_deg([lon1 = 0, lat1 = 0]: Position, [lon2 = 0, lat2 = 0]: Position): number {
  const dlon = (lon2 - lon1) * RADIAN;
  const y = Math.sin(dlon) * Math.cos(lat2 * RADIAN);
  const x =
    Math.cos(lat1 * RADIAN) * Math.sin(lat2 * RADIAN) -
    Math.sin(lat1 * RADIAN) * Math.cos(lat2 * RADIAN) * Math.cos(dlon);
  return (Math.atan2(y, x) / RADIAN + 360) % 360;
}
