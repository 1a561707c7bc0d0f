// Playback: an earlier moment stands on the page as it was live then, says that it is not the present, and touches nothing.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { barriers, openWindow, out, startBoth } from './support.mjs';

const { browser, server } = await startBoth();

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const done = (answer, status) => {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  return answer.body;
};

/** Seconds pass between the moments: the line of time goes by them. */
async function moment() {
  await pause(1_500);
  const now = Date.now();
  await pause(1_500);
  return now;
}

const before = await moment();
const { incident } = done(
  await server.api('duty_officer', '/api/incidents', {
    method: 'POST',
    body: { kind: 'landslide', severity: 3, title: 'Sạt lở để xem lại', place: { lon: 103.45, lat: 22.39 } },
  }),
  201,
);
const reported = await moment();
done(
  await server.api('duty_officer', `/api/incidents/${incident.id}/verify`, {
    method: 'POST',
    headers: { 'If-Match': `"${incident.properties.version}"` },
    body: { at: new Date(reported - 1_000).toISOString() },
  }),
  200,
);
const board = done(await server.api('duty_officer', '/api/inside'), 200);

test('what was known at a moment, and what is known now to have been', async () => {
  const { page, mapDrawn, close } = await openWindow(browser, server, { actor: 'duty_officer', page: '/past' });
  await mapDrawn();
  const row = page.locator(`[data-testid="past-incidents"] [data-id="${incident.id}"]`);
  const shown = async (at_ms, known) => {
    await page.getByTestId('past-range').evaluate((input, value) => {
      input.value = String(value);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }, at_ms);
    const at = await page.getByTestId('past-range').inputValue();
    await page.locator(`[data-testid="past"][data-shown="${at}"][data-known="${known}"]`).waitFor();
  };
  await page.getByTestId('past-span').selectOption('1');
  await shown(before, true);
  assert.equal(await row.count(), 0, 'nobody had reported it');
  await shown(reported, true);
  assert.equal(await row.getAttribute('data-state'), 'reported');
  await page.screenshot({ path: path.join(out, 'past.png') });
  assert.deepEqual(await barriers(page), []);
  assert.match(await page.getByRole('status').first().innerText(), /không phải hiện tại/);
  await page.getByTestId('past-known').selectOption('true');
  await shown(reported, false);
  assert.equal(await row.getAttribute('data-state'), 'verified', 'it had been verified by then, and was told later');
  const people = await page.getByTestId('past-inside').innerText();
  assert.ok(people.includes(String(board.total.people.still_inside)), people);

  // It plays on from a moment, until somebody stops it.
  await page.getByTestId('past-known').selectOption('known');
  await shown(before - 600_000, true);
  const first = Number(await page.getByTestId('past').getAttribute('data-shown'));
  await page.getByTestId('past-play').click();
  await page.waitForFunction(
    (from) => Number(document.querySelector('[data-testid="past"]').dataset.shown) > from + 200_000,
    first,
  );
  await page.getByTestId('past-play').click();
  const stopped = await page.getByTestId('past-range').inputValue();
  await pause(1_500);
  assert.equal(await page.getByTestId('past-range').inputValue(), stopped);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path.join(out, 'past-phone.png') });
  await close();
});

test('an incident is looked back on step by step, each with what was known just before it', async () => {
  const { page, mapDrawn, close } = await openWindow(browser, server, {
    actor: 'duty_officer',
    page: `/past?incident=${incident.id}`,
  });
  await mapDrawn();
  const row = page.locator(`[data-testid="past-incidents"] [data-id="${incident.id}"]`);
  const steps = page.getByTestId('after-action');
  const verified = steps.locator('[data-kind="verified"]');
  await verified.getByText('từ tin đầu').waitFor();
  assert.deepEqual(await barriers(page), []);
  await verified.getByRole('button').click();
  await verified.locator('[aria-current="step"]').waitFor();
  await row.waitFor();
  assert.equal(await row.getAttribute('data-state'), 'reported', 'nobody had told yet that it was verified');
  await page.screenshot({ path: path.join(out, 'past-steps.png') });
  await steps.locator('[data-kind="reported"]').getByRole('button').click();
  await row.waitFor({ state: 'detached' });
  await close();
});
