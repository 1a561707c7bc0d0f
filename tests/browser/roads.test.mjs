// Roads in the duty room and on the phone: closed by one, seen by all at once; tried, seen by nobody; who is cut off;
// which way a unit takes and how far one gets.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, DESKTOP, openWindow, out, PHONE, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

/** Tà Tổng: one road leads there. */
const COMMUNE = [102.604, 22.3233];
const ON_ITS_ROAD = [102.64, 22.3745];
const TOWN = [103.45824, 22.39644];
const NO_ROAD = [103.9, 22.7];
/** The seat of a commune that has a road. */
const BESIDE_ROAD = { longitude: 102.85, latitude: 22.4925, accuracy: 8 };
/** Two maps drawn without a graphics card: small ones leave the machine time for what is measured. */
const SMALL = { width: 1100, height: 640 };
const CLOSURES = '/api/collections/road_closures/items';

const route = await server.api('duty_officer', `/api/route?from=${ON_ITS_ROAD}&to=${TOWN}`);
assert.equal(route.status, 200, JSON.stringify(route.body));
const ON_ROAD = route.body.from.position;

const desk = async (actor, viewport = DESKTOP) => {
  const window = await openWindow(browser, server, { actor, page: '/duty', viewport });
  await window.page.locator('li[data-id]').first().waitFor({ timeout: 30_000 });
  await window.mapDrawn();
  return window;
};

