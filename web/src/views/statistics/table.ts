/** Rows of the tables, in the order that was asked for. */
import type { StatisticsRow } from '../../api/types';

export type Column = 'name' | 'total' | 'density' | number;

export interface Order {
  column: Column;
  isDown: boolean;
}

function value(row: StatisticsRow, column: Column): number {
  if (column === 'total') return row.total;
  if (column === 'density') return row.area?.per_100km2 ?? -1;
  return typeof column === 'number' ? (row.counts[column] ?? 0) : 0;
}

/** The rows sorted; those without a name last whatever the order is, and equal ones by name. */
export function sorted(
  rows: readonly StatisticsRow[],
  { column, isDown }: Order,
  name: (row: StatisticsRow) => string,
): StatisticsRow[] {
  const byName = (a: StatisticsRow, b: StatisticsRow) => name(a).localeCompare(name(b), 'vi');
  return [...rows].sort((a, b) => {
    if ((a.key === UNKNOWN) !== (b.key === UNKNOWN)) return a.key === UNKNOWN ? 1 : -1;
    const compared = column === 'name' ? byName(a, b) : value(a, column) - value(b, column);
    return (isDown ? -compared : compared) || byName(a, b);
  });
}

/** Key of what has no kind, force or commune. */
export const UNKNOWN = 'unknown';

/** Names of the last `count` periods up to the one that holds a moment, the newest first. */
export function periods(sort: 'quarter' | 'month', now_ms: number, count: number): string[] {
  const local = new Date(now_ms + 7 * 3_600_000);
  const months = local.getUTCFullYear() * 12 + local.getUTCMonth();
  const each = sort === 'month' ? 1 : 3;
  const last = Math.floor(months / each);
  return Array.from({ length: count }, (_, n) => {
    const at = last - n;
    const year = Math.floor((at * each) / 12);
    const place = (at % (12 / each)) + 1;
    return sort === 'month' ? `${year}-${String(place).padStart(2, '0')}` : `${year}Q${place}`;
  });
}
