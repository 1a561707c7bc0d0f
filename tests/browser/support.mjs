// What every browser test needs: the built server as a child process, a real browser with a fresh profile, and the
// rules that a page may speak to its own server alone and keeps within its content security policy.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
/** What the tests use is installed with the pages' own packages; the tests have no second package.json. */
export const packageOfPages = createRequire(path.join(root, 'web/package.json'));
const { chromium } = packageOfPages('playwright-core');
const { AxeBuilder } = packageOfPages('@axe-core/playwright');

/** Where screenshots go; the folder is not committed. */
export const out = path.join(root, 'tests/browser/out');
mkdirSync(out, { recursive: true });

const CHROMIUM_FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-gl=angle', '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist',
  // The maps need a graphics card, which is emulated here; the page around them is put together faster without it.
  '--disable-gpu-rasterization', '--disable-gpu-compositing',
];

export const DESKTOP = { width: 1920, height: 1080 };

/**
 * Device pixels of a CSS pixel. The maps are drawn in software here, so most of a test's time goes by pixels: half as many
 * each way leave the layout as it is. `TRUCBAN_SHOTS=1` draws all of them, for screenshots to look at.
 */
const deviceScaleFactor = process.env.TRUCBAN_SHOTS ? 1 : 0.5;

/** A unit's phone, beside an invented incident (geodata/demo). */
export const PHONE = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  permissions: ['geolocation'],
  geolocation: { latitude: 22.54, longitude: 102.85, accuracy: 8 },
};

const STARTS_WITHIN_MS = 60_000;

/**
 * The server on a fresh folder, stopped by `stop()`: a demo, or with `demo: false` one without accounts. `calm` leaves
 * the simulation out, `tls` speaks HTTPS with an authority of the folder, `config` is the text of a configuration file,
 * `database` the URL of one that holds the records, `replay` plays a night again, step by step (`step()`).
 */
