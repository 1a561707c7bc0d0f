/** Classes of the heat map: few, with round edges, the same for the legend, the map and the print. */

/** A class: values above `from`, up to `to`. */
export interface HeatClass {
  from: number;
  to: number;
}

/** What a commune looks like: no figure, nothing, or the class of its value, from 1. */
export type Heat = 'unknown' | number;

export const CLASSES_MAX = 5;

/** The least of 1, 2, 2.5, 5 × 10ⁿ that is no less; whole where `isWhole`. */
export function roundUp(value: number, isWhole: boolean): number {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  const found =
    [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value * (1 - 1e-9)) ?? value;
  return isWhole ? Math.max(1, Math.ceil(found)) : found;
}

/** Equal steps from nothing to the greatest value. Counts are whole, and so are the edges of their classes. */
export function classes(values: readonly number[], isWhole: boolean): HeatClass[] {
  const greatest = Math.max(0, ...values);
  if (greatest === 0) return [];
  const step = roundUp(greatest / CLASSES_MAX, isWhole);
  const count = Math.max(1, Math.ceil(greatest / step - 1e-9));
  const edge = (n: number) => Number((n * step).toPrecision(12));
  return Array.from({ length: count }, (_, n) => ({ from: edge(n), to: edge(n + 1) }));
}

/** The class of a value, 0 for nothing. */
export function heatOf(value: number | null, among: readonly HeatClass[]): Heat {
  if (value === null) return 'unknown';
  if (value <= 0) return 0;
  const at = among.findIndex(({ to }) => value <= to * (1 + 1e-9));
  return at < 0 ? among.length : at + 1;
}

const RAMPS = {
  night: ['#1d4550', '#27646f', '#358a96', '#5bb9c5', '#b3e8ee'],
  day: ['#d3edf0', '#9ed2d9', '#5fafb9', '#2a838e', '#0c4f58'],
  sun: ['#d3edf0', '#9ed2d9', '#5fafb9', '#2a838e', '#0c4f58'],
  print: ['#e6e6e6', '#c4c4c4', '#9c9c9c', '#6c6c6c', '#3a3a3a'],
} as const;

/** As many colours as there are classes, from little to much, spread over the whole ramp. */
export function ramp(look: keyof typeof RAMPS, count: number): string[] {
  const all = RAMPS[look];
  if (count <= 1) return [all[2]];
  return Array.from(
    { length: count },
    (_, n) => all[Math.round((n * (all.length - 1)) / (count - 1))] ?? all[0],
  );
}
