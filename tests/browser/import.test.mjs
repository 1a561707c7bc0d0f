// Sheets as people keep them: a deliberately dirty list of 3,000 households, as a workbook and as text; each refused row is explained on
// the page, the good ones come in, and one step takes them back.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { DESKTOP, PHONE, barriers, openWindow, out, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

const ROWS = 3_000;
const HEAD = ['Mã hộ', 'Họ tên chủ hộ', 'Bản', 'Xã', 'Số khẩu', 'Hộ nghèo', 'Kinh độ', 'Vĩ độ', 'Nguy cơ', 'Ghi chú'];
const SURNAMES = ['Lò', 'Vàng', 'Giàng', 'Lý', 'Tao', 'Mùa', 'Sùng', 'Chang'];
const NAMES = ['Pành', 'A Sử', 'Thị Mỷ', 'Văn Phong', 'Páo', 'Thị Dở', 'A Chu', 'Văn Inh'];
const HAMLETS = ['Nậm Chả', 'Pá Hạ', 'Huổi Luông', 'Sín Chải', 'Tà Tổng'];

/** A row of figures that are the same in every run (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What is wrong with a row, and what the refusal must say; the last ones are taken as they are meant. */
const FAULTS = [
  { spoil: (row) => (row[4] = ''), says: /bắt buộc số nhân khẩu/ },
  { spoil: (row) => ([row[6], row[7]] = [row[7], row[6]]), says: /đảo|ngược|vĩ độ|kinh độ/i },
  { spoil: (row) => ([row[6], row[7]] = ['541200.5', '2475300.25']), says: /-?180|độ|mét|9205/i },
  { spoil: (row) => (row[4] = '-4'), says: /-4/ },
  { spoil: (row) => (row[4] = 'năm người'), says: /năm người/ },
  { spoil: (row) => (row[4] = '4O'), says: /4O/ },
  { spoil: (row) => (row[6] = ''), says: /toạ độ|vị trí/ },
  { spoil: (row) => ([row[6], row[7]] = ['', '']), says: /vị trí/ },
  { spoil: (row) => (row[6] = '103,25'), says: /dấu phẩy/ },
  { spoil: (row) => (row[8] = '9'), says: /9/ },
  { spoil: (row) => (row[8] = '03/11/2026'), says: /03\/11\/2026/ },
  { spoil: (row) => (row[8] = '2026-11-03'), says: /2026-11-03/ },
  { spoil: (row) => (row[5] = 'chưa rõ'), says: /chưa rõ/ },
  { spoil: (row) => (row[4] = '=2+3'), says: /=2\+3/ },
  { spoil: (row) => (row[1] = 'Lò '.repeat(300)), says: /dài|200/ },
  { spoil: (row) => row.splice(5), says: /ô|vị trí/ },
  { spoil: (row, earlier) => (row[0] = earlier[0]), says: /đã có ở dòng/ },
  { spoil: (row, earlier) => row.splice(0, row.length, ...earlier), says: /giống hệt dòng|đã có ở dòng/ },
  { spoil: (row) => (row[1] = `  ${row[1]}  `), says: null },
  { spoil: (row) => (row[1] = row[1].normalize('NFD')), says: null },
  { spoil: (row) => (row[3] = 'Xã Không Có'), says: null },
  { spoil: (row) => (row[1] = ''), says: null },
];

/** The sheet, which lines must be refused and why, and how many of the others are blank. */
function dirtySheet() {
  const next = random(20_261_127);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const lines = [HEAD];
  const refused = new Map();
  let blank = 0;
  let good = ['H-0000', 'Lò Văn Mẫu', 'Pá Hạ', '', '4', 'không', '102.90000', '22.50000', '2', ''];
  for (let at = 0; at < ROWS; at += 1) {
    const row = [
      `H-${String(at + 1).padStart(4, '0')}`,
      `${pick(SURNAMES)} ${pick(NAMES)}`,
      pick(HAMLETS),
      '',
      String(1 + Math.floor(next() * 9)),
      pick(['có', 'không', '']),
      (102.7 + next() * 0.6).toFixed(5),
      (22.2 + next() * 0.4).toFixed(5),
      String(1 + Math.floor(next() * 4)),
      pick(['', '', 'nhà tạm', 'cạnh suối']),
    ];
    if (at > 10 && next() < 0.15) {
      const fault = FAULTS[Math.floor(next() * FAULTS.length)];
      fault.spoil(row, good);
      if (fault.says) refused.set(lines.length + 1, fault.says);
    } else if (at > 10 && next() < 0.005) {
      row.fill('');
      blank += 1;
    } else {
      good = [...row];
    }
    lines.push(row);
  }
  return { lines, refused, blank };
}

