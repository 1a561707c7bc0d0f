// The quarterly report: what was published of a quarter stands on the page, and every figure opens the rows behind it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, openWindow, out, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

/** A figure as the page writes it: 1.458 is a thousand and more, 2,23 has two decimals. */
const read = (text) => Number(text.trim().replaceAll('.', '').replace(',', '.').replace('−', '-').replace('+', ''));
const line = (page, figure) => page.locator(`tr[data-figure="${figure}"]`);
/** What stands in a cell; beneath a figure that was closed or agreed on stands its recount. */
const cell = async (page, figure, n) =>
  read((await line(page, figure).locator('td').nth(n).innerText()).split('\n')[0]);

test('the figures of quarter III 2024 are those that were published, and open their rows', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'admin', page: '/reports?quarter=2024Q3' });
  await page.locator('[data-testid="reports"][data-quarter="2024Q3"]').waitFor();
  const published = {
    personnel_turns: 1458,
    vehicle_turns: 569,
    households_moved: 29,
    drug_cases: 6,
    drug_persons: 6,
    heroin_g: 2.23,
    crossings: 14,
    crossing_persons: 14,
    tips: 121,
  };
  for (const [figure, value] of Object.entries(published)) {
    assert.equal(await cell(page, figure, 0), value, figure);
    await line(page, figure).locator('button').click();
    const rows = page.getByTestId('figure-rows');
    await rows.locator('tbody tr').first().waitFor();
    const adds = await rows.locator('tbody td:last-child').allInnerTexts();
    const sum = adds.map(read).reduce((total, one) => total + one, 0);
    assert.ok(Math.abs(sum - value) < 1e-9, `${figure}: its rows on the page sum up to ${sum}`);
    assert.equal(await page.getByTestId('rows-hidden').count(), 0);
  }
  assert.deepEqual([await cell(page, 'tips', 1), await cell(page, 'tips', 2)], [109, 12]);
  await page.screenshot({ path: path.join(out, 'reports.png') });
  assert.deepEqual(await barriers(page), []);

  await page.getByTestId('quarter-before').click();
  await page.locator('[data-testid="reports"][data-quarter="2024Q2"]').waitFor();
  assert.equal(await cell(page, 'tips', 0), 109);
  assert.equal(await page.getByTestId('figure-rows').count(), 0, 'rows of another quarter do not stay');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path.join(out, 'reports-phone.png') });
  assert.ok(
    await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    'nothing hangs over the side of a telephone',
  );
  await close();
});

test('an officer reads figures of all forces and the rows of their own', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'duty_officer', page: '/reports?quarter=2024Q3' });
  await line(page, 'drug_cases').locator('button').click();
  await page.getByTestId('rows-hidden').waitFor();
  const seen = await page.getByTestId('figure-rows').locator('tbody tr').count();
  assert.ok(seen > 0 && seen < 6, `${seen} of six`);
  assert.equal(await cell(page, 'drug_cases', 0), 6);
  await close();
});

/** The texts of what matches, without the tags in it. */
const inner = (xml, element) =>
  [...xml.matchAll(new RegExp(`<${element}[ >].*?</${element}>`, 'gs'))].map(([found]) =>
    found.replace(/<[^>]*>/g, ''),
  );

/** The rows of figures of a downloaded file: this quarter, the quarter before, the change. */
const readers = {
  docx(file, folder) {
    execFileSync('/usr/bin/python3', ['-m', 'zipfile', '-e', file, folder]);
    const xml = readFileSync(path.join(folder, 'word/document.xml'), 'utf8');
    const rows = xml.match(/<w:tr[ >].*?<\/w:tr>/gs).map((row) => inner(row, 'w:tc'));
    return rows.filter((cells) => /^\d/.test(cells[2] ?? '')).map((cells) => cells.slice(2, 5).map(read));
  },
  xlsx(file, folder) {
    execFileSync('/usr/bin/python3', ['-m', 'zipfile', '-e', file, folder]);
    const xml = readFileSync(path.join(folder, 'xl/worksheets/sheet1.xml'), 'utf8');
    const number = (row, column) =>
      row.match(new RegExp(`<c r="${column}\\d+"(?![^>]*t="s")[^>]*><v>([^<]*)</v>`))?.[1];
    const rows = xml.match(/<row .*?<\/row>/gs).map((row) => ['C', 'D', 'E'].map((column) => number(row, column)));
    return rows.filter((cells) => cells.every((cell) => cell !== undefined)).map((cells) => cells.map(Number));
  },
  pdf(file) {
    const text = execFileSync('pdftotext', ['-layout', file, '-'], {
      encoding: 'utf8',
    });
    const isFigure = (word) => /^[+−]?\d{1,3}(\.\d{3})*(,\d+)?$/.test(word);
    const lines = text.split('\n').map((line) => line.trim().split(/\s+/).filter(isFigure));
    return lines.filter((figures) => figures.length >= 7).map((figures) => figures.slice(0, 3).map(read));
  },
};

