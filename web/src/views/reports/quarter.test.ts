import { describe, expect, it } from 'vitest';
import { after, before, present } from './quarter';

describe('quarters', () => {
  it('follow each other over the year', () => {
    expect(before('2024Q1')).toBe('2023Q4');
    expect(after('2023Q4')).toBe('2024Q1');
    expect(after('2024-q2')).toBe('2024Q3');
  });

  it('begin at midnight in the province', () => {
    expect(present(Date.parse('2024-06-30T16:59:59Z'))).toBe('2024Q2');
    expect(present(Date.parse('2024-06-30T17:00:00Z'))).toBe('2024Q3');
  });
});