/** The bytes of the sheet as each program would write them. */
const WRITERS = {
  tsv: (lines) => Buffer.from(lines.map((row) => row.join('\t')).join('\n')),
  xlsx: (lines) => workbook(lines),
};

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** What reads as a number is one, as in any spreadsheet. */
const cell = (text) =>
  /^-?\d+(\.\d+)?$/.test(text) ? `<c><v>${text}</v></c>` : `<c t="inlineStr"><is><t>${escaped(text)}</t></is></c>`;

function workbook(lines) {
  const open = (tag, space) => `<?xml version="1.0"?><${tag} xmlns="${space}"`;
  const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
  const relations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
  const packaged = 'http://schemas.openxmlformats.org/package/2006';
  const rows = lines.map((row, at) => `<row r="${at + 1}">${row.map(cell).join('')}</row>`).join('');
  return zipped({
    '[Content_Types].xml': `${open('Types', `${packaged}/content-types`)}><Default Extension="xml" ContentType="application/xml"/></Types>`,
    '_rels/.rels': `${open('Relationships', `${packaged}/relationships`)}><Relationship Id="a" Type="${relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `${open('workbook', main)} xmlns:r="${relations}"><sheets><sheet name="Hộ dân" sheetId="1" r:id="b"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `${open('Relationships', `${packaged}/relationships`)}><Relationship Id="b" Type="${relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
    'xl/worksheets/sheet1.xml': `${open('worksheet', main)}><sheetData>${rows}</sheetData></worksheet>`,
  });
}

/** A zip of texts, packed by nothing. */
function zipped(files) {
  const [parts, list] = [[], []];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const [title, body] = [Buffer.from(name), Buffer.from(text)];
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt32LE(crc32(body), 10);
    head.writeUInt32LE(body.length, 14);
    head.writeUInt32LE(body.length, 18);
    head.writeUInt16LE(title.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    list.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), head, place, title);
    const part = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), head, title, body]);
    parts.push(part);
    at += part.length;
  }
  const directory = Buffer.concat(list);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, directory, end]);
}

const households = async () =>
  (await server.api('planner', '/api/collections/households/items?limit=1')).body.numberMatched;

const figure = async (page, name, within = 'preview') =>
  Number((await page.getByTestId(within).locator(`[data-figure="${name}"] dd`).innerText()).replaceAll('.', ''));

async function openImport(options = {}) {
  const window = await openWindow(browser, server, { actor: 'planner', page: '/import', ...options });
  await window.page.getByTestId('paste').waitFor();
  return window;
}

/** Every refused row that the page shows, page by page: line → reason. */
async function refusedOnThePage(page) {
  const found = new Map();
  const list = page.getByTestId('refused');
  for (;;) {
    for (const row of await list.locator('tbody tr').all()) {
      const [line, , reason] = await row.locator('td').allInnerTexts();
      found.set(Number(line), reason);
    }
    const later = list.getByRole('button', { name: 'Sau' });
    if ((await later.count()) === 0 || (await later.isDisabled())) return found;
    await later.click();
  }
}

const PROMISE = 'each refused row is explained, the good ones come in, one step takes them back';
for (const format of ['tsv', 'xlsx']) test(`a dirty list of 3,000 households as ${format}: ${PROMISE}`, () => inAndOut(format));

async function inAndOut(format) {
  const before = await households();
  const sheet = dirtySheet();
  const file = path.join(out, `ho dan.${format}`);
  writeFileSync(file, WRITERS[format](sheet.lines));
  const { page, close } = await openImport();
  await page.getByTestId('file').setInputFiles(file);
  await page.getByTestId('preview').waitFor({ timeout: 60_000 });
  const fields = await page.locator('[data-column] select:first-of-type').evaluateAll((all) => all.map((s) => s.value));
  assert.deepEqual(fields, [
    'code', 'head_name', 'hamlet', 'extra', 'member_count', 'poor', 'lon', 'lat', 'susceptibility', 'note',
  ]);
  const found = await refusedOnThePage(page);
  assert.deepEqual([...found.keys()], [...sheet.refused.keys()].sort((a, b) => a - b), 'these rows and no others');
  for (const [line, says] of sheet.refused) assert.match(found.get(line), says, `line ${line}`);
  const rows = ROWS - sheet.blank;
  assert.equal(await figure(page, 'rows'), rows);
  assert.equal(await figure(page, 'refused'), sheet.refused.size);
  assert.equal(await figure(page, 'created'), rows - sheet.refused.size);
  assert.ok((await figure(page, 'doubts')) > 0, 'what may stand twice is told');
  assert.equal(await households(), before, 'nothing is written before somebody says so');
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('heading', { name: 'Cột nào là gì' }).scrollIntoViewIfNeeded();
  await page.screenshot({ path: path.join(out, 'import-preview.png') });

  await page.getByTestId('take').click();
  await page.getByTestId('outcome').waitFor({ timeout: 60_000 });
  const good = rows - sheet.refused.size;
  assert.equal(await households(), before + good);
  await page.getByTestId('outcome').screenshot({ path: path.join(out, 'import-outcome.png') });
  await page.getByTestId('outcome').getByTestId('undo').click();
  await page.getByTestId('undo-yes').click();
  const undone = page.getByTestId('recent').locator('li', { hasText: `ho dan.${format}` });
  await undone.getByText('đã hoàn tác').waitFor({ timeout: 60_000 });
  assert.equal(await households(), before, 'as before');
  console.log(`${format}: ${rows} rows, ${sheet.refused.size} refused, ${good} in and out again`);
  await close();
}

test('cells that are pasted in metres are read in VN-2000, and a column is given another field by hand', async () => {
  const { page, close } = await openImport();
  const cells = 'Chủ hộ lớn\tKhẩu\tX (m)\tY (m)\nGiàng A Tráng\t4\t2475123.5\t542000.25\nLý Thị Bình\t3\t2475223.5\t542100.5';
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData('text/plain', text);
    const field = document.querySelector('[data-testid="paste"]');
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, cells);
  await page.getByTestId('preview').waitFor();
  await until(async () => (await figure(page, 'created')) === 2, 'the metres are understood');
  assert.equal(await page.getByTestId('crs').inputValue(), 'EPSG:9205');
  const first = page.locator('[data-column="Chủ hộ lớn"] select').first();
  assert.equal(await first.inputValue(), 'extra');
  await page.setViewportSize(PHONE.viewport);
  await first.scrollIntoViewIfNeeded();
  await page.screenshot({ path: path.join(out, 'import-phone-columns.png') });
  await page.setViewportSize(DESKTOP);
  await first.selectOption('head_name');
  await until(async () => (await page.getByTestId('import-state').innerText()).startsWith('Đang xem'), 'it was read anew');
  assert.equal(await first.inputValue(), 'head_name');
  assert.deepEqual(await barriers(page), []);
  await page.getByTestId('take').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('outcome').waitFor();

  // Somebody works on one of them: the import stays, and the page says which record stands in the way.
  const { body } = await server.api('planner', '/api/collections/households/items?limit=10000');
  const record = body.features.find((one) => one.properties.head_name === 'Lý Thị Bình');
  const patched = await server.api('planner', `/api/collections/households/items/${record.id}`, {
    method: 'PATCH', body: { properties: { note: 'đã gọi' } }, headers: { 'if-match': '"1"' },
  });
  assert.equal(patched.status, 200);
  await page.getByTestId('outcome').getByTestId('undo').click();
  await page.keyboard.press('Enter');
  await page.getByTestId('recent').getByRole('alert').getByText('planner').first().waitFor();
  await close();
});

test('the page speaks English, tells a broken workbook, and fits a telephone and both looks', async () => {
  const { page, close } = await openImport({ viewport: PHONE.viewport });
  await page.getByRole('button', { name: 'English' }).click();
  await page.getByRole('heading', { name: 'Import a sheet' }).waitFor();
  const broken = path.join(out, 'broken.xlsx');
  writeFileSync(broken, Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(600)]));
  await page.getByTestId('file').setInputFiles(broken);
  await page.getByRole('alert').getByText('the .xlsx file is broken').waitFor();
  const sheet = path.join(out, 'units.csv');
  writeFileSync(sheet, 'Ký hiệu;Tên;Lực lượng;Loại\nT-91;Tổ chín mốt;Biên phòng;Tổ tuần tra\nT-92;Tổ chín hai;Hải quân;Tổ tuần tra\n');
  await page.getByTestId('collection').selectOption('units');
  await page.getByTestId('file').setInputFiles(sheet);
  await page.getByTestId('refused').getByText('"Hải quân" is not one of Police, Military, Border guard').waitFor();
  for (const look of ['first', 'second', 'third']) {
    assert.deepEqual(await barriers(page), [], look);
    await page.screenshot({ path: path.join(out, `import-phone-${look}.png`) });
    await page.getByTestId('preview').scrollIntoViewIfNeeded();
    await page.getByTitle('Change look').click();
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} px too wide`);
  await page.setViewportSize(DESKTOP);
  await page.screenshot({ path: path.join(out, 'import-wide.png') });
  await close();
});

test('who may not import is told so, and has no link to the page', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'duty_officer', page: '/import' });
  await page.getByText('không được nhập bảng').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Nhập bảng' }).count(), 0);
  await close();
  const plan = await openWindow(browser, server, { actor: 'planner', page: '/plan' });
  await plan.page.getByTestId('open-import').click();
  await plan.page.getByTestId('paste').waitFor();
  await plan.close();
});