test('the three files that are taken from the page tell what stands on it', async () => {
  const { page, close } = await openWindow(browser, server, {
    actor: 'admin',
    page: '/reports?quarter=2024Q3',
  });
  await page.locator('[data-testid="reports"][data-quarter="2024Q3"]').waitFor();
  const lines = await page.locator('tr[data-figure]').all();
  const shown = [];
  for (const row of lines) {
    const cells = await row.locator('td').allInnerTexts();
    shown.push(cells.slice(0, 3).map(read));
  }
  for (const value of [1458, 569, 29, 6, 2.23, 14, 121])
    assert.ok(shown.some(([this_quarter]) => this_quarter === value));
  assert.equal(await page.getByTestId('figure-chart').count(), shown.length);
  const folder = mkdtempSync(path.join(tmpdir(), 'trucban-report-'));
  try {
    for (const [format, figures] of Object.entries(readers)) {
      const waited = page.waitForEvent('download');
      await page.locator(`[data-testid="report-files"] [data-format="${format}"]`).click();
      const download = await waited;
      assert.equal(download.suggestedFilename(), `bao-cao-2024Q3.${format}`);
      const file = path.join(folder, download.suggestedFilename());
      await download.saveAs(file);
      assert.deepEqual(figures(file, path.join(folder, format)), shown, format);
    }
    await page.getByTestId('report-files').locator('select').selectOption('secret');
    const waited = page.waitForEvent('download');
    await page.locator('[data-testid="report-files"] [data-format="pdf"]').click();
    const stamped = path.join(folder, 'stamped.pdf');
    await (await waited).saveAs(stamped);
    assert.match(execFileSync('pdftotext', [stamped, '-'], { encoding: 'utf8' }), /TỐI MẬT/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await close();
});

test('a report goes from hand to hand, and what comes after its closing is a correction beside what was reported', async () => {
  const at = (actor) => openWindow(browser, server, { actor, page: '/reports?quarter=2024Q3' });
  const stands = (page, state) => page.locator(`[data-testid="report-steps"][data-state="${state}"]`).waitFor();
  const step = async (page, name, state) => {
    await page.getByTestId(`report-${name}`).click();
    if (name === 'close') await page.getByTestId('report-confirm').click();
    await stands(page, state);
  };
  const officer = await at('duty_officer');
  await stands(officer.page, 'open');
  await step(officer.page, 'compile', 'compiling');

  // The police state another count of crossings than the records give.
  await officer.page.getByTestId('state-open').click();
  await officer.page.getByTestId('state-figure').selectOption('crossings');
  await officer.page.getByTestId('state-value').fill('13');
  await officer.page.getByTestId('state-note').fill('một vụ ghi trùng');
  await officer.page.getByTestId('state-send').click();
  await officer.page.locator('[data-stated="crossings"]').waitFor();
  await step(officer.page, 'submit', 'submitted');
  assert.equal(await officer.page.getByTestId('report-consolidate').count(), 0, 'that is the step of the province');

  const planner = await at('planner');
  await planner.page.getByTestId('report-consolidate').click();
  const refused = planner.page.getByTestId('report-steps').getByRole('alert');
  await refused.waitFor();
  assert.match(await refused.innerText(), /Vụ vượt biên trái phép đã xử lý/, 'which figure is not agreed on');
  await planner.page.screenshot({ path: path.join(out, 'reports-differ.png') });
  await planner.page.getByTestId('agree-13').click();
  await planner.page.getByTestId('agree-reason').fill('đối chiếu biên bản');
  await planner.page.getByTestId('agree-confirm').click();
  await until(async () => (await cell(planner.page, 'crossings', 0)) === 13, 'the agreed value goes up');
  await step(planner.page, 'consolidate', 'consolidated');

  const commander = await at('commander');
  await commander.page.getByTestId('report-return').click();
  await commander.page.getByTestId('return-note').fill('thiếu ghi chú');
  await commander.page.getByTestId('report-confirm').click();
  await stands(commander.page, 'submitted');
  // The planner sees it without a reload, and sends it up again.
  await stands(planner.page, 'submitted');
  await step(planner.page, 'consolidate', 'consolidated');
  await stands(commander.page, 'consolidated');
  await step(commander.page, 'approve', 'approved');
  await step(commander.page, 'close', 'closed');
  const submitted = commander.page.locator('[data-step="submitted"]');
  assert.match(await submitted.innerText(), /duty_officer/, 'who submitted, not who sent it back there');
  assert.equal(await commander.page.getByTestId('corrections').locator('tbody tr').count(), 0);

  const sent = await server.api('duty_officer', '/api/collections/deployments/items', {
    method: 'POST',
    body: {
      type: 'Feature',
      geometry: null,
      properties: {
        purpose: 'disaster', force: 'police', personnel: 12, vehicles: 2, started_at: '2024-09-20T01:00:00Z',
        task: 'Báo muộn: dọn đất sạt lở',
      },
    },
  });
  assert.equal(sent.status, 201);
  const { page } = commander;
  const line = page.locator('[data-correction="personnel_turns"][data-force="police"]');
  await line.waitFor();
  assert.equal(read(await line.locator('td').nth(3).innerText()), 12);
  const reported = page.locator('tr[data-figure="personnel_turns"] td').first();
  assert.equal(read(await reported.locator('button').innerText()), 1458, 'what was reported stays');
  assert.match(await reported.innerText(), /1\.470/, 'the recount stands beside it');

  const sumOfRows = async () => {
    const rows = page.getByTestId('figure-rows');
    await rows.locator('tbody tr').first().waitFor();
    return (await rows.locator('tbody td:last-child').allInnerTexts()).map(read).reduce((a, b) => a + b, 0);
  };
  await reported.locator('button').click();
  assert.equal(await sumOfRows(), 1458, 'the rows of the closing');
  assert.equal(await page.getByTestId('row-late').count(), 0);
  await line.locator('button').click();
  await page.getByTestId('row-late').first().waitFor();
  assert.equal(await sumOfRows(), 1470, 'and those of now, the late one marked');
  assert.equal(await page.getByTestId('row-late').count(), 1);
  await page.screenshot({ path: path.join(out, 'reports-closed.png') });
  assert.deepEqual(await barriers(page), []);

  await page.getByTestId('quarter-after').click();
  await page.locator('[data-testid="reports"][data-quarter="2024Q4"]').waitFor();
  assert.equal(await cell(page, 'personnel_turns', 1), 1458, 'the next report names what was reported');
  await page.locator('[data-testid="previous-corrections"] [data-correction="personnel_turns"]').waitFor();
  await page.getByTestId('quarter-before').click();
  await page.locator('[data-testid="reports"][data-quarter="2024Q3"]').waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path.join(out, 'reports-closed-phone.png') });
  assert.ok(
    await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    'nothing hangs over the side of a telephone',
  );
  for (const window of [officer, planner, commander]) await window.close();
});

