// Levels of the border: proposed on one desk, agreed on another, on the map of both; and an area of concern that a third
// one does not see.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, drawSquare, openWindow, out, startBoth } from './support.mjs';

const { browser, server } = await startBoth();
const BESIDE = { lon: 103.1628, lat: 22.6027 };
const NAME = 'Ma Lù Thàng';

for (let n = 0; n < 4; n += 1) {
  const answer = await server.api('border_officer', '/api/incidents', {
    method: 'POST',
    body: { kind: 'illegal_crossing', place: BESIDE },
  });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
}

async function openSector(actor, page = '/plan') {
  const window = await openWindow(browser, server, { actor, page });
  await window.mapDrawn();
  await window.page.getByTestId('sector-list').locator('summary').click();
  await window.page.getByTestId('sector-row').filter({ hasText: NAME }).click();
  await window.page.getByTestId('sector-card').waitFor();
  return window;
}

const drawnLevel = (page) =>
  page.waitForFunction(
    () =>
      globalThis.__trucban.map
        .queryRenderedFeatures({ layers: ['sector-high'] })
        .some(({ properties }) => properties.label.includes('Ma Lù Thàng')),
    undefined,
    { timeout: 20_000 },
  );

test('one proposes a level with a reason, another agrees, and both see it on the map', async () => {
  const first = await openSector('border_officer');
  const { page } = first;
  const card = page.getByTestId('sector-card');
  await card.getByText('Chưa đánh giá không phải là mức thấp').waitFor();
  await page.getByTestId('sector-computed').getByText('điểm/km').first().waitFor();
  await page.getByTestId('sector-propose').click();
  await page.getByTestId('sector-form').locator('[data-level="high"]').click();
  await page.getByTestId('sector-reason').fill('bốn vụ qua lại trong tuần');
  await page.getByTestId('sector-send').click();
  await page.getByTestId('sector-waiting').getByText('cần người khác đồng ý').waitFor();
  assert.ok(await page.getByTestId('sector-agree').isDisabled(), 'whoever proposed it cannot agree alone');

  const second = await openSector('commander', '/duty');
  await second.page.getByTestId('sector-agree').click();
  for (const { page: one } of [first, second]) {
    await one.getByTestId('sector-card').getByText('border_officer đề nghị, commander đồng ý').waitFor();
    await drawnLevel(one);
    await one.getByTestId('sector-history').locator('[data-sector-level="high"]').waitFor();
  }
  assert.deepEqual(await barriers(page), []);
  await page.screenshot({ path: path.join(out, 'border-plan.png') });
  await second.page.screenshot({ path: path.join(out, 'border-duty.png') });
  await first.close();
  await second.close();
});

test('an area of concern is drawn on the plan, and its planner of another force does not see it', async () => {
  const { page, ...window } = await openWindow(browser, server, { actor: 'border_officer', page: '/plan' });
  await window.mapDrawn();
  await page.getByTestId('concern-list').locator('summary').click();
  await page.getByTestId('draw-concern').click();
  await page.getByTestId('concern-form').getByText('Chỉ nói về địa điểm').waitFor();
  await drawSquare(page);
  await page.getByTestId('concern-name').fill('Lối mòn thử');
  await page.getByTestId('concern-kind').selectOption('crossing_place');
  await page.getByTestId('concern-reason').fill('đường mòn dễ đi vào mùa khô');
  const to = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 16);
  await page.getByTestId('concern-to').fill(to);
  await page.screenshot({ path: path.join(out, 'border-concern.png') });
  await page.getByTestId('concern-save').click();
  await page.getByTestId('concern-row').filter({ hasText: 'Lối mòn thử' }).waitFor();

  const planner = await openWindow(browser, server, { actor: 'planner', page: '/plan' });
  await planner.mapDrawn();
  assert.equal(await planner.page.getByTestId('concern-row').count(), 0);
  await planner.close();

  await page.getByTestId('end-concern').click();
  await page.getByTestId('end-concern').click();
  await page.getByTestId('concern-row').waitFor({ state: 'detached' });
  await window.close();
});
