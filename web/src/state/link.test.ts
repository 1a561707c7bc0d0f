import { beforeEach, expect, test, vi } from 'vitest';
import { link } from './link.svelte';

const NOW_MS = Date.parse('2026-11-27T02:14:30Z');
const SINCE = '2026-11-27T02:10:00Z';

beforeEach(() => {
  vi.useFakeTimers({ now: NOW_MS });
  link.stale = null;
  link.heard();
});

test('what is in view is as fresh as the last message of a server that is up to date', () => {
  expect(link.current_ms).toBe(NOW_MS);
  vi.advanceTimersByTime(40_000);
  link.watch();
  expect([link.phase, link.lost_since_ms]).toEqual(['lost', NOW_MS]);
});

test('messages of a server that is cut off from its database make nothing look fresh', () => {
  link.stale = { since: SINCE, reason: 'store_unheard' };
  vi.advanceTimersByTime(10_000);
  link.heard();
  expect([link.phase, link.current_ms]).toEqual(['live', Date.parse(SINCE)]);
  link.lost();
  expect(link.lost_since_ms).toBe(Date.parse(SINCE));
  link.heard();
  link.stale = null;
  expect(link.current_ms).toBe(NOW_MS + 10_000);
});
