// The page: what local-cloud tells it, shown.

import * as race from "./race.js";
import * as rows from "./rows.js";
import { offer } from "./uploads.js";
import { size, time } from "./words.js";

/** News are gathered for so long before they are said. */
const GATHER_MS = 700;

const show = (id, text) => {
  document.getElementById(id).textContent = text;
};

/** How many pictures were made in each of the latest seconds, the last one first, and when that was told. */
let ofLate = { counts: [], told: 0 };
/** Rows that were not said yet. */
let unsaid = [];
/** Whether what comes is new, and not what was before this page. */
let isNew = false;

const events = new EventSource("/events");

events.addEventListener("error", () => show("connection", "local-cloud does not answer; trying again"));

const on = (name, act) => events.addEventListener(name, ({ data }) => act(JSON.parse(data)));

on("hello", ({ bucket, source_prefix, most_raced }) => {
  isNew = false;
  rows.clear();
  race.limit(most_raced);
  offer();
  show("where", `bucket ${bucket}, originals below ${source_prefix}`);
  show("connection", "Connected");
});

on("row", (row) => {
  rows.add(row);
  if (!isNew) return;
  if (unsaid.length === 0) setTimeout(say, GATHER_MS);
  unsaid.push(row);
});

on("tally", (tally) => {
  show("made", String(tally.made));
  show("not-made", `${tally.rejected}, ${tally.failed}`);
  ofLate = { counts: tally.made_by_age, told: performance.now() };
  rate();
  if (tally.made === 0) {
    for (const id of ["p50", "p95", "saved", "thousand"]) show(id, "–");
    return;
  }
  show("p50", time(tally.p50_us));
  show("p95", time(tally.p95_us));
  const saved = Math.max(0, tally.bytes_stored - tally.bytes_read);
  const percent = Math.round((100 * saved) / Math.max(1, tally.bytes_stored));
  show("saved", `${size(saved)} of ${size(tally.bytes_stored)}, ${percent} %`);
  show("thousand", tally.usd_per_1000);
});

on("race", (news) => {
  isNew = true;
  race.show(news);
});
on("lap", race.lap);
on("offer", offer);

setInterval(rate, 500);

/** Pictures in a second, of those seconds that are not over since they were told. */
function rate() {
  const { counts, told } = ofLate;
  const since = (performance.now() - told) / 1000;
  const made = counts.reduce((sum, made, age) => (age + since < counts.length ? sum + made : sum), 0);
  show("rate", (made / Math.max(1, counts.length)).toFixed(1));
}

/** One sentence for who listens. */
function say() {
  show("news", rows.saying(unsaid));
  unsaid = [];
}
