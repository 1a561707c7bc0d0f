// The planner's page: draw a zone with the mouse, read its exposure while drawing, save it, see it elsewhere.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openWindow, out, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

/** A slope with invented households (geodata/demo). */
const SLOPE = { center: [102.85, 22.535], zoom: 12.2 };
/** Corners in pixels from the middle of the map. */
const CORNERS = [
  [-150, -120],
  [140, -100],
  [160, 110],
  [-100, 140],
];

async function openPlan(actor = 'planner') {
  const window = await openWindow(browser, server, { actor, page: '/plan' });
  await window.mapDrawn();
  return window;
}

async function drawZone(page) {
  await page.evaluate((camera) => globalThis.__trucban.map.jumpTo(camera), SLOPE);
  await page.getByTestId('draw-zone').click();
  await page.getByTestId('draw-tools').waitFor();
  // Snapping would pull the corners to what is near; the test wants its own.
  await page.getByTestId('snap').click();
  await drawCorners(page);
}

/** Draws the corners and closes the line; the pen rests between them, as a hand does. */
async function drawCorners(page) {
  const box = await page.locator('.maplibregl-canvas').boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  for (const [dx, dy] of [...CORNERS, CORNERS[0]]) {
    await page.mouse.move(x + dx, y + dy, { steps: 5 });
    await page.waitForTimeout(150);
    await page.mouse.click(x + dx, y + dy);
    await page.waitForTimeout(350);
  }
}

const draftOf = (page) => page.evaluate(() => JSON.parse(localStorage.getItem('trucban.plan.draft')));

/** A figure of the card as a number: "1.204" or "3,2" in Vietnamese. */
async function figure(page, name) {
  const text = await page.getByTestId(`exposure-${name}`).innerText();
  return Number(text.replaceAll('.', '').replace(',', '.'));
}

test('a planner draws a zone, reads who is inside, saves it, and a second browser sees it without reload', async () => {
  const planner = await openPlan();
  const officer = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  const { page } = planner;
  await drawZone(page);

  await until(async () => (await draftOf(page))?.geometry, 'the drawn area is in the draft');
  const { geometry } = await draftOf(page);
  const answer = await server.api('planner', '/api/exposure', { method: 'POST', body: { geometry } });
  assert.equal(answer.status, 200);
  assert.ok(answer.body.people > 0, 'the slope has people');
  await until(
    async () => (await figure(page, 'people')) === answer.body.people,
    'the card counts as the API does',
  );
  assert.equal(await figure(page, 'households'), answer.body.households);
  assert.equal(await figure(page, 'children'), answer.body.vulnerable.children);
  assert.equal(await figure(page, 'units'), answer.body.units);
  assert.equal(await figure(page, 'road'), Number(answer.body.road_km.toFixed(1)));

  assert.equal(await page.getByTestId('zone-missing').getAttribute('data-missing'), 'name kind to');
  assert.ok(
    await page.getByTestId('zone-save').isDisabled(),
    'a zone without name, hazard and end is not saved',
  );
  const name = `Sườn thử ${Date.now()}`;
  await page.getByTestId('zone-name').fill(name);
  await page.getByTestId('zone-kind').selectOption('landslide');
  await page.locator('[data-hours="12"]').click();
  assert.match(await page.getByTestId('zone-until').innerText(), /^đến \d\d:\d\d.* · còn (11|12) giờ/);
  await page.locator('[data-level="3"]').click();
  await page.getByTestId('zone-save').click();
  await page.getByTestId('zone-card').waitFor();
  await page.getByTestId('zones-now').getByText(name).waitFor();

  const id = await page.getByTestId('zone-card').getAttribute('data-id');
  const saved = await server.api('planner', `/api/collections/risk_zones/items/${id}`);
  assert.equal(saved.body.properties.level, 3);
  await officer.page.getByText(name).first().waitFor({ timeout: 15_000 });
  await planner.close();
  await officer.close();
});

test('a zone drawn but not saved survives a reload and is counted again', async () => {
  const planner = await openPlan();
  const { page } = planner;
  await drawZone(page);
  await until(async () => (await draftOf(page))?.geometry, 'the drawn area is in the draft');
  await page.getByTestId('zone-name').fill('Nháp');
  const former = await draftOf(page);
  await page.reload();
  await page.getByTestId('zone-form').waitFor();
  await until(async () => (await page.getByTestId('zone-name').inputValue()) === 'Nháp', 'the name is back');
  assert.deepEqual((await draftOf(page)).geometry, former.geometry);
  await until(async () => (await figure(page, 'people')) > 0, 'it is counted again');
  await page.getByTestId('zone-discard').click();
  await page.getByTestId('zone-discard').click();
  assert.equal(await draftOf(page), null);
  await planner.close();
});

test('an area that is undone leaves the pen down for another, and can be had back', async () => {
  const planner = await openPlan();
  const { page } = planner;
  await drawZone(page);
  await until(async () => (await draftOf(page))?.geometry, 'the drawn area is in the draft');
  const { geometry } = await draftOf(page);
  await page.keyboard.press('Control+z');
  await until(async () => (await draftOf(page)).geometry === null, 'the area is undone');
  await page.keyboard.press('Control+y');
  await until(async () => (await draftOf(page)).geometry !== null, 'the area is back');
  assert.deepEqual((await draftOf(page)).geometry, geometry);
  await page.keyboard.press('Control+z');
  await until(async () => (await draftOf(page)).geometry === null, 'the area is undone again');
  await drawCorners(page);
  await until(async () => (await draftOf(page)).geometry !== null, 'another one is drawn');
  assert.equal((await draftOf(page)).geometry.coordinates[0].length, CORNERS.length + 1);
  await page.getByTestId('zone-discard').click();
  await page.getByTestId('zone-discard').click();
  await planner.close();
});

