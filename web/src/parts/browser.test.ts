import { expect, test } from 'vitest';
import { browserName } from './browser';

test('a browser is named by what it is, not by what it claims to be like', () => {
  const edge =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0';
  expect(browserName(edge)).toBe('Edge · Windows');
  const phone = 'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36';
  expect(browserName(phone)).toBe('Chrome · Android');
  expect(browserName('curl/8.5.0')).toBe('curl/8.5.0');
  expect(browserName('')).toBe('?');
});
