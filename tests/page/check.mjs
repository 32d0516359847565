// The page, checked as a person would use it.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { browse, drop, open, require, rows, start, until } from "./cloud.mjs";

const AT_HAND = 3;
/** Markup, if anyone took it for that. */
const HOSTILE = `<img src=x onerror=document.title=1>"'&amp; ${"long ".repeat(30)}.jpg`;

let cloud;
let browser;
let page;
let wrong;
let folder;
let shown = AT_HAND;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "page-"));
  cloud = await start("--count", String(AT_HAND), "--max-side", "900");
  browser = await browse();
  ({ page, wrong } = await open(browser, cloud.ready.page));
  await rows(page, AT_HAND);
});

after(async () => {
  await browser?.close();
  await cloud?.stop();
  await rm(folder, { recursive: true });
});

const text = (selector) => page.$eval(selector, (element) => element.textContent);
const focused = () => page.evaluate(() => document.activeElement?.id);

/** Presses Tab until that element has the focus. */
async function tabTo(id) {
  for (let presses = 0; presses < 60; presses += 1) {
    if ((await focused()) === id) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`#${id} cannot be reached by Tab`);
}

/** Six thumbnails in the newest row, each loaded, and as large as it is. */
async function sixThumbnails() {
  await until(page, `[...document.querySelector("#rows > li").querySelectorAll("figure img")].length === 6`);
  const images = await page.$$("#rows > li:first-child figure img");
  const sizes = [];
  for (const image of images) {
    await image.scrollIntoView();
    await page.waitForFunction((image) => image.complete && image.naturalWidth > 0, { timeout: 30_000 }, image);
    const { natural, drawn, told } = await image.evaluate((image) => ({
      natural: [image.naturalWidth, image.naturalHeight],
      drawn: [image.getBoundingClientRect().width, image.getBoundingClientRect().height],
      told: Number.parseInt(image.alt, 10),
    }));
    assert.deepEqual(drawn, natural);
    sizes.push([told, Math.max(...natural)]);
  }
  assert.deepEqual(sizes, [512, 256, 128, 64, 32, 16].map((size) => [size, size]));
}

test("what was put before is there, and is counted", async () => {
  await sixThumbnails();
  assert.equal(await text("#made"), String(AT_HAND));
  assert.match(await text("#p50"), /^[\d.]+ m?s$/);
  assert.match(await text("#saved"), /^[\d.]+ [kM]?B of [\d.]+ [kM]?B, \d+ %$/);
  assert.match(await text("#thousand"), / USD$/);
  assert.match(await text("#connection"), /Connected/);
  const stages = await page.$$eval("#rows > li:first-child .stages li > span:first-child", (all) => all.map((one) => one.textContent));
  for (const stage of ["delivery", "fetch", "decode", "resize", "encode", "store"]) assert.ok(stages.includes(stage), `${stages}`);
  assert.match(await text("#rows > li:first-child .facts"), /read[\d.]+ [kM]?B of .*cost.* USD/);
});

