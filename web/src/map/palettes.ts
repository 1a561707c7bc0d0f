/** Colours of the map for each look. They follow tokens.css; a canvas cannot read CSS variables. */
import type { Theme } from '../state/settings.svelte';

export interface Palette {
  ground: string;
  province: string;
  communeLine: string;
  communeLabel: string;
  river: string;
  riverLabel: string;
  roadCase: string;
  roadMain: string;
  roadMinor: string;
  roadLabel: string;
  shieldFill: string;
  border: string;
  borderGlow: string;
  /** Levels of border sectors, low to critical; each has a line of its own besides. */
  sectorLevels: readonly [low: string, medium: string, high: string, critical: string];
  place: string;
  placeLabel: string;
  halo: string;
  household: string;
  stationFill: string;
  stationLine: string;
  shelter: string;
  grid: string;
  gridLabel: string;
  unitFill: string;
  unitEdge: string;
  unitHollow: string;
  unitOnScene: string;
  unitOnSceneEdge: string;
  unitOld: string;
  sevStrong: string;
  sevMiddle: string;
  sevWeak: string;
  sevGround: string;
  alarm: string;
  accent: string;
  /** Closed and slow roads; their shapes tell which. */
  closure: string;
  zoneDigit: string;
  zonePlain: string;
  /** Keeps pale levels readable: the rim of a zone, and the second line of its hatch. */
  zoneRim: string;
  zoneTint: number;
}

/** Legal disaster risk levels 1 to 5: the same in every look, always with digit and hatch. */
export const LEVEL_COLOURS = ['#8fc7ee', '#f3e58a', '#f59b33', '#e8402f', '#a65bd0'] as const;

const night: Palette = {
  ground: '#0d1216',
  province: '#18222a',
  communeLine: '#30404d',
  communeLabel: '#8a9ba8',
  river: '#27536e',
  riverLabel: '#5d93b3',
  roadCase: '#0d1216',
  roadMain: '#74848f',
  roadMinor: '#46545f',
  roadLabel: '#b4c1cb',
  shieldFill: '#1f2a33',
  border: '#b7a6c9',
  borderGlow: '#4a3a58',
  sectorLevels: ['#8496ab', '#b3a4dd', '#d8bcff', '#ffffff'],
  place: '#7d8d99',
  placeLabel: '#b3c0ca',
  halo: '#10171c',
  household: '#8fa0ad',
  stationFill: '#b7a6c9',
  stationLine: '#e6def0',
  shelter: '#9fd6a8',
  grid: '#3b4a56',
  gridLabel: '#8495a2',
  unitFill: '#56b8c4',
  unitEdge: '#e3ebf1',
  unitHollow: '#0d1216',
  unitOnScene: '#f3f7fa',
  unitOnSceneEdge: '#0d1216',
  unitOld: '#93a2ae',
  sevStrong: '#f3f7fa',
  sevMiddle: '#d8e1e8',
  sevWeak: '#7f909d',
  sevGround: '#0d1216',
  alarm: '#ff5d52',
  accent: '#56b8c4',
  closure: '#f0b24a',
  zoneDigit: '#ffffff',
  zonePlain: '#b9c5cf',
  zoneRim: '#0d1216',
  zoneTint: 0.16,
};

const day: Palette = {
  ...night,
  ground: '#dfe5e9',
  province: '#f5f7f8',
  communeLine: '#c3ced6',
  communeLabel: '#5c6c78',
  river: '#8fbcd8',
  riverLabel: '#33698a',
  roadCase: '#f5f7f8',
  roadMain: '#8d8471',
  roadMinor: '#b9b3a6',
  roadLabel: '#4d4636',
  shieldFill: '#ffffff',
  border: '#7a5a99',
  borderGlow: '#d9cbe6',
  sectorLevels: ['#6b7885', '#7a5fb5', '#5a2ea6', '#2a0a5e'],
  place: '#6b7983',
  placeLabel: '#2c3841',
  halo: '#f7f9fa',
  household: '#5f6e7a',
  stationFill: '#7a5a99',
  stationLine: '#4e3567',
  shelter: '#2f7d3c',
  grid: '#b6c1c9',
  gridLabel: '#5f6f7b',
  unitFill: '#0b7d8c',
  unitEdge: '#0a2a30',
  unitHollow: '#ffffff',
  unitOnScene: '#17212a',
  unitOnSceneEdge: '#ffffff',
  unitOld: '#62717d',
  sevStrong: '#10181e',
  sevMiddle: '#2c3a45',
  sevWeak: '#6a7a86',
  sevGround: '#ffffff',
  alarm: '#c4231a',
  accent: '#0b6b78',
  closure: '#8a4b00',
  zoneDigit: '#17212a',
  zonePlain: '#4a5965',
  zoneRim: '#2c3841',
  zoneTint: 0.5,
};

const sun: Palette = {
  ...day,
  ground: '#e9e7dd',
  province: '#ffffff',
  communeLine: '#b5b1a4',
  communeLabel: '#3f4a52',
  river: '#5d9cc4',
  roadMain: '#5e5644',
  roadMinor: '#938b79',
  roadLabel: '#2a2519',
  place: '#3a444b',
  placeLabel: '#12181c',
  halo: '#ffffff',
  household: '#3f4a52',
  unitFill: '#006d7a',
  unitEdge: '#12181c',
  unitOld: '#4c5760',
  sevStrong: '#000000',
  sevMiddle: '#12181c',
  sevWeak: '#4c5760',
  accent: '#006d7a',
  closure: '#7a3f00',
};

export const palettes: Record<Theme, Palette> = { night, day, sun };
