import { describe, expect, it } from 'vitest';
import { bars } from './bars';
import { digits } from './digits';

describe('bars', () => {
  it('are as high as their values beside the greatest', () => {
    expect(bars([50, 100, 25], 20)).toEqual([10, 20, 5]);
  });

  it('show that there was little, and that there was nothing', () => {
    expect(bars([1, 1000, 0], 20)).toEqual([2, 20, 0.5]);
    expect(bars([0, 0, 0], 20)).toEqual([0.5, 0.5, 0.5]);
  });
});

describe('figures', () => {
  it('have as many decimals as they need, three at most', () => {
    expect([0, 1458, 2.23, 2.5, 0.125, 0.1, -42, 1 / 3].map(digits)).toEqual([0, 0, 2, 1, 3, 1, 0, 3]);
  });
});
