// A warning on the planner's page: written by one, released by another in a second browser, copied, and cancelled.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, openWindow, out, startBoth } from './support.mjs';

const { browser, server } = await startBoth();

const HOUR_MS = 3_600_000;
const [lon, lat] = [102.845, 22.535];
const ring = [
  [-0.004, -0.004],
  [0.004, -0.004],
  [0.004, 0.004],
  [-0.004, 0.004],
  [-0.004, -0.004],
];

async function drawn(properties) {
  const answer = await server.api('planner', '/api/collections/risk_zones/items', {
    method: 'POST',
    body: {
      type: 'Feature',
      geometry: {
        type: 'Polygon',
        coordinates: [ring.map(([x, y]) => [lon + x, lat + y])],
      },
      properties: {
        kind: 'landslide',
        valid_to: new Date(Date.now() + 12 * HOUR_MS).toISOString(),
        ...properties,
      },
    },
  });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

async function openZone(zone, actor, options = {}) {
  const window = await openWindow(browser, server, {
    actor,
    page: '/plan',
    ...options,
  });
  await window.mapDrawn();
  await window.page.locator(`[data-testid="zone-row"][data-id="${zone.id}"]`).getByRole('button').click();
  await window.page.getByTestId('zone-warnings').waitFor();
  return { ...window, box: window.page.getByTestId('zone-warnings') };
}

test('a second person releases a warning, and one press takes it back everywhere', async () => {
  const zone = await drawn({ name: 'Sườn Nậm Cười', level: 3 });
  const first = await openZone(zone, 'planner');
  const second = await openZone(zone, 'border_officer');

  await first.box.getByTestId('warning-why').fill('Mưa to từ đêm qua');
  await first.box.getByTestId('warn').click();
  const waiting = '[data-testid="warning"][data-state="awaiting_second"]';
  await first.box.locator(waiting).waitFor();
  assert.ok(
    await first.box.getByTestId('warning-release').isDisabled(),
    'whoever wrote it does not release it',
  );
  await second.box.locator(waiting).waitFor();
  await second.box.getByTestId('warning-texts').locator('summary').click();
  await second.box.locator('[data-text="loudspeaker"]').getByText('Sườn Nậm Cười').waitFor();
  await second.page.screenshot({
    path: path.join(out, 'plan-warning-waits.png'),
  });
  await second.box.getByTestId('warning-release').click();
  const standing = '[data-testid="warning"][data-state="released"][data-type="alert"]';
  for (const { box } of [first, second]) await box.locator(standing).waitFor();

  const texts = first.box.getByTestId('warning-texts');
  await texts.locator('summary').click();
  await texts.locator('[data-text="sms_plain"]').getByText('Suon Nam Cuoi').waitFor();
  await texts
    .locator('[data-text="sms"]')
    .getByText(/\d+ ký tự, \d+ tin/)
    .waitFor();
  await texts.getByTestId('warning-language').selectOption('hmn');
  await texts.getByText('BẢN NHÁP: chưa có lời').waitFor();
  await texts.locator('[data-text="loudspeaker"]').getByText('Sườn Nậm Cười').waitFor();
  await first.page.screenshot({
    path: path.join(out, 'plan-warning-texts.png'),
  });
  assert.deepEqual(await barriers(first.page), []);
  const href = await first.box.getByRole('link', { name: 'Tệp CAP' }).getAttribute('href');
  const cap = await first.page.evaluate(async (path) => (await fetch(path)).text(), href);
  assert.match(cap, /<msgType>Alert<\/msgType>/);

  await second.box.getByTestId('warning-cancel').click();
  await second.box.getByTestId('warning-reason').fill('nhầm sườn');
  await second.box.getByTestId('warning-reason-send').click();
  const cancelled = '[data-testid="warning"][data-state="released"][data-type="cancel"]';
  for (const { box } of [first, second]) {
    await box.locator(cancelled).waitFor();
    assert.equal(await box.locator(standing).count(), 0);
    await box.getByTestId('warn').waitFor();
  }
  const feed = await first.page.evaluate(async () => (await fetch('/api/warnings.atom')).text());
  assert.equal(feed.match(/<entry>/g).length, 1, 'the feed has the cancel alone');
  assert.match(feed, /Huỷ tin/);
  await first.page.screenshot({
    path: path.join(out, 'plan-warning-cancelled.png'),
  });
  await first.close();
  await second.close();
});

test('the card says what is missing before a warning can go out', async () => {
  const zone = await drawn({ name: 'Sườn chưa có cấp' });
  const { box, close } = await openZone(zone, 'planner');
  await box.getByTestId('warning-missing').getByText('chưa có cấp').waitFor();
  assert.equal(await box.getByTestId('warn').count(), 0);
  await close();
});

test('whoever only looks sees the warning and no button', async () => {
  const zone = await drawn({ name: 'Sườn để xem', level: 1 });
  const sent = await server.api('planner', `/api/risk_zones/${zone.id}/warnings`, {
    method: 'POST',
    body: {},
  });
  assert.equal(sent.status, 201, JSON.stringify(sent.body));
  const { box, close } = await openZone(zone, 'observer');
  await box.locator('[data-testid="warning"][data-state="released"]').waitFor();
  for (const name of ['warn', 'warning-update', 'warning-cancel', 'warning-clear']) {
    assert.equal(await box.getByTestId(name).count(), 0, name);
  }
  await close();
});
