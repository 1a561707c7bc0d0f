// A shift handed over between two officers, each in a browser of their own: the same list, what nobody took passes, and
// the one who goes is told without asking. Then the duty log, looked through.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, DESKTOP, openWindow, out, startBoth, startBrowser, until } from './support.mjs';

const { browser, server } = await startBoth();
const other = await startBrowser();
test.after(() => other.close());

const TITLE = 'Sạt lở trong đêm';
const ids = (page, what) =>
  page.locator(`[data-section="${what}"] li[data-id]`).evaluateAll((list) => list.map((one) => one.dataset.id));
const open = (who, page = '/handover', at = browser) => openWindow(at, server, { actor: who, page });

/** A grave incident, a unit that calls for help, and an instruction whose time is over. */
async function night() {
  const as = (route, body) => server.api('duty_officer', route, { method: 'POST', body });
  const grave = {
    kind: 'landslide',
    severity: 4,
    title: TITLE,
    place: { lon: 103.4, lat: 22.3 },
  };
  const incident = (await as('/api/incidents', grave)).body.incident;
  const { body: units } = await server.api('duty_officer', '/api/collections/units/items?force=police&limit=1');
  const unit = units.features[0].id;
  assert.equal((await as(`/api/units/${unit}/status`, { status: 'distress' })).status, 200);
  const properties = {
    kind: 'instruction',
    text: 'Kiểm tra kè Nậm Na',
    owner: 'Công an xã',
    due_at: '2026-01-01T00:00:00Z',
  };
  const instruction = (await as('/api/collections/duty_log/items', { properties })).body;
  return { incident: incident.id, unit, instruction: instruction.id };
}

test('a night is handed over between two browsers, and the one who goes is told without a reload', async () => {
  const going = await open('duty_officer');
  await going.page.getByTestId('begin').click();
  await going.page.locator('[data-testid="handover"][data-shift="on_duty"]').waitFor();
  await going.page.getByTestId('shift-state').getByText('Trực: Trực ban tỉnh, từ').waitFor();
  const left = await night();
  await going.page.locator(`[data-section="incidents"] li[data-id="${left.incident}"]`).waitFor();
  assert.deepEqual(await barriers(going.page), []);

  const coming = await open('relief_officer', '/handover', other);
  await coming.page.getByTestId('gives').getByText('Trực ban tỉnh').waitFor();
  assert.equal(await coming.page.getByTestId('accept').count(), 0, 'nothing is offered yet');
  await coming.page.getByTestId('take-over').waitFor();

  await going.page.locator('textarea[name="note"]').fill('Theo dõi kè Nậm Na, gọi lại trưởng bản lúc 8 giờ.');
  await going.page.getByTestId('propose').click();
  await going.page.getByTestId('withdraw').waitFor();
  await coming.page.getByTestId('accept').waitFor();
  await coming.page.getByTestId('note').getByText('gọi lại trưởng bản').waitFor();
  await until(async () => {
    const all = ['alarms', 'incidents', 'orders', 'instructions', 'deadlines', 'zones', 'closures', 'levels'];
    for (const what of all) assert.deepEqual(await ids(coming.page, what), await ids(going.page, what), what);
    return true;
  }, 'both see the same list');
  assert.ok((await ids(coming.page, 'instructions')).includes(left.instruction));
  assert.equal(await coming.page.locator('[data-section="alarms"] li[data-kind="distress"]').count(), 1);
  assert.equal((await ids(coming.page, 'incidents'))[0], left.incident, 'what calls stands first');
  await coming.page.screenshot({ path: path.join(out, 'handover.png') });
  assert.deepEqual(await barriers(coming.page), []);

  await coming.page.getByTestId('accept').click();
  await coming.page.locator('[data-testid="handover"][data-shift="on_duty"]').waitFor();
  const alarm = coming.page.locator('[data-section="alarms"] li[data-kind="distress"]');
  await alarm.getByText('đã chuyển cho bạn').waitFor();
  // The one who goes touches nothing.
  await going.page.getByTestId('earlier').getByText('Bạn đã bàn giao ca trực cho Trực ban tỉnh, ca sau').waitFor();
  await going.page.getByTestId('shift-state').getByText('Trực: Trực ban tỉnh, ca sau').waitFor();
  await going.page.screenshot({ path: path.join(out, 'handover-given.png') });

  // On the map the alarm is the new officer's, and rings no more for the one who went.
  await coming.page.goto(`${server.url}/duty`);
  // Two grave incidents and the call for help: the key goes to people in distress first, once units are known too.
  await coming.page.locator('.alarms button.alarm', { hasText: /^3 / }).waitFor({ timeout: 30_000 });
  await coming.page.keyboard.press('t');
  await coming.page.getByTestId('raised').getByText('Nhận bàn giao từ Trực ban tỉnh').waitFor();
  await going.page.goto(`${server.url}/duty`);
  await going.page.locator('li[data-id]').first().waitFor({ timeout: 30_000 });
  await going.page.waitForFunction(() => !/^\(\d+\)/.test(document.title));
  await coming.page.waitForFunction(() => /^\(\d+\)/.test(document.title));
  await going.close();
  await coming.close();
});

