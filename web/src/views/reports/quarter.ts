/** Quarters as the address names them: `2024Q3`. */

const OFFSET_MS = 7 * 3_600_000;

/** The quarter that holds a moment, by the province's clocks. */
export function present(now_ms: number): string {
  const local = new Date(now_ms + OFFSET_MS);
  return `${local.getUTCFullYear()}Q${Math.floor(local.getUTCMonth() / 3) + 1}`;
}

function moved(quarter: string, by: 1 | -1): string {
  const [, year = '', place = ''] = /^(\d{4})-?[Qq]([1-4])$/.exec(quarter) ?? [];
  const count = Number(year) * 4 + Number(place) - 1 + by;
  return `${String(Math.floor(count / 4)).padStart(4, '0')}Q${(count % 4) + 1}`;
}

export const before = (quarter: string): string => moved(quarter, -1);
export const after = (quarter: string): string => moved(quarter, 1);
