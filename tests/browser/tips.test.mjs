// Tips: the duty officer seals one, two persons open it, the handler answers and makes an incident; the public page.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { PHONE, barriers, openPage, openWindow, out, startBoth, startServer } from './support.mjs';

const { browser, server } = await startBoth({ config: 'public_tips = true\n' });

const shot = (page, name) => page.screenshot({ path: path.join(out, `${name}.png`), fullPage: true });

/** The informant's way back, as the page shows it once. */
async function wayBack(page) {
  const code = await page.getByTestId('tip-code').innerText();
  const passphrase = await page.getByTestId('tip-passphrase').innerText();
  assert.match(code, /^\d{4}-\d{4}-\d{4}$/);
  assert.equal(passphrase.split(' ').length, 6);
  return { code, passphrase };
}

async function comeBack(page, { code, passphrase }) {
  await page.getByLabel('Mã theo dõi').fill(code);
  await page.getByLabel('Câu mật khẩu').fill(passphrase);
  await page.getByRole('button', { name: 'Xem', exact: true }).click();
}

test('a tip is sealed, opened by two persons, answered and made an incident that the wall does not show', async () => {
  const officer = await openWindow(browser, server, { actor: 'duty_officer', page: '/tips' });
  const form = officer.page.getByRole('form', { name: 'Nhận tin báo' });
  await form.getByLabel('Nội dung, đúng lời').fill('Tôi thấy ba người vác bao qua suối sau nhà tôi');
  await form.getByLabel('Tên', { exact: true }).fill('Giàng A Páo');
  await form.getByLabel('Số điện thoại').fill('0363 555 123');
  await form.getByLabel('Xảy ra ở xã').selectOption({ index: 3 });
  await form.getByLabel('Viết lại').fill('Giàng A Páo thấy người vác bao');
  await form.getByRole('button', { name: 'Niêm phong và gửi' }).click();
  await form.getByRole('alert').filter({ hasText: 'người báo tin' }).waitFor();
  await form.getByLabel('Viết lại').fill('Có người vác bao qua suối ban đêm');
  await shot(officer.page, 'tips-intake');
  assert.deepEqual(await barriers(officer.page), []);
  await form.getByRole('button', { name: 'Niêm phong và gửi' }).click();
  const way = await wayBack(officer.page);
  await officer.page.reload();
  assert.ok(!(await officer.page.content()).includes(way.code), 'it is shown once');
  const kept = await officer.page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  assert.ok(!kept.includes('Páo') && !kept.includes(way.code), 'the browser keeps nothing');

  const handler = await openWindow(browser, server, { actor: 'tip_handler', page: '/tips' });
  await handler.page.locator('[data-tip]').first().click();
  const seal = handler.page.getByRole('form', { name: 'Mở niêm phong' });
  await seal.getByLabel('Lý do').fill('xác minh nguồn tin');
  await seal.getByRole('button', { name: 'Xin mở' }).click();
  await handler.page.getByText('Đang chờ người thứ hai').waitFor();
  assert.ok(!(await handler.page.content()).includes('Páo'));

  await officer.page.reload();
  await officer.page.getByText('xác minh nguồn tin').waitFor();
  await officer.page.getByRole('button', { name: 'Đồng ý cho tip_handler mở' }).click();
  await officer.page.getByText('duty_officer đã đồng ý').waitFor();

  await seal.getByLabel('Câu mật khẩu của khoá').fill('không phải câu này');
  await seal.getByRole('button', { name: 'Mở', exact: true }).click();
  await handler.page.getByText('Câu mật khẩu không mở được').first().waitFor();
  await seal.getByLabel('Câu mật khẩu của khoá').fill('minh hoạ tin báo');
  await seal.getByRole('button', { name: 'Mở', exact: true }).click();
  await handler.page.getByTestId('opened').getByText('Giàng A Páo').waitFor();
  await shot(handler.page, 'tips-desk');
  assert.deepEqual(await barriers(handler.page), []);
  await handler.page.getByRole('button', { name: 'Đóng lại' }).click();
  assert.ok(!(await handler.page.content()).includes('Páo'), 'closed is closed');

  const answer = handler.page.getByRole('form', { name: 'Trả lời người báo tin' });
  await answer.getByRole('textbox').fill('Họ đi về phía nào?');
  await answer.getByRole('button').click();
  const grade = handler.page.getByRole('form', { name: 'Độ tin' });
  await grade.getByLabel('Nguồn tin').selectOption('B');
  await grade.getByLabel('Nội dung').selectOption('2');
  await grade.getByLabel('Về việc gì').selectOption('smuggling');
  await grade.getByRole('button', { name: 'Lưu, đã thẩm định' }).click();
  const promote = handler.page.getByRole('form', { name: 'Lập vụ việc' });
  await promote.getByLabel('Lực lượng chủ trì').selectOption('police');
  await promote.getByRole('button').click();
  const said = handler.page.getByRole('status').filter({ hasText: /Đã lập LC-/ });
  const code = (await said.innerText()).match(/LC-\d{4}-Q\d-\d+/)[0];
  await handler.page.locator('[data-tip][data-state="promoted"]').waitFor();
  const detail = handler.page.locator('article');
  await detail.getByTestId('tip-state').getByText('đã thành vụ việc').waitFor();
  await detail.getByText('Bản viết lại, xã và buổi đã xoá khỏi tin này').waitFor();
  await seal.getByLabel('Lý do').waitFor();
  const words = await detail.innerText();
  for (const stale of ['đã đồng ý', 'Lực lượng chủ trì', 'Có người vác bao', 'Đã thẩm định; có thể']) {
    assert.ok(!words.includes(stale), `${stale} is no longer so`);
  }
  await shot(handler.page, 'tips-promoted');
  await handler.page.setViewportSize(PHONE.viewport);
  await shot(handler.page, 'tips-phone');
  assert.deepEqual(await barriers(handler.page), []);
  await handler.close();

  await comeBack(officer.page, way);
  await officer.page.getByText('Họ đi về phía nào?').waitFor();
  await officer.page.goto(`${server.url}/duty?wall`);
  await officer.page.getByTestId('wall').locator('li[data-id]').first().waitFor();
  const { body } = await server.api('duty_officer', `/api/collections/incidents/items?code=${code}`);
  const { kind, description, lead_force, severity, channel, state } = body.features[0].properties;
  assert.deepEqual(
    { kind, description, lead_force, severity, channel, state },
    {
      kind: 'smuggling',
      description: 'Có người vác bao qua suối ban đêm',
      lead_force: 'police',
      severity: 2,
      channel: 'tip',
      state: 'reported',
    },
  );
  const row = officer.page.locator(`li[data-id="${body.features[0].id}"]`);
  assert.equal(await row.count(), 0, 'not on a wall');
  await officer.page.goto(`${server.url}/duty`);
  await row.waitFor();
  await officer.close();
});

