// Who comes in: the first administrator by the set-up link, passwords by a link, sessions and their end.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { PHONE, openPage, openWindow, packageOfPages, startBrowser, startServer, until } from './support.mjs';

const { default: jsQR } = packageOfPages('jsqr');
const { PNG } = packageOfPages('pngjs');

const PASSWORD = 'ba con vịt xanh ngủ trưa';

let server;
let browser;

before(async () => {
  server = await startServer({ demo: false });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const wayOf = (link) => link.trim().replace(/^https?:\/\/[^/]+/, '');

async function choose(page, password) {
  await page.getByLabel('Mật khẩu mới').fill(password);
  await page.getByLabel('Nhập lại mật khẩu').fill(password);
  await page.getByRole('button', { name: 'Lưu' }).click();
}

async function signIn(page, name, password = PASSWORD) {
  await page.getByLabel('Tên tài khoản').fill(name);
  await page.getByLabel('Mật khẩu', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Đăng nhập', exact: true }).click();
}

test('the first start tells of a link, and the link makes the administrator once', async () => {
  const start = await openPage(browser, server, { page: '/' });
  await start.page.getByText('setup-link.txt').waitFor();
  assert.equal(await start.page.locator('[data-actor]').count(), 0, 'no actor to become with one click');
  await start.close();

  const link = readFileSync(path.join(server.data, 'setup-link.txt'), 'utf8').trim();
  assert.ok(server.printed().includes(link) && !server.log().includes(link), 'it is printed, and not logged');
  const { page, close } = await openPage(browser, server, { page: wayOf(link), ...PHONE });
  await page.getByLabel('Tên tài khoản').fill('chief');
  await choose(page, 'matkhau123456');
  await page.getByRole('alert').filter({ hasText: 'thường bị đoán' }).waitFor();
  await choose(page, PASSWORD);
  await page.getByText('Đã lưu mật khẩu của chief').waitFor();
  assert.ok(!page.url().includes('code='), 'the code is gone from the address');
  await signIn(page, 'chief');
  await page.getByText('Mở nơi làm việc').waitFor();
  await close();

  const again = await openPage(browser, server, { page: wayOf(link) });
  await again.page.getByLabel('Tên tài khoản').fill('second');
  await choose(again.page, PASSWORD);
  await again.page.getByRole('alert').waitFor();
  assert.equal(await again.page.getByText('Đã lưu').count(), 0);
  await again.close();
});

test('an account of the command line chooses its password, works, and ends its other sessions', async () => {
  const printed = server.command('user', 'add', 'an', '--role', 'duty_officer', '--force', 'police', '--url', server.url);
  const link = printed.split('\n').find((line) => line.includes('/password?code='));
  const first = await openPage(browser, server, { page: wayOf(link) });
  await choose(first.page, PASSWORD);
  await signIn(first.page, 'an', 'not the password at all');
  await first.page.getByRole('alert').filter({ hasText: 'không đúng' }).waitFor();
  await signIn(first.page, 'an');
  await first.page.getByRole('link', { name: /Trực ban/ }).first().click();
  await first.mapDrawn();

  const other = await openPage(browser, server, { page: '/' });
  await signIn(other.page, 'an');
  await other.page.waitForURL(`${server.url}/duty`);
  await other.page.goto(`${server.url}/me`);
  const rows = other.page.locator('section', { hasText: 'Trình duyệt đang đăng nhập' }).locator('tbody tr');
  await until(async () => (await rows.count()) === 2, 'both browsers are listed');
  await rows.and(other.page.locator('[data-current="false"]')).getByRole('button').click();
  await until(async () => (await rows.count()) === 1, 'the other one is over');
  // The page whose session was ended shows nothing more of the picture.
  await first.page.getByLabel('Tên tài khoản').waitFor({ timeout: 20_000 });

  await other.page.getByLabel('Nhãn').fill('máy in báo cáo');
  await other.page.getByRole('button', { name: 'Tạo mã cho chương trình' }).click();
  const token = await other.page.locator('.once code').innerText();
  const asProgram = () => fetch(`${server.url}/api/me/tokens`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await asProgram()).status, 200);
  await other.page.getByRole('button', { name: 'Thu hồi máy in báo cáo' }).click();
  await until(async () => (await asProgram()).status === 401, 'the token counts no longer');

  await other.page.getByRole('button', { name: 'Đăng xuất khỏi mọi nơi' }).click();
  await other.page.waitForURL(`${server.url}/`);
  await other.page.getByLabel('Tên tài khoản').waitFor();
  await first.close();
  await other.close();
});

test('an administrator makes an account by its page, and shuts it out', async () => {
  const admin = await openPage(browser, server, { page: '/' });
  await signIn(admin.page, 'chief');
  await admin.page.waitForURL(`${server.url}/duty`);
  await admin.page.goto(`${server.url}/access`);
  const form = admin.page.getByRole('form', { name: 'Thêm tài khoản' });
  await form.getByLabel('Tên tài khoản').fill('xa.muong-te');
  await form.getByLabel('Vai trò').selectOption('local_authority');
  await form.getByLabel('Lực lượng').selectOption('civil');
  await form.getByRole('listbox').selectOption([{ index: 0 }]);
  await form.getByRole('button', { name: 'Thêm tài khoản' }).click();
  const link = await admin.page.getByTestId('link').innerText();
  const row = admin.page.locator('[data-account="xa.muong-te"]');
  await row.getByText('chưa chọn mật khẩu').waitFor();

  const officer = await openPage(browser, server, { page: wayOf(link) });
  await choose(officer.page, PASSWORD);
  await signIn(officer.page, 'xa.muong-te');
  await officer.page.getByText('Mở nơi làm việc').waitFor();
  await officer.page.goto(`${server.url}/access`);
  await officer.page.getByText('Không có chia sẻ nào').waitFor();
  assert.equal(await officer.page.getByText('Thêm tài khoản').count(), 0, 'others manage no accounts');
  await officer.page.goto(`${server.url}/duty`);
  await officer.mapDrawn();

  await row.getByRole('button', { name: 'Khoá xa.muong-te' }).click();
  await row.getByText('đã khoá').waitFor();
  await officer.page.getByLabel('Tên tài khoản').waitFor({ timeout: 20_000 });
  await officer.close();
  await admin.close();
});

test('a telephone reads its code from the screen, reports for its unit, and is shut out when it is lost', async () => {
  const demo = await startServer();
  try {
    const officer = await openWindow(browser, demo, { actor: 'duty_officer', page: '/access' });
    const form = officer.page.getByRole('form', { name: 'Tạo mã ghi danh' });
    await form.getByLabel('Nhãn').fill('điện thoại tổ tuần tra');
    const police = await demo.api('admin', '/api/collections/units/items?force=police&limit=1');
    await form.getByLabel('Đơn vị').selectOption(police.body.features[0].id);
    await form.getByRole('button').click();
    const picture = officer.page.getByRole('img', { name: 'Mã QR' });
    const { width, height, data } = PNG.sync.read(await picture.screenshot());
    const url = jsQR(new Uint8ClampedArray(data), width, height).data;
    const code = await officer.page.locator('.typed').innerText();
    assert.equal(url, `${demo.url}/enrol?code=${code}`);

    const phone = await openPage(browser, demo, { page: wayOf(url), ...PHONE });
    await phone.page.getByRole('button', { name: 'Ghi danh' }).click();
    await phone.page.waitForURL(`${demo.url}/field`);
    await officer.page.reload();
    await officer.page.getByRole('button', { name: 'Thu hồi điện thoại tổ tuần tra' }).click();
    await phone.page.locator('[data-actor]').first().waitFor({ timeout: 20_000 });
    await phone.close();
    await officer.close();
  } finally {
    await demo.stop();
  }
});

test('a force shares some fields for some hours, takes it back, and sees households in an emergency', async () => {
  const demo = await startServer();
  try {
    const { page, close } = await openWindow(browser, demo, { actor: 'duty_officer', page: '/access' });
    const form = page.getByRole('form', { name: 'Chia sẻ dữ liệu của lực lượng mình' });
    await form.getByLabel(/^Cho/).selectOption('civil');
    await form.getByLabel(/^Dữ liệu/).selectOption('incidents');
    await form.getByLabel('Lý do').fill('diễn tập mưa lũ');
    await form.getByLabel('severity', { exact: true }).check();
    await form.getByRole('button', { name: 'Chia sẻ' }).click();
    const row = page.locator('tr', { hasText: 'diễn tập mưa lũ' });
    await row.getByText('đang có hiệu lực').waitFor();
    await row.getByRole('button').click();
    await row.getByText('đã thu hồi').waitFor();

    const emergency = page.getByRole('form', { name: 'Mở khẩn cấp' });
    await emergency.getByRole('listbox').selectOption([{ index: 3 }]);
    await emergency.getByLabel('Để làm gì').fill('tìm người sau sạt lở');
    await emergency.getByRole('button').click();
    await page.locator('tr', { hasText: 'tìm người sau sạt lở' }).getByText('đang có hiệu lực').waitFor();
    await close();
  } finally {
    await demo.stop();
  }
});
