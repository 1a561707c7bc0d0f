import { describe, expect, it } from 'vitest';
import { boxOf, circle, metresPerPixel, roughDistance_m } from './geo';
import { graticule } from './graticule';

describe('circle', () => {
  it('keeps its radius on the ground', () => {
    const centre = [103.16, 22.47];
    for (const corner of circle(centre, 500).coordinates[0] ?? []) {
      expect(Math.abs(roughDistance_m(centre, corner) - 500)).toBeLessThan(1);
    }
  });
});

describe('boxOf', () => {
  it('reads every kind of geometry', () => {
    expect(boxOf({ type: 'Point', coordinates: [1, 2] })).toEqual([1, 2, 1, 2]);
    const part = [
      [
        [0, 0],
        [2, 1],
        [1, 3],
        [0, 0],
      ],
    ];
    expect(boxOf({ type: 'MultiPolygon', coordinates: [part] })).toEqual([0, 0, 2, 3]);
    expect(boxOf(null)).toBeNull();
    expect(boxOf({ type: 'MultiPolygon', coordinates: [] })).toBeNull();
  });
});

it('knows how much ground a pixel covers on the mean sphere', () => {
  expect(metresPerPixel(0, 0)).toBeCloseTo(78_184, 0);
});

it('draws a grid whose labels fit its step', () => {
  const labels = graticule([102.3, 21.7, 104, 22.8]).features.map((line) => line.properties.label);
  expect(labels).toContain('102.50°E');
  expect(labels).toContain('22.00°N');
  expect(labels.length).toBeLessThan(15);
});
