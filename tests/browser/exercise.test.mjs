// An exercise beside the real work: begun on the page, marked on every page of its room, led, judged and ended there.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { DESKTOP, PHONE, barriers, openWindow, out, startBoth } from './support.mjs';

const { browser, server } = await startBoth();

const stripe = (page) => page.getByTestId('exercise-stripe');

test('an exercise is begun, led in a room of its own beside the real one, judged and ended', async () => {
  const leader = await openWindow(browser, server, { actor: 'planner', page: '/exercises' });
  const { page } = leader;
  const form = page.getByTestId('begin-exercise');
  await page.getByText('Chưa có cuộc diễn tập nào.').waitFor();
  await form.getByRole('button', { name: 'Điền kịch bản mẫu' }).click();
  assert.equal(await form.locator('[data-inject]').count(), 4);
  assert.deepEqual(await barriers(page), []);
  await page.screenshot({ path: path.join(out, `exercises-${DESKTOP.width}.png`), fullPage: true });
  await form.getByRole('button', { name: 'Bắt đầu', exact: true }).click();
  const row = page.getByTestId('exercises').locator('[data-exercise]');
  await row.getByText('đang diễn ra').waitFor();
  const code = await row.getAttribute('data-exercise');
  assert.match(code, /^DT-\d{4}-\d\d$/);
  await page.getByRole('link', { name: 'Đang có 1 cuộc diễn tập' }).waitFor();
  assert.equal(await stripe(page).count(), 0, 'the real room bears no mark');

  // The room, in another window beside it.
  const [room] = await Promise.all([
    leader.context.waitForEvent('page'),
    row.getByRole('link', { name: 'Mở cạnh việc thật' }).click(),
  ]);
  await stripe(room).getByText(`DIỄN TẬP · Sạt lở đất, sơ tán dân trong đêm · ${code}`).waitFor();
  assert.equal(new URL(room.url()).pathname, `/exercises/${code}/duty`);
  await room.waitForFunction((mark) => document.title.includes(mark), `DIỄN TẬP ${code}`);
  await room.waitForFunction(() => globalThis.__trucban?.controller.isReady);
  await room.getByText('Sạt lở đất, Xã').first().click();
  await room.getByText(/DT-\d{4}-Q\d-0001/).first().waitFor();
  assert.equal(await room.getByText(/LC-\d{4}-Q/).count(), 0, 'nothing real is on it');
  await room.screenshot({ path: path.join(out, `exercise-duty-${DESKTOP.width}.png`) });
  for (const other of ['plan', 'field', 'reports', 'sheet', 'past']) {
    await room.goto(`${server.url}/exercises/${code}/${other}`);
    await stripe(room).waitFor();
  }

  // Who is on duty sees what was given, and no more.
  const trainee = await openWindow(browser, server, { actor: 'duty_officer', page: `/exercises/${code}/exercise`, ...PHONE });
  await trainee.page.getByText('Trưởng bản gọi: nứt đất phía trên bản').first().waitFor();
  assert.equal(await trainee.page.getByText('Một hộ không chịu đi').count(), 0);
  assert.equal(await trainee.page.getByRole('button', { name: 'Phát ngay' }).count(), 0);
  await trainee.page.screenshot({ path: path.join(out, `exercise-${PHONE.viewport.width}.png`), fullPage: true });

  await room.goto(`${server.url}/exercises/${code}/exercise`);
  await room.locator('[data-waiting="2"]').getByRole('button', { name: 'Phát ngay' }).click();
  await room.locator('[data-inject="2"]').waitFor();
  await trainee.page.getByText('Một hộ không chịu đi').waitFor();
  await room.locator('[data-objective="0"]').getByLabel('Đánh giá').selectOption('met');
  await room.locator('[data-objective="0"]').getByLabel('Nhận xét').waitFor();
  await room.locator('[data-inject="0"]').getByLabel('Đánh giá').selectOption('partly');
  await room.locator('[data-inject="0"]').getByLabel('Nhận xét').fill('gọi chậm 5 phút');
  await room.locator('[data-inject="0"]').getByLabel('Nhận xét').blur();
  await room.getByLabel('Bài học, việc cần làm tốt hơn').fill('Gọi trưởng bản trước.');
  await room.getByRole('button', { name: 'Lưu đánh giá' }).click();
  await trainee.page.getByText('gọi chậm 5 phút').waitFor();
  assert.deepEqual(await barriers(room), []);

  await room.getByRole('button', { name: 'Kết thúc diễn tập' }).click();
  await room.getByTestId('end-sure').click();
  await stripe(room).getByText('DIỄN TẬP ĐÃ KẾT THÚC').waitFor();
  await room.screenshot({ path: path.join(out, `exercise-${DESKTOP.width}.png`), fullPage: true });
  await page.reload();
  await row.getByText('đang diễn ra').waitFor({ state: 'detached' });
  await trainee.close();
  await leader.close();
});
