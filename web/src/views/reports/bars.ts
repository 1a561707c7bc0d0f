/** Least height of a bar that stands for something, and the line that stands for nothing. */
const LEAST = 2;
const NOTHING = 0.5;

/** Heights of bars beside each other, the greatest of them `height`; what is more than nothing is seen. */
export function bars(values: readonly number[], height: number): number[] {
  const greatest = Math.max(...values, 0);
  return values.map((value) => (value > 0 ? Math.max(LEAST, (value / greatest) * height) : NOTHING));
}
