// Statistics: the table is the truth, and map, charts, paper and the report of an area agree with it.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { barriers, openWindow, out, startBoth, until } from "./support.mjs";

const { browser, server } = await startBoth();

const read = (text) => Number(text.trim().replaceAll(".", "").replace(",", "."));

test("counts by area stand in the table, on the map and on paper, and the report of an area says so", async () => {
  const asked = "/statistics?of=person_turns&from=2024Q2&to=2024Q3&by=commune&measure=count";
  const { page, mapDrawn, close } = await openWindow(browser, server, { actor: "admin", page: asked });
  await page.locator('[data-testid="statistics"][data-of="person_turns"]').waitFor();
  await mapDrawn();
  const table = page.getByTestId("statistics-table");
  const totals = async () => (await table.locator("tbody tr td.total").allInnerTexts()).map(read);
  const whole = read(await page.getByTestId("statistics-total").innerText());
  assert.ok(whole > 1_458, `${whole} of two quarters`);
  const sum = (all) => all.reduce((total, one) => total + one, 0);
  assert.equal(sum(await totals()), whole);
  const falling = await totals();
  assert.deepEqual(
    falling,
    [...falling].sort((a, b) => b - a),
    "the greatest first",
  );
  await table.getByRole("button", { name: "xã" }).click();
  assert.notDeepEqual(await totals(), falling, "sorted by name");

  // The map writes the figures of the table, and colours what is more than nothing.
  const first = await table
    .locator("tbody tr", { hasText: String(falling[0]) })
    .first()
    .getAttribute("data-key");
  const drawn = async () =>
    page.evaluate(() => {
      const { map } = window.__trucban;
      const found = map.getLayer("heat") ? map.queryRenderedFeatures({ layers: ["heat"] }) : [];
      return Object.fromEntries(found.map(({ properties }) => [properties.code, properties.label]));
    });
  await until(async () => Object.keys(await drawn()).length > 0, "the map to be coloured");
  const shown = await drawn();
  assert.equal(read(shown[first]), falling[0]);
  assert.ok(await page.getByTestId("heat-legend").first().innerText());
  await page.screenshot({ path: path.join(out, "statistics.png") });
  assert.deepEqual(await barriers(page), []);

  // By former district the sums are the same, through no other numbers.
  await page.locator('[data-by="district"]').click();
  await table.locator('tr[data-key="107"]').waitFor();
  assert.equal(sum(await totals()), whole);
  const muongTe = read(await table.locator('tr[data-key="107"] td.total').innerText());
  assert.equal(await page.getByTestId("multiples").locator("li").count(), (await totals()).filter(Boolean).length);
  await page.getByTestId("area").selectOption("107");
  await until(
    async () => read(await page.getByTestId("statistics-total").innerText()) === muongTe,
    "the choice of area",
  );

  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator('.paper svg[role="img"]').isVisible(), true);
  assert.equal(await page.getByTestId("heat-map").isVisible(), false);
  await page.screenshot({ path: path.join(out, "statistics-print.png"), fullPage: true });
  await page.emulateMedia({ media: "screen" });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path.join(out, "statistics-phone.png") });
  assert.ok(
    await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    "nothing hangs over the side of a telephone",
  );

  await page.goto(new URL("/reports?quarter=2025Q3", page.url()).href);
  await page.getByTestId("area").selectOption("107");
  const said = await page.getByTestId("report-area").innerText();
  assert.match(said, /Huyện Mường Tè/);
  assert.match(said, /quy đổi/);
  await close();
});
