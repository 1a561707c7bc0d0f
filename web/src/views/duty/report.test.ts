import { describe, expect, it } from 'vitest';
import type { ReportBody } from '../../api/endpoints';
import type { ChosenPlace, DraftFields } from '../../state/drafts.svelte';
import { editsSince, reportBody, timeOfDay } from './report';

const NOW = Date.parse('2026-11-23T02:14:00+07:00');
const fields = (some: Partial<DraftFields>): DraftFields => ({
  phone: '',
  name: '',
  kind: 'landslide',
  severity: null,
  place_text: 'QL12 Km46+300',
  place: null,
  description: '',
  occurred_at: '',
  ...some,
});

describe('timeOfDay', () => {
  it('takes the ways in which people write it', () => {
    for (const text of ['02:10', '2:10', '2h10', '0210', '210', ' 2g10 ']) {
      expect(timeOfDay(text, NOW)).toBe('2026-11-22T19:10:00.000Z');
    }
  });

  it('is yesterday when the time has not come yet', () => {
    expect(timeOfDay('23:50', NOW)).toBe('2026-11-22T16:50:00.000Z');
  });

  it('refuses what is no time', () => {
    for (const text of ['25:00', '2:70', 'sáng', '']) expect(timeOfDay(text, NOW)).toBeNull();
  });
});

describe('reportBody', () => {
  it('sends the words when no place was chosen', () => {
    expect(reportBody(fields({}), NOW)).toEqual({
      kind: 'landslide',
      place: { text: 'QL12 Km46+300' },
      place_text: 'QL12 Km46+300',
      channel: 'phone',
    });
  });

  it('sends the chosen place, and only the commune where only that is known', () => {
    const place: ChosenPlace = {
      label: 'x',
      said: 'y',
      lon: 103,
      lat: 22,
      accuracy_m: 40,
      located_by: 'map',
      commune_code: null,
    };
    expect(reportBody(fields({ place }), NOW)).toMatchObject({
      place: { lon: 103, lat: 22, accuracy_m: 40 },
      located_by: 'map',
    });
    const post: ChosenPlace = { ...place, located_by: 'road_ref', said: 'ql12 km46+300' };
    expect(reportBody(fields({ place: post }), NOW)).toMatchObject({ place: { text: 'ql12 km46+300' } });
    const commune: ChosenPlace = { ...place, located_by: 'admin_unit', commune_code: '03451' };
    expect(reportBody(fields({ place: commune }), NOW)).toMatchObject({ place: { commune_code: '03451' } });
  });

  it('names what is missing', () => {
    expect(reportBody(fields({ kind: '' }), NOW)).toBe('needKind');
    expect(reportBody(fields({ place_text: ' ' }), NOW)).toBe('needPlace');
    expect(reportBody(fields({ occurred_at: '99' }), NOW)).toBe('badTime');
  });
});

it('finds what was typed after an attempt whose outcome nobody knows', () => {
  const earlier: ReportBody = { kind: 'flood', place: { text: 'Pa Tần' }, description: 'nước lên' };
  expect(editsSince(earlier, earlier)).toEqual({});
  expect(editsSince(earlier, { ...earlier, description: 'nước rút', severity: 3 })).toEqual({
    description: 'nước rút',
    severity: 3,
  });
});
