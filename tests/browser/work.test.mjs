// The page of coordination: what waits for my force first, a reply, a decision closed and an item checked in one press each,
// a half-typed question that survives a reload, and what another force does not see.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, drawSquare, openWindow, out, PHONE, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();
/** So many days from now at eight in the morning, as a form takes it. */
const inDays = (days) => `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)}T08:00`;

test('two forces ask and answer, close what was decided and check a plan off', async () => {
  const police = await openWindow(browser, server, { actor: 'duty_officer', page: '/work' });
  const { page } = police;
  const requests = page.getByTestId('requests').locator('li[data-id]');
  await requests.first().waitFor();
  assert.equal(await requests.first().getAttribute('data-state'), 'asked', 'what waits for my force stands first');
  await requests.first().getByText('quá hạn').waitFor();
  await page.screenshot({ path: path.join(out, 'work.png') });
  assert.deepEqual(await barriers(page), []);

  // Half a question, and the page is gone.
  await page.getByTestId('form-request').locator('summary').click();
  const question = page.getByTestId('form-request').locator('textarea').first();
  await question.fill('Cầu treo Nậm Na còn qua được bằng xe máy không?');
  await page.reload();
  await page.getByTestId('form-request').locator('textarea').first().waitFor();
  assert.match(await question.inputValue(), /Cầu treo/);
  await page.getByTestId('form-request').locator('select').selectOption('border_guard');
  await page.getByTestId('form-request').locator('input[type="datetime-local"]').fill(inDays(30));
  await page.getByTestId('form-request').locator('textarea').nth(1).fill('Bố trí chốt kiểm soát.');
  await page.getByTestId('form-request').getByRole('button').click();
  await page.getByTestId('requests').getByText('Cầu treo Nậm Na').waitFor();

  // The other force has it without a reload, answers, and the one who asked sees the reply.
  const border = await openWindow(browser, server, { actor: 'border_officer', page: '/work' });
  const asked = border.page.getByTestId('requests').locator('li.mine', { hasText: 'Cầu treo Nậm Na' });
  await asked.locator('[data-verb="answer"]').click();
  await asked.locator('textarea').fill('Được, một xe một lượt.');
  await asked.getByRole('button', { name: 'Trả lời' }).click();
  await page.getByTestId('requests').getByText('Được, một xe một lượt.').waitFor();
  // Neither of the two is a third force's.
  const civil = await openWindow(browser, server, { actor: 'planner', page: '/work' });
  await civil.page.getByTestId('requests').locator('.empty').waitFor();
  assert.equal(await civil.page.getByTestId('requests').locator('li[data-id]').count(), 0);
  await civil.close();
  await border.close();

  const task = page.getByTestId('briefings').locator('li.mine[data-state="open"]').first();
  const id = await task.getAttribute('data-id');
  await task.locator('[data-verb="decision-done"]').click();
  await page.locator(`li[data-id="${id}"][data-state="done"]`).waitFor();
  const item = page.getByTestId('plans').locator('input[type="checkbox"]').first();
  await item.check();
  await page.getByTestId('plans').getByText('đã kiểm tra 1/3').waitFor();
  await page.emulateMedia({ media: 'print' });
  await page.screenshot({ path: path.join(out, 'work-print.png'), fullPage: true });
  await police.close();

  const phone = await openWindow(browser, server, { actor: 'duty_officer', page: '/work', ...PHONE });
  await phone.page.getByTestId('requests').locator('li[data-id]').first().waitFor();
  await phone.page.screenshot({ path: path.join(out, 'work-phone.png') });
  const wide = await phone.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} px too wide`);
  await phone.close();
});

test('a plan without a place says so, and its area is drawn on the map, seen by those who man it and by nobody else', async () => {
  const { page, mapDrawn, close } = await openWindow(browser, server, { actor: 'duty_officer', page: '/work' });
  const form = page.getByTestId('form-plan');
  await form.locator('summary').click();
  await form.locator('input[maxlength="200"]').first().fill('Hội xuân thử');
  await form.locator('input[type="datetime-local"]').first().fill(inDays(20));
  await form.locator('input[type="datetime-local"]').nth(1).fill(inDays(21));
  await form.locator('input[maxlength="200"]').nth(1).fill('chỗ không ai biết');
  await form.locator('textarea').first().fill('Cổng chính; Công an; 6; cổng');
  await form.getByRole('button').click();
  await page.getByText('Phương án Hội xuân thử chưa có khu vực').waitFor();

  const article = page.getByTestId('plans').locator('article', { hasText: 'Hội xuân thử' });
  const id = await article.getAttribute('data-id');
  const area = async () => (await server.api('duty_officer', `/api/collections/event_plans/items/${id}`)).body.geometry;
  assert.equal(await area(), null);
  await article.getByRole('link', { name: 'khoanh khu vực' }).click();
  await mapDrawn();
  await page.getByTestId('event-list').locator('summary').click();
  const row = page.locator(`[data-testid="event-row"][data-id="${id}"]`);
  await row.getByText('chưa khoanh khu vực').waitFor();
  await row.getByTestId('draw-event').click();
  await page.getByTestId('event-area').waitFor();
  await drawSquare(page);
  await page.getByTestId('exposure-people').waitFor();
  // Half drawn, and the page is gone.
  await page.reload();
  await mapDrawn();
  await page.getByTestId('event-area').waitFor();
  await page.getByTestId('event-area-save').click();
  await until(async () => (await area())?.type === 'Polygon', 'the area is with the server');
  await page.getByTestId('event-list').locator('summary').click();
  await row.getByText('chưa khoanh khu vực').waitFor({ state: 'detached' });
  await row.getByRole('button', { name: 'Hội xuân thử' }).click();
  await page.screenshot({ path: path.join(out, 'work-area.png') });
  assert.deepEqual(await barriers(page), []);
  await close();

  const border = await openWindow(browser, server, { actor: 'border_officer', page: '/plan' });
  await border.mapDrawn();
  assert.equal(await border.page.locator(`[data-id="${id}"]`).count(), 0, 'it mans no post');
  await border.close();
});
