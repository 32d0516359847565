// A running local-cloud, and a browser that has its page open.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// Where the packages are installed.
export const require = createRequire(pathToFileURL(`${process.cwd()}/`));
const puppeteer = require("puppeteer-core");

/** Starts local-cloud on free ports with generated pictures. */
export async function start(...args) {
  const ports = ["--store-port", "--function-port", "--engine-port", "--page-port"].flatMap((flag) => [flag, "0"]);
  const child = spawn(process.env.LOCAL_CLOUD, ["--json", ...ports, ...args], {
    env: { PATH: process.env.PATH },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`local-cloud ended with ${code} before it was ready`);
  });
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), ended]);
  const stop = async () => {
    child.kill();
    await ended.catch(() => {});
  };
  return { ready: JSON.parse(line), stop };
}

/** Starts Chromium, which can reach nothing but 127.0.0.1. */
export function browse() {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}

/** A page, and what went wrong on it or left this machine. */
export async function open(browser, url) {
  const page = await browser.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (new URL(request.url()).hostname !== "127.0.0.1") wrong.push(`left this machine: ${request.url()}`);
  });
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(url);
  return { page, wrong };
}

/** Waits until an expression about the page is true. */
export async function until(page, expression) {
  await page.waitForFunction(expression, { timeout: 60_000, polling: 50 }).catch((error) => {
    throw new Error(`${expression}: ${error.message}`);
  });
}

/** So many rows are shown. */
export const rows = (page, number) => until(page, `document.querySelectorAll("#rows > li").length === ${number}`);

/** Drops files onto the page, as from a file manager. */
export async function drop(page, ...files) {
  const client = await page.createCDPSession();
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await client.send("Input.dispatchDragEvent", { type, x: 400, y: 300, data });
  }
  await client.detach();
}
