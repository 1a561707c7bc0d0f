// The duty page on a wall: what passers-by may read, and what they may not.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openWindow, out, startBoth, until } from './support.mjs';

/** What a caller said and who called: none of it may hang on a wall. */
const SAID = {
  title: 'Cháy nhà ông Giàng A Thử',
  place_text: 'sau nhà ông Thử',
  description: 'Bà Lò Thị Mẫu kẹt trong bếp',
  reporter_name: 'Lò Thị Mẫu',
  reporter_phone: '0000 111 222',
};

const { browser, server } = await startBoth();

async function report(body) {
  const made = await server.api('duty_officer', '/api/incidents', { method: 'POST', body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.incident.id;
}
const fire = await report({ kind: 'fire', severity: 3, place: { lon: 103.16, lat: 22.47 }, ...SAID });
const tip = await report({ kind: 'smuggling', severity: 4, channel: 'tip', place: { lon: 103.3, lat: 22.5 } });

async function openWall() {
  const window = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty?wall' });
  await window.mapDrawn();
  await window.page.locator(`[data-testid="wall"] li[data-id="${fire}"]`).waitFor({ timeout: 30_000 });
  return window;
}

const drawnIds = (page) =>
  page.evaluate(() =>
    globalThis.__trucban.map.getSource('live-incidents').serialize().data.features.map((f) => f.properties.id),
  );

test('the wall shows map, alarms, incidents and who is still inside, in large type', async () => {
  const { page, close } = await openWall();
  const row = page.locator(`li[data-id="${fire}"]`);
  assert.match(await row.innerText(), /^Cháy\n/);
  const alarms = page.getByTestId('wall-alarms');
  await alarms.getByText('Báo động chưa xác nhận').waitFor();
  assert.ok((await alarms.locator('li').count()) >= 1, 'the alarm of the demo is there');
  await until(async () => /\d+\s+người/.test(await page.getByTestId('wall-inside').innerText()), 'people are counted');
  const size = await row.locator('.what').evaluate((node) => Number.parseFloat(getComputedStyle(node).fontSize));
  assert.ok(size >= 20, `${size} px`);
  for (const button of await page.locator('.tools button').all()) {
    const isFree = await button.evaluate((node) => {
      const { x, y, width, height } = node.getBoundingClientRect();
      return document.elementFromPoint(x + width / 2, y + height / 2) === node;
    });
    assert.ok(isFree, 'nothing lies over the buttons of the map');
  }
  await page.screenshot({ path: path.join(out, 'wall-night.png') });
  await close();
});

test('the wall shows no tip, no name, no number, no word of a caller, no household and no form', async () => {
  const asked = [];
  const window = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty?wall' });
  const { page, close } = window;
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.reload();
  await window.mapDrawn();
  await page.locator(`[data-testid="wall"] li[data-id="${fire}"]`).waitFor({ timeout: 30_000 });
  await page.evaluate(() => globalThis.__trucban.map.jumpTo({ center: [103.16, 22.47], zoom: 12 }));
  await until(() => asked.some((route) => route.startsWith('/tiles/places/12/')), 'the map has come nearer');

  const said = await page.locator('body').innerText();
  for (const word of Object.values(SAID)) assert.ok(!said.includes(word), word);
  assert.equal(await page.locator(`li[data-id="${tip}"]`).count(), 0);
  const drawn = await drawnIds(page);
  assert.ok(drawn.includes(fire) && !drawn.includes(tip), 'the fire is on the map, the tip is not');
  const labels = await page.evaluate(() =>
    globalThis.__trucban.map.getSource('live-incidents').serialize().data.features.map((f) => f.properties.label),
  );
  assert.ok(!labels.some((label) => label.includes('Thử')), 'the map says the kind');
  assert.ok(await page.evaluate(() => !globalThis.__trucban.map.getLayer('households')));
  assert.deepEqual(asked.filter((route) => route.startsWith('/tiles/households')), []);
  for (const tag of ['input', 'form', 'textarea', 'select', '[role="combobox"]', '[role="tab"]']) {
    assert.equal(await page.locator(tag).count(), 0, tag);
  }
  await page.keyboard.press('n');
  await page.keyboard.press('Alt+n');
  const [x, y] = await page.evaluate((id) => {
    const { map } = globalThis.__trucban;
    const one = map.getSource('live-incidents').serialize().data.features.find((f) => f.properties.id === id);
    const box = map.getCanvas().getBoundingClientRect();
    const at = map.project(one.geometry.coordinates);
    return [box.x + at.x, box.y + at.y];
  }, fire);
  await page.mouse.click(x, y);
  assert.equal(await page.locator('article, form').count(), 0, 'neither key nor click opens a form or a detail');
  await close();
});

test('one key hangs the page on the wall and takes it down; a reload finds it where it was', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  const row = page.locator(`li[data-id="${fire}"]`);
  await row.getByRole('button').click({ timeout: 30_000 });
  await page.getByRole('article').waitFor();
  await page.keyboard.press('w');
  await page.getByTestId('wall').waitFor();
  await page.reload();
  await page.getByTestId('wall').waitFor({ timeout: 30_000 });
  assert.equal(await page.getByRole('article').count(), 0);
  await page.getByRole('button', { name: 'Về bàn trực' }).click();
  await row.getByText(SAID.title).waitFor({ timeout: 30_000 });
  assert.equal(new URL(page.url()).searchParams.get('wall'), null);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.wall), undefined);
  await close();
});
