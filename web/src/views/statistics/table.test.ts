import { describe, expect, it } from 'vitest';
import type { StatisticsRow } from '../../api/types';
import { periods, sorted } from './table';

const row = (key: string, counts: number[]): StatisticsRow => ({
  key,
  name: null,
  counts,
  total: counts.reduce((sum, one) => sum + one, 0),
  times: [],
  area: null,
});
const rows = [row('b', [1, 5]), row('unknown', [9, 9]), row('a', [4, 2]), row('c', [0, 0])];
const order = (column: 'name' | 'total' | number, isDown: boolean) =>
  sorted(rows, { column, isDown }, ({ key }) => key).map(({ key }) => key);

describe('a table', () => {
  it('is sorted by any column, with what has no name last', () => {
    expect(order('total', true)).toEqual(['a', 'b', 'c', 'unknown']);
    expect(order(1, true)).toEqual(['b', 'a', 'c', 'unknown']);
    expect(order(0, false)).toEqual(['c', 'b', 'a', 'unknown']);
    expect(order('name', true)).toEqual(['c', 'b', 'a', 'unknown']);
  });

  it('offers the periods up to now, by the clocks of the province', () => {
    const newYear = Date.UTC(2025, 11, 31, 17);
    expect(periods('quarter', newYear, 3)).toEqual(['2026Q1', '2025Q4', '2025Q3']);
    expect(periods('quarter', newYear - 1, 2)).toEqual(['2025Q4', '2025Q3']);
    expect(periods('month', newYear, 3)).toEqual(['2026-01', '2025-12', '2025-11']);
  });
});
