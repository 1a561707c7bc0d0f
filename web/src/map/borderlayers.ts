/** Layers of the border sectors by level: each level has its own line, so that grey print tells them apart. */
import type { FilterSpecification, LayerSpecification } from 'maplibre-gl';
import { BOLD } from './fonts';
import type { Palette } from './palettes';

/** What a click may hit. */
export const SECTOR_HIT = 'sector-hit';

const is = (level: string) => ['==', ['get', 'level'], level] as FilterSpecification;
const byZoom = (at7: number, at12: number) =>
  ['interpolate', ['linear'], ['zoom'], 7, at7, 12, at12] as never;

export function sectorLayers(palette: Palette): LayerSpecification[] {
  const [low, medium, high, critical] = palette.sectorLevels;
  const line = (id: string, level: string, paint: object): LayerSpecification => ({
    id: `sector-${id}`,
    type: 'line',
    source: 'live-border',
    filter: is(level),
    layout: { 'line-join': 'round' },
    paint,
  });
  return [
    line('low', 'low', { 'line-color': low, 'line-width': byZoom(2, 3.5) }),
    line('medium', 'medium', {
      'line-color': medium,
      'line-width': byZoom(3, 6),
      'line-dasharray': [3, 1],
    }),
    line('high', 'high', {
      'line-color': high,
      'line-width': byZoom(2, 3.5),
      'line-gap-width': byZoom(2.5, 5),
    }),
    line('critical', 'critical', {
      'line-color': critical,
      'line-width': byZoom(2, 3.5),
      'line-gap-width': byZoom(4, 9),
    }),
    line('critical-bars', 'critical', {
      'line-color': critical,
      'line-width': byZoom(4, 9),
      'line-dasharray': [0.4, 0.4],
    }),
    {
      id: SECTOR_HIT,
      type: 'line',
      source: 'live-border',
      paint: { 'line-color': palette.border, 'line-width': 14, 'line-opacity': 0 },
    },
    {
      id: 'sector-labels',
      type: 'symbol',
      source: 'live-border',
      minzoom: 7.5,
      // From afar a level is news, and that there is none is not.
      filter: ['any', ['!=', ['get', 'level'], 'none'], ['>=', ['zoom'], 9]] as FilterSpecification,
      layout: {
        'symbol-placement': 'line-center',
        'text-field': ['get', 'label'],
        'text-font': BOLD,
        'text-size': ['interpolate', ['linear'], ['zoom'], 7.5, 10.5, 12, 13],
        'text-offset': [0, -1.1],
        // The line winds: along it the words could not be read.
        'text-rotation-alignment': 'viewport',
        'text-max-angle': 180,
      },
      paint: { 'text-color': palette.placeLabel, 'text-halo-color': palette.halo, 'text-halo-width': 1.6 },
    },
  ];
}
