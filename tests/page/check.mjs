// The page, checked as a person would use it.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

const text = (selector, of = page) => of.$eval(selector, (element) => element.textContent);
const focused = () => page.evaluate(() => document.activeElement?.id);

/** Uses such a page which hears of nothing but what `tell` is called with. */
async function unheard(use) {
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(() => {
    globalThis.EventSource = class extends EventTarget {
      constructor() {
        super();
        globalThis.tell = (name, data) => this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
      }
    };
  });
  try {
    await page.goto(cloud.ready.page);
    await until(page, "globalThis.tell");
    await use(page);
  } finally {
    await page.close();
  }
}

/** What is told of a picture that was made. */
const made = { key: "images/a.jpg", verdict: "made", operation: "write", attempts: 1, mischief: "", waited_us: 100_000 };

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
  for (const quantile of ["#p50", "#p95"]) assert.match(await text(quantile), /^[\d.]+ m?s$/);
  assert.match(await text("#rate"), /^\d\.\d$/);
  assert.match(await text("#saved"), /^[\d.]+ [kM]?B of [\d.]+ [kM]?B, \d+ %$/);
  assert.match(await text("#thousand"), / USD$/);
  assert.match(await text("#connection"), /Connected/);
  const stages = await page.$$eval("#rows > li:first-child .stages li > span:first-child", (all) => all.map((one) => one.textContent));
  for (const stage of ["delivery", "fetch", "decode", "resize", "encode", "store"]) assert.ok(stages.includes(stage), `${stages}`);
  assert.match(await text("#rows > li:first-child .facts"), /read[\d.]+ [kM]?B of .*cost.* USD/);
});

test("the counters show what was counted, and the rate goes down by itself", () =>
  unheard(async (page) => {
    const tell = (made_by_age) =>
      page.evaluate((made_by_age) => {
        tell("tally", {
          made: 60,
          made_by_age,
          rejected: 2,
          failed: 3,
          p50_us: 20_400,
          p95_us: 1_250_000,
          bytes_stored: 2_000_000,
          bytes_read: 500_000,
          usd_per_1000: "0.0331 to 0.0334 USD",
        });
        return [...document.querySelectorAll("#counters dd")].map((shown) => shown.textContent);
      }, made_by_age);
    const shown = ["60", "2, 3", "6.0", "20 ms, 1.25 s", "1.5 MB of 2.0 MB, 75 %", "0.0331 to 0.0334 USD"];
    assert.deepEqual(await tell([40, 0, 0, 0, 0, 0, 0, 0, 0, 20]), shown);
    await until(page, `document.getElementById("rate").textContent === "4.0"`);
  }));

test("each stage is drawn where the one before it ended, as long as it took", () =>
  unheard(async (page) => {
    const stages = [["delivery", 10_000], ["fetch", 20_000], ["decode", 50_000], ["store", 20_000]];
    const drawn = await page.evaluate(
      (row) => {
        tell("row", row);
        return [...document.querySelectorAll(".stages li")].map((stage) => {
          const [name, track, number] = stage.children;
          const [whole, bar] = [track, track.firstChild].map((element) => element.getBoundingClientRect());
          const percent = (length) => Math.round((100 * length) / whole.width);
          return [name.textContent, percent(bar.left - whole.left), percent(bar.width), number.textContent];
        });
      },
      { ...made, stages, cost: "0.00003 USD" },
    );
    const expected = [["delivery", 0, 10, "10 ms"], ["fetch", 10, 20, "20 ms"], ["decode", 30, 50, "50 ms"], ["store", 80, 20, "20 ms"]];
    assert.deepEqual(drawn, expected);
    assert.equal(await text("#rows dl", page), "in all100 mscost0.00003 USD");
  }));

test("a screen reader knows from the start where news are said, and is told how each ended", () =>
  unheard(async (page) => {
    const tree = await page.accessibility.snapshot({ interestingOnly: false });
    const known = ({ role, children = [] }) => children.reduce((sum, child) => sum + known(child), role === "status" ? 1 : 0);
    const statuses = await page.$$eval("[role=status]", (all) => all.length);
    assert.equal(known(tree), statuses);
    assert.equal(await page.$$eval("[role=status] #refused, #progress[role=status], #race-said[role=status]", (all) => all.length), 3);
    await page.evaluate((row) => {
      tell("race", { pictures: 0, is_running: false, failure: null, lanes: [] });
      for (const verdict of ["made", "duplicate", "rejected", "made", "removed"]) tell("row", { ...row, verdict });
      tell("row", { ...row, verdict: undefined, failure: "it was never sent" });
    }, made);
    await until(page, `document.getElementById("news").textContent === "6 events: 2 made, 1 duplicate, 1 rejected, 1 removed, 1 failed"`);
  }));

