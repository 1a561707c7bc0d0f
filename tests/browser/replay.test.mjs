// The night of 7-8 June 2025, played again: levels rise, the board names households, units are sent, and in the end nobody
// is left inside. The totals of rain are the published ones; everything else is invented (geodata/demo/replay).

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openWindow, out, startBoth, until } from './support.mjs';

const { browser, server } = await startBoth({ replay: true });

const SLOPE = { center: [103.66, 22.172], zoom: 12.6 };
/** What the board must say after each step, people: still inside, and in the states that matter then. */
const STEPS = [
  { log: 'Mưa nhỏ', zone: 'proposed' },
  { log: 'Trực ban duyệt vùng', inside: 152, unknown: 152 },
  { log: 'hơn 80 mm', inside: 152, computed: null },
  { log: 'Quá 120 mm', inside: 152, notified: 152, computed: 3, alarm: 'level_risen', warned: true },
  { log: 'Điều tổ cơ động', inside: 152, computed: 3, sent: 2 },
  { log: 'Lực lượng tới nơi', computed: 3, houses: { sheltered: 8, moving: 12, refused: 1, unreachable: 1 } },
  { log: 'Quá 200 mm', issued: 3, houses: { sheltered: 20, moving: 7, refused: 1, unreachable: 1 } },
  { log: '7 hộ tới nhà văn hoá', inside: 0, houses: { sheltered: 28, with_relatives: 1 } },
  { log: 'Không còn ai trong vùng', inside: 0, houses: { sheltered: 28, with_relatives: 1, registered: 29 } },
];

const read = async (route) => {
  const answer = await server.api('duty_officer', route);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
};
const items = async (collection, more = '') =>
  (await read(`/api/collections/${collection}/items?limit=1000${more}`)).features;

/** Rain of the two days at a gauge, millimetres. */
async function rainOf(code) {
  const gauge = (await items('rain_gauges')).find(({ properties }) => properties.code === code);
  const { readings } = await read(`/api/rain_gauges/${gauge.id}/rain?hours=72`);
  const from = Date.parse('2025-06-07T00:00:00+07:00');
  return readings.filter(({ to }) => Date.parse(to) > from).reduce((sum, { mm }) => sum + mm, 0);
}

test('the night is played from the first rain to the last household', async () => {
  const window = await openWindow(browser, server, { actor: 'duty_officer', page: '/duty' });
  const { page } = window;
  await window.mapDrawn();
  let zone;
  let last = 0;
  for (const [n, step] of STEPS.entries()) {
    if (n > 0) server.step();
    await until(
      async () => (await items('duty_log')).some(({ properties }) => properties.text.includes(step.log)),
      `step ${n + 1}: ${step.log}`,
      30_000,
    );
    zone = (await items('risk_zones')).find(({ properties }) => properties.name.includes('diễn lại'));
    if (step.zone) assert.equal(zone.properties.state, step.zone);
    const { total, as_of: asOf } = await read('/api/inside');
    assert.ok(Date.parse(asOf) > last, 'time goes forward');
    last = Date.parse(asOf);
    if (step.inside !== undefined) assert.equal(total.people.still_inside, step.inside, step.log);
    for (const state of ['unknown', 'notified'])
      if (state in step) assert.equal(total.people[state], step[state], `${step.log}: ${state}`);
    for (const [state, count] of Object.entries(step.houses ?? {}))
      assert.equal(total.households[state], count, `${step.log}: ${state}`);
    const levels = await read(`/api/risk_zones/${zone.id}/levels`);
    if ('computed' in step) assert.equal(levels.computed?.level ?? null, step.computed, step.log);
    if (step.issued) assert.equal(levels.issued.level, step.issued);
    if (step.alarm)
      assert.ok(
        (await items('alarms', '&ended=true')).some(({ properties }) => properties.kind === step.alarm),
        step.alarm,
      );
    if (step.warned) {
      const [warning] = await items('warnings');
      assert.deepEqual([warning.properties.state, warning.properties.level], ['released', 3]);
    }
    if (step.sent) {
      const incident = (await items('incidents')).find(({ properties }) => properties.kind === 'landslide' && properties.reported_at > '2025-06-07T17:30');
      assert.equal((await items('assignments')).filter(({ properties }) => properties.incident_id === incident.id).length, step.sent);
    }

    // The page that was open all night says the same.
    if (n > 0)
      await until(
        async () => Number(await page.getByTestId('inside-people').innerText()) === total.people.still_inside,
        `the page says ${total.people.still_inside}`,
        20_000,
      );
    await page.evaluate((camera) => globalThis.__trucban.map.jumpTo(camera), SLOPE);
    // Time leapt: until the next beat the page is right to say that it has heard nothing for hours.
    await page.getByText('đang xem bản cũ').waitFor({ state: 'hidden', timeout: 30_000 });
    await page.waitForTimeout(1_500);
    await page.screenshot({ path: path.join(out, `replay-${n + 1}.jpg`), type: 'jpeg', quality: 72 });
  }
  assert.equal((await rainOf('MH-03601')).toFixed(1), '256.6', 'Mường Khoa');
  assert.equal((await rainOf('MH-03405')).toFixed(1), '158.4', 'Tả Lèng');
  await window.close();
});
