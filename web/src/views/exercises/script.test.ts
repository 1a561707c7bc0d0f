import { describe, expect, it } from 'vitest';
import { blank, inject, SAMPLE } from './script';

describe('a typed script', () => {
  it('becomes injects with seconds and what they carry', () => {
    const call = { ...blank(2.5), title: ' a ', carries: 'report' as const };
    expect(inject(call, { lon: 103, lat: 22 })).toEqual({
      after_s: 150,
      title: 'a',
      report: { kind: 'landslide', lon: 103, lat: 22 },
    });
    const rain = { ...blank(0), title: 'b', expected: 'c', carries: 'rain' as const, gauge: 'MH-1', mm: 60 };
    expect(inject(rain, null)).toEqual({
      after_s: 0,
      title: 'b',
      expected: 'c',
      rain: { gauge: 'MH-1', mm: 60, minutes: 60 },
    });
  });

  it('has a sample in the order of its minutes', () => {
    const minutes = SAMPLE.injects.map((one) => one.minute);
    expect(minutes).toEqual([...minutes].sort((a, b) => a - b));
  });
});
