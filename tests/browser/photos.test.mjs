// Photos: chosen on a phone without a link, dropped and pasted in the duty room, opened, withdrawn.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { barriers, openWindow, out, PHONE, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

/** Which pieces of the upload the link breaks at. */
const CUT = new Set([2, 4, 5]);
const TAKEN_AT = [103.2505, 22.3505];
const incidents = async (kind) =>
  (await server.api('duty_officer', `/api/collections/incidents/items?kind=${kind}&limit=1000`)).body.features;
const photosOf = async (incident) =>
  (await server.api('duty_officer', `/api/collections/attachments/items?incident_id=${incident}`)).body.features;

/** EXIF that says where and when the photo was taken, as a segment of JPEG. */
function exif([lon, lat]) {
  const tiff = Buffer.alloc(160);
  tiff.write('MM\0*', 'latin1');
  tiff.writeUInt32BE(8, 4);
  const entry = (at, tag, kind, count, value) => {
    tiff.writeUInt16BE(tag, at);
    tiff.writeUInt16BE(kind, at + 2);
    tiff.writeUInt32BE(count, at + 4);
    if (typeof value === 'string') tiff.write(value, at + 8, 'latin1');
    else tiff.writeUInt32BE(value, at + 8);
  };
  tiff.writeUInt16BE(1, 8);
  entry(10, 0x8825, 4, 1, 26);
  tiff.writeUInt16BE(4, 26);
  entry(28, 1, 2, 2, 'N');
  entry(40, 2, 5, 3, 90);
  entry(52, 3, 2, 2, 'E');
  entry(64, 4, 5, 3, 114);
  [lat, lon].forEach((degrees, which) => {
    const minutes = (degrees % 1) * 60;
    const parts = [[Math.floor(degrees), 1], [Math.floor(minutes), 1], [Math.round((minutes % 1) * 60_000), 1_000]];
    parts.flat().forEach((value, at) => tiff.writeUInt32BE(value, 90 + which * 24 + at * 4));
  });
  const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}

/** A photo that a browser can show, in a colour of its own, of at least so many bytes. */
async function photo(page, name, colour, bytes = 0) {
  const drawn = await page.evaluate(async (fill) => {
    const canvas = new OffscreenCanvas(640, 480);
    const pen = canvas.getContext('2d');
    pen.fillStyle = fill;
    pen.fillRect(0, 0, 640, 480);
    pen.fillStyle = '#fff';
    pen.font = '80px sans-serif';
    pen.fillText('22°N', 60, 250);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg' });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, colour);
  const jpeg = Buffer.from(drawn);
  // Comments make it larger; they are no part of the picture.
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0xff, 0xff]), Buffer.alloc(65_533, 'x')]);
  const comments = Array.from({ length: Math.ceil(bytes / comment.length) }, () => comment);
  const buffer = Buffer.concat([jpeg.subarray(0, 2), exif(TAKEN_AT), ...comments, jpeg.subarray(2)]);
  return { name, mimeType: 'image/jpeg', buffer };
}

async function content(id) {
  const answer = await fetch(`${server.url}/api/attachments/${id}/content`, {
    headers: { authorization: `Bearer ${server.tokens.duty_officer}` },
  });
  assert.equal(answer.status, 200);
  return Buffer.from(await answer.arrayBuffer());
}

test('a photo that was taken without a link goes out behind its report, over cuts and a reload', async () => {
  const field = await openWindow(browser, server, { actor: 'field_unit', page: '/field', ...PHONE });
  const { page, context } = field;
  await page.getByTestId('near-row').first().waitFor({ timeout: 30_000 });
  const taken = await photo(page, 'IMG_0001.jpg', '#964', 3_000_000);
  await context.setOffline(true);
  await page.getByTestId('offline-banner').waitFor();
  await page.getByTestId('open-report').tap();
  await page.locator('[data-kind="rockfall"]').tap();
  await page.locator('[data-severity="2"]').tap();
  await page.getByTestId('place-here').tap();
  await page.getByTestId('report-photo-input').setInputFiles([taken]);
  await page.screenshot({ path: path.join(out, 'photos-report.png') });
  await page.getByTestId('report-send').tap();
  await page.getByTestId('link-line').tap();
  await page.locator('[data-testid="outbox-item"][data-kind="photo"]').waitFor();
  assert.match(await page.getByTestId('outbox-bytes').textContent(), /3[,.]\d MB/);
  await page.screenshot({ path: path.join(out, 'photos-outbox.png') });

  // The page needs its server for a reload; the ways of what waits stay cut.
  const before = new Set((await incidents('rockfall')).map(({ id }) => id));
  await context.route('**/api/incidents', (route) => route.abort());
  let pieces = 0;
  await context.route('**/api/uploads/*', async (route) => {
    const isPiece = route.request().method() === 'PATCH';
    pieces += isPiece ? 1 : 0;
    await (isPiece && CUT.has(pieces) ? route.abort('connectionreset') : route.continue());
  });
  await context.setOffline(false);
  await page.reload();
  await page.getByTestId('link-line').waitFor();
  await page.getByTestId('link-line').tap();
  await page.locator('[data-testid="outbox-item"][data-kind="photo"]').waitFor();
  await context.unroute('**/api/incidents');

  const made = async () => (await incidents('rockfall')).filter(({ id }) => !before.has(id));
  await until(async () => (await made()).length === 1, 'the report is sent', 20_000);
  const [incident] = await made();
  await until(async () => (await photosOf(incident.id)).length === 1, 'its photo is sent', 60_000);
  await until(async () => (await page.getByTestId('outbox-item').count()) === 0, 'the outbox is empty', 15_000);
  assert.ok(pieces >= 6, `it was cut and went on: ${pieces}`);
  const [arrived] = await photosOf(incident.id);
  assert.equal(arrived.properties.name, 'IMG_0001.jpg');
  assert.equal(arrived.properties.added_by, 'field_unit');
  const bytes = await content(arrived.id);
  assert.ok(!bytes.includes('Exif') && bytes.length < 100_000, 'neither place nor comments are left');
  await field.close();
});

