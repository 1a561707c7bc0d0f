// Whether everybody can use the pages: axe on each, by night and by day, with what a workday opens on them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barriers, openWindow, PHONE, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

/** What must be there, and what is opened, before axe looks. */
const PAGES = [
  { route: '/', actor: 'admin', ready: '[data-actor]' },
  {
    route: '/duty',
    actor: 'duty_officer',
    ready: 'li[data-id] button',
    async work(page) {
      await page.locator('li[data-id] button').first().click();
      await page.locator('ol > li.best').waitFor();
      await page.keyboard.press('n');
      // A report that was begun by night is still there by day.
      await page.locator('form:has([id$="-phone"])').last().waitFor();
    },
  },
  { route: '/duty?wall', actor: 'duty_officer', ready: '[data-testid="wall"] li[data-id]' },
  {
    route: '/plan',
    actor: 'planner',
    ready: '[data-testid="zone-row"]',
    async work(page) {
      await page.locator('[data-testid="zone-row"] button').first().click();
      await page.getByTestId('exposure-people').waitFor();
    },
  },
  {
    route: '/field',
    actor: 'field_unit',
    ready: '[data-testid="near-row"]',
    options: PHONE,
    async work(page) {
      await page.getByTestId('open-report').tap();
      await page.locator('[data-kind]').first().waitFor();
    },
  },
];

for (const { route, actor, ready, options, work } of PAGES) {
  test(`axe finds no barrier on ${route} by night and by day`, async () => {
    const { page, close } = await openWindow(browser, server, { actor, page: route, ...options });
    for (const look of ['night', 'day']) {
      await page.locator(ready).first().waitFor({ timeout: 30_000 });
      if ((await page.evaluate(() => document.documentElement.dataset.theme)) !== look) {
        await page.evaluate((theme) => localStorage.setItem('trucban.theme', theme), look);
        // Anew, without what was selected before.
        await page.goto(server.url + route);
        await page.locator(ready).first().waitFor({ timeout: 30_000 });
      }
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), look);
      assert.deepEqual(await barriers(page), [], look);
      if (work) {
        await work(page);
        assert.deepEqual(await barriers(page), [], `${look}, nor with what is opened on it`);
      }
    }
    await close();
  });
}

// The first page asks for no picture.
for (const { route, actor, options } of PAGES.slice(1)) {
  test(`axe finds no barrier on ${route} while the picture is on its way`, async () => {
    // A service worker's own requests could not be held.
    const { page, close } = await openWindow(browser, server, { actor, page: '/', ...options, serviceWorkers: 'block' });
    let held = 0;
    await page.route('**/api/collections/*/items*', () => void held++);
    await page.goto(server.url + route);
    await until(() => held > 0, 'the picture is asked for', 30_000);
    await page.locator('main > :not(.wait)').first().waitFor();
    assert.deepEqual(await barriers(page), []);
    await close();
  });
}

test('a barrier does not go unseen', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'admin', page: '/' });
  await page.evaluate(() => document.querySelector('main').append(document.createElement('input')));
  assert.match((await barriers(page)).join(), /label \(critical\): input/);
  await close();
});
