// The picture of the README: picture.mjs FILE.webp. Of generated photographs.

import { browse, open, rows, start, until } from "./cloud.mjs";

const PICTURES = 12;
const cloud = await start("--count", String(PICTURES), "--max-side", "3000");
const browser = await browse();
try {
  const { page } = await open(browser, cloud.ready.page);
  await rows(page, PICTURES);
  await page.setViewport({ width: 1280, height: 1400 });
  await page.click("#start");
  await until(page, `document.getElementById("race-said").textContent.startsWith("The race is over")`);
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForNetworkIdle({ concurrency: 1 });
  await page.screenshot({ path: process.argv[2], type: "webp", quality: 75 });
} finally {
  await browser.close();
  await cloud.stop();
}
