// Coming in by a provider: through its own pages to the workplace and out again, and what is told to whoever may not.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DESKTOP, PHONE, barriers, openPage, out, startBrowser, startServer } from './support.mjs';

const script = path.join(path.dirname(fileURLToPath(import.meta.url)), '../oidc/provider.mjs');
const PASSWORD = 'mưa to trên đèo';

let provider;
let issuer;
let server;
let browser;

before(async () => {
  provider = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'ignore'] });
  issuer = await new Promise((resolve, reject) => {
    provider.on('exit', (code) => reject(new Error(`the provider ended with ${code}`)));
    provider.stdout.on('data', (text) => {
      const ready = /ready (\S+)/.exec(text);
      if (ready) resolve(ready[1]);
    });
  });
  const config = `
    [oidc]
    name = "Cổng đăng nhập tỉnh"
    issuer = "${issuer}"
    client_id = "trucban"
    client_secret = 'a secret & "quoted" %2B+/='
    scopes = ["profile", "groups"]
    role_claim = "groups"
    contact = "phòng công nghệ thông tin, máy lẻ 102"
    [[oidc.map]]
    value = "truc-ban"
    role = "duty_officer"
    force = "police"`;
  server = await startServer({ demo: false, config });
  server.command('user', 'add', 'chief', '--role', 'admin');
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  provider?.removeAllListeners('exit');
  provider?.kill();
});

const byProvider = (page) => page.getByRole('button', { name: 'Đăng nhập qua Cổng đăng nhập tỉnh' });

/** On the provider's own page. */
async function signInThere(page, login) {
  await page.getByLabel('Tên').fill(login);
  await page.getByLabel('Mật khẩu').fill(PASSWORD);
  await page.getByRole('button', { name: 'Vào' }).click();
}

test('somebody signs in by the provider, sees the workplace, and signs out of both', async () => {
  const { page, close, mapDrawn } = await openPage(browser, server, { page: '/', allowed: [issuer] });
  await byProvider(page).waitFor();
  await page.getByLabel('Tên tài khoản').waitFor();
  await page.screenshot({ path: path.join(out, `oidc-start-${DESKTOP.width}.png`) });
  assert.deepEqual(await barriers(page), []);
  await byProvider(page).click();
  await page.waitForURL((url) => url.origin === issuer);
  await signInThere(page, 'an');
  await page.waitForURL(`${server.url}/duty`);
  await mapDrawn();

  await page.goto(`${server.url}/me`);
  await page.getByText('mật khẩu đổi ở đó').waitFor();
  assert.equal(await page.getByLabel('Mật khẩu hiện nay').count(), 0, 'no password of ours to change');
  await page.goto(`${server.url}/`);
  await page.getByText('Lò Văn An').first().waitFor();
  await page.getByRole('button', { name: 'Đăng xuất', exact: true }).click();
  await page.waitForURL((url) => url.origin === issuer);
  await page.getByRole('button', { name: 'Đăng xuất hẳn' }).click();
  await page.waitForURL(`${server.url}/`);

  // Whoever sits down next is asked who they are.
  await byProvider(page).click();
  await page.getByRole('button', { name: 'Vào' }).waitFor();
  await close();
});

test('whoever has no role, or cancels, reads why, on a telephone too', async () => {
  const { page, close } = await openPage(browser, server, { page: '/', allowed: [issuer], ...PHONE });
  await byProvider(page).waitFor();
  await page.screenshot({ path: path.join(out, `oidc-start-${PHONE.viewport.width}.png`) });
  await byProvider(page).click();
  await signInThere(page, 'guest');
  await page.getByRole('alert').filter({ hasText: 'phòng công nghệ thông tin, máy lẻ 102' }).waitFor();
  assert.equal(page.url(), `${server.url}/signed-in`, 'the code is gone from the address');
  await page.screenshot({ path: path.join(out, 'oidc-no-role-390.png') });
  assert.deepEqual(await barriers(page), []);
  await close();

  const other = await openPage(browser, server, { page: '/', allowed: [issuer], ...PHONE });
  await byProvider(other.page).click();
  await other.page.getByRole('link', { name: 'Huỷ' }).click();
  await other.page.getByRole('alert').filter({ hasText: 'không cho đăng nhập' }).waitFor();
  await other.page.getByRole('link', { name: 'Về trang đầu' }).click();
  await other.page.getByLabel('Tên tài khoản').waitFor();
  await other.close();
});

test('without the provider the page says so and keeps its own form', async () => {
  const away = await startServer({ demo: false, config: `
    [oidc]
    name = "Cổng đăng nhập tỉnh"
    issuer = "http://127.0.0.1:9"
    client_id = "trucban"
    role_claim = "groups"
    map = [{ value = "truc-ban", role = "duty_officer" }]` });
  try {
    away.command('user', 'add', 'chief', '--role', 'admin');
    const { page, close } = await openPage(browser, away, { page: '/' });
    await byProvider(page).click();
    await page.getByRole('alert').filter({ hasText: 'Không tới được Cổng đăng nhập tỉnh' }).waitFor();
    // The page may have been there before the server heard of the first account.
    await page.getByLabel('Tên tài khoản').waitFor();
    await close();
  } finally {
    await away.stop();
  }
});
