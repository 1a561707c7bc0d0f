// Over HTTPS with the authority of the data folder: a telephone gets it at its enrolment, and then gives its position.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { PHONE, openPage, openWindow, out, packageOfPages, startBrowser, startServer } from './support.mjs';

const { default: jsQR } = packageOfPages('jsqr');
const { PNG } = packageOfPages('pngjs');

/** The browser of the tests has no authorities of its own; that certificates are believed is tested with other programs. */
const BELIEVING = { ignoreHTTPSErrors: true };

let server;
let browser;

before(async () => {
  server = await startServer({ tls: true });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function readQr(picture) {
  const { width, height, data } = PNG.sync.read(await picture.screenshot());
  return jsQR(new Uint8ClampedArray(data), width, height).data;
}

test('a telephone fetches the certificate, enrols over HTTPS, and its page may ask where it is', async () => {
  const officer = await openWindow(browser, server, { actor: 'admin', page: '/access', ...BELIEVING });
  const [cookie] = await officer.context.cookies();
  assert.equal(cookie.name, '__Host-trucban_session');
  assert.ok(cookie.secure && cookie.httpOnly && cookie.sameSite === 'Strict', JSON.stringify(cookie));
  assert.equal(cookie.domain, '127.0.0.1', 'of this host alone');

  const form = officer.page.getByRole('form', { name: 'Tạo mã ghi danh' });
  await form.getByLabel('Nhãn').fill('điện thoại tổ tuần tra');
  await form.getByLabel('Đơn vị').selectOption({ index: 1 });
  await form.getByRole('button').click();
  const certificate = officer.page.getByRole('img', { name: 'Mã QR để tải chứng chỉ của máy chủ' });
  const fetched = await readQr(certificate);
  assert.equal(fetched, `${server.url.replace('https:', 'http:')}/ca.crt`);
  const answer = await fetch(fetched);
  assert.equal(answer.headers.get('content-type'), 'application/x-x509-ca-cert');
  const digest = await crypto.subtle.digest('SHA-256', await answer.arrayBuffer());
  const pairs = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase());
  assert.equal(await officer.page.locator('.fingerprint').innerText(), pairs.join(':'));
  await officer.page.locator('details.once').scrollIntoViewIfNeeded();
  await officer.page.screenshot({ path: path.join(out, 'tls-enrolment.png'), fullPage: true });

  const link = await readQr(officer.page.getByRole('img', { name: 'Mã QR để ghi danh thiết bị' }));
  assert.ok(link.startsWith(`${server.url}/enrol?code=`), link);
  const phone = await openPage(browser, server, { page: link.slice(server.url.length), ...PHONE, ...BELIEVING });
  await phone.page.getByRole('button', { name: 'Ghi danh' }).click();
  await phone.page.waitForURL(`${server.url}/field`);
  // Without HTTPS there would be no secure context, and with none of those no position.
  const told = await phone.page.evaluate(async () => {
    const permission = await navigator.permissions.query({ name: 'geolocation' });
    return { isSecureContext, position: permission.state };
  });
  assert.deepEqual(told, { isSecureContext: true, position: 'granted' });
  const [token] = await phone.context.cookies();
  assert.ok(token.name.startsWith('__Host-') && token.secure && token.expires > 0, JSON.stringify(token));
  await phone.close();

  const duty = await openPage(browser, server, {
    page: '/duty',
    storageState: await officer.context.storageState(),
    ...BELIEVING,
  });
  await duty.mapDrawn();
  await duty.close();
  await officer.close();
});
