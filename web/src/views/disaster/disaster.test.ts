import { describe, expect, it } from 'vitest';
import type { DisastersDue } from '../../api/types';
import { countdown, damageOf, differenceOf, mineOf, nearness } from './disaster';

const due = (is_mine: boolean, next: string | null, late: string[]) => ({
  level: 'commune',
  commune_code: '03388',
  name: 'Xã Bum Nưa',
  is_mine,
  next: next && { kind: 'daily', due_at: next },
  late: late.map((due_at) => ({ kind: 'quick', due_at, late_s: 1 })),
  missed: 0,
  last: null,
});
const all = (reporters: object[]) =>
  ({
    events: [{ event: { id: 'e', name: 'Mưa lũ' }, levels: [{ level: 'commune', reporters }] }],
  }) as unknown as DisastersDue;

describe('deadlines', () => {
  it('are mine alone, the earliest first', () => {
    const told = mineOf(
      all([
        due(false, '2026-11-27T09:00:00Z', []),
        due(true, '2026-11-27T10:00:00Z', ['2026-11-26T10:00:00Z']),
      ]),
    );
    expect(told.map(({ due_at, is_late }) => [due_at, is_late])).toEqual([
      ['2026-11-26T10:00:00Z', true],
      ['2026-11-27T10:00:00Z', false],
    ]);
    expect(mineOf(null)).toEqual([]);
  });

  it('are loud in the last hour and late from their second on', () => {
    const at = Date.parse('2026-11-27T10:00:00Z');
    const told = [at - 3_600_001, at - 3_600_000, at, at + 1].map((now) =>
      nearness('2026-11-27T10:00:00Z', now),
    );
    expect(told).toEqual(['quiet', 'near', 'near', 'late']);
  });

  it('count down in hours, minutes and seconds', () => {
    expect([0, -5, 9_000, 729_000, 7_509_999].map(countdown)).toEqual([
      '0:00',
      '0:00',
      '0:09',
      '12:09',
      '2:05:09',
    ]);
  });
});

describe('damage', () => {
  it('that was not told is not sent, and nothing is told as 0', () => {
    const typed = {
      people: { dead: 0, missing: null, note: ' ' },
      housing: { collapsed: 2, note: ' bản A ' },
      health: {},
    };
    expect(damageOf(typed)).toEqual({ people: { dead: 0 }, housing: { collapsed: 2, note: 'bản A' } });
  });

  it('differs from the report before where both say something', () => {
    expect([
      differenceOf(12.6, 12.5),
      differenceOf(null, 1),
      differenceOf(1, null),
      differenceOf('', 1),
    ]).toEqual([0.1, null, null, null]);
  });
});
