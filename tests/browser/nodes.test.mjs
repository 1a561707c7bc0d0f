// The pages of a server that loses its database: they go on, and say since when the picture is old.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { startDatabase } from './database.mjs';
import { barriers, openWindow, out, startBoth, until } from './support.mjs';

const database = await startDatabase();
after(() => database.remove());
const { browser, server } = await startBoth({ database: database.url });

test('a page says since when the server is cut off from its database, and goes on when it is not any more', async () => {
  const duty = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  await duty.mapDrawn();
  const link = duty.page.locator('.link');
  await until(async () => (await link.getAttribute('data-phase')) === 'live', 'the line lives');
  const incidents = duty.page.locator('li[data-id]');
  await incidents.first().waitFor();
  const listed = await incidents.count();
  const since = new Intl.DateTimeFormat('vi-VN', { timeStyle: 'short', timeZone: 'Asia/Ho_Chi_Minh' });
  const minutes = [since.format(new Date())];
  await database.stop();
  minutes.push(since.format(new Date()));

  const alarm = link.getByRole('alert');
  await alarm.waitFor({ timeout: 30_000 });
  const said = await alarm.innerText();
  assert.match(said, /^Máy chủ mất liên lạc với cơ sở dữ liệu từ \d\d:\d\d · hình ảnh dừng ở đó$/);
  assert.ok(minutes.some((minute) => said.includes(minute)), `${said}: ${minutes.join(' or ')}`);
  assert.equal(await link.getAttribute('data-phase'), 'live', 'the line itself lives');
  assert.equal(await incidents.count(), listed, 'nothing goes');
  await duty.page.screenshot({ path: path.join(out, 'duty-stale.png') });
  assert.deepEqual(await barriers(duty.page), []);

  // Who comes in now reads from memory, and is told at once.
  const late = await duty.context.newPage();
  await late.goto(`${server.url}/duty`);
  await late.locator('.link').getByRole('alert').waitFor({ timeout: 5_000 });
  await late.setViewportSize({ width: 1024, height: 768 });
  await late.screenshot({ path: path.join(out, 'duty-stale-narrow.png') });
  await late.close();

  await database.start();
  await alarm.waitFor({ state: 'detached', timeout: 30_000 });
  await duty.close();
});
