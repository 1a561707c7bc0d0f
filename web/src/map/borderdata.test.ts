import { expect, it } from 'vitest';
import type { SectorStanding } from '../api/types';
import { drawSectors } from './borderdata';

it('draws a sector by its level in force, and one that nobody assessed as none, not as low', () => {
  const coordinates = [
    [102, 22],
    [103, 22],
  ];
  const line = { geometry: { type: 'LineString', coordinates } };
  const lines = new Map(['a', 'b'].map((id) => [id, { ...line, id }])) as never;
  const sector = (sector_id: string, rest: object) =>
    ({ sector_id, name: sector_id, in_force: null, waiting: null, ...rest }) as unknown as SectorStanding;
  const sectors = [
    sector('a', { in_force: { level: 'high' }, waiting: { level: 'low' } }),
    sector('b', {}),
    sector('nowhere', {}),
  ];
  const drawn = drawSectors(sectors, lines, ({ name }) => `đoạn ${name}`);
  expect(drawn.features.map(({ properties }) => properties)).toEqual([
    { id: 'a', level: 'high', isWaiting: true, label: 'đoạn a' },
    { id: 'b', level: 'none', isWaiting: false, label: 'đoạn b' },
  ]);
});
