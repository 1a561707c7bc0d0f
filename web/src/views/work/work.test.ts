import { describe, expect, it } from 'vitest';
import { byDue, circle, inOrder, late_ms, posts, type Decision, type InformationRequest } from './work';

const WORDS = {
  police: 'Công an',
  military: 'Quân sự',
  border_guard: 'Biên phòng',
  civil: 'Xung kích PCTT xã',
};

const request = (id: string, properties: object) =>
  ({
    id,
    properties: { from_force: 'military', asked_at: '2026-11-01', ...properties },
  }) as InformationRequest;

describe('what the forces ask each other', () => {
  it('shows what waits for my force first, the one that is due first before the others', () => {
    const all = [
      request('over-old', {
        state: 'answered',
        to_force: 'police',
        due_at: '2026-11-01',
        replied_at: '2026-11-02',
      }),
      request('over-new', {
        state: 'answered',
        to_force: 'police',
        due_at: '2026-11-01',
        replied_at: '2026-11-09',
      }),
      request('other', { state: 'asked', to_force: 'border_guard', due_at: '2026-11-01' }),
      request('mine-later', { state: 'asked', to_force: 'police', due_at: '2026-11-08' }),
      request('mine', { state: 'asked', to_force: 'police', due_at: '2026-11-05' }),
    ];
    const ids = (force: 'police' | null) => inOrder(all, force).map(({ id }) => id);
    expect(ids('police')).toEqual(['mine', 'mine-later', 'other', 'over-new', 'over-old']);
    expect(ids(null)).toEqual(['other', 'mine', 'mine-later', 'over-new', 'over-old']);
  });

  it('is late by its due time alone, and stays in time once answered in time', () => {
    const now = Date.parse('2026-11-05T00:00:00Z');
    expect(late_ms('2026-11-04T23:00:00Z', undefined, now)).toBe(3_600_000);
    expect(late_ms('2026-11-05T01:00:00Z', undefined, now)).toBe(0);
    expect(late_ms('2026-11-04T23:00:00Z', '2026-11-04T22:00:00Z', now)).toBe(0);
  });
});

it('puts open decisions first, by when they are due', () => {
  const decision = (id: string, properties: object) => ({ id, properties }) as Decision;
  const sorted = byDue([
    decision('done', { state: 'done', due_at: '2026-01-01', closed_at: '2026-02-01' }),
    decision('later', { state: 'open', due_at: '2026-03-01' }),
    decision('first', { state: 'open', due_at: '2026-02-01' }),
  ]);
  expect(sorted.map(({ id }) => id)).toEqual(['first', 'later', 'done']);
});

describe('a plan as it is typed', () => {
  it('reads a post a line, the force by its word', () => {
    expect(posts('Chốt 1; công an; 6; cổng chính\n\n Tổ cơ động ; military', WORDS)).toEqual([
      { name: 'Chốt 1', force: 'police', persons: 6, place: 'cổng chính' },
      { name: 'Tổ cơ động', force: 'military' },
    ]);
    expect(() => posts('Chốt 1; hải quân; 6', WORDS)).toThrow(RangeError);
  });

  it('draws a closed ring about its place', () => {
    const ring = circle(103, 22, 500);
    expect(ring).toHaveLength(33);
    expect(ring[0]).toEqual(ring.at(-1));
    expect(ring[8]?.[1]).toBeCloseTo(22 + 500 / 111_320, 6);
  });
});