test('anybody reads what is kept, gives a tip on a telephone and comes back for the answer', async () => {
  const { page, close } = await openPage(browser, server, { page: '/', ...PHONE });
  await page.getByRole('link', { name: 'Báo tin cho trực ban' }).click();
  await page.getByText('Máy chủ này không ghi địa chỉ mạng').waitFor();
  assert.equal(await page.getByLabel('Bạn thấy gì').count(), 0, 'first what is kept, then the form');
  await shot(page, 'tip-consent');
  await page.getByRole('button', { name: 'Tôi đã đọc' }).click();
  await page.getByLabel('Bạn thấy gì').fill('Có xe lạ đỗ cạnh mốc từ tối qua');
  await shot(page, 'tip-form');
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('button', { name: 'Niêm phong và gửi' }).click();
  const way = await wayBack(page);
  await shot(page, 'tip-taken');
  await comeBack(page, { ...way, passphrase: 'núi sông' });
  await page.getByRole('alert').filter({ hasText: 'không đúng' }).waitFor();
  await comeBack(page, { code: way.code.replaceAll('-', ''), passphrase: way.passphrase.toUpperCase() });
  await page.getByText('Chưa có trả lời nào').waitFor();
  await page.getByRole('textbox', { name: 'Báo thêm' }).fill('Xe đi rồi');
  await page.getByRole('button', { name: 'Gửi thêm' }).click();
  await page.locator('[data-author="informant"]').getByText('Xe đi rồi').waitFor();
  await page.getByRole('button', { name: 'Xong' }).click();
  assert.ok(!(await page.content()).includes('Xe đi rồi'));
  await close();
});

test('a tip whose answer is lost on the way is one tip, and the way back is told when it is sent again', async () => {
  const tips = async () => (await server.api('tip_handler', '/api/tips')).body.tips.length;
  const desk = { actor: 'duty_officer', route: '/tips', text: 'Nội dung, đúng lời' };
  const open = { route: '/tip', text: 'Bạn thấy gì' };
  for (const { actor, route, text } of [desk, open]) {
    const before = await tips();
    const { page, close } = actor
      ? await openWindow(browser, server, { actor, page: route })
      : await openPage(browser, server, { page: route, ...PHONE });
    if (!actor) await page.getByRole('button', { name: 'Tôi đã đọc' }).click();
    let sent = 0;
    await page.route('**/api/tip', async (call) => {
      if (call.request().method() !== 'POST') return call.fallback();
      sent += 1;
      if (sent > 1) return call.fallback();
      await call.fetch();
      return call.abort('connectionreset');
    });
    await page.getByLabel(text).fill('Có xe lạ đỗ cạnh mốc');
    const send = page.getByRole('button', { name: 'Niêm phong và gửi' });
    await send.click();
    await page.getByRole('alert').waitFor();
    assert.equal(await tips(), before + 1, 'the server has it');
    await send.click();
    const way = await wayBack(page);
    assert.equal(await tips(), before + 1, 'and has it once');
    await comeBack(page, way);
    await page.getByText('Chưa có trả lời nào').waitFor();
    await close();
  }
});

