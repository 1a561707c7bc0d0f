// Orders between a duty room and a unit's phone: acknowledged, declined, timed out, told by radio, queued, asked of
// another force, distress. Two browsers: the duty officer's desk and the phone that carries the order out.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { openWindow, out, PHONE, startBoth, startServer, until } from './support.mjs';

const { browser, server } = await startBoth();

const own = (await server.api('field_unit', '/api/session')).body.actor.unit_id;

const desk = async (at = server, actor = 'border_officer') => {
  const window = await openWindow(browser, at, { actor, page: '/duty' });
  await window.page.locator('li[data-id]').first().waitFor({ timeout: 30_000 });
  return window;
};
const phone = async (at = server) => {
  const window = await openWindow(browser, at, { actor: 'field_unit', page: '/field', ...PHONE });
  await window.page.getByTestId('near-row').first().waitFor({ timeout: 30_000 });
  return window;
};

/** Reports an incident where the phone is; its id. */
async function report(at, kind, title, actor = 'border_officer') {
  const { latitude: lat, longitude: lon } = PHONE.geolocation;
  const body = { kind, title, severity: 2, place: { lon, lat } };
  const made = await at.api(actor, '/api/incidents', { method: 'POST', body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.incident.id;
}

/** Assigns the phone's unit; its assignment. */
async function assign(at, incident, actor = 'border_officer', unit = own) {
  const { body: seen } = await at.api(actor, `/api/collections/incidents/items/${incident}`);
  const answer = await at.api(actor, `/api/incidents/${incident}/assignments`, {
    method: 'POST',
    body: { unit_id: unit },
    headers: { 'if-match': `"${seen.properties.version}"` },
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.assignment.id;
}

const stateOf = async (at, order) =>
  (await at.api('admin', `/api/collections/assignments/items/${order}`)).body.properties.state;
const reaches = (at, order, state) =>
  until(async () => (await stateOf(at, order)) === state, `the order is ${state}`, 30_000);
const select = (page, title) => page.locator('li[data-id]', { hasText: title }).getByRole('button').first().click();
const line = (page, order) => page.locator(`[data-testid="order"][data-id="${order}"]`);

/** Ends what a test left, so that the next one finds a free unit. */
async function finish(at, incident) {
  const route = `/api/collections/incidents/items/${incident}`;
  for (const [verb, body] of [['start', {}], ['close', { outcome: 'resolved' }], ['reject', { reason: 'xong' }]]) {
    const { body: seen } = await at.api('border_officer', route);
    await at.api('border_officer', `/api/incidents/${incident}/${verb}`, {
      method: 'POST',
      body,
      headers: { 'if-match': `"${seen.properties.version}"` },
    });
  }
}

test('an order is acknowledged on the phone and led to its end, and the board follows', async () => {
  const incident = await report(server, 'flash_flood', 'Lũ quét thử');
  const order = await assign(server, incident);
  const [duty, field] = [await desk(), await phone()];
  await duty.page.keyboard.press('b');
  await line(duty.page, order).and(duty.page.locator('[data-state="dispatched"]')).waitFor();
  await field.page.getByTestId('ack-due').waitFor();
  await field.page.screenshot({ path: path.join(out, 'orders-phone-dispatched.png') });
  await field.page.getByTestId('acknowledge').tap();
  await line(duty.page, order).and(duty.page.locator('[data-state="acknowledged"]')).waitFor();
  // It is out now: from time to time it must say that it is safe, or that it will not be heard.
  await field.page.getByTestId('safe-due').waitFor();
  await field.page.getByTestId('no-coverage').tap();
  await field.page.locator('[data-hours="2"]').tap();
  await until(async () => {
    const { body } = await server.api('admin', `/api/collections/assignments/items/${order}`);
    return body.properties.no_coverage_until;
  }, 'the announced absence is with the server');
  await duty.page.getByText('mất sóng đến').first().waitFor();
  await field.page.screenshot({ path: path.join(out, 'orders-phone-acknowledged.png') });
  await duty.page.screenshot({ path: path.join(out, 'orders-board.png') });
  await field.page.getByTestId('safe').tap();
  await field.page.getByTestId('en-route').tap();
  await reaches(server, order, 'en_route');
  await field.page.getByTestId('arrived').tap();
  await line(duty.page, order).and(duty.page.locator('[data-state="on_scene"]')).waitFor();
  await field.page.getByTestId('clear').tap();
  await reaches(server, order, 'cleared');
  await line(duty.page, order).waitFor({ state: 'detached' });
  await field.page.getByTestId('task').waitFor({ state: 'detached' });
  await finish(server, incident);
  await duty.close();
  await field.close();
});

test('what the phone says of its order without a link is sent when the link is back', async () => {
  const incident = await report(server, 'other', 'Mất sóng thử');
  const order = await assign(server, incident);
  const field = await phone();
  await field.page.getByTestId('acknowledge').waitFor();
  await field.context.setOffline(true);
  await field.page.getByTestId('offline-banner').waitFor();
  await field.page.getByTestId('acknowledge').tap();
  await field.page.getByTestId('en-route').tap();
  assert.equal(await stateOf(server, order), 'dispatched');
  await field.context.setOffline(false);
  await reaches(server, order, 'en_route');
  const { body } = await server.api('admin', `/api/collections/assignments/items/${order}`);
  assert.deepEqual(body.properties.steps.map(({ to }) => to), ['dispatched', 'acknowledged', 'en_route']);
  await finish(server, incident);
  await field.close();
});

test('an order that is declined rings at the desk, and one key sends the next unit', async () => {
  const title = 'Từ chối thử';
  const incident = await report(server, 'other', title);
  const order = await assign(server, incident);
  const [duty, field] = [await desk(), await phone()];
  await select(duty.page, title);
  await field.page.getByTestId('decline').tap();
  await field.page.getByTestId('decline-sheet').locator('button', { hasText: 'Đường tắc' }).tap();
  await reaches(server, order, 'declined');
  const alarm = duty.page.locator('[data-testid="raised"] [data-kind="assignment_declined"]');
  await alarm.getByText('Đường tắc').waitFor();
  const next = duty.page.getByTestId('next-best');
  await next.waitFor();
  await duty.page.screenshot({ path: path.join(out, 'orders-declined.png') });
  await duty.page.keyboard.press('t');
  await alarm.waitFor({ state: 'detached' });
  await duty.page.keyboard.press('a');
  await until(async () => {
    const { body } = await server.api('admin', `/api/collections/incidents/items/${incident}`);
    const sent = [...(body.properties.unit_ids ?? []), ...(body.properties.requested_unit_ids ?? [])];
    return sent.length === 1 && sent[0] !== own;
  }, 'another unit is sent, or asked for');
  await finish(server, incident);
  await duty.close();
  await field.close();
});

test('an order that nobody acknowledges times out, and the phone that comes late is told so', async () => {
  const hasty = await startServer({ config: '[timers]\nack_s = 15\n' });
  after(() => hasty.stop());
  const title = 'Quá hạn thử';
  const incident = await report(hasty, 'other', title);
  const [duty, field] = [await desk(hasty), await phone(hasty)];
  await select(duty.page, title);
  const order = await assign(hasty, incident);
  await field.page.getByTestId('acknowledge').waitFor();
  await field.context.setOffline(true);
  await field.page.getByTestId('offline-banner').waitFor();
  await field.page.getByTestId('acknowledge').tap();
  await reaches(hasty, order, 'timed_out');
  await duty.page.locator('[data-testid="raised"] [data-kind="assignment_timed_out"]').waitFor();
  await duty.page.getByTestId('next-best').waitFor();
  await duty.page.screenshot({ path: path.join(out, 'orders-timed-out.png') });
  await field.context.setOffline(false);
  await field.page.getByTestId('link-line').tap();
  const refused = field.page.locator('[data-testid="outbox-item"][data-state="refused"]');
  await refused.getByText('quá hạn nhận lệnh').waitFor({ timeout: 20_000 });
  await field.page.screenshot({ path: path.join(out, 'orders-phone-late.png') });
  await duty.close();
  await field.close();
});

test('what is heard by radio is written down for the unit, with who was heard', async () => {
  const title = 'Bộ đàm thử';
  const incident = await report(server, 'other', title);
  const order = await assign(server, incident);
  const duty = await desk();
  await select(duty.page, title);
  await line(duty.page, order).getByTestId('on-behalf').click();
  const form = duty.page.getByTestId('order-form');
  await form.locator('[name="told_by"]').fill('Thiếu tá Hùng');
  await duty.page.screenshot({ path: path.join(out, 'orders-on-behalf.png') });
  await form.locator('button[type="submit"]').click();
  await reaches(server, order, 'acknowledged');
  const { body } = await server.api('admin', `/api/collections/assignments/items/${order}`);
  const step = body.properties.steps.at(-1);
  assert.deepEqual([step.by, step.source, step.told_by], ['border_officer', 'radio', 'Thiếu tá Hùng']);
  await finish(server, incident);
  await duty.close();
});

test('a busy unit keeps its work, and its phone goes on to what waited', async () => {
  const [first, second] = [await report(server, 'other', 'Việc một'), await report(server, 'other', 'Việc hai')];
  const order = await assign(server, first);
  const field = await phone();
  await field.page.getByTestId('acknowledge').tap();
  await reaches(server, order, 'acknowledged');
  const waiting = await assign(server, second);
  assert.equal(await stateOf(server, waiting), 'queued');
  await field.page.getByText('1 việc khác đang chờ').waitFor();
  await field.page.getByTestId('arrived').tap();
  await field.page.getByTestId('clear').tap();
  await reaches(server, waiting, 'dispatched');
  await field.page.locator(`[data-testid="task"][data-id="${second}"]`).waitFor();
  await finish(server, first);
  await finish(server, second);
  await field.close();
});

test('another force is asked, hears it ring, and agrees with one key', async () => {
  const title = 'Phối hợp thử';
  const incident = await report(server, 'other', title, 'duty_officer');
  const order = await assign(server, incident, 'duty_officer');
  assert.equal(await stateOf(server, order), 'requested');
  const [asks, asked] = [await desk(server, 'duty_officer'), await desk()];
  await asks.page.keyboard.press('b');
  await line(asks.page, order).waitFor();
  await select(asked.page, title);
  await asked.page.locator('[data-testid="raised"] [data-kind="support_requested"]').waitFor();
  await asked.page.screenshot({ path: path.join(out, 'orders-requested.png') });
  await asked.page.keyboard.press('y');
  await reaches(server, order, 'dispatched');
  await line(asks.page, order).and(asks.page.locator('[data-state="dispatched"]')).waitFor();
  await finish(server, incident);
  await asks.close();
  await asked.close();
});

test('distress on the phone rings until a named person takes it, and stands until the desk clears it', async () => {
  const [duty, field] = [await desk(), await phone()];
  const box = await field.page.getByTestId('sos').boundingBox();
  await field.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await field.page.mouse.down();
  await field.page.waitForTimeout(2_400);
  await field.page.mouse.up();
  await field.page.locator('[data-testid="distress"][data-heard="true"]').waitFor({ timeout: 20_000 });
  // The demo's own grave incident is the other.
  await duty.page.locator('.alarms button.alarm', { hasText: /^2 / }).waitFor();
  // The first press goes there, the second takes it.
  await duty.page.keyboard.press('t');
  const call = duty.page.locator('[data-testid="raised"] [data-kind="distress"]');
  await call.waitFor();
  await duty.page.screenshot({ path: path.join(out, 'orders-distress.png') });
  await duty.page.keyboard.press('t');
  await call.getByText('Trực ban biên phòng xác nhận').waitFor();
  await duty.page.locator('.alarms button.alarm', { hasText: /^1 / }).waitFor();
  const held = await server.api('field_unit', `/api/units/${own}/status`, { method: 'POST', body: { status: 'available' } });
  assert.equal(held.status, 409, 'the unit does not clear it');
  await duty.page.locator('#unit-status').selectOption('available');
  await duty.page.locator('form:has(#unit-status) button[type="submit"]').click();
  await call.waitFor({ state: 'detached' });
  await duty.close();
  await field.close();
});
