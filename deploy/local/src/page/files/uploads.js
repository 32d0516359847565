// Files on their way into the bucket: for each a presigned URL, then a PUT to the store itself.

import { element, reason } from "./words.js";

/** Uploads at once. */
const AT_ONCE = 4;
/** Refusals that are shown; what is beyond them is counted. */
const MOST_REFUSED = 20;

const progress = document.getElementById("progress");
const refused = document.getElementById("refused");
const drop = document.getElementById("drop");
const files = document.getElementById("files");
const atHand = document.getElementById("at-hand");
const names = document.getElementById("names");

const waiting = [];
let under_way = 0;
let total = 0;
let done = 0;
let failed = 0;

files.addEventListener("change", () => {
  put([...files.files].map(chosen));
  files.value = "";
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  put([...event.dataTransfer.files].map(chosen));
});

document.getElementById("put-selected").addEventListener("click", () => put([...names.selectedOptions].map(picture)));
document.getElementById("put-all").addEventListener("click", () => put([...names.options].map(picture)));

/** Offers the pictures that local-cloud has at hand. */
export async function offer() {
  const answer = await fetch("/pictures");
  const offered = answer.ok ? await answer.json() : [];
  names.replaceChildren(...offered.map((name, n) => element("option", { value: n }, name)));
  atHand.hidden = offered.length === 0;
  document.getElementById("at-hand-title").textContent = `Or pick from ${offered.length} that are at hand`;
}

/** A file of this computer. */
function chosen(file) {
  const read = async () => {
    try {
      // All of it now: a folder looks like a file until it is read.
      return await file.arrayBuffer();
    } catch (error) {
      throw new Error(`it cannot be read; is it a folder? (${error.message})`);
    }
  };
  return { name: file.name, read };
}

/** What an option of the list stands for. */
function picture(option) {
  const read = async () => (await ask(`/pictures/${option.value}`)).arrayBuffer();
  return { name: option.textContent, read };
}

function put(uploads) {
  if (under_way === 0) {
    [total, done, failed] = [0, 0, 0];
    refused.replaceChildren();
  }
  waiting.push(...uploads);
  total += uploads.length;
  while (under_way < AT_ONCE && waiting.length > 0) next();
  tell();
}

async function next() {
  const upload = waiting.shift();
  under_way += 1;
  try {
    await send(upload);
  } catch (error) {
    failed += 1;
    if (failed <= MOST_REFUSED) refused.append(element("li", {}, `${upload.name}: ${error.message}`));
  }
  under_way -= 1;
  done += 1;
  tell();
  if (waiting.length > 0) next();
}

async function send({ name, read }) {
  const body = await read();
  const asked = await ask("/uploads", { method: "POST", body: JSON.stringify({ name }) });
  const { url } = await asked.json();
  const stored = await reach("the store", url, { method: "PUT", body });
  if (!stored.ok) throw new Error(`the store answered ${stored.status}: ${await reason(stored)}`);
}

/** An answer of local-cloud that is no refusal. */
async function ask(url, options) {
  const answer = await reach("local-cloud", url, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

/** An answer, whatever it is. */
async function reach(whom, url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    throw new Error(`${whom} cannot be reached (${error.message})`);
  }
}

function tell() {
  const bad = failed > 0 ? `, ${failed} not` : "";
  progress.textContent = total > 0 ? `${done - failed} of ${total} uploaded${bad}` : "";
}