export async function startServer({ calm = true, demo = true, tls = false, replay = false, config, database } = {}) {
  const data = mkdtempSync(path.join(tmpdir(), 'trucban-browser-'));
  const binary = process.env.TRUCBAN_BIN ?? path.join(root, 'target/debug/trucban');
  const args = ['serve', '--data', data, '--listen', '127.0.0.1:0'];
  if (demo) args.push('--demo');
  if (demo && calm) args.push('--no-simulation');
  if (replay) args.push('--replay');
  if (tls) args.push('--tls', 'self');
  if (database) args.push('--database', database, '--migrate-as', database);
  if (config) {
    writeFileSync(path.join(data, 'trucban.toml'), config);
    args.push('--config', path.join(data, 'trucban.toml'));
  }
  const child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let log = '';
  let printed = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no first line in time; log:\n${log}`)), STARTS_WITHIN_MS);
    child.stdout.on('data', (chunk) => {
      printed += chunk;
      const found = printed.match(/^listening on (https?:\/\/\S+)/);
      if (found) {
        clearTimeout(timer);
        resolve(found[1]);
      }
    });
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}; log:\n${log}`)));
  });
  await until(async () => (await isReady(url, data)) === 200, 'the server is ready', STARTS_WITHIN_MS);
  const tokens = demo ? JSON.parse(readFileSync(path.join(data, 'demo-tokens.json'), 'utf8')) : {};
  return {
    url,
    data,
    tokens,
    log: () => log,
    /** Presses Enter where the server was started: the next step of a night that is played again. */
    step: () => child.stdin.write('\n'),
    /** What it printed for whoever started it. */
    printed: () => printed,
    /** What `trucban` prints when it is run on the folder, beside the server. */
    command: (...words) => execFileSync(binary, [...words, '--data', data], { encoding: 'utf8' }),
    /** Calls the API as a demo actor. */
    async api(actor, route, { method = 'GET', body, headers = {} } = {}) {
      const response = await fetch(url + route, {
        method,
        headers: {
          authorization: `Bearer ${tokens[actor]}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
    },
    async stop() {
      child.removeAllListeners('exit');
      const gone = new Promise((resolve) => child.on('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(timer);
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** The status of `/health/ready`, by HTTPS as whoever believes the folder's authority. */
function isReady(url, data) {
  if (url.startsWith('http:')) return fetch(`${url}/health/ready`).then((answer) => answer.status);
  const ca = readFileSync(path.join(data, 'tls/ca.pem'));
  return new Promise((resolve, reject) => {
    get(`${url}/health/ready`, { ca, agent: false }, (answer) => resolve(answer.resume().statusCode)).on('error', reject);
  });
}

/** How a worker tells of what its policy forbade. */
const WORKER_FORBIDDEN = 'forbidden by policy in a worker:';

/** A real browser with a fresh profile; it ends with this process at the latest. */
export const startBrowser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: CHROMIUM_FLAGS,
    headless: true,
  });

/** One browser and one server for all tests of a file, stopped after the last. */
export async function startBoth(options) {
  const browser = await startBrowser();
  const server = await startServer(options);
  after(async () => {
    await browser.close();
    await server.stop();
  });
  return { browser, server };
}

/**
 * As [`openPage`], signed in as a demo actor: by the request that the start page sends when its card is clicked. The card itself
 * is clicked in `duty.test.mjs`; by it each window would load two pages more.
 */
export async function openWindow(browser, server, { actor, ...options }) {
  const window = await openPage(browser, server, {
    ...options,
    async before(context) {
      const answer = await context.request.post(`${server.url}/api/session`, { data: { actor }, headers: { origin: server.url } });
      assert.equal(answer.status(), 200, await answer.text());
    },
  });
  // Until the page that was asked for stands there, no key of it is heard.
  if (!options.page.startsWith('/api')) {
    await window.page.locator('main > :not(.wait)').first().waitFor({ timeout: STARTS_WITHIN_MS });
  }
  return window;
}

/**
 * A window of its own (own cookies) on `page`. `foreign` collects requests to hosts beside the server and those
 * `allowed`, `faults` errors of the page and what its policy forbade; `close()` fails the test if there are any.
 * `before` is given the window's context when nothing is loaded yet.
 */
export async function openPage(browser, server, { page: route, viewport = DESKTOP, allowed = [], before, ...options }) {
  const context = await browser.newContext({ viewport, deviceScaleFactor, locale: 'vi-VN', timezoneId: 'Asia/Ho_Chi_Minh', ...options });
  const foreign = [];
  const faults = [];
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== server.url && !allowed.includes(origin)) foreign.push(request.url());
  });
  await context.exposeFunction('reportForbidden', (what) => faults.push(`forbidden by policy: ${what}`));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      globalThis.reportForbidden(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`),
    );
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(String(error)));
  // A worker has a policy and events of its own, and no function of the page.
  page.on('worker', (worker) => {
    const watch = (mark) =>
      addEventListener('securitypolicyviolation', (event) =>
        console.error(`${mark} ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`),
      );
    worker.evaluate(watch, WORKER_FORBIDDEN).catch(() => {});
  });
  page.on('console', (message) => {
    if (message.text().startsWith(WORKER_FORBIDDEN)) faults.push(message.text());
  });
  await before?.(context);
  await page.goto(server.url + route);
  return {
    page,
    context,
    /** Waits until the map has drawn its first style: an alarm that flashes keeps it from ever being wholly at rest. */
    mapDrawn: () =>
      page.waitForFunction(() => globalThis.__trucban?.controller.isReady, undefined, { timeout: STARTS_WITHIN_MS }),
    async close() {
      await context.close();
      assert.deepEqual(foreign, [], 'the page asks its own server alone');
      assert.deepEqual(faults, [], 'the page runs without an error');
    },
  };
}

/** Holds what flashes in one of its two looks, until it is held in the other or let go. */
async function holdFlash(page, look) {
  await page.evaluate((held) => {
    const { documentElement: root } = document;
    globalThis.__flashHeld?.disconnect();
    if (!held) return;
    const hold = () => root.dataset.flash === held || (root.dataset.flash = held);
    hold();
    globalThis.__flashHeld = new MutationObserver(hold);
    globalThis.__flashHeld.observe(root, { attributeFilter: ['data-flash'] });
  }, look);
}

/** What axe finds that keeps people out, one line a place: rule, weight, where. What flashes is looked at both ways. */
export async function barriers(page) {
  const found = new Set();
  for (const look of ['on', 'off']) {
    await holdFlash(page, look);
    const { violations } = await new AxeBuilder({ page }).analyze();
    for (const { id, impact, nodes } of violations) {
      for (const { target } of nodes) found.add(`${id} (${impact}): ${target.join(' ')}`);
    }
  }
  await holdFlash(page, null);
  return [...found];
}

/** Draws a square of 120 px in the middle of the map with the pen that is out, not snapping. */
export async function drawSquare(page) {
  await page.getByTestId('draw-tools').waitFor();
  await page.getByTestId('snap').click();
  const box = await page.locator('.maplibregl-canvas').boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  for (const [dx, dy] of [[-60, -60], [60, -60], [60, 60], [-60, 60], [-60, -60]]) {
    await page.mouse.move(x + dx, y + dy, { steps: 5 });
    await page.waitForTimeout(150);
    await page.mouse.click(x + dx, y + dy);
    await page.waitForTimeout(350);
  }
}

/** Polls `condition` until it holds. */
export async function until(condition, what, withinMs = 10_000) {
  const end = Date.now() + withinMs;
  let last;
  while (Date.now() < end) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not within ${withinMs} ms: ${what}${last ? ` (${last})` : ''}`);
}
