// The quarterly report: what was published of a quarter stands on the page, and every figure opens the rows behind it.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, openWindow, out, startBoth } from './support.mjs';

const { browser, server } = await startBoth();

/** A figure as the page writes it: 1.458 is a thousand and more, 2,23 has two decimals. */
const read = (text) => Number(text.trim().replaceAll('.', '').replace(',', '.').replace('−', '-').replace('+', ''));
const line = (page, figure) => page.locator(`tr[data-figure="${figure}"]`);
const cell = async (page, figure, n) => read(await line(page, figure).locator('td').nth(n).innerText());

test('the figures of quarter III 2024 are those that were published, and open their rows', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'admin', page: '/reports?quarter=2024Q3' });
  await page.locator('[data-testid="reports"][data-quarter="2024Q3"]').waitFor();
  const published = {
    personnel_turns: 1458,
    vehicle_turns: 569,
    households_moved: 29,
    drug_cases: 6,
    drug_persons: 6,
    heroin_g: 2.23,
    crossings: 14,
    crossing_persons: 14,
    tips: 121,
  };
  for (const [figure, value] of Object.entries(published)) {
    assert.equal(await cell(page, figure, 0), value, figure);
    await line(page, figure).locator('button').click();
    const rows = page.getByTestId('figure-rows');
    await rows.locator('tbody tr').first().waitFor();
    const adds = await rows.locator('tbody td:last-child').allInnerTexts();
    const sum = adds.map(read).reduce((total, one) => total + one, 0);
    assert.ok(Math.abs(sum - value) < 1e-9, `${figure}: its rows on the page sum up to ${sum}`);
    assert.equal(await page.getByTestId('rows-hidden').count(), 0);
  }
  assert.deepEqual([await cell(page, 'tips', 1), await cell(page, 'tips', 2)], [109, 12]);
  await page.screenshot({ path: path.join(out, 'reports.png') });
  assert.deepEqual(await barriers(page), []);

  await page.getByTestId('quarter-before').click();
  await page.locator('[data-testid="reports"][data-quarter="2024Q2"]').waitFor();
  assert.equal(await cell(page, 'tips', 0), 109);
  assert.equal(await page.getByTestId('figure-rows').count(), 0, 'rows of another quarter do not stay');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path.join(out, 'reports-phone.png') });
  assert.ok(
    await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    'nothing hangs over the side of a telephone',
  );
  await close();
});

test('an officer reads figures of all forces and the rows of their own', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'duty_officer', page: '/reports?quarter=2024Q3' });
  await line(page, 'drug_cases').locator('button').click();
  await page.getByTestId('rows-hidden').waitFor();
  const seen = await page.getByTestId('figure-rows').locator('tbody tr').count();
  assert.ok(seen > 0 && seen < 6, `${seen} of six`);
  assert.equal(await cell(page, 'drug_cases', 0), 6);
  await close();
});
