/** Decimals that are kept of a sum, at most. */
const DIGITS_MAX = 3;

/** How many decimals a figure needs: it is as long here as in the files. */
export function digits(value: number): number {
  let needed = 0;
  while (needed < DIGITS_MAX && Math.abs(Number(value.toFixed(needed)) - value) > 1e-9) needed += 1;
  return needed;
}
