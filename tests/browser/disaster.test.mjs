// A commune and the province report of a disaster: the deadline counts down, the draft is counted and compared, what is
// typed outlives a reload, what was sent stays and goes up, and both sides fit a screen, a telephone and paper.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, DESKTOP, openWindow, out, startBoth } from './support.mjs';

const { browser, server } = await startBoth();
const MINUTE_MS = 60_000;

/** An event whose quick report is due in 50 minutes, in the commune of the commune's officer, and a slide in it. */
async function night() {
  const as = (who, route, body) => server.api(who, route, body ? { method: 'POST', body } : {});
  const houses = await as('local_authority', '/api/collections/households/items?limit=1');
  const { geometry, properties } = houses.body.features[0];
  const [lon, lat] = geometry.coordinates;
  const started_at = new Date(Date.now() - (24 * 60 - 50) * MINUTE_MS).toISOString();
  const event = { name: 'Mưa lũ thử', hazard: 'flash_flood', started_at, communes: [properties.admin_unit] };
  const opened = await as('duty_officer', '/api/collections/disaster_events/items', { properties: event });
  assert.equal(opened.status, 201, JSON.stringify(opened.body));
  const slide = () => as('duty_officer', '/api/incidents', { kind: 'landslide', dead: 1, place: { lon, lat } });
  await slide();
  return { slide, commune: properties.admin_unit };
}

test('a commune reports in time, and the province adds it up', async () => {
  const { slide, commune } = await night();
  const local = await openWindow(browser, server, { actor: 'local_authority', page: '/disaster' });
  const { page } = local;
  const dead = page.locator('[data-testid="counted"] [data-figure="dead"]');
  const told = () => dead.locator('td').allInnerTexts();
  await dead.waitFor();
  assert.deepEqual(await told(), ['1', '—', '—']);
  await page.locator('[data-testid="report-due"][data-state="near"]').waitFor();
  assert.match(await page.getByTestId('report-due').innerText(), /còn (49|50):\d\d/);
  assert.match(await page.getByTestId('data-at').innerText(), /^Số liệu đến \d\d:\d\d \d\d\/\d\d\/\d{4}$/);

  // What is typed is there after a reload.
  await page.locator('input[name="housing.collapsed"]').fill('2');
  await page.locator('textarea[name="text"]').fill('Mưa to từ đêm.');
  await page.reload();
  await dead.waitFor();
  assert.equal(await page.locator('input[name="housing.collapsed"]').inputValue(), '2');
  assert.deepEqual(await barriers(page), []);
  await page.screenshot({ path: path.join(out, 'disaster-commune.png') });

  await page.getByTestId('send').click();
  const sent = page.getByTestId('sent-report');
  await sent.getByText('Mưa to từ đêm.').waitFor();
  await page.locator('[data-testid="report-due"][title^="Báo cáo nhanh"]').waitFor({ state: 'detached' });
  await slide();
  await page.getByRole('button', { name: 'Đóng, về bản thảo' }).click();
  await dead.getByText('+1').waitFor();
  assert.deepEqual(await told(), ['2', '1', '+1']);
  assert.equal(await page.evaluate(() => Object.keys(localStorage).filter((name) => name.includes('disaster')).length), 0);

  // On a telephone nothing hangs over the side.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path.join(out, 'disaster-phone.png') });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await page.setViewportSize(DESKTOP);
  await local.close();

  const province = await openWindow(browser, server, { actor: 'duty_officer', page: '/disaster' });
  await province.page.locator('[data-testid="draft"][data-level="province"]').waitFor();
  assert.equal(await province.page.locator('input[name="housing.collapsed"]').inputValue(), '2');
  assert.equal(await province.page.getByTestId('communes').locator('li.late').count(), 0);
  const row = province.page.locator(`[data-reporter="commune:${commune}"]`);
  await row.getByText('đúng hạn').waitFor();
  assert.deepEqual(await barriers(province.page), []);
  await province.page.screenshot({ path: path.join(out, 'disaster-province.png') });
  await province.page.emulateMedia({ media: 'print' });
  await province.page.screenshot({ path: path.join(out, 'disaster-print.png') });
  assert.ok(await province.page.getByText('BẢN THẢO, CHƯA GỬI · Dữ liệu minh hoạ').isVisible());
  await province.page.pdf({ path: path.join(out, 'disaster.pdf'), preferCSSPageSize: true });
  await province.page.emulateMedia({ media: null });

  // The province's row opens the commune's draft, which is not the province's to send.
  await row.getByRole('button').click();
  await province.page.locator('[data-testid="draft"][data-level="commune"]').waitFor();
  assert.equal(await province.page.getByTestId('send').count(), 0);
  await province.close();
});
