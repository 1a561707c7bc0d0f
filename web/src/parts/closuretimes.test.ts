import { expect, test } from 'vitest';
import type { RoadClosure } from '../api/types';
import { middleOf } from '../map/roaddata';
import { holds, isPast, postOf } from './closuretimes';

const closure = (properties: object): RoadClosure =>
  ({
    type: 'Feature',
    id: 'a',
    geometry: null,
    properties: { version: 1, recorded_at: '2026-11-20T00:00:00Z', reason: 'rain', ...properties },
  }) as unknown as RoadClosure;

test('a post is read as people write it', () => {
  expect(['46,3', '46.3', '46+300', 'Km46+300', 'km 46', '46+5'].map(postOf)).toEqual([
    46.3, 46.3, 46.3, 46.3, 46, 46.005,
  ]);
  expect(['', 'abc', '46+', '-3', '46+1000', '46,3 m'].map(postOf)).toEqual([
    null,
    null,
    null,
    null,
    null,
    null,
  ]);
});

test('a closure holds from its start until before its end, and not once the road was opened', () => {
  const one = closure({ valid_from: '2026-11-20T10:00:00Z', valid_to: '2026-11-20T12:00:00Z' });
  const at = (hour: string) => holds(one, Date.parse(`2026-11-20T${hour}:00Z`));
  expect(['09:59', '10:00', '11:59', '12:00'].map(at)).toEqual([false, true, true, false]);
  expect(isPast(closure({ ended_at: '2026-11-20T01:00:00Z' }), 0)).toBe(true);
  expect(holds(closure({}), Date.parse('2026-11-20T00:00:00Z'))).toBe(true);
});

test('the sign stands half way along the longest line', () => {
  const short = [
    [103, 22],
    [103, 22.001],
  ];
  const long = [
    [103, 22],
    [103, 22.01],
    [103, 22.04],
  ];
  const [lon = 0, lat = 0] = middleOf({ type: 'MultiLineString', coordinates: [short, long] }) ?? [];
  expect(lon).toBeCloseTo(103, 6);
  expect(lat).toBeCloseTo(22.02, 6);
  expect(middleOf({ type: 'LineString', coordinates: [] })).toBeNull();
  expect(middleOf(null)).toBeNull();
});
