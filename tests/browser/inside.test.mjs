// The story of 29 households that are moved from under a slope: board, list, API and journal say the same at each step,
// until nobody is left inside. The households and people are the demo's, invented.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, openWindow, out, PHONE, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

const SLOPE = 'Sườn Pá Hạ';
const HOUSEHOLDS = 29;

const board = async (zone = SLOPE) => {
  const { body } = await server.api('duty_officer', '/api/inside');
  return body.zones.find(({ name }) => name === zone);
};
const evacuees = async (zone) => (await server.api('duty_officer', `/api/risk_zones/${zone}/inside`)).body.households;
const shelters = async () =>
  (await server.api('duty_officer', '/api/collections/shelters/items?limit=1000')).body.features;

async function tell(household, body) {
  const headers = { 'idempotency-key': randomUUID() };
  const answer = await server.api('duty_officer', `/api/households/${household}/evacuation`, { method: 'POST', body, headers });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

/** What the open board says of the slope, by column. */
const shown = (page, zone) =>
  page.evaluate(
    (id) =>
      Object.fromEntries(
        [...document.querySelectorAll(`tr[data-zone="${id}"] [data-figure]`)].map((cell) => [
          cell.dataset.figure,
          Number((cell.querySelector('b') ?? cell.firstChild).textContent.trim()),
        ]),
      ),
    zone,
  );

/** Waits until the page says what the API says, and that the parts sum up to the list. */
async function agree(page, zone) {
  let said;
  await until(
    async () => {
      const { people } = (await board()).figures;
      said = await shown(page, zone);
      return Object.entries(said).every(([name, value]) => !(name in people) || people[name] === value);
    },
    'the board says what the API says',
    20_000,
  ).catch((error) => Promise.reject(new Error(`${error.message}: ${JSON.stringify(said)}`)));
  const { people, households } = (await board()).figures;
  for (const counts of [people, households]) {
    const { registered, still_inside: _, ...parts } = counts;
    assert.equal(Object.values(parts).reduce((sum, part) => sum + part), registered, JSON.stringify(counts));
  }
  assert.equal(households.registered, HOUSEHOLDS);
  return { people, households };
}

/** Opens the printed sheet of a zone and holds it against the API; keeps it as a PDF if it is given a name. */
async function printedAgrees(zone, file) {
  const window = await openWindow(browser, server, { actor: 'duty_officer', page: `/sheet?zone=${zone}` });
  const { page } = window;
  await page.getByTestId('sheet-people').waitFor({ timeout: 20_000 });
  const { people, households } = (await board()).figures;
  const text = async (id) => Number(await page.getByTestId(id).textContent());
  assert.equal(await text('sheet-people'), people.still_inside);
  assert.equal(await text('sheet-households'), households.still_inside);
  assert.equal(await text('sheet-registered'), HOUSEHOLDS);
  assert.equal(await page.getByTestId('sheet-row').count(), HOUSEHOLDS);
  for (const state of ['unknown', 'notified', 'moving', 'sheltered', 'refused'])
    assert.equal(Number(await page.locator(`[data-sheet="${state}"]`).textContent()), people[state], state);
  if (file) {
    assert.deepEqual(await barriers(page), []);
    await page.pdf({ path: path.join(out, file), preferCSSPageSize: true, printBackground: true });
  }
  await window.close();
}

test('29 households are moved out of a slope, and every figure agrees until nobody is inside', async () => {
  const { id: zone, figures: before } = await board();
  assert.equal(before.households.registered, HOUSEHOLDS);
  const window = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  const { page } = window;
  const total = page.getByTestId('inside-people');
  await total.waitFor({ timeout: 30_000 });
  await page.screenshot({ path: path.join(out, 'inside-duty.png') });
  await page.keyboard.press('z');
  await page.getByTestId('inside-board').waitFor();
  const start = await agree(page, zone);
  assert.ok(start.people.still_inside > 0 && start.households.still_inside > 0, 'some are out already, most are not');
  await page.screenshot({ path: path.join(out, 'inside-board.png') });
  assert.deepEqual(await barriers(page), []);

  // The first household, at the desk: told, on its way, refused by one of them, arrived.
  await page.locator(`tr[data-zone="${zone}"] button`).click();
  await page.getByTestId('evacuees').waitFor();
  assert.equal(await page.locator('tr[data-household]').count(), HOUSEHOLDS);
  const first = (await evacuees(zone)).find(({ members, still_inside: left }) => members > 1 && left === members);
  const row = page.locator(`tr[data-household="${first.id}"]`);
  const report = page.getByTestId('household-report');
  const send = page.getByTestId('household-report-send');
  await row.locator('[data-tells="notified"]').click();
  await report.locator('[name="heard"]').fill('Trưởng bản');
  await send.click();
  await page.locator(`tr[data-household="${first.id}"][data-state="notified"]`).waitFor();
  await row.locator('[data-tells="refused"]').click();
  await report.locator('[name="people"]').fill('1');
  await report.locator('[name="reason"]').fill('còn trâu');
  await page.screenshot({ path: path.join(out, 'inside-households.png') });
  assert.deepEqual(await barriers(page), []);
  await send.click();
  await page.locator(`tr[data-household="${first.id}"]`).getByText('đến lại').waitFor();

  // What was told wrong is taken back with a reason, and stays to be read; then it is told again, rightly.
  await row.getByTestId('household-open').click();
  const refusal = page.locator('[data-report="refused"]');
  await refusal.getByTestId('withdraw').click();
  await refusal.locator('[name="reason"]').fill('nhầm nhà');
  await page.screenshot({ path: path.join(out, 'inside-withdraw.png') });
  assert.deepEqual(await barriers(page), []);
  await refusal.getByTestId('withdraw-send').click();
  await refusal.getByText('nhầm nhà').waitFor();
  await page.locator(`tr[data-household="${first.id}"][data-state="notified"]`).waitFor();
  assert.equal(await row.getByText('đến lại').count(), 0, 'nobody refuses any more');
  await row.getByTestId('household-open').click();
  await row.locator('[data-tells="refused"]').click();
  await report.locator('[name="people"]').fill('1');
  await report.locator('[name="reason"]').fill('còn trâu');
  await send.click();
  await page.locator(`tr[data-household="${first.id}"]`).getByText('đến lại').waitFor();
  await page.getByTestId('inside-back').click();
  const one = await agree(page, zone);
  await printedAgrees(zone, 'inside-sheet.pdf');
  assert.equal(one.people.refused, start.people.refused + 1);
  assert.equal(one.people.still_inside, start.people.still_inside, 'who is told or refuses is inside');

  // The others: told, on their way, and counted where they arrive. One household of five people comes with four.
  const others = (await evacuees(zone)).filter(({ id, still_inside: left }) => id !== first.id && left > 0);
  const outAtStart = start.people.registered - start.people.still_inside;
  for (const { id } of others) await tell(id, { state: 'notified', channel: 'loudspeaker' });
  const told = await agree(page, zone);
  assert.equal(told.people.unknown, 0);
  assert.equal(told.people.still_inside, start.people.still_inside);
  for (const { id, members } of others) await tell(id, { state: 'moving', people: members, escort: 'Xung kích xã' });
  const moving = await agree(page, zone);
  assert.equal(moving.people.still_inside, moving.people.registered - outAtStart, 'whoever is on the way is inside');
  const room = (await shelters()).map(({ id, properties }) => ({ id, free: properties.capacity - (properties.occupied ?? 0) }));
  const place = (people) => {
    const fits = room.find(({ free }) => free >= people);
    fits.free -= people;
    return fits.id;
  };
  const late = others.find(({ members, still_inside: left }) => members > 1 && left === members);
  for (const { id, members } of others) {
    const people = id === late.id ? members - 1 : members;
    await tell(id, { state: 'sheltered', people, shelter_id: place(members) });
  }
  const arrived = await agree(page, zone);
  assert.equal(arrived.people.still_inside, first.members + 1, 'one of the late household is still on the way');
  assert.ok((await evacuees(zone)).find(({ id }) => id === late.id).still_inside === 1);
  await page.screenshot({ path: path.join(out, 'inside-arriving.png') });
  const at = (await server.api('duty_officer', `/api/collections/households/items/${late.id}`)).body;
  const shelter_id = at.properties.reports.findLast(({ state }) => state === 'sheltered').shelter_id;
  await tell(late.id, { state: 'sheltered', people: late.members, shelter_id });
  await tell(first.id, { state: 'sheltered', people: first.members, shelter_id: place(first.members) });

  await printedAgrees(zone);

  // Nobody is inside: on the board, in the sentence, in the list and in the journal.
  const end = await agree(page, zone);
  assert.deepEqual([end.people.still_inside, end.households.still_inside], [0, 0]);
  assert.equal(end.people.sheltered + end.people.with_relatives, end.people.registered);
  await page.locator(`tr[data-zone="${zone}"] button`).click();
  await page.getByTestId('board-sentence').getByText('đã ra hết').waitFor();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.keyboard.press('k');
  await until(
    async () => (await page.evaluate(() => navigator.clipboard.readText())).includes(`${SLOPE}: đã ra hết`),
    'the sentence is copied',
  );
  await page.screenshot({ path: path.join(out, 'inside-none.png') });
  const moved = (await evacuees(zone)).filter(({ still_inside: left }) => left === 0);
  assert.equal(moved.length, HOUSEHOLDS);
  const kept = await server.api('duty_officer', '/api/collections/households/items?limit=5000');
  assert.equal(kept.status, 200, JSON.stringify(kept.body));
  const inZone = kept.body.features.filter(({ id }) => moved.some((one) => one.id === id));
  const isOut = ({ properties }) => ['sheltered', 'with_relatives'].includes(properties.state);
  assert.equal(inZone.filter(isOut).length, HOUSEHOLDS, JSON.stringify(inZone.slice(0, 2)));
  await window.close();
});

test('people on no list stand beside the count, by whose word', async () => {
  const { id: zone } = await board();
  const window = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  const { page } = window;
  await page.getByTestId('inside-people').waitFor({ timeout: 30_000 });
  await page.keyboard.press('z');
  await page.locator(`tr[data-zone="${zone}"] button`).click();
  const form = page.getByTestId('outsiders');
  await form.locator('[name="people"]').fill('30');
  await form.locator('[name="plus-minus"]').fill('5');
  await form.locator('[name="told-by"]').fill('Chỉ huy công trường');
  await page.getByTestId('outsiders-send').click();
  await page.getByTestId('board-sentence').getByText('ngoài danh sách 30 ± 5').waitFor();
  await page.getByTestId('inside-back').click();
  const cell = page.locator(`tr[data-zone="${zone}"] [data-figure="on_no_list"]`);
  await cell.getByText('Chỉ huy công trường').waitFor();
  assert.match(await cell.textContent(), /30 ± 5/);
  await window.close();
});

test('who goes from door to door tells it without a link, and the desk counts it when the link is back', async () => {
  const { id: zone } = await board('Sườn Phô Hồ Thầu');
  const home = (await evacuees(zone))[0];
  const [longitude, latitude] = home.position;
  const place = { lon: longitude, lat: latitude };
  const reported = await server.api('border_officer', '/api/incidents', {
    method: 'POST',
    body: { kind: 'landslide', title: 'Nứt sườn, đi từng nhà', severity: 2, place },
  });
  assert.equal(reported.status, 201, JSON.stringify(reported.body));
  const { id: incident, properties } = reported.body.incident;
  const unit_id = (await server.api('field_unit', '/api/session')).body.actor.unit_id;
  const sent = await server.api('border_officer', `/api/incidents/${incident}/assignments`, {
    method: 'POST',
    body: { unit_id },
    headers: { 'if-match': `"${properties.version}"` },
  });
  assert.equal(sent.status, 200, JSON.stringify(sent.body));

  const geolocation = { latitude, longitude, accuracy: 8 };
  const phone = await openWindow(browser, server, { actor: 'field_unit', page: '/field', ...PHONE, geolocation });
  const { page } = phone;
  await page.getByTestId('open-doors').click({ timeout: 30_000 });
  const door = (id) => page.locator(`[data-testid="door"][data-household="${id}"]`);
  const households = (await evacuees(zone)).filter(({ members }) => members > 1);
  const [told, left] = [households[0], households[1]];
  await door(told.id).waitFor();
  assert.deepEqual(await barriers(page), []);

  await phone.context.setOffline(true);
  await page.getByTestId('offline-banner').waitFor({ state: 'attached' });
  await door(told.id).locator('button').first().click();
  const sizes = await page.locator('.does .big').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
  assert.ok(sizes.length === 6 && sizes.every((height) => height >= 56), String(sizes));
  await page.screenshot({ path: path.join(out, 'inside-field.png') });
  await door(told.id).locator('[data-tells="unreachable"]').click();
  await page.getByTestId('household-report-send').click();
  await page.locator(`[data-household="${told.id}"][data-waits="unreachable"]`).waitFor();
  await door(left.id).locator('button').first().click();
  await door(left.id).locator('[data-tells="moving"]').click();
  await page.getByTestId('household-report').locator('[name="people"]').fill(String(left.members - 1));
  await page.screenshot({ path: path.join(out, 'inside-field-report.png') });
  await page.getByTestId('household-report-send').click();
  await page.locator(`[data-household="${left.id}"][data-waits="moving"]`).waitFor();
  const before = await evacuees(zone);
  assert.notEqual(before.find(({ id }) => id === told.id).state, 'unreachable', 'nothing has left the phone');

  await phone.context.setOffline(false);
  const reports = async (id) =>
    (await server.api('duty_officer', `/api/collections/households/items/${id}`)).body.properties.reports ?? [];
  await until(
    async () => (await reports(told.id)).length > 0 && (await reports(left.id)).length > 0,
    'what was told without a link has arrived',
    30_000,
  );
  const now = (await evacuees(zone)).find(({ id }) => id === told.id);
  assert.deepEqual([now.state, now.still_inside], ['unreachable', told.members]);
  const report = (await reports(left.id)).at(-1);
  assert.deepEqual([report.state, report.people], ['moving', left.members - 1]);
  assert.ok(JSON.stringify(report).includes(unit_id), 'the unit escorts them');
  await page.locator('[data-waits]').first().waitFor({ state: 'detached', timeout: 30_000 });

  // Whoever leaves takes the list along.
  const kept = () =>
    page.evaluate(
      () =>
        new Promise((resolve) => {
          const opening = indexedDB.open('trucban-field');
          opening.onsuccess = () => {
            const asked = opening.result.transaction('kept').objectStore('kept').get('doors');
            asked.onsuccess = () => {
              opening.result.close();
              resolve(asked.result !== undefined);
            };
          };
        }),
    );
  assert.equal(await kept(), true);
  await page.evaluate(() => fetch('/api/session', { method: 'DELETE' }));
  await page.goto(server.url);
  await until(async () => !(await kept()), 'the list is taken off the phone');
  await phone.close();
});
