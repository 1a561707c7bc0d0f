/** What the heat map and its print draw: communes with their class and their value in words. */
import type { Area, AdminUnit, StatisticsRow } from '../../api/types';
import { boxOf } from '../../map/geo';
import { heatOf, type Heat, type HeatClass } from './heat';

export type Measure = 'density' | 'count';

export interface HeatArea {
  code: string;
  name: string;
  geometry: Area;
  /** Where its value is written. */
  at: [number, number];
  heat: Heat;
  /** The value in words; empty where there is no figure. */
  label: string;
}

/** The value that is drawn; null where the reader sees nothing that could be counted. */
export function valueOf(row: StatisticsRow, measure: Measure): number | null {
  if (row.area && !row.area.is_complete && row.total === 0) return null;
  return measure === 'count' ? row.total : (row.area?.per_100km2 ?? null);
}

export function heatAreas(
  rows: readonly StatisticsRow[],
  units: ReadonlyMap<string, AdminUnit>,
  measure: Measure,
  among: readonly HeatClass[],
  written: (value: number) => string,
): HeatArea[] {
  return rows.flatMap((row) => {
    const unit = units.get(row.key);
    if (!unit?.geometry) return [];
    const value = valueOf(row, measure);
    const { label_lon, label_lat } = unit.properties;
    const [west, south, east, north] = boxOf(unit.geometry) ?? [0, 0, 0, 0];
    return [
      {
        code: row.key,
        name: row.name ?? row.key,
        geometry: unit.geometry as Area,
        at: [label_lon ?? (west + east) / 2, label_lat ?? (south + north) / 2] as [number, number],
        heat: heatOf(value, among),
        label: value === null ? '' : written(value),
      },
    ];
  });
}
