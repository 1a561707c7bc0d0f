/** Layers whose features come from the page's live picture, not from tiles; from the lowest to the highest. */
import type { FilterSpecification, LayerSpecification, SymbolLayerSpecification } from 'maplibre-gl';
import { BOLD, REGULAR } from './fonts';
import { SECTOR_HIT, sectorLayers } from './borderlayers';
import { LEVEL_COLOURS, type Palette } from './palettes';
import { ROAD_SOURCES, roadLines, roadSigns } from './roadlayers';

export const LIVE_SOURCES = [
  'live-communes',
  'live-border',
  'live-concerns',
  'live-events',
  'live-hatched',
  'live-zones',
  'live-zone-names',
  'live-shelters',
  ...ROAD_SOURCES,
  'live-links',
  'live-accuracy',
  'live-units',
  'live-incidents',
  'live-selected',
  'live-picked',
  'grid',
] as const;
export type LiveSource = (typeof LIVE_SOURCES)[number];

/** The name of an area, above its northern tip. */
const NAMED_AREA: SymbolLayerSpecification['layout'] = {
  'text-field': ['get', 'name'],
  'text-font': BOLD,
  'text-size': 11.5,
  'text-max-width': 9,
  'text-anchor': 'bottom',
  'text-offset': [0, -0.2],
};

/** Layers that a click may hit, the most urgent first, with the collection that they show. */
export const HIT_LAYERS = {
  incidents: 'incidents',
  units: 'units',
  'zone-fill': 'risk_zones',
  hatched: 'incidents',
  [SECTOR_HIT]: 'border_sectors',
} as const;

const levelColour = (plain: string) =>
  [
    'match',
    ['get', 'level'],
    ...LEVEL_COLOURS.flatMap((colour, index) => [index + 1, colour]),
    plain,
  ] as never;

export function liveLayers(palette: Palette): LayerSpecification[] {
  return [
    ...sectorLayers(palette),
    ...areas(palette),
    ...roadLines(palette),
    ...grid(palette),
    ...roadSigns(palette),
    ...points(palette),
  ];
}

function areas(palette: Palette): LayerSpecification[] {
  const halo = { 'text-halo-color': palette.halo, 'text-halo-width': 1.3 };
  return [
    {
      id: 'hatched',
      type: 'fill',
      source: 'live-hatched',
      paint: { 'fill-pattern': 'commune', 'fill-opacity': 0.55 },
    },
    {
      id: 'hatched-line',
      type: 'line',
      source: 'live-hatched',
      paint: { 'line-color': palette.sevMiddle, 'line-width': 1.2, 'line-dasharray': [3, 2] },
    },
    {
      id: 'zone-tint',
      type: 'fill',
      source: 'live-zones',
      paint: { 'fill-color': levelColour(palette.zonePlain), 'fill-opacity': palette.zoneTint },
    },
    {
      id: 'zone-fill',
      type: 'fill',
      source: 'live-zones',
      paint: {
        'fill-pattern': ['concat', 'zone|', ['to-string', ['get', 'level']]],
        'fill-opacity': ['case', ['get', 'inForce'], 1, 0.35],
      },
    },
    {
      id: 'zone-edge',
      type: 'line',
      source: 'live-zones',
      paint: { 'line-color': palette.zoneRim, 'line-width': 4, 'line-opacity': 0.85 },
    },
    {
      id: 'zone-line',
      type: 'line',
      source: 'live-zones',
      filter: ['get', 'inForce'] as never as FilterSpecification,
      paint: { 'line-color': levelColour(palette.zonePlain), 'line-width': 2 },
    },
    {
      id: 'zone-line-later',
      type: 'line',
      source: 'live-zones',
      filter: ['!', ['get', 'inForce']] as FilterSpecification,
      paint: { 'line-color': levelColour(palette.zonePlain), 'line-width': 2, 'line-dasharray': [3, 2] },
    },
    {
      id: 'concern-line',
      type: 'line',
      source: 'live-concerns',
      paint: { 'line-color': palette.border, 'line-width': 2.4, 'line-dasharray': [1, 1.4] },
    },
    {
      id: 'concern-labels',
      type: 'symbol',
      source: 'live-concerns',
      layout: NAMED_AREA,
      paint: { ...halo, 'text-color': palette.border },
    },
    {
      id: 'event-line',
      type: 'line',
      source: 'live-events',
      paint: { 'line-color': palette.placeLabel, 'line-width': 2, 'line-dasharray': [4, 1.5, 1, 1.5] },
    },
    {
      id: 'event-labels',
      type: 'symbol',
      source: 'live-events',
      layout: NAMED_AREA,
      paint: { ...halo, 'text-color': palette.placeLabel },
    },
    {
      id: 'commune-labels',
      type: 'symbol',
      source: 'live-communes',
      minzoom: 8.3,
      layout: {
        'text-field': ['get', 'name'],
        'text-font': REGULAR,
        'text-size': ['interpolate', ['linear'], ['zoom'], 8.3, 10.5, 12, 14],
        'text-max-width': 7,
      },
      paint: { ...halo, 'text-color': palette.communeLabel },
    },
  ];
}

