// The duty officer's page, as two officers use it at once.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { openPage, openWindow, out, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

async function duty(actor = 'duty_officer') {
  const window = await openWindow(browser, server, { actor, page: '/duty' });
  await window.page.locator('li[data-id]').first().waitFor({ timeout: 30_000 });
  return window;
}
const forms = (page) => page.locator('form:has([id$="-phone"])');
const row = (page, title) => page.locator('li[data-id]', { hasText: title });

async function newDraft(page) {
  const before = await forms(page).count();
  await page.keyboard.press('n');
  await until(async () => (await forms(page).count()) === before + 1, 'a new draft is opened');
  return forms(page).nth(before);
}

test('an incident reported on the map stands in a second browser without a reload', async () => {
  const one = await openPage(browser, server, { page: '/' });
  await one.page.locator('[data-actor="duty_officer"]').click();
  await one.page.waitForURL(`${server.url}/duty`);
  const two = await duty();
  await one.mapDrawn();
  const form = await newDraft(one.page);
  await form.locator('[id$="-phone"]').fill('0000 000 001');
  await form.locator('[id$="-kind"]').selectOption('flash_flood');
  await form.locator('.place button').click();
  const canvas = one.page.locator('canvas.maplibregl-canvas');
  const box = await canvas.boundingBox();
  await one.page.mouse.click(box.x + box.width * 0.55, box.y + box.height * 0.6);
  await until(async () => (await form.locator('.said.chosen').count()) === 1, 'the click is taken as the place');
  await form.locator('[id$="-text"]').fill('Nước lên nhanh, bốn nhà ở ven suối');
  await form.locator('[id$="-text"]').press('Control+Enter');
  await until(async () => (await forms(one.page).count()) === 0, 'the sent draft is gone');

  const found = await server.api('duty_officer', '/api/collections/incidents/items?kind=flash_flood&state=reported');
  assert.equal(found.status, 200);
  const incident = found.body.features.find((f) => f.properties.reporter_phone === '0000 000 001');
  assert.ok(incident, 'the report is in the store, with its caller');
  assert.match(incident.properties.code, /^LC-\d{4}-Q[1-4]-\d{4}$/);
  // How soon is measured by the bench: two pages that draw their maps in software share the processors of this machine.
  await two.page.locator(`li[data-id="${incident.id}"]`).waitFor();
  await one.page.screenshot({ path: path.join(out, 'duty-reported.png') });
  await one.close();
  await two.close();
});

test('two half-typed reports survive a reload, and neither takes the focus from the other', async () => {
  const { page, close } = await duty();
  const first = await newDraft(page);
  await first.locator('[id$="-phone"]').fill('0000 000 002');
  await first.locator('[id$="-text"]').fill('Đá lăn xuống đường, còn đang đổ');
  await page.locator('body').press('Escape');
  await page.evaluate(() => document.activeElement?.blur());
  const second = await newDraft(page);
  await second.locator('[id$="-phone"]').fill('0000 000 003');
  await second.locator('[id$="-place"]').pressSequentially('QL12 Km46+300', { delay: 15 });
  assert.ok(
    await second.locator('[id$="-place"]').evaluate((field) => field === document.activeElement),
    'candidates that come in while typing leave the focus where it is',
  );
  await page.waitForTimeout(600);
  await page.reload();
  await until(async () => (await forms(page).count()) === 2, 'both drafts are there again');
  const phones = await page.locator('form [id$="-phone"]').evaluateAll((fields) => fields.map((f) => f.value));
  assert.deepEqual(phones.sort(), ['0000 000 002', '0000 000 003']);
  const texts = await page.locator('form [id$="-text"]').evaluateAll((fields) => fields.map((f) => f.value));
  assert.ok(texts.includes('Đá lăn xuống đường, còn đang đổ'));
  const places = await page.locator('form [id$="-place"]').evaluateAll((fields) => fields.map((f) => f.value));
  assert.ok(places.includes('QL12 Km46+300'));
  await page.screenshot({ path: path.join(out, 'duty-drafts.png') });
  await close();
});

