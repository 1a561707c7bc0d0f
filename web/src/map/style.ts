/**
 * The map's style: basemap from our own tiles (one source a collection, layer name = collection), then the live
 * layers on top. Everything is drawn from one style object, so that a change of look is one `setStyle`.
 */
import { ROOM } from '../room';
import type {
  ExpressionSpecification,
  FilterSpecification,
  LayerSpecification,
  SourceSpecification,
  StyleSpecification,
} from 'maplibre-gl';
import type { CollectionName } from '../api/types';
import { BOLD, fontFaces, REGULAR } from './fonts';
import { liveLayers, LIVE_SOURCES } from './livelayers';
import type { Palette } from './palettes';

/** Collections that the basemap draws from tiles. */
export const TILE_SOURCES = [
  'admin_units',
  'rivers',
  'roads',
  'border_sectors',
  'places',
  'stations',
  'households',
] as const satisfies readonly CollectionName[];

/** Deepest zoom for which tiles are asked; beyond it the map stretches them. */
const TILE_ZOOM_MAX = 14;

export interface StyleWishes {
  /** Draw every household as a dot at high zoom; off on a wall, where passers-by read along. */
  households: boolean;
  /** How much larger than on a desk symbols and labels are. */
  scale: number;
}

export function mapStyle(palette: Palette, wishes: StyleWishes): StyleSpecification {
  const sources: Record<string, SourceSpecification> = {};
  for (const collection of TILE_SOURCES) {
    if (collection === 'households' && !wishes.households) continue;
    sources[collection] = {
      type: 'vector',
      tiles: [`${location.origin}${ROOM}/tiles/${collection}/{z}/{x}/{y}`],
      maxzoom: TILE_ZOOM_MAX,
      ...(collection === 'households' ? { minzoom: 10 } : {}),
    };
  }
  for (const source of LIVE_SOURCES) {
    sources[source] = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } };
  }
  const layers = [
    ...ground(palette),
    ...lines(palette),
    ...(wishes.households ? [households(palette)] : []),
    ...labels(palette),
    ...liveLayers(palette),
  ];
  return {
    version: 8,
    'font-faces': fontFaces,
    sources,
    layers: wishes.scale === 1 ? layers : layers.map((layer) => larger(layer, wishes.scale)),
  };
}

/** The layer with its icons and letters `scale` times as large. */
function larger(layer: LayerSpecification, scale: number): LayerSpecification {
  if (layer.type !== 'symbol') return layer;
  const { 'icon-size': icon = 1, 'text-size': text = 16 } = layer.layout ?? {};
  const sizes = { 'icon-size': times(icon, scale), 'text-size': times(text, scale) };
  return { ...layer, layout: { ...layer.layout, ...sizes } as typeof layer.layout };
}

/** A size times `scale`. The zoom may stand in the outermost expression alone, so its stops are scaled one by one. */
function times(size: unknown, scale: number): unknown {
  if (typeof size === 'number') return size * scale;
  if (Array.isArray(size) && size[0] === 'interpolate') {
    return size.map((part: unknown, index) => (index > 3 && index % 2 === 0 ? times(part, scale) : part));
  }
  return ['*', scale, size];
}

/** Names a collection as source and as layer within its tiles. */
const from = (collection: (typeof TILE_SOURCES)[number]) => ({
  source: collection,
  'source-layer': collection,
});

const isCommune: FilterSpecification = ['in', ['get', 'kind'], ['literal', ['commune', 'ward']]];

/** A value that grows with the zoom by stops: zoom, value, zoom, value … */
const byZoom = (...stops: number[]): ExpressionSpecification =>
  ['interpolate', ['exponential', 1.4], ['zoom'], ...stops] as unknown as ExpressionSpecification;

function ground(palette: Palette): LayerSpecification[] {
  return [
    { id: 'ground', type: 'background', paint: { 'background-color': palette.ground } },
    {
      id: 'communes',
      type: 'fill',
      ...from('admin_units'),
      filter: isCommune,
      paint: { 'fill-color': palette.province, 'fill-antialias': false },
    },
  ];
}

const isMainRoad: FilterSpecification = ['in', ['get', 'class'], ['literal', ['national', 'provincial']]];