test('what the duty room has not seen is entered by hand, and counts at once', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'planner', page: '/reports?quarter=2025Q1' });
  await page.locator('[data-testid="reports"][data-quarter="2025Q1"]').waitFor();
  const before = await cell(page, 'personnel_turns', 0);
  const heroin = await cell(page, 'heroin_g', 0);
  const entry = page.getByTestId('report-entry');
  await entry.locator('summary').click();
  await entry.getByLabel(/^Lực lượng/).selectOption('military');
  await entry.getByLabel('Xuất phát lúc').fill('2025-02-03T06:00');
  await entry.getByLabel('Lượt người').fill('17');
  await entry.getByLabel('Nhiệm vụ').fill('Dọn đường sau sạt lở');
  assert.deepEqual(await barriers(page), []);
  // Half typed, it outlasts a reload.
  await page.reload();
  await entry.locator('summary').click();
  assert.equal(await entry.getByLabel('Lượt người').inputValue(), '17');
  await entry.getByRole('button', { name: 'Ghi', exact: true }).click();
  await until(async () => (await cell(page, 'personnel_turns', 0)) === before + 17, 'the deployment counts');
  await entry.getByRole('button', { name: 'Vụ việc bàn giao' }).click();
  await entry.getByLabel('Phát hiện lúc').fill('2025-02-03T06:00');
  await entry.getByLabel('Bàn giao lúc').fill('2025-02-04T06:00');
  await entry.getByLabel('Khối lượng (g)').fill('0.5');
  await entry.getByLabel('Số người').fill('1');
  await page.screenshot({ path: path.join(out, 'reports-entry.png') });
  await entry.getByRole('button', { name: 'Ghi', exact: true }).click();
  await until(async () => (await cell(page, 'heroin_g', 0)) === heroin + 0.5, 'the case counts');
  await close();
});