function grid(palette: Palette): LayerSpecification[] {
  return [
    {
      id: 'grid',
      type: 'line',
      source: 'grid',
      paint: { 'line-color': palette.grid, 'line-width': 0.8, 'line-opacity': 0.8 },
    },
    {
      id: 'grid-labels',
      type: 'symbol',
      source: 'grid',
      layout: {
        'symbol-placement': 'line',
        'symbol-spacing': 900,
        'text-field': ['get', 'label'],
        'text-font': REGULAR,
        'text-size': 10,
      },
      paint: { 'text-color': palette.gridLabel, 'text-halo-color': palette.halo, 'text-halo-width': 1.4 },
    },
  ];
}

function points(palette: Palette): LayerSpecification[] {
  const halo = { 'text-halo-color': palette.halo, 'text-halo-width': 1.5 };
  return [
    {
      id: 'shelters',
      type: 'symbol',
      source: 'live-shelters',
      minzoom: 9.5,
      layout: {
        'icon-image': 'shelter',
        'icon-allow-overlap': true,
        'text-field': ['step', ['zoom'], '', 11.5, ['get', 'name']],
        'text-font': REGULAR,
        'text-size': 10.5,
        'text-anchor': 'top',
        'text-offset': [0, 0.8],
        'text-optional': true,
      },
      paint: { ...halo, 'text-color': palette.shelter },
    },
    {
      id: 'links',
      type: 'line',
      source: 'live-links',
      paint: { 'line-color': palette.accent, 'line-width': 1.6, 'line-dasharray': [1, 2.2] },
      layout: { 'line-cap': 'round' },
    },
    {
      id: 'accuracy',
      type: 'fill',
      source: 'live-accuracy',
      paint: { 'fill-color': palette.accent, 'fill-opacity': 0.12 },
    },
    {
      id: 'accuracy-line',
      type: 'line',
      source: 'live-accuracy',
      paint: { 'line-color': palette.accent, 'line-width': 1.4, 'line-dasharray': [4, 2] },
    },
    {
      id: 'selected',
      type: 'circle',
      source: 'live-selected',
      paint: {
        'circle-radius': 19,
        'circle-color': 'rgba(0,0,0,0)',
        'circle-stroke-color': palette.accent,
        'circle-stroke-width': 2.4,
      },
    },
    {
      id: 'units',
      type: 'symbol',
      source: 'live-units',
      layout: {
        'icon-image': ['get', 'icon'],
        'icon-allow-overlap': true,
        'icon-size': ['interpolate', ['linear'], ['zoom'], 7, 0.72, 9, 0.9, 12, 1.1],
        'symbol-sort-key': ['get', 'order'],
        'text-field': ['step', ['zoom'], ['get', 'age'], 10.5, ['get', 'label']],
        'text-font': REGULAR,
        'text-size': 10.5,
        'text-max-width': 10,
        'text-anchor': 'top',
        'text-offset': [0, 1.1],
        'text-optional': true,
      },
      paint: { ...halo, 'text-color': palette.placeLabel },
    },
    {
      id: 'incidents',
      type: 'symbol',
      source: 'live-incidents',
      layout: {
        'icon-image': ['get', 'icon'],
        'icon-allow-overlap': true,
        'icon-size': ['interpolate', ['linear'], ['zoom'], 7, 0.78, 9, 0.95, 12, 1.1],
        'symbol-sort-key': ['get', 'order'],
        'text-field': ['step', ['zoom'], '', 10.5, ['get', 'label']],
        'text-font': BOLD,
        'text-size': 11,
        'text-max-width': 12,
        'text-anchor': 'bottom',
        'text-offset': [0, -1.3],
        'text-optional': true,
      },
      paint: { ...halo, 'text-color': palette.sevStrong },
    },
    {
      id: 'zone-digits',
      type: 'symbol',
      source: 'live-zone-names',
      layout: {
        'text-field': [
          'step',
          ['zoom'],
          ['get', 'digit'],
          10.5,
          ['format', ['get', 'digit'], {}, '\n', {}, ['get', 'name'], { 'font-scale': 0.68 }],
        ],
        'text-font': BOLD,
        'text-size': 17,
        'text-allow-overlap': true,
        'text-anchor': 'bottom',
        // From afar the zone is smaller than the symbol that may stand in it.
        'text-offset': [
          'interpolate',
          ['linear'],
          ['zoom'],
          9,
          ['literal', [0, -0.8]],
          12,
          ['literal', [0, -0.1]],
        ],
      },
      paint: { 'text-color': palette.zoneDigit, 'text-halo-color': palette.halo, 'text-halo-width': 2 },
    },
    {
      id: 'picked',
      type: 'circle',
      source: 'live-picked',
      paint: {
        'circle-radius': 7,
        'circle-color': palette.accent,
        'circle-stroke-color': palette.sevGround,
        'circle-stroke-width': 2,
      },
    },
  ];
}