function lines(palette: Palette): LayerSpecification[] {
  const round = { 'line-cap': 'round', 'line-join': 'round' } as const;
  return [
    {
      id: 'rivers',
      type: 'line',
      ...from('rivers'),
      layout: round,
      paint: { 'line-color': palette.river, 'line-width': byZoom(7, 0.9, 10, 1.8, 14, 5) },
    },
    {
      id: 'commune-lines',
      type: 'line',
      ...from('admin_units'),
      filter: isCommune,
      paint: { 'line-color': palette.communeLine, 'line-width': byZoom(7, 0.5, 10, 1, 14, 1.8) },
    },
    {
      id: 'roads-minor',
      type: 'line',
      ...from('roads'),
      minzoom: 8,
      filter: ['!', isMainRoad] as FilterSpecification,
      layout: round,
      paint: { 'line-color': palette.roadMinor, 'line-width': byZoom(8, 0.6, 11, 1.2, 15, 4) },
    },
    {
      id: 'roads-case',
      type: 'line',
      ...from('roads'),
      filter: isMainRoad,
      layout: round,
      paint: { 'line-color': palette.roadCase, 'line-width': byZoom(7, 2.6, 10, 4.2, 15, 10) },
    },
    {
      id: 'roads-main',
      type: 'line',
      ...from('roads'),
      filter: isMainRoad,
      layout: round,
      paint: { 'line-color': palette.roadMain, 'line-width': byZoom(7, 1.1, 10, 2, 15, 6.5) },
    },
    {
      id: 'border-glow',
      type: 'line',
      ...from('border_sectors'),
      layout: { 'line-join': 'round' },
      paint: { 'line-color': palette.borderGlow, 'line-width': byZoom(7, 5, 12, 12), 'line-opacity': 0.6 },
    },
    {
      id: 'border',
      type: 'line',
      ...from('border_sectors'),
      layout: { 'line-join': 'round' },
      paint: {
        'line-color': palette.border,
        'line-width': byZoom(7, 1.2, 12, 2.4),
        'line-dasharray': [6, 2, 1, 2],
      },
    },
  ];
}

function households(palette: Palette): LayerSpecification {
  return {
    id: 'households',
    type: 'circle',
    ...from('households'),
    // Whoever may not see single households gets communes: a circle layer would dot their corners.
    filter: ['==', ['geometry-type'], 'Point'],
    minzoom: 10,
    paint: {
      'circle-radius': byZoom(10, 1.1, 12, 2, 15, 4.5),
      'circle-color': palette.household,
      'circle-opacity': ['interpolate', ['linear'], ['zoom'], 10, 0.4, 11.5, 1],
    },
  };
}

function labels(palette: Palette): LayerSpecification[] {
  const halo = { 'text-halo-color': palette.halo, 'text-halo-width': 1.3 };
  return [
    {
      id: 'river-labels',
      type: 'symbol',
      ...from('rivers'),
      minzoom: 8.5,
      // The sources leave some rivers without a name; saying so on the map helps nobody.
      filter: ['!', ['in', '(', ['get', 'name']]] as FilterSpecification,
      layout: {
        'symbol-placement': 'line',
        'symbol-spacing': 420,
        'text-field': ['get', 'name'],
        'text-font': REGULAR,
        'text-size': 11,
        'text-letter-spacing': 0.08,
      },
      paint: { ...halo, 'text-color': palette.riverLabel },
    },
    {
      id: 'road-labels',
      type: 'symbol',
      ...from('roads'),
      minzoom: 8,
      filter: ['all', isMainRoad, ['has', 'road_ref']] as FilterSpecification,
      layout: {
        'symbol-placement': 'line',
        'symbol-spacing': 360,
        'text-field': ['get', 'road_ref'],
        'text-font': BOLD,
        'text-size': 10,
        'text-rotation-alignment': 'viewport',
        'icon-image': 'shield',
        'icon-text-fit': 'both',
        'icon-text-fit-padding': [1, 3, 1, 3],
        'icon-rotation-alignment': 'viewport',
      },
      paint: { 'text-color': palette.roadLabel },
    },
    {
      id: 'places',
      type: 'symbol',
      ...from('places'),
      minzoom: 9.5,
      filter: ['any', ['!=', ['get', 'kind'], 'hamlet'], ['>=', ['zoom'], 10.5]] as FilterSpecification,
      layout: {
        'text-field': ['get', 'name'],
        'text-font': REGULAR,
        'text-size': ['match', ['get', 'kind'], ['town', 'district_seat', 'province_seat'], 13, 11],
        'text-max-width': 8,
        'text-variable-anchor': ['top', 'bottom', 'left', 'right'],
        'text-radial-offset': 0.6,
        'symbol-sort-key': [
          'match',
          ['get', 'kind'],
          ['town', 'district_seat', 'province_seat'],
          0,
          'commune_seat',
          1,
          2,
        ],
      },
      paint: { ...halo, 'text-color': palette.placeLabel },
    },
    {
      id: 'place-dots',
      type: 'circle',
      ...from('places'),
      minzoom: 9.5,
      filter: ['any', ['!=', ['get', 'kind'], 'hamlet'], ['>=', ['zoom'], 10.5]] as FilterSpecification,
      paint: {
        'circle-radius': 1.8,
        'circle-color': palette.place,
        'circle-stroke-color': palette.halo,
        'circle-stroke-width': 1,
      },
    },
    {
      id: 'stations',
      type: 'symbol',
      ...from('stations'),
      minzoom: 7,
      filter: ['any', ['!=', ['get', 'kind'], 'border_marker'], ['>=', ['zoom'], 9]] as FilterSpecification,
      layout: {
        'icon-image': ['concat', 'station|', ['get', 'kind']],
        'icon-allow-overlap': true,
        'icon-size': byZoom(7, 0.8, 12, 1.2),
        'text-field': ['step', ['zoom'], '', 10.5, ['get', 'name']],
        'text-font': REGULAR,
        'text-size': 10.5,
        'text-max-width': 9,
        'text-anchor': 'top',
        'text-offset': [0, 0.8],
        'text-optional': true,
      },
      paint: { ...halo, 'text-color': palette.border },
    },
  ];
}
