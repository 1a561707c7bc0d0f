// The phone of a mobile unit: find, report, say the status; and all of it without a link.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWindow, PHONE, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

const HERE = PHONE.geolocation;

async function openField() {
  const window = await openWindow(browser, server, { actor: 'field_unit', page: '/field', ...PHONE });
  await window.page.getByTestId('near-row').first().waitFor({ timeout: 30_000 });
  return window;
}

const ownUnit = async () => (await server.api('field_unit', '/api/session')).body.actor.unit_id;
const statusOf = async (id) =>
  (await server.api('field_unit', `/api/collections/units/items/${id}`)).body.properties.status;
const reports = async () =>
  (await server.api('duty_officer', '/api/collections/incidents/items?channel=field&limit=1000')).body.features;

/** Four taps: kind, severity, place, send. */
async function report(page, kind) {
  await page.getByTestId('open-report').tap();
  await page.locator(`[data-kind="${kind}"]`).tap();
  await page.locator('[data-severity="2"]').tap();
  await page.getByTestId('place-here').tap();
  await page.getByTestId('report-send').tap();
}

test('a field unit finds an incident near, reports one in four taps, and says its status in two', async () => {
  const field = await openField();
  const { page } = field;
  const near = page.locator('[data-testid="near-row"][data-collection="incidents"]').first();
  await near.waitFor();
  const id = await near.getAttribute('data-id');
  const asked = `/api/nearby?lon=${HERE.longitude}&lat=${HERE.latitude}&limit=20&collections=incidents`;
  const found = await server.api('field_unit', asked);
  assert.ok(found.body.features.some((feature) => feature.id === id), 'the API knows it as near too');

  const count = (await reports()).length;
  await report(page, 'rockfall');
  await until(async () => (await reports()).length === count + 1, 'the report is with the server');
  const made = (await reports()).find(({ properties }) => properties.kind === 'rockfall');
  assert.equal(made.properties.severity, 2);
  assert.deepEqual(made.geometry.coordinates, [HERE.longitude, HERE.latitude]);

  const unit = await ownUnit();
  await page.getByTestId('open-status').tap();
  await page.locator('[data-testid="status-sheet"] [data-status="searching"]').tap();
  await until(async () => (await statusOf(unit)) === 'searching', 'the status is with the server');
  await page.locator('[data-testid="my-status"][data-status="searching"][data-sent="true"]').waitFor();

  await until(async () => {
    const { body } = await server.api('field_unit', `/api/collections/units/items/${unit}`);
    return body.properties.fix_source === 'gps' && Math.abs(body.geometry.coordinates[0] - HERE.longitude) < 1e-6;
  }, 'the position is with the server');
  await field.close();
});

test('what is said without a link is kept, survives a reload, and is sent once', async () => {
  const field = await openField();
  const { page, context } = field;
  await context.setOffline(true);
  await page.getByTestId('offline-banner').waitFor();
  const count = (await reports()).length;
  await report(page, 'fire');
  await page.getByTestId('link-line').tap();
  await page.locator('[data-testid="outbox-item"][data-kind="report"]').waitFor();

  // The page itself needs its server for a reload; only the way of the report stays cut.
  await context.route('**/api/incidents', (route) => route.abort());
  await context.setOffline(false);
  await page.reload();
  await page.getByTestId('link-line').waitFor();
  await page.getByTestId('link-line').tap();
  await page.locator('[data-testid="outbox-item"][data-kind="report"]').waitFor();
  assert.equal((await reports()).length, count, 'nothing was sent yet');

  await context.unroute('**/api/incidents');
  await until(async () => (await reports()).length === count + 1, 'the report is sent by itself', 20_000);
  await until(async () => (await page.getByTestId('outbox-item').count()) === 0, 'the outbox is empty');
  assert.equal((await reports()).filter(({ properties }) => properties.kind === 'fire').length, 1);
  await field.close();
});

test('a distress call is held, says that nobody has heard it, and then that it was sent', async () => {
  const field = await openField();
  const { page, context } = field;
  const unit = await ownUnit();
  await context.setOffline(true);
  await page.getByTestId('offline-banner').waitFor();
  const box = await page.getByTestId('sos').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.waitForTimeout(600);
  await page.mouse.up();
  assert.equal(await page.getByTestId('distress').count(), 0, 'a short press is no distress');
  await page.mouse.down();
  await page.waitForTimeout(2_400);
  await page.mouse.up();
  await page.locator('[data-testid="distress"][data-heard="false"]').waitFor();
  assert.ok((await page.locator('[data-testid="distress"] a[href^="tel:"]').count()) >= 4, 'numbers to call');
  await context.setOffline(false);
  await page.locator('[data-testid="distress"][data-heard="true"]').waitFor({ timeout: 20_000 });
  await page.getByTestId('distress-sent').waitFor();
  assert.equal(await statusOf(unit), 'distress');
  await field.close();
});