test('a zone that somebody else changed is not overwritten unseen', async () => {
  const planner = await openPlan();
  const { page } = planner;
  const row = page.getByTestId('zones-now').getByTestId('zone-row').first();
  const id = await row.getAttribute('data-id');
  await row.locator('button').click();
  await page.getByTestId('edit-zone').click();
  await page.getByTestId('zone-form').waitFor();
  const zone = await server.api('planner', `/api/collections/risk_zones/items/${id}`);
  const other = await server.api('duty_officer', `/api/collections/risk_zones/items/${id}`, {
    method: 'PATCH',
    headers: { 'if-match': `"${zone.body.properties.version}"` },
    body: { properties: { note: 'Sửa từ nơi khác' } },
  });
  assert.equal(other.status, 200);
  await page.getByTestId('zone-owner').fill('Chủ tịch xã');
  await page.getByTestId('zone-save').click();
  await page.getByTestId('zone-conflict').getByText('Sửa từ nơi khác').waitFor();
  await page.getByTestId('keep-mine').click();
  await page.getByTestId('zone-save').click();
  await page.getByTestId('zone-card').waitFor();
  const kept = await server.api('planner', `/api/collections/risk_zones/items/${id}`);
  assert.equal(kept.body.properties.owner, 'Chủ tịch xã');
  await planner.close();
});

test('a proposed zone holds when a second person agrees, and a word by telephone is confirmed on screen', async () => {
  const name = `Sườn chờ duyệt ${Date.now()}`;
  const drawn = await server.api('planner', '/api/collections/risk_zones/items', {
    method: 'POST',
    body: {
      type: 'Feature',
      geometry: {
        type: 'Polygon',
        coordinates: [
          [
            [102.84, 22.53],
            [102.85, 22.53],
            [102.85, 22.54],
            [102.84, 22.53],
          ],
        ],
      },
      properties: {
        name,
        kind: 'landslide',
        publish: 'propose',
        valid_to: new Date(Date.now() + 86_400_000).toISOString(),
      },
    },
  });
  assert.equal(drawn.status, 201);
  const [planner, officer] = [await openPlan(), await openPlan('border_officer')];
  const box = (page) => page.getByTestId('zone-approval');
  for (const { page } of [planner, officer]) {
    await page.getByTestId('zones-waiting').getByText(name).click();
    await box(page).waitFor();
  }
  const state = async () =>
    (await server.api('planner', `/api/collections/risk_zones/items/${drawn.body.id}`)).body.properties;
  assert.ok(
    await planner.page.getByTestId('approve-zone').isDisabled(),
    'whoever drew it does not approve it',
  );

  await planner.page.getByTestId('approve-by-phone').click();
  await planner.page.getByTestId('approval-who').fill('Đại tá Lò Văn Mẫu');
  await planner.page.getByTestId('approval-heard').click();
  await officer.page.getByTestId('zones-now').getByText(name).waitFor();
  assert.equal((await state()).state, 'in_force');
  assert.match(await box(officer.page).innerText(), /Đại tá Lò Văn Mẫu đồng ý qua điện thoại/);

  await officer.page.screenshot({ path: path.join(out, 'plan-approval-1920.png') });
  await officer.page.getByTestId('approve-zone').click();
  await until(async () => (await state()).provisional_until === undefined, 'confirmed on screen');
  assert.equal(
    (await state()).approved_by,
    (await server.api('border_officer', '/api/session')).body.actor.name,
  );
  await planner.page.getByTestId('approve-zone').waitFor({ state: 'detached' });
  await planner.close();
  await officer.close();
});

test('an evacuation plan is proposed, looked at, and written into the households', async () => {
  const { page, close } = await openPlan('duty_officer');
  const { body: board } = await server.api('duty_officer', '/api/inside');
  const zone = board.zones.find(({ name }) => name === 'Sườn Pá Hạ');
  await page.locator(`[data-testid="zone-row"][data-id="${zone.id}"]`).getByRole('button').click();
  const box = page.getByTestId('evacuation-plan');
  await box.getByTestId('plan-make').click();
  await box.getByTestId('plan-shelter').first().waitFor();
  const assigned = async () => {
    const { body } = await server.api('duty_officer', `/api/risk_zones/${zone.id}/inside`);
    return body.households.filter(({ still_inside: left, is_assigned: isAssigned }) => left > 0 && isAssigned).length;
  };
  const before = await assigned();
  const rows = await box.getByTestId('plan-shelter').evaluateAll((all) =>
    all.map((row) => Number(row.querySelectorAll('td')[0].textContent)),
  );
  const planned = rows.reduce((sum, households) => sum + households, 0);
  assert.equal(await assigned(), before, 'looking writes nothing');
  await box.getByTestId('plan-commit').scrollIntoViewIfNeeded();
  await page.screenshot({ path: path.join(out, 'plan-evacuation-1920.png') });
  await box.getByTestId('plan-commit').click();
  await box.getByTestId('plan-commit').waitFor({ state: 'detached' });
  assert.ok(planned > 0);
  await until(async () => (await assigned()) === planned, 'every household of the plan has its shelter');
  await close();
});
