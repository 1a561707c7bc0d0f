/** Layers of roads from the live picture: closures, who is cut off, ways, areas that are reached. */
import type { FilterSpecification, LayerSpecification } from 'maplibre-gl';
import { BOLD, REGULAR } from './fonts';
import type { Palette } from './palettes';

export const ROAD_SOURCES = [
  'live-reach',
  'live-route',
  'live-closures',
  'live-closure-signs',
  'live-tried',
  'live-cut-off',
] as const;

const is = (name: string) => ['==', ['get', name], true] as FilterSpecification;
const isNot = (name: string) => ['!=', ['get', name], true] as FilterSpecification;

/** Below incidents and units: areas and lines. */
export function roadLines(palette: Palette): LayerSpecification[] {
  return [
    {
      id: 'reach',
      type: 'fill',
      source: 'live-reach',
      paint: {
        'fill-color': palette.accent,
        'fill-opacity': ['step', ['get', 'minutes'], 0.3, 20, 0.2, 45, 0.1],
      },
    },
    {
      id: 'reach-line',
      type: 'line',
      source: 'live-reach',
      paint: {
        'line-color': palette.accent,
        'line-width': ['step', ['get', 'minutes'], 2.4, 20, 1.6, 45, 0.8],
      },
    },
    {
      id: 'reach-labels',
      type: 'symbol',
      source: 'live-reach',
      filter: ['==', ['geometry-type'], 'Point'] as FilterSpecification,
      layout: {
        'text-field': ['get', 'label'],
        'text-font': BOLD,
        'text-size': 13,
        'text-variable-anchor': ['bottom', 'left', 'right', 'top'],
        'text-radial-offset': 0.4,
      },
      paint: { 'text-color': palette.accent, 'text-halo-color': palette.halo, 'text-halo-width': 2 },
    },
    {
      id: 'route-case',
      type: 'line',
      source: 'live-route',
      filter: isNot('isFoot'),
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': palette.halo, 'line-width': 8 },
    },
    {
      id: 'route',
      type: 'line',
      source: 'live-route',
      filter: isNot('isFoot'),
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': palette.accent, 'line-width': 4.5 },
    },
    {
      id: 'route-foot',
      type: 'line',
      source: 'live-route',
      filter: is('isFoot'),
      paint: { 'line-color': palette.accent, 'line-width': 3, 'line-dasharray': [1.6, 1.2] },
    },
    {
      id: 'closures-case',
      type: 'line',
      source: 'live-closures',
      paint: { 'line-color': palette.halo, 'line-width': 9 },
    },
    {
      id: 'closures',
      type: 'line',
      source: 'live-closures',
      filter: isNot('isSlow'),
      paint: {
        'line-color': palette.closure,
        'line-width': 5,
        'line-opacity': ['case', ['get', 'isLater'], 0.45, 1],
      },
    },
    {
      id: 'closures-slow',
      type: 'line',
      source: 'live-closures',
      filter: is('isSlow'),
      paint: {
        'line-color': palette.closure,
        'line-width': 4,
        'line-dasharray': [1.2, 0.9],
        'line-opacity': ['case', ['get', 'isLater'], 0.45, 1],
      },
    },
    {
      id: 'tried',
      type: 'line',
      source: 'live-tried',
      filter: ['==', ['geometry-type'], 'LineString'] as FilterSpecification,
      paint: { 'line-color': palette.sevStrong, 'line-width': 4, 'line-dasharray': [1, 0.8] },
    },
  ];
}

/** Signs, above the lines and below incidents and units. */
export function roadSigns(palette: Palette): LayerSpecification[] {
  const halo = { 'text-halo-color': palette.halo, 'text-halo-width': 1.8 };
  return [
    {
      id: 'cut-off',
      type: 'symbol',
      source: 'live-cut-off',
      layout: {
        'icon-image': ['get', 'icon'],
        'icon-allow-overlap': true,
        'icon-size': ['case', ['get', 'isPlace'], 1, 0.5],
        'symbol-sort-key': ['case', ['get', 'isPlace'], 1, 0],
        'text-field': ['get', 'label'],
        'text-font': BOLD,
        'text-size': 12,
        'text-anchor': 'left',
        'text-offset': [1.2, 0],
        'text-optional': true,
      },
      paint: { ...halo, 'text-color': palette.closure },
    },
    {
      id: 'closure-signs',
      type: 'symbol',
      source: 'live-closure-signs',
      layout: {
        'icon-image': ['get', 'icon'],
        'icon-allow-overlap': true,
        'icon-size': ['interpolate', ['linear'], ['zoom'], 7, 0.8, 12, 1.1],
        'text-field': ['step', ['zoom'], '', 10.5, ['get', 'label']],
        'text-font': REGULAR,
        'text-size': 11,
        'text-max-width': 12,
        'text-anchor': 'top',
        'text-offset': [0, 1.2],
        'text-optional': true,
      },
      paint: {
        ...halo,
        'text-color': palette.closure,
        'icon-opacity': ['case', ['get', 'isLater'], 0.5, 1],
      },
    },
    {
      id: 'tried-point',
      type: 'circle',
      source: 'live-tried',
      filter: ['==', ['geometry-type'], 'Point'] as FilterSpecification,
      paint: {
        'circle-radius': 8,
        'circle-color': palette.sevGround,
        'circle-stroke-color': palette.sevStrong,
        'circle-stroke-width': 3,
      },
    },
  ];
}