test('tips and the access log have their place in the bar of those who may see them', async () => {
  for (const [actor, seen] of [
    ['duty_officer', ['Tin báo']],
    ['tip_handler', ['Tin báo']],
    ['admin', ['Nhật ký truy cập']],
    ['observer', []],
  ]) {
    const { page, close } = await openWindow(browser, server, { actor, page: '/duty' });
    const bar = page.getByRole('banner').getByRole('navigation');
    await bar.getByRole('link', { name: 'Trực ban' }).waitFor();
    const more = bar.getByTestId('more-pages');
    for (const name of ['Tin báo', 'Nhật ký truy cập']) {
      if ((await more.count()) > 0) await more.click();
      const link = bar.getByRole('link', { name });
      assert.equal(await link.count(), seen.includes(name) ? 1 : 0, `${actor}: ${name}`);
      if (!seen.includes(name)) {
        if ((await more.count()) > 0) await page.keyboard.press('Escape');
        continue;
      }
      await link.click();
      await page.getByRole('heading', { level: 1, name }).waitFor();
      assert.equal(await bar.locator('[aria-current="page"]').innerText(), name);
      await shot(page, `bar-${actor}`);
      await bar.getByRole('link', { name: 'Trực ban' }).click();
      await page.waitForURL(`${server.url}/duty`);
    }
    await close();
  }
});

test('few messages stand over a telephone, newest first, and each can be put away', async () => {
  const body = { text: 'Có xe lạ', channel: 'phone' };
  assert.equal((await server.api('duty_officer', '/api/tip', { method: 'POST', body })).status, 201);
  const { page, close } = await openWindow(browser, server, { actor: 'tip_handler', page: '/tips', ...PHONE });
  await page.locator('[data-tip][data-state="received"]').first().click();
  const grade = page.getByRole('form', { name: 'Độ tin' });
  const toasts = page.getByRole('status').locator('.toast');
  await page.evaluate(() => {
    globalThis.said = 0;
    const count = (changes) => (globalThis.said += changes.flatMap((change) => [...change.addedNodes]).length);
    new MutationObserver(count).observe(document.querySelector('.toasts'), { childList: true });
  });
  await page.route('**/api/tips/*', (call) => call.abort('connectionreset'));
  for (let n = 0; n < 3; n++) {
    await grade.getByRole('button', { name: 'Lưu', exact: true }).click();
    // Each is said before the next is tried, so that none comes after the answer below.
    await page.waitForFunction((before) => globalThis.said > before, n);
  }
  await page.unroute('**/api/tips/*');
  assert.equal(await toasts.count(), 2);
  const answer = page.getByRole('form', { name: 'Trả lời người báo tin' });
  await answer.getByRole('textbox').fill('Cảm ơn');
  await answer.getByRole('button').click();
  await toasts.filter({ hasText: 'Đã để lại trả lời' }).waitFor();
  assert.equal(await toasts.count(), 2);
  assert.match(await toasts.first().innerText(), /Đã để lại trả lời/);
  await page.screenshot({ path: path.join(out, 'toasts-phone.png') });
  const box = await toasts.last().boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= PHONE.viewport.width, 'within the screen');
  await toasts.last().getByRole('button').tap();
  await toasts.filter({ hasNotText: 'Đã để lại trả lời' }).waitFor({ state: 'detached' });
  await close();
});

test('where it is not switched on there is no public page, and without a key nothing is taken in', async () => {
  const plain = await startServer({ demo: false });
  try {
    assert.equal((await fetch(`${plain.url}/tip`)).status, 404);
    assert.equal((await fetch(`${plain.url}/api/tip`)).status, 404);
    const password = 'ba con vịt xanh ngủ trưa';
    const add = (name, role) => plain.command('user', 'add', name, '--role', role, '--url', plain.url);
    const link = add('chief', 'admin');
    add('truc', 'duty_officer');
    assert.match(link, /password\?code=/);
    const way = add('an', 'duty_officer').match(/\/password\?code=\S+/)[0];
    const { page, close } = await openPage(browser, plain, { page: way });
    await page.getByLabel('Mật khẩu mới').fill(password);
    await page.getByLabel('Nhập lại mật khẩu').fill(password);
    await page.getByRole('button', { name: 'Lưu' }).click();
    await page.getByLabel('Mật khẩu', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Đăng nhập', exact: true }).click();
    await page.getByRole('link', { name: 'Tin báo' }).click();
    await page.getByRole('alert').filter({ hasText: 'trucban tips key' }).waitFor();
    await close();
  } finally {
    await plain.stop();
  }
});