test('the nearest unit is assigned with one key, and both browsers see it at once', async () => {
  const made = await server.api('duty_officer', '/api/incidents', {
    method: 'POST',
    body: { kind: 'landslide', severity: 3, title: 'Sạt lở thử nghiệm', place: { lon: 102.85, lat: 22.54 } },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const id = made.body.incident.id;
  // The nearest is a unit of the border guard: its own duty officer sends it, another would have to ask.
  const one = await duty('border_officer');
  const two = await duty();
  await row(one.page, 'Sạt lở thử nghiệm').getByRole('button').click();
  await one.page.locator('ol > li.best').waitFor();
  const unit = (await one.page.locator('ol > li.best .name').first().textContent()).trim();
  await one.page.keyboard.press('a');
  await until(async () => {
    const now = await server.api('duty_officer', `/api/collections/incidents/items/${id}`);
    return now.body.properties.state === 'dispatched' && now.body.properties.unit_ids?.length === 1;
  }, 'the unit is assigned');
  await row(two.page, 'Sạt lở thử nghiệm').getByRole('button').click();
  await two.page.getByText(unit).first().waitFor();
  const log = await server.api('duty_officer', `/api/incidents/${id}/log`);
  assert.deepEqual(
    log.body.features.map((f) => f.properties.kind),
    ['reported', 'assigned'],
  );
  await one.page.screenshot({ path: path.join(out, 'duty-assigned.png') });
  await one.close();
  await two.close();
});

test('one key goes from alarm to alarm and takes the one in view', async () => {
  const report = async (title) => {
    const body = { kind: 'flash_flood', severity: 4, title, place: { lon: 103.2, lat: 22.5 } };
    const made = await server.api('duty_officer', '/api/incidents', { method: 'POST', body });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body.incident.id;
  };
  const propertiesOf = async (id) =>
    (await server.api('duty_officer', `/api/collections/incidents/items/${id}`)).body.properties;
  const isTaken = async (id) => Boolean((await propertiesOf(id)).acknowledged_at);
  const grave = await server.api('duty_officer', '/api/collections/incidents/items?severity=4&limit=1000');
  for (const { id } of grave.body.features) {
    const headers = { 'if-match': `"${(await propertiesOf(id)).version}"` };
    await server.api('duty_officer', `/api/incidents/${id}/acknowledge`, { method: 'POST', body: {}, headers });
  }
  const earlier = await report('Lũ thứ nhất');
  const later = await report('Lũ thứ hai');
  const { page, close } = await duty();
  await row(page, 'Lũ thứ hai').waitFor();
  const heading = (name) => page.getByRole('article').getByRole('heading', { name });
  await page.keyboard.press('t');
  await heading('Lũ thứ nhất').waitFor();
  assert.equal(await isTaken(earlier), false, 'to come into view is not to be taken');
  await page.keyboard.press('t');
  await until(() => isTaken(earlier), 'the one in view is taken');
  assert.equal(await isTaken(later), false);
  await page.locator('.button.alarm').waitFor({ state: 'hidden' });
  await page.keyboard.press('t');
  await heading('Lũ thứ hai').waitFor();
  await close();
});

test('what is half written for one incident is there again after a look at another', async () => {
  const { page, close } = await duty();
  const rows = page.locator('li[data-id] button');
  await rows.nth(0).click();
  await page.getByRole('article').waitFor();
  await page.keyboard.press('u');
  const text = page.getByRole('article').locator('form textarea');
  await text.waitFor();
  await page.keyboard.type('Da goi truong ban');
  await rows.nth(1).click();
  await text.waitFor({ state: 'hidden' });
  await rows.nth(0).click();
  assert.equal(await text.inputValue(), 'Da goi truong ban');
  assert.ok(!(await text.evaluate((field) => field === document.activeElement)), 'it does not take the focus');
  await page.getByRole('article').locator('form').getByRole('button', { name: 'Thôi' }).click();
  await page.keyboard.press('u');
  assert.equal(await text.inputValue(), '', 'what was thrown away stays away');
  await close();
});

test('the list of keys closes with Escape and lets no key through', async () => {
  const { page, close } = await duty();
  await page.locator('li[data-id] button').first().click();
  await page.getByRole('article').waitFor();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog');
  await help.waitFor();
  await page.keyboard.press('n');
  assert.equal(await forms(page).count(), 0, 'no report is opened behind it');
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'hidden' });
  assert.equal(await page.getByRole('article').count(), 1, 'what was selected stays selected');
  await close();
});

test('every page of the demo says that its data are invented', async () => {
  for (const page of ['/duty', '/plan', '/field']) {
    const window = await openWindow(browser, server, { actor: 'admin', page });
    await window.page.getByText(/dữ liệu minh hoạ/i).first().waitFor();
    await window.close();
  }
});

test('a call round starts with the place that is silent, and a call that is answered is seen by the other officer', async () => {
  const [one, other] = [await duty(), await duty('border_officer')];
  for (const { page } of [one, other]) {
    await page.locator('#tab-contacts').click();
    await page.getByTestId('open-call-round').click();
    await page.getByTestId('call-round').waitFor();
  }
  const { page } = one;
  const silent = (of) => of.getByTestId('call-round').getAttribute('data-silent').then(Number);
  const before = await silent(page);
  const communes = (await server.api('duty_officer', '/api/silence')).body.communes;
  const commune = communes.find(({ is_silent: isSilent, contacts }) => isSilent && contacts.length > 0);
  assert.ok(before > 0 && commune, 'some commune with a contact is silent');
  const place = (of) => of.locator(`[data-testid="silent-commune"][data-code="${commune.code}"]`);
  await place(page).getByRole('button').first().click();
  const contact = place(page).getByTestId('call-contact').first();
  await contact.getByTestId('call-in-vain').click();
  await contact.getByText(/gọi không được 1 lần/).waitFor();
  assert.equal(await silent(page), before, 'a call in vain is no sign');
  await page.screenshot({ path: path.join(out, 'call-round.png') });
  await page.getByTestId('call-note').fill('Mưa to, suối dâng');
  await contact.getByTestId('call-reached').click();
  await until(async () => (await silent(page)) === before - 1, 'the commune has been heard');
  await until(async () => (await place(other.page).getAttribute('data-silent')) === 'false', 'the other officer sees it');
  await page.locator('#tab-log').click();
  await page.getByText(/có trả lời: Mưa to, suối dâng/).first().waitFor();
  await one.close();
  await other.close();
});
