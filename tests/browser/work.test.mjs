// The page of coordination: what waits for my force first, a reply, a decision closed and an item checked in one press each,
// a half-typed question that survives a reload, and what another force does not see.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, openWindow, out, PHONE, startBoth } from './support.mjs';

const { browser, server } = await startBoth();

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
  await page.getByTestId('form-request').locator('input[type="datetime-local"]').fill('2027-01-05T08:00');
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