test("an image that is not shown says why", async () => {
  const url = new URL(await page.$eval("#rows > li .original", (link) => link.href));
  url.searchParams.set("X-Amz-Signature", "0".repeat(64));
  await unheard(async (own) => {
    for (const [at, why] of [
      ["/nothing", "it is no longer in the store"],
      ["/words.js", "this browser cannot show TIFF"],
      [url.href, "the store answered 403: SignatureDoesNotMatch; load this page anew"],
      ["http://127.0.0.1:1/", "the store cannot be reached"],
    ]) {
      const original = { url: at, width: 400, height: 300, bytes: 9, format: "TIFF" };
      const thumbnail = { ...original, size: 64, key: "thumbnails/a.jpg/64.jpg" };
      await own.evaluate(
        (row) => {
          tell("hello", { bucket: "b", source_prefix: "images/", most_raced: 1 });
          tell("row", row);
          document.querySelector("#rows figure").scrollIntoView();
        },
        { ...made, original, thumbnails: [thumbnail] },
      );
      await until(own, `document.querySelectorAll("#rows .lost").length === 2`);
      const said = await own.$$eval("#rows .lost", (all) => all.map((one) => one.textContent));
      assert.deepEqual(said, [`the original: ${why}`, why]);
      const links = await own.$$eval("#rows .lost", (all) => all.map((one) => one.closest("a")?.getAttribute("href") ?? null));
      const link = at === "/words.js" ? at : null;
      assert.deepEqual(links, [link, link], `links where ${why}`);
    }
  });
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
  assert.equal(await text("#progress"), "0 of 1 uploaded, 1 not");
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
  assert.match(await text("#race-said"), / s; not made by sequential, parallel, fan-out: rejected: not a picture$/);
  const drawn = await page.$$eval("#lines polyline", (lines) => lines.map((line) => line.points.length));
  assert.deepEqual(drawn, [1, 1, 1].map(() => AT_HAND + 3));
  const done = await page.$$eval("#lanes tr", (lanes) => lanes.map((lane) => lane.children[3].textContent));
  assert.deepEqual(done, [1, 1, 1].map(() => `${AT_HAND + 2} of ${AT_HAND + 2}`));
  assert.equal(await page.$eval("#start", (button) => button.disabled), false);
});

test("a race that is stopped says so; and what is gone is told as what it is", async () => {
  const pictures = join(folder, "pictures");
  await mkdir(pictures);
  const answer = await fetch(`${cloud.ready.page}/pictures/0`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  for (let n = 10; n < 50; n += 1) await writeFile(join(pictures, `${n}.jpg`), bytes);
  const other = await start("--images", pictures);
  const { page } = await open(browser, other.ready.page);
  try {
    await rows(page, 40);
    await page.evaluate(() => {
      const stop = document.getElementById("stop");
      new MutationObserver(() => stop.disabled || stop.click()).observe(stop, { attributes: true });
      document.getElementById("start").click();
    });
    await until(page, `document.getElementById("race-said").textContent === "The race ended early: stopped"`);
    const states = await page.$$eval("#lanes tr", (lanes) => lanes.map((lane) => lane.children[2].textContent));
    assert.notDeepEqual(states, ["done", "done", "done"]);

    await rm(join(pictures, "10.jpg"));
    await page.evaluate(() => {
      const [first] = document.getElementById("names").options;
      first.selected = true;
      document.getElementById("put-selected").click();
    });
    const refused = (start) => until(page, `document.getElementById("refused").textContent.startsWith(${JSON.stringify(start)})`);
    await refused("10.jpg: the picture cannot be read: No such file");
    assert.doesNotMatch(await text("#refused", page), /folder/);

    await other.stop();
    await drop(page, join(pictures, "11.jpg"));
    await refused("11.jpg: local-cloud cannot be reached (");
    assert.doesNotMatch(await text("#refused", page), /folder/);
  } finally {
    await page.close();
    await other.stop();
  }
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
