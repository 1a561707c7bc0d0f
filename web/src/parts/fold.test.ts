import { expect, it } from 'vitest';
import { matches } from './fold';

it('finds names with or without diacritics', () => {
  expect(matches('Xã Mường Tè', 'muong te')).toBe(true);
  expect(matches('Đoàn Kết', 'doan ket')).toBe(true);
  expect(matches('Đoàn Kết', 'Đoàn')).toBe(true);
  expect(matches('Đoàn Kết', 'sin ho')).toBe(false);
});