async function report(kind, title, [lon, lat] = COMMUNE) {
  const body = { kind, title, severity: 2, place: { lon, lat } };
  const made = await server.api('duty_officer', '/api/incidents', { method: 'POST', body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.incident.id;
}

const select = (page, title) => page.locator('li[data-id]', { hasText: title }).getByRole('button').first().click();
const closures = async () => (await server.api('duty_officer', CLOSURES)).body.features;

/** Puts the map over a place and clicks it. */
async function point(page, at, zoom = 14) {
  await page.evaluate(([center, level]) => globalThis.__trucban.map.jumpTo({ center, zoom: level }), [at, zoom]);
  const box = await page.locator('.map-view .canvas').boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
}

async function openAll() {
  for (const { id, properties } of await closures()) {
    const headers = { 'if-match': `"${properties.version}"` };
    const answer = await server.api('duty_officer', `${CLOSURES}/${id}`, { method: 'DELETE', headers });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  }
}

/** What a page shows of roads. */
const seen = (page) =>
  page.evaluate(() => ({
    closures: document.querySelectorAll('[data-testid="closure"]').length,
    places: document.querySelector('[data-testid="cut-off"]')?.dataset.places,
    byRoad: document.querySelectorAll('li[data-basis="road_graph"]:not([data-profile="foot"])').length,
    candidates: document.querySelectorAll('li[data-basis]').length,
  }));

const signs = (page) =>
  page.evaluate(() => globalThis.__trucban.map.queryRenderedFeatures({ layers: ['closure-signs'] }).length);
const marks = (page) =>
  page.evaluate(() => globalThis.__trucban.map.queryRenderedFeatures({ layers: ['cut-off'] }).length);

/** When what follows from a closure that cuts one place off is seen on a page: names with milliseconds from now. */
function arrivals(page) {
  const start = Date.now();
  const arrives = (name, condition) =>
    page
      .waitForFunction(condition, undefined, { polling: 'raf', timeout: 15_000 })
      .then(() => [name, Date.now() - start]);
  return [
    arrives('closure in the list', () => document.querySelector('[data-testid="closure"]') !== null),
    arrives(
      'place that is cut off',
      () => document.querySelector('[data-testid="cut-off"]')?.dataset.places === '1',
    ),
    arrives(
      'advice',
      () => !document.querySelector('li[data-basis="road_graph"]:not([data-profile="foot"])'),
    ),
  ];
}

async function close(coordinates) {
  const properties = { reason: 'landslide', profiles: ['car', 'truck', 'motorbike'] };
  const body = { type: 'Feature', geometry: { type: 'Point', coordinates }, properties };
  const made = await server.api('duty_officer', CLOSURES, { method: 'POST', body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body;
}

test('what one closes is seen in the other room within a second, and opening restores it; tried, nobody sees it', async () => {
  const title = 'Sạt lở thử Tà Tổng';
  await report('landslide', title);
  const [one, other] = [await desk('duty_officer', SMALL), await desk('border_officer', SMALL)];
  await select(other.page, title);
  await other.page.locator('li[data-basis="road_graph"]').first().waitFor({ timeout: 20_000 });
  await other.page.keyboard.press('c');
  await other.page.locator('[data-testid="cut-off"][data-places="0"]').waitFor();
  const before = await seen(other.page);
  assert.ok(before.byRoad > 0, JSON.stringify(before));

  await one.page.keyboard.press('c');
  await one.page.keyboard.press('c');
  await one.page.getByTestId('close-road').waitFor();
  await point(one.page, ON_ROAD);
  await one.page.locator('[data-testid="what-if"][data-places="1"]').waitFor({ timeout: 20_000 });
  await one.page.screenshot({ path: path.join(out, 'roads-what-if.png') });
  // Long enough for anything to arrive that was sent.
  await other.page.waitForTimeout(1_500);
  assert.deepEqual(await seen(other.page), before, 'what is tried changes nothing for others');
  assert.equal((await closures()).length, 0);

  const waits = arrivals(other.page);
  await one.page.keyboard.press('Enter');
  const times = await Promise.all(waits);
  console.log(times.map(([name, ms]) => `${name}: ${ms} ms`).join(', '));
  await one.page.getByTestId('close-road').waitFor({ state: 'detached' });

  const [closure] = await closures();
  assert.deepEqual(closure.properties.profiles, ['car', 'motorbike', 'truck']);
  // Twenty metres of road, seen from the whole province.
  await other.page.evaluate(() => globalThis.__trucban.map.jumpTo({ center: [103.1, 22.3], zoom: 8.2 }));
  await until(async () => (await signs(other.page)) === 1, 'the sign of the closure is drawn');
  await until(async () => (await marks(other.page)) > 0, 'who is cut off is drawn');
  await other.page.locator('[data-testid="closure"]').getByText('đi bộ').waitFor();
  await other.page.evaluate(([lon, lat]) => globalThis.__trucban.map.jumpTo({ center: [lon, lat], zoom: 11 }), COMMUNE);
  await until(async () => (await marks(other.page)) > 0, 'who is cut off is drawn');
  await other.page.setViewportSize(DESKTOP);
  await other.page.waitForTimeout(2_000);
  await other.page.screenshot({ path: path.join(out, 'roads-closed.png') });
  assert.deepEqual(await barriers(other.page), []);

  await one.page.getByTestId('open-road').click();
  await other.page.locator('[data-testid="closure"]').waitFor({ state: 'detached' });
  await until(async () => {
    const now = await seen(other.page);
    return now.places === '0' && now.byRoad === before.byRoad;
  }, 'opening brings back what was before', 20_000);
  await one.close();

  // The same once more with one map drawn on this machine, as in a room of its own.
  const alone = arrivals(other.page);
  const { id } = await close(ON_ROAD);
  const timesAlone = await Promise.all(alone);
  console.log('alone:', timesAlone.map(([name, ms]) => `${name}: ${ms} ms`).join(', '));
  assert.ok((await closures()).some((one) => one.id === id));
  await openAll();
  await other.page.locator('[data-testid="cut-off"][data-places="0"]').waitFor();
  await other.close();
});

test('a road is closed from the incident that cut it, with one button and one key', async () => {
  const title = 'Đường đứt thử';
  const incident = await report('road_closure', title, ON_ROAD);
  const duty = await desk('duty_officer');
  await select(duty.page, title);
  await duty.page.getByTestId('close-for-incident').click();
  await duty.page.locator('[data-testid="what-if"][data-places="1"]').waitFor({ timeout: 20_000 });
  await duty.page.keyboard.press('Enter');
  await duty.page.getByTestId('incident-closure').waitFor();
  const [closure] = await closures();
  assert.equal(closure.properties.incident_id, incident);
  await duty.page.getByTestId('open-road').click();
  await duty.page.getByTestId('incident-closure').waitFor({ state: 'detached' });
  assert.equal((await closures()).length, 0);
  await duty.close();
});

test('a place without a road and a post that is not there are refused in words, and nothing is recorded', async () => {
  const duty = await desk('duty_officer');
  const { page } = duty;
  await page.keyboard.press('c');
  await page.getByTestId('begin-closing').click();
  await point(page, NO_ROAD);
  const problem = page.getByTestId('close-problem');
  await page.locator('[data-testid="close-problem"][data-code="no_road"]').waitFor({ timeout: 20_000 });
  assert.match(await problem.textContent(), /không có đường nào ở đó/);
  assert.ok(await page.getByTestId('commit').isDisabled());
  await page.locator('[data-where="post"]').click();
  await problem.waitFor({ state: 'detached' });
  await page.locator('input[name="road_ref"]').fill('QL12');
  await page.locator('input[name="from_km"]').fill('500');
  await problem.waitFor({ timeout: 20_000 });
  assert.ok(await page.getByTestId('commit').isDisabled());
  await page.locator('input[name="from_km"]').fill('bốn mươi');
  await page.getByText('Lý trình ghi dạng').waitFor();
  assert.ok(await page.getByTestId('commit').isDisabled());
  assert.equal((await closures()).length, 0);
  // Between two posts, slowly: nobody is cut off, and the list says who passes.
  await page.locator('input[name="from_km"]').fill('46+300');
  await page.locator('input[name="to_km"]').fill('52');
  await page.locator('input[name="slow"]').check();
  await page.getByTestId('commit').click();
  await page.locator('[data-testid="closure"]', { hasText: 'Km46+300–Km52+000' }).waitFor();
  assert.equal((await closures())[0].properties.speed_factor, 0.5);
  await openAll();
  await duty.close();
});

test('two points on a road close what lies between them', async () => {
  const duty = await desk('duty_officer');
  const { page } = duty;
  const line = route.body.geometry.coordinates;
  await page.keyboard.press('c');
  await page.getByTestId('begin-closing').click();
  await page.locator('[data-where="line"]').click();
  await point(page, line[0], 15);
  await point(page, line[40], 15);
  await page.getByTestId('what-if').waitFor({ timeout: 20_000 });
  await page.getByTestId('commit').click();
  await page.locator('[data-testid="closure"]').waitFor({ timeout: 20_000 });
  const [closure] = await closures();
  assert.ok(JSON.stringify(closure.geometry).length > 100, 'the line follows the road');
  await openAll();
  await duty.close();
});

test('the way of the first unit is drawn, and areas show how far another gets; the order keeps its advice', async () => {
  const title = 'Đường đi thử';
  const incident = await report('landslide', title, ON_ROAD);
  const duty = await desk('duty_officer');
  const { page } = duty;
  await select(page, title);
  const drawn = (layer) =>
    page.evaluate((name) => globalThis.__trucban.map.querySourceFeatures(name).length, layer);
  await until(async () => (await drawn('live-route')) > 0, 'the way is drawn', 20_000);
  await page.screenshot({ path: path.join(out, 'roads-way.png') });
  await page.keyboard.press('a');
  await until(async () => {
    const { body } = await server.api('admin', '/api/collections/assignments/items?limit=1000');
    return body.features.some(
      ({ properties }) => properties.incident_id === incident && properties.advice_id !== undefined,
    );
  }, 'the order names the advice that was on the screen');

  await page.keyboard.press('c');
  await page.getByTestId('roads').getByTestId('reach-show').click();
  await point(page, TOWN, 10);
  await page.locator('[data-testid="reach"][data-shown="3"]').first().waitFor({ timeout: 20_000 });
  await page.waitForTimeout(1_500);
  await page.screenshot({ path: path.join(out, 'roads-reach.png') });
  await page.getByTestId('roads').getByTestId('reach-hide').click();
  await duty.close();
});

test('the phone shows the way to its task, also without a link', async () => {
  const unit = (await server.api('field_unit', '/api/session')).body.actor.unit_id;
  const incident = await report('landslide', 'Nhiệm vụ thử', ON_ROAD);
  const { body: record } = await server.api('duty_officer', `/api/collections/incidents/items/${incident}`);
  const assigned = await server.api('border_officer', `/api/incidents/${incident}/assignments`, {
    method: 'POST',
    body: { unit_id: unit },
    headers: { 'if-match': `"${record.properties.version}"` },
  });
  assert.equal(assigned.status, 200, JSON.stringify(assigned.body));
  const field = await openWindow(browser, server, { actor: 'field_unit', page: '/field', ...PHONE, geolocation: BESIDE_ROAD });
  const { page } = field;
  const way = page.getByTestId('task-way');
  await way.waitFor({ timeout: 30_000 });
  const words = await way.textContent();
  await page.screenshot({ path: path.join(out, 'roads-field-task.png') });
  await field.context.setOffline(true);
  await page.getByTestId('offline-banner').waitFor();
  assert.equal(await way.textContent(), words);
  assert.match(words, /đường tính lúc \d\d:\d\d/);
  await field.context.setOffline(false);
  await page.getByTestId('task-map').tap();
  await page.getByTestId('map-way').tap();
  await field.mapDrawn();
  await until(
    () => page.evaluate(() => globalThis.__trucban.map.querySourceFeatures('live-route').length > 0),
    'the way is drawn',
  );
  await page.waitForTimeout(1_500);
  await page.screenshot({ path: path.join(out, 'roads-field-map.png') });
  await field.close();
});
