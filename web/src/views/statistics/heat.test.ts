import { describe, expect, it } from 'vitest';
import { classes, heatOf, ramp, roundUp } from './heat';

describe('the classes of the heat map', () => {
  it('have round edges and hold every value', () => {
    expect(classes([0, 3, 12], true)).toEqual([
      { from: 0, to: 3 },
      { from: 3, to: 6 },
      { from: 6, to: 9 },
      { from: 9, to: 12 },
    ]);
    expect(classes([0.95, 0.2], false)).toEqual([
      { from: 0, to: 0.2 },
      { from: 0.2, to: 0.4 },
      { from: 0.4, to: 0.6 },
      { from: 0.6, to: 0.8 },
      { from: 0.8, to: 1 },
    ]);
    expect(classes([1], true)).toEqual([{ from: 0, to: 1 }]);
    expect(classes([0, 0], true)).toEqual([]);
    expect(classes([], true)).toEqual([]);
    for (const greatest of [1, 2, 6, 7, 11, 99, 1_458, 0.03, 0.7]) {
      const found = classes([greatest], greatest >= 1);
      expect(found.length).toBeLessThanOrEqual(5);
      expect(found.at(-1)?.to).toBeGreaterThanOrEqual(greatest);
      expect(found.at(-1)?.from).toBeLessThan(greatest);
    }
  });

  it('tell nothing apart from no figure, and each edge belongs to the class below', () => {
    const found = classes([15], true);
    expect([
      heatOf(null, found),
      heatOf(0, found),
      heatOf(5, found),
      heatOf(6, found),
      heatOf(15, found),
    ]).toEqual(['unknown', 0, 1, 2, 3]);
  });

  it('have as many colours as there are of them, all different', () => {
    for (const count of [1, 2, 3, 4, 5]) {
      expect(new Set(ramp('night', count)).size).toBe(count);
    }
    expect([roundUp(0, true), roundUp(0.3, true), roundUp(2.2, false)]).toEqual([0, 1, 2.5]);
  });
});