test("a picture that is dropped has six thumbnails, whatever its name is", async () => {
  const answer = await fetch(`${cloud.ready.page}/pictures/0`);
  const file = join(folder, HOSTILE);
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
  await drop(page, file);
  await rows(page, (shown += 1));
  assert.equal(await text("#rows > li:first-child .key"), `images/${HOSTILE}`);
  assert.equal(await text("#rows > li:first-child .badge"), "made");
  await sixThumbnails();
  assert.equal(await page.title(), "local-cloud");
  await until(page, `document.getElementById("news").textContent.endsWith(": made, 6 thumbnails")`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
});

test("a text that is dropped is rejected with the reason", async () => {
  const file = join(folder, "text.jpg");
  await writeFile(file, "This is no picture.");
  await drop(page, file);
  await rows(page, (shown += 1));
  assert.equal(await text("#rows > li:first-child .badge"), "rejected");
  assert.match(await text("#rows > li:first-child .said"), /not a picture/);
  await until(page, `document.getElementById("news").textContent.endsWith("text.jpg: rejected: not a picture")`);
  assert.equal(await text("#not-made"), "1, 0");
});

test("what cannot be uploaded is told", async () => {
  await drop(page, folder);
  await until(page, `document.getElementById("refused").children.length === 1`);
  assert.match(await text("#refused"), /cannot be read; is it a folder\?/);
  assert.equal(await text("#progress"), "1 of 1 uploaded, 1 of them not");
});

test("by keyboard alone: a picture at hand, and the race", async () => {
  await page.reload();
  await rows(page, shown);
  await page.keyboard.press("Tab");
  await tabTo("at-hand-title");
  await page.keyboard.press("Enter");
  await tabTo("names");
  await page.keyboard.press("ArrowDown");
  await tabTo("put-selected");
  await page.keyboard.press("Enter");
  await rows(page, (shown += 1));
  assert.equal(await text("#rows > li:first-child .badge"), "duplicate");
  await tabTo("pictures-raced");
  await page.keyboard.press("Enter");
  const lanes = "[...document.querySelectorAll('#lanes tr')]";
  await until(page, `${lanes}.length === 3 && ${lanes}.every((lane) => lane.children[2].textContent === "done")`);
  await until(page, `document.getElementById("race-said").textContent.startsWith("The race is over: sequential ")`);
  const drawn = await page.$$eval("#lines polyline", (lines) => lines.map((line) => line.points.length));
  assert.deepEqual(drawn, [1, 1, 1].map(() => AT_HAND + 3));
  const done = await page.$$eval("#lanes tr", (lanes) => lanes.map((lane) => lane.children[3].textContent));
  assert.deepEqual(done, [1, 1, 1].map(() => `${AT_HAND + 2} of ${AT_HAND + 2}`));
  assert.equal(await page.$eval("#start", (button) => button.disabled), false);
});

test("a race that is stopped says so", async () => {
  await page.evaluate(() => {
    document.getElementById("start").click();
  });
  await until(page, `!document.getElementById("stop").disabled`);
  await page.click("#stop");
  await until(page, `document.getElementById("stop").disabled`);
  assert.match(await text("#race-said"), /stopped|The race is over/);
});

test("a page of another origin cannot drive it", async () => {
  const other = await browser.newPage();
  // The store's answer to a stranger, of another origin on this machine.
  await other.goto(`${cloud.ready.store}/`);
  const asked = await other.evaluate(async (url) => {
    const blind = { method: "POST", mode: "no-cors", body: '{"pictures": 5}' };
    await fetch(`${url}/race`, blind).catch(() => {});
    return fetch(`${url}/uploads`, { method: "POST", body: '{"name": "a"}' }).then(String, (error) => error.name);
  }, cloud.ready.page);
  assert.equal(asked, "TypeError");
  // No race is running: its own page can start one, which would be a conflict otherwise.
  await other.goto(`${cloud.ready.page}/`);
  const own = await other.evaluate(async () => (await fetch("/race", { method: "POST", body: '{"pictures": 5}' })).status);
  await other.close();
  assert.equal(own, 202);
});

for (const scheme of ["light", "dark"]) {
  test(`nobody is shut out: ${scheme}`, async () => {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.evaluate(await readFile(require.resolve("axe-core"), "utf8"));
    const { violations } = await page.evaluate("axe.run()");
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join("; ")}`);
    assert.deepEqual(told, []);
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: `${scheme}.png` });
    await page.screenshot({ path: `${scheme}-whole.png`, fullPage: true });
  });
}

test("a small window has no line that is cut", async () => {
  await page.setViewport({ width: 420, height: 900 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.screenshot({ path: "small.png", fullPage: true });
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
});

test("nothing went wrong, and nothing left this machine", () => {
  assert.deepEqual(wrong, []);
});
