// The cover of the screen: one key hides everything, alarms go on, a PIN shows it again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PHONE, barriers, openWindow, out, startBoth, until } from './support.mjs';

const both = startBoth();

test('one key covers the screen while somebody types, and the PIN shows it again with the words kept', async () => {
  const { browser, server } = await both;
  const { page, context, mapDrawn, close } = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  await mapDrawn();
  await page.keyboard.press('n');
  await page.keyboard.type('0912345678');
  await page.keyboard.press('F9');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Chọn mã PIN').waitFor();
  await dialog.getByLabel('Mã PIN (4–8 chữ số)').fill('12');
  await dialog.getByLabel('Nhập lại mã PIN').fill('12');
  await dialog.getByRole('button', { name: 'Che màn hình' }).click();
  await dialog.getByRole('alert').filter({ hasText: '4 đến 8' }).waitFor();
  await dialog.getByLabel('Mã PIN (4–8 chữ số)').fill('2468');
  await dialog.getByLabel('Nhập lại mã PIN').fill('2468');
  await dialog.getByRole('button', { name: 'Che màn hình' }).click();
  await dialog.getByText('Màn hình đang che').waitFor();

  // Another tab of the browser is covered too, and so is this one after a reload.
  const other = await context.newPage();
  await other.goto(`${server.url}/duty`);
  await other.getByText('Màn hình đang che').waitFor();
  await other.close();
  await page.reload();
  await page.getByText('Màn hình đang che').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  assert.ok(await dialog.isVisible(), 'Escape lifts nothing');
  const alarm = { kind: 'landslide', severity: 4, place: { lon: 103.2, lat: 22.4 } };
  assert.equal((await server.api('duty_officer', '/api/incidents', { method: 'POST', body: alarm })).status, 201);
  await dialog.getByText('báo động chưa xác nhận').waitFor();
  await page.screenshot({ path: `${out}/cover.png` });
  const behind = await page.evaluate(() => document.elementFromPoint(30, 300)?.closest('dialog') !== null);
  assert.ok(behind, 'nothing behind the cover can be touched');

  await dialog.getByLabel('Mã PIN (4–8 chữ số)').fill('1111');
  await page.keyboard.press('Enter');
  await dialog.getByRole('alert').filter({ hasText: 'không đúng' }).waitFor();
  await until(async () => (await dialog.getByLabel('Mã PIN').inputValue()) === '', 'the PIN was judged');
  await dialog.getByLabel('Mã PIN (4–8 chữ số)').fill('2468');
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'hidden' });
  await until(async () => (await page.content()).includes('0912345678') || (await page.getByLabel(/gọi/).first().inputValue()) === '0912345678', 'the half-typed report is there');
  await close();
});

test('five wrong PINs end the session', async () => {
  const { browser, server } = await both;
  const { page, close } = await openWindow(browser, server, { actor: 'planner', page: '/plan' });
  await page.keyboard.press('F9');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Mã PIN (4–8 chữ số)').fill('2468');
  await dialog.getByLabel('Nhập lại mã PIN').fill('2468');
  await page.keyboard.press('Enter');
  await dialog.getByText('Màn hình đang che').waitFor();
  for (let n = 0; n < 5; n++) {
    await dialog.getByLabel('Mã PIN (4–8 chữ số)').fill(`111${n}`);
    await page.keyboard.press('Enter');
    if (n < 4) await until(async () => (await dialog.getByLabel('Mã PIN').inputValue()) === '', 'the PIN was judged');
  }
  await page.waitForURL(`${server.url}/`);
  await page.locator('[data-actor]').first().waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0, 'the cover went with the session');
  await close();
});

test('a telephone, which has no such key, is covered by a button', async () => {
  const { browser, server } = await both;
  const { page, close } = await openWindow(browser, server, { actor: 'field_unit', page: '/field', ...PHONE });
  await page.getByRole('button', { name: /che màn hình/ }).tap();
  const sheet = page.getByTestId('more-sheet');
  await sheet.getByRole('button', { name: 'Che màn hình' }).waitFor();
  await page.screenshot({ path: `${out}/field-more.png` });
  assert.deepEqual(await barriers(page), []);
  await sheet.getByRole('button', { name: 'Che màn hình' }).tap();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Mã PIN (4–8 chữ số)').fill('2468');
  await dialog.getByLabel('Nhập lại mã PIN').fill('2468');
  await dialog.getByRole('button', { name: 'Che màn hình' }).tap();
  await dialog.getByText('Màn hình đang che').waitFor();
  await page.screenshot({ path: `${out}/cover-phone.png` });
  assert.equal(await sheet.count(), 0);
  await dialog.getByLabel('Mã PIN (4–8 chữ số)').fill('2468');
  await dialog.getByRole('button', { name: 'Mở màn hình' }).tap();
  await dialog.waitFor({ state: 'hidden' });

  // Chosen once, the PIN is not asked for again before the screen is covered.
  await page.getByRole('button', { name: /che màn hình/ }).tap();
  await sheet.getByRole('button', { name: 'Che màn hình' }).tap();
  await dialog.getByText('Màn hình đang che').waitFor();
  await close();
});
