// What holds on every page: the content security policy, quiet while nothing happens, and no control out of a telephone's reach.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { openPage, openWindow, out, PHONE, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth({ config: 'public_tips = true\n' });

/** Who sees most of each page. Nobody is signed in on the first ones. */
const PAGES = {
  '/': null,
  '/setup': null,
  '/password': null,
  '/signed-in': null,
  '/enrol': null,
  '/tip': null,
  '/duty': 'duty_officer',
  '/plan': 'planner',
  '/field': 'field_unit',
  '/me': 'duty_officer',
  '/access': 'admin',
  '/audit': 'admin',
  '/tips': 'tip_handler',
  '/sheet': 'duty_officer',
  '/import': 'planner',
  '/past': 'duty_officer',
  '/reports': 'duty_officer',
  '/statistics': 'duty_officer',
  '/handover': 'duty_officer',
  '/log': 'duty_officer',
  '/work': 'duty_officer',
  '/disaster': 'duty_officer',
  '/exercises': 'planner',
  '/exercise': 'planner',
};

const HAS_MAP = ['/duty', '/duty?wall', '/plan'];

/** The routes that the pages' own code lists. */
function routesOfThePages() {
  const shell = readFileSync(new URL('../../web/src/App.svelte', import.meta.url), 'utf8');
  return ['/', ...[...shell.matchAll(/'(\/[^']*)': \(\) => import/g)].map(([, route]) => route)];
}

test('every page has a title of its own and does nothing that its content security policy forbids', async () => {
  assert.deepEqual(routesOfThePages().sort(), Object.keys(PAGES).sort(), 'every page is looked at');
  for (const [route, actor] of [...Object.entries(PAGES), ['/duty?wall', 'duty_officer']]) {
    const open = actor ? openWindow : openPage;
    const { page, mapDrawn, close } = await open(browser, server, { actor, page: route });
    await page.locator('main > :not(.wait)').first().waitFor();
    assert.match(await page.title(), route === '/' ? /^trực ban$/ : /^.+ · trực ban$/, `${route} says which page it is`);
    if (HAS_MAP.includes(route)) {
      await mapDrawn();
      assert.ok(page.workers().length > 0, `${route}: the map has its workers, which are watched too`);
    }
    await close();
  }
  const { page, close } = await openWindow(browser, server, { actor: 'admin', page: '/api/docs' });
  await page.getByText('IncidentsFeature', { exact: true }).waitFor();
  await page.locator('details', { hasText: '/api/nearby' }).first().locator('summary').click();
  const font = await page.locator('body').evaluate((body) => getComputedStyle(body).maxWidth);
  assert.equal(font, '960px', 'the page of the API has its style');
  await close();
});

test('every sheet bears its mark, its number and when it was printed, whatever pages were open before', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'duty_officer', page: '/me' });
  const printed = ['/work', '/statistics', '/disaster', '/reports', '/handover', '/log'];
  // Twice round: the style of a page stays when the page is left.
  for (const route of [...printed, ...printed]) {
    const before = await page.title();
    await page.evaluate((to) => {
      history.pushState(null, '', to);
      dispatchEvent(new PopStateEvent('popstate'));
    }, route);
    await page.waitForFunction((old) => document.title !== old, before);
    await page.locator('main h1').waitFor();
    const file = path.join(out, `sheet${route.replace('/', '-')}.pdf`);
    await page.pdf({ path: file, preferCSSPageSize: true });
    const sheets = execFileSync('pdftotext', ['-layout', file, '-'], { encoding: 'utf8' }).split('\f').slice(0, -1);
    assert.ok(sheets.length > 0, route);
    for (const [n, sheet] of sheets.entries()) {
      const where = `${route}, sheet ${n + 1}:\n${sheet}`;
      assert.match(sheet, /TÀI LIỆU NỘI BỘ · DỮ LIỆU MINH HOẠ, không có thật/, where);
      assert.match(sheet, /In lúc .*Trực ban tỉnh/, where);
      assert.match(sheet, new RegExp(`${n + 1}/${sheets.length}`), where);
    }
  }
  await close();
});

test('a window that breaks the policy does not go unseen', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'admin', page: '/plan' });
  await page.evaluate(() => document.body.insertAdjacentHTML('beforeend', '<p style="color: red">x</p>'));
  await page.evaluate(() => document.body.append(new Image(), document.createElement('style')));
  await assert.rejects(close(), /style-src/);
});

test('a worker of the map that breaks the policy does not go unseen', async () => {
  const { page, mapDrawn, close } = await openWindow(browser, server, { actor: 'admin', page: '/plan' });
  await mapDrawn();
  await page.workers()[0].evaluate(() => fetch('https://192.0.2.1/').catch(() => {}));
  await assert.rejects(close(), /connect-src/);
});

/** What a page at rest may ask in five seconds: what is refreshed by the clock, and no more. */
const ASKED_AT_REST_MAX = 4;
const REST_MS = 5_000;

/** Pages at work: with something selected, everything in view that refreshes itself. */
const AT_WORK = {
  '/duty': async (page) => {
    await page.locator('li[data-id]').nth(1).getByRole('button').first().click();
    await page.locator('li[data-basis]').first().waitFor({ timeout: 30_000 });
    await page.keyboard.press('c');
    await page.getByTestId('cut-off').waitFor();
  },
  '/plan': async (page) => page.getByTestId('zone-row').first().getByRole('button').first().click(),
  '/field': async (page) => page.locator('main > :not(.wait)').first().waitFor(),
};

for (const [route, atWork] of Object.entries(AT_WORK)) {
  test(`${route} asks the server next to nothing while nothing happens`, async () => {
    const { page, close } = await openWindow(browser, server, { actor: PAGES[route], page: route });
    await page.locator('main > :not(.wait)').first().waitFor();
    await atWork(page);
    await page.waitForTimeout(3_000);
    const asked = [];
    page.on('request', (request) => request.url().includes('/api/') && asked.push(request.url()));
    await page.waitForTimeout(REST_MS);
    assert.ok(asked.length <= ASKED_AT_REST_MAX, `${asked.length} questions:\n${asked.join('\n')}`);
    await close();
  });
}

for (const { route, actor, row: first } of [
  { route: '/duty', actor: 'duty_officer', row: 'li[data-id] button' },
  { route: '/plan', actor: 'planner', row: '[data-testid="zone-row"] button' },
]) {
  test(`on a telephone nothing of ${route} lies outside, and what is chosen comes into view under the bar`, async () => {
    const { page, close } = await openWindow(browser, server, { actor, page: route, ...PHONE });
    await page.locator(first).first().waitFor();
    const outside = await page.evaluate(() => {
      const isOutside = ({ left, right }) => left < 0 || right > innerWidth;
      const controls = [...document.querySelectorAll('header :is(a, button, input)')];
      const lost = controls.filter((one) => one.offsetParent && isOutside(one.getBoundingClientRect()));
      const { scrollWidth } = document.documentElement;
      return [...lost.map((one) => one.outerHTML), ...(scrollWidth > innerWidth ? [`${scrollWidth} px wide`] : [])];
    });
    assert.deepEqual(outside, []);
    await page.screenshot({ path: path.join(out, `phone-${route.slice(1)}.png`) });
    await page.locator(first).first().tap();
    await page.waitForFunction(() => {
      const [bar, detail] = ['header', 'aside:last-of-type'].map((one) => document.querySelector(one).getBoundingClientRect());
      return bar.top === 0 && Math.abs(detail.top - bar.bottom) < 2;
    });
    await close();
  });
}
