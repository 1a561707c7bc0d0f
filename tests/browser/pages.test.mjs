// What holds on every page: the content security policy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWindow, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth();

test('no page does what its content security policy forbids', async () => {
  for (const route of ['/duty', '/plan', '/field']) {
    const { page, mapDrawn, close } = await openWindow(browser, server, { actor: 'admin', page: route });
    if (route !== '/field') await mapDrawn();
    await page.locator('[lang="vi"]').first().waitFor();
    await close();
  }
  const { page, close } = await openWindow(browser, server, { actor: 'admin', page: '/api/docs' });
  await page.getByText('IncidentsFeature', { exact: true }).waitFor();
  await page.locator('details', { hasText: '/api/nearby' }).first().locator('summary').click();
  const font = await page.locator('body').evaluate((body) => getComputedStyle(body).maxWidth);
  assert.equal(font, '960px', 'the page of the API has its style');
  await close();
});

test('a window that breaks the policy does not go unseen', async () => {
  const { page, close } = await openWindow(browser, server, { actor: 'admin', page: '/plan' });
  await page.evaluate(() => document.body.insertAdjacentHTML('beforeend', '<p style="color: red">x</p>'));
  await page.evaluate(() => document.body.append(new Image(), document.createElement('style')));
  await assert.rejects(close(), /style-src/);
});
