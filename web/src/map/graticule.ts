/** The grid of longitude and latitude over the view, with a step that fits the zoom. */
import type { Feature, FeatureCollection, LineString } from 'geojson';
import type { Box } from './geo';

const STEPS_DEG = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10];
/** About so many lines across the view. */
const LINES_ACROSS = 7;
const LINES_MAX = 60;

export function graticule([west, south, east, north]: Box): FeatureCollection<LineString, { label: string }> {
  const width_deg = Math.min(east - west, 360);
  const step = STEPS_DEG.find((candidate) => width_deg / candidate <= LINES_ACROSS) ?? 20;
  const digits = step >= 1 ? 0 : step >= 0.1 && step !== 0.25 ? 1 : step >= 0.01 ? 2 : 3;
  const features: Feature<LineString, { label: string }>[] = [];
  const line = (coordinates: [number, number][], label: string) =>
    features.push({ type: 'Feature', properties: { label }, geometry: { type: 'LineString', coordinates } });
  for (let index = Math.ceil(west / step); index * step <= east && features.length < LINES_MAX; index++) {
    const lon = index * step;
    line(
      [
        [lon, south],
        [lon, north],
      ],
      `${Math.abs(lon).toFixed(digits)}°${lon < 0 ? 'W' : 'E'}`,
    );
  }
  for (let index = Math.ceil(south / step); index * step <= north && features.length < LINES_MAX; index++) {
    const lat = index * step;
    line(
      [
        [west, lat],
        [east, lat],
      ],
      `${Math.abs(lat).toFixed(digits)}°${lat < 0 ? 'S' : 'N'}`,
    );
  }
  return { type: 'FeatureCollection', features };
}
