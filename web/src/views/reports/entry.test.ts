import { describe, expect, it } from 'vitest';
import { blank, instant, record } from './entry';

describe('a fact that is typed', () => {
  it('becomes a record of its sort, without what belongs to others or is empty', () => {
    const sent = {
      ...blank('deployment', 'police'),
      at: '2024-09-08T02:14',
      personnel: 12,
      vehicles: 2,
      weight_g: 3,
    };
    expect(record({ ...sent, words: ' Cứu hộ ' })).toEqual({
      collection: 'deployments',
      properties: {
        force: 'police',
        purpose: 'disaster',
        started_at: '2024-09-08T02:14:00+07:00',
        personnel: 12,
        vehicles: 2,
        task: 'Cứu hộ',
      },
    });
    const found = { ...blank('case', 'border_guard'), at: '2024-09-08T02:14', persons: 1, weight_g: 0.53 };
    expect(record(found).properties['substances']).toEqual([{ substance: 'heroin', weight_g: 0.53 }]);
    expect(record({ ...found, kind: 'smuggling' }).properties).not.toHaveProperty('substances');
    const told = {
      ...blank('tally', 'police'),
      at: '2024-09-08T02:14',
      count: 4,
      people: 9,
      valid: 2,
      channel: 'post',
    };
    expect(record(told).properties).toMatchObject({ counted: 'tips', count: 4, valid: 2, channel: 'post' });
    expect(record(told).properties).not.toHaveProperty('people');
    expect(record({ ...told, counted: 'briefings' }).properties).toMatchObject({ people: 9 });
  });

  it('has its time by the clocks of the province', () => {
    expect(instant('2024-07-01T00:00')).toBe('2024-07-01T00:00:00+07:00');
    expect(instant('')).toBeNull();
  });
});