test('what changed while it was looked at is marked, and a line opens its incident on the map', async () => {
  const { page, close } = await open('relief_officer');
  await page.locator('[data-section="incidents"] li[data-id]').first().waitFor();
  assert.equal(await page.getByText('mới đổi').count(), 0);
  const body = {
    kind: 'flood',
    title: 'Ngập thử',
    severity: 2,
    place: { lon: 103.45, lat: 22.35 },
  };
  await server.api('duty_officer', '/api/incidents', { method: 'POST', body });
  const fresh = page.locator('[data-section="incidents"] li', {
    hasText: 'Ngập thử',
  });
  await fresh.getByText('mới đổi').waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path.join(out, 'handover-phone.png') });
  assert.ok(
    await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    'nothing hangs over the side of a telephone',
  );
  await page.setViewportSize(DESKTOP);
  await page.emulateMedia({ media: 'print' });
  await page.pdf({
    path: path.join(out, 'handover.pdf'),
    preferCSSPageSize: true,
  });
  await page.emulateMedia({ media: null });
  await fresh.getByRole('button').click();
  await page.waitForURL((url) => url.pathname === '/duty');
  await page.locator('article h1', { hasText: 'Ngập thử' }).waitFor({ timeout: 30_000 });
  await close();
});

test('a shift that is not taken says why', async () => {
  const { body: held } = await server.api('relief_officer', '/api/handover');
  const headers = { 'if-match': `"${held.shift.version}"` };
  await server.api('relief_officer', `/api/shifts/${held.shift.id}/propose`, {
    method: 'POST',
    body: {},
    headers,
  });
  const { page, close } = await open('duty_officer');
  await page.getByTestId('decline').click();
  await page.locator('input[name="reason"]').fill('chưa đủ người');
  await page.keyboard.press('Enter');
  await page.getByTestId('declined').getByText('chưa đủ người').waitFor();
  await close();
});

test('the duty log is looked through, and its entry opens the incident', async () => {
  const { page, close } = await open('relief_officer', '/log');
  const entries = page.getByTestId('log-entry');
  await entries.first().waitFor();
  const all = await entries.count();
  await page.locator('input[name="q"]').fill('ke nam na');
  await page.keyboard.press('Enter');
  await until(async () => (await entries.count()) === 1, 'one entry has the words');
  await entries.getByText('Kiểm tra kè Nậm Na').waitFor();
  assert.ok(page.url().includes('q=ke'), 'a reload finds the same');
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('button', { name: 'Bỏ lọc' }).click();
  await until(async () => (await entries.count()) === all, 'all of them again');
  await page.locator('select[name="kind"]').selectOption('shift_accepted');
  await until(async () => (await entries.count()) === 1, 'one handover');
  await page.locator('select[name="kind"]').selectOption('reported');
  await page.locator('input[name="q"]').fill(TITLE);
  await page.keyboard.press('Enter');
  await until(async () => (await entries.count()) === 1, 'the report of the night');
  await page.screenshot({ path: path.join(out, 'log.png') });
  await entries.getByRole('button').first().click();
  await page.locator('article h1', { hasText: TITLE }).waitFor({ timeout: 30_000 });
  await close();
});
