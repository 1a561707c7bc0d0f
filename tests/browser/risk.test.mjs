// Rain, bulletin and levels on the planner's page: what was computed, issued and set stand beside each other, and a
// second browser sees them without a reload.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openWindow, out, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

/** A slope of the demo's households, and a gauge beside it. */
const SLOPE = [102.845, 22.535];
const HOUR_MS = 3_600_000;
const hoursAgo = (hours) => new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS - hours * HOUR_MS);
const local = (at) => new Date(at.getTime() + 7 * HOUR_MS).toISOString().slice(0, 16).replace('T', ' ');

async function made(collection, geometry, properties) {
  const answer = await server.api('planner', `/api/collections/${collection}/items`, {
    method: 'POST',
    body: { type: 'Feature', geometry, properties },
  });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

const [lon, lat] = SLOPE;
const ring = [[-0.004, -0.004], [0.004, -0.004], [0.004, 0.004], [-0.004, 0.004], [-0.004, -0.004]];
const gauge = await made('rain_gauges', { type: 'Point', coordinates: [lon + 0.01, lat] }, { name: 'Trạm thử', code: 'THU' });
const zone = await made(
  'risk_zones',
  { type: 'Polygon', coordinates: [ring.map(([x, y]) => [lon + x, lat + y])] },
  { name: 'Sườn thử cấp', kind: 'landslide', susceptibility: 4, valid_to: hoursAgo(-48).toISOString() },
);

async function openPlan() {
  const window = await openWindow(browser, server, { actor: 'planner', page: '/plan' });
  await window.mapDrawn();
  await window.page.locator(`[data-testid="zone-row"][data-id="${zone.id}"]`).getByRole('button').click();
  await window.page.getByTestId('zone-levels').waitFor();
  return window;
}

test('pasted rain raises the computed level with its rule; a bulletin and a commander stand beside it', async () => {
  const { page } = await openPlan();
  const second = await openPlan();
  const of = (window, name) => window.getByTestId('zone-levels').locator(`[data-level-of="${name}"]`);
  await of(page, 'computed').getByTestId('level-stale').waitFor();

  await page.getByTestId('open-rain').click();
  const lines = ['station,to,minutes,mm'];
  for (let ago = 0; ago < 24; ago += 1) lines.push(`THU,${local(hoursAgo(ago))},60,10.7`);
  for (let ago = 24; ago < 96; ago += 1) lines.push(`THU,${local(hoursAgo(ago))},60,0.5`);
  for (let ago = 96; ago < 121; ago += 1) lines.push(`THU,${local(hoursAgo(ago))},60,0`);
  lines.push(`THU,${local(hoursAgo(1))},60,-4`, `XX,${local(hoursAgo(1))},60,1`);
  await page.getByTestId('rain-paste').fill(lines.join('\n'));
  await page.getByTestId('rain-send').click();
  await page.getByTestId('rain-answer').filter({ hasText: 'Nhận 121' }).waitFor();
  assert.equal(await page.getByTestId('rain-dialog').locator('li.fault').count(), 2, 'each refused line is explained');
  await page.locator('[data-gauge="THU"]').click();
  await page.getByTestId('rain-chart').locator('canvas').waitFor();
  await page.screenshot({ path: path.join(out, 'plan-rain.png') });
  await page.keyboard.press('Escape');

  for (const window of [page, second.page]) {
    await of(window, 'computed').getByRole('img', { name: 'cấp 3' }).waitFor();
    await of(window, 'computed').getByText('nguy cơ rất cao: cấp 3').waitFor();
  }

  await page.getByTestId('open-bulletin').click();
  await page.getByTestId('bulletin-name').fill('Tin cảnh báo số 12');
  await page.getByTestId('bulletin-dialog').locator('[data-level="2"]').click();
  await page.screenshot({ path: path.join(out, 'plan-bulletin.png') });
  await page.getByTestId('save-bulletin').click();
  await of(page, 'issued').getByRole('img', { name: 'cấp 2' }).waitFor();
  await of(second.page, 'issued').getByRole('img', { name: 'cấp 2' }).waitFor();

  await page.getByTestId('set-level').click();
  await page.getByTestId('zone-levels').locator('form [data-level="4"]').click();
  await page.getByTestId('level-reason').fill('nứt đất, nhà nghiêng');
  await page.getByTestId('save-level').click();
  await of(page, 'set').getByText('nứt đất, nhà nghiêng').waitFor();
  await of(second.page, 'set').getByRole('img', { name: 'cấp 4' }).waitFor();
  await page.screenshot({ path: path.join(out, 'plan-levels.png') });
  const { body } = await server.api('planner', `/api/risk_zones/${zone.id}/levels`);
  assert.deepEqual([body.computed.level, body.issued.level, body.set.level], [3, 2, 4]);

  // What is withdrawn is issued no more.
  await page.getByTestId('open-bulletin').click();
  await page.getByTestId('bulletin-dialog').getByRole('button', { name: 'Rút' }).first().click();
  await page.keyboard.press('Escape');
  await of(second.page, 'issued').getByText('không có bản tin').waitFor();
});

test('a gauge with a gap shows it as missing, and the duty room reads the levels too', async () => {
  const late = await made('rain_gauges', { type: 'Point', coordinates: [103.9, 22.0] }, { name: 'Trạm có khoảng trống', code: 'HO' });
  const readings = [0, 1, 5, 6].map((ago) => ({ station: 'HO', to: hoursAgo(ago).toISOString(), minutes: 60, mm: 3 }));
  await server.api('planner', '/api/rain', { method: 'POST', body: { readings } });
  const duty = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  await until(async () => {
    const { body } = await server.api('planner', `/api/rain_gauges/${late.id}/rain?hours=24`);
    const total = body.totals.find(({ hours }) => hours === 6);
    return total.mm >= 6 && total.known_share < 0.7;
  }, 'the gap is a gap');
  assert.ok(gauge.id);
  // The alarm stands until somebody takes it; the bar leads to it.
  await duty.page.locator('button.alarm').waitFor();
  for (let n = 0; n < 12 && !(await duty.page.getByText('lên cấp 3').first().isVisible()); n += 1) {
    await duty.page.keyboard.press('t');
    await duty.page.waitForTimeout(500);
  }
  await duty.page.getByTestId('raised').getByText('lên cấp 3').waitFor();
  await duty.page.screenshot({ path: path.join(out, 'duty-level-risen.png') });
});

/** A GeoTIFF in degrees over the province, the same rain in each of its cells. */
function geotiff(mm, [columns, rows] = [20, 16], step = 0.1) {
  const SHORT = 3, LONG = 4, DOUBLE = 12;
  const doubles = (list) => Buffer.concat(list.map((one) => (buffer => (buffer.writeDoubleLE(one), buffer))(Buffer.alloc(8))));
  const shorts = (list) => Buffer.concat(list.map((one) => (buffer => (buffer.writeUInt16LE(one), buffer))(Buffer.alloc(2))));
  const cells = Buffer.alloc(columns * rows * 4);
  for (let n = 0; n < columns * rows; n += 1) cells.writeFloatLE(mm, n * 4);
  const keys = [1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326];
  const apart = [doubles([step, step, 0]), doubles([0, 0, 0, 102.2, 23.0, 0]), shorts(keys), cells];
  const at = [];
  let next = 8;
  for (const part of apart) {
    at.push(next);
    next += part.length;
  }
  const entries = [
    [256, LONG, 1, columns], [257, LONG, 1, rows], [258, SHORT, 1, 32], [259, SHORT, 1, 1], [262, SHORT, 1, 1],
    [273, LONG, 1, at[3]], [277, SHORT, 1, 1], [278, LONG, 1, rows], [279, LONG, 1, cells.length], [339, SHORT, 1, 3],
    [33550, DOUBLE, 3, at[0]], [33922, DOUBLE, 6, at[1]], [34735, SHORT, keys.length, at[2]],
  ];
  const head = Buffer.alloc(8);
  head.write('II');
  head.writeUInt16LE(42, 2);
  head.writeUInt32LE(next, 4);
  const directory = Buffer.alloc(2 + entries.length * 12 + 4);
  directory.writeUInt16LE(entries.length, 0);
  for (const [n, [tag, type, count, value]] of entries.entries()) {
    directory.writeUInt16LE(tag, 2 + n * 12);
    directory.writeUInt16LE(type, 4 + n * 12);
    directory.writeUInt32LE(count, 6 + n * 12);
    directory.writeUInt32LE(value, 10 + n * 12);
  }
  return Buffer.concat([head, ...apart, directory]);
}

test('a forecast grid that a planner sends is listed, and the level names it; a broken one is told in words', async () => {
  const { page } = await openPlan();
  await page.getByTestId('open-rain').click();
  const grids = page.getByTestId('rain-grids');
  await grids.getByText('Chưa có lưới mưa nào').waitFor();
  await grids.getByTestId('grid-kind').selectOption('forecast');
  await grids.getByTestId('grid-source').fill('Mô hình thử 3 km');
  const field = (at) => local(at).replace(' ', 'T');
  await grids.getByTestId('grid-from').fill(field(hoursAgo(0)));
  await grids.getByTestId('grid-to').fill(field(hoursAgo(-24)));
  await grids.getByTestId('grid-issued').fill(field(hoursAgo(1)));
  const file = (buffer) => ({ name: 'du-bao.tif', mimeType: 'image/tiff', buffer });
  await grids.getByTestId('grid-file').setInputFiles(file(geotiff(-3)));
  await grids.getByTestId('grid-send').click();
  await page.getByText('giá trị -3, cần 0 đến 2000 mm').waitFor();
  await grids.getByTestId('grid-file').setInputFiles(file(geotiff(444)));
  await grids.getByTestId('grid-send').click();
  await grids.getByTestId('grid-outcome').filter({ hasText: 'Đã nhận' }).waitFor();
  const row = grids.locator('tr[data-kind="forecast"]');
  assert.match((await row.textContent()) ?? '', /Mô hình thử 3 km.*444,0 \/ 444,0.*100%/s);
  await page.screenshot({ path: path.join(out, 'plan-rain-grids.png') });
  await grids.getByTestId('grid-send').click();
  await grids.getByTestId('grid-outcome').filter({ hasText: 'Đã có, không đổi' }).waitFor();
  await page.keyboard.press('Escape');
  const named = page.getByTestId('level-grids').locator('[data-decides="true"]');
  await named.filter({ hasText: 'lưới dự báo “Mô hình thử 3 km”' }).waitFor();
  await page.screenshot({ path: path.join(out, 'plan-level-grid.png') });

  // On a telephone the same table scrolls in its own frame.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByTestId('open-rain').click();
  await row.waitFor();
  await page.screenshot({ path: path.join(out, 'plan-rain-grids-phone.png') });
  await page.setViewportSize({ width: 1920, height: 1080 });
  page.once('dialog', (dialog) => void dialog.accept());
  await row.getByRole('button', { name: 'Thu hồi' }).click();
  await grids.getByText('Chưa có lưới mưa nào').waitFor();
});