test('the duty room drops, pastes and chooses photos, uses the place of one, and withdraws another', async () => {
  const window = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  const { page } = window;
  const { body } = await server.api('duty_officer', '/api/incidents', {
    method: 'POST',
    body: { kind: 'landslide', title: 'Sạt lở có ảnh', place: { lon: 103.2, lat: 22.4 } },
  });
  const { id } = body.incident;
  await page.locator(`li[data-id="${id}"]`).click();
  const section = page.getByTestId('photos');
  await section.waitFor();

  await section.getByTestId('photo-input').setInputFiles([await photo(page, 'sạt lở.jpg', '#563')]);
  await section.getByTestId('photo').first().waitFor();
  const offer = section.getByTestId('photo-place');
  await offer.waitFor();
  await page.screenshot({ path: path.join(out, 'photos-duty.png') });
  await offer.getByRole('button', { name: 'Dùng vị trí của ảnh' }).click();
  await until(async () => {
    const moved = (await server.api('duty_officer', `/api/collections/incidents/items/${id}`)).body;
    return Math.abs(moved.geometry.coordinates[0] - TAKEN_AT[0]) < 1e-4;
  }, 'the incident stands where the photo was taken');

  for (const way of ['drop', 'paste']) {
    const { buffer } = await photo(page, 'x', way === 'drop' ? '#345' : '#a43');
    await page.evaluate(
      ([how, bytes]) => {
        const held = new DataTransfer();
        held.items.add(new File([new Uint8Array(bytes)], `${how}.jpg`, { type: 'image/jpeg' }));
        const group = document.querySelector('[data-testid="photos"] [role="group"]');
        const event =
          how === 'drop'
            ? new DragEvent('drop', { dataTransfer: held, bubbles: true, cancelable: true })
            : new ClipboardEvent('paste', { clipboardData: held, bubbles: true, cancelable: true });
        (how === 'drop' ? group : window).dispatchEvent(event);
      },
      [way, [...buffer]],
    );
    await until(async () => (await photosOf(id)).some(({ properties }) => properties.name === `${way}.jpg`), way);
  }
  await until(async () => (await section.getByTestId('photo').count()) === 3, 'all three are shown');
  const drawn = section.locator('img').first();
  await until(async () => drawn.evaluate((image) => image.complete && image.naturalWidth === 640), 'it is drawn');

  await section.getByTestId('photo-input').setInputFiles([
    { name: 'không phải ảnh.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('<html>Đây là trang web</html>') },
  ]);
  const refused = section.getByTestId('photo-sending');
  await refused.getByText('không phải ảnh JPEG').waitFor();
  await refused.getByRole('button', { name: 'Bỏ' }).click();

  const other = await openWindow(browser, server, { actor: 'border_officer', page: '/duty' });
  await other.page.locator(`li[data-id="${id}"]`).click();
  await until(async () => (await other.page.getByTestId('photo').count()) === 3, 'another officer sees them');

  await section.getByTestId('photo').first().click();
  const large = section.getByTestId('photo-large');
  await large.locator('img').waitFor();
  await page.screenshot({ path: path.join(out, 'photos-large.png') });
  assert.deepEqual(await barriers(page), []);
  await large.locator('input').fill('ảnh của vụ khác');
  await large.getByRole('button', { name: 'Rút ảnh' }).click();
  await section.getByTestId('photo-withdrawn').getByText('ảnh của vụ khác').waitFor();
  await until(async () => (await other.page.getByTestId('photo').count()) === 2, 'it is gone for the other too');
  await other.close();
  await window.close();
});

test('an entry of the duty log goes with its photo', async () => {
  const window = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  const { page } = window;
  await page.getByRole('tab', { name: /sổ trực/i }).or(page.getByRole('button', { name: /sổ trực/i })).first().click();
  await page.locator('#log-text').fill('Ảnh mực nước cầu Hang Tôm');
  const form = page.locator('form:has(#log-text)');
  await form.getByTestId('photo-input').setInputFiles([await photo(page, 'mực nước.jpg', '#248')]);
  await form.getByText('1 ảnh sẽ gửi sau mục này').waitFor();
  await page.locator('#log-text').press('Control+Enter');
  const entry = page.locator('li', { hasText: 'Ảnh mực nước cầu Hang Tôm' });
  await entry.getByTestId('photo').waitFor({ timeout: 15_000 });
  await page.screenshot({ path: path.join(out, 'photos-log.png') });
  await window.close();
});
