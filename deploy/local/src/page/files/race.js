// The three modes: a line and a line of the table for each.

import { drawn, element } from "./words.js";

const form = document.getElementById("race");
const pictures = document.getElementById("pictures-raced");
const start = document.getElementById("start");
const stop = document.getElementById("stop");
const said = document.getElementById("race-said");
const result = document.getElementById("race-result");
const lines = document.getElementById("lines");
const table = document.getElementById("lanes");

/** The drawing within its view box: what is left for numbers on the left and below, and names on the right. */
const FRAME = { left: 44, top: 12, right: 560, bottom: 204 };

let race = { pictures: 0, is_running: false, failure: null, lanes: [] };
let isAsked = false;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ pictures: pictures.valueAsNumber });
  await ask("POST", body);
});

stop.addEventListener("click", () => ask("DELETE"));

async function ask(method, body) {
  try {
    const answer = await fetch("/race", { method, body });
    if (!answer.ok) said.textContent = await answer.text();
  } catch (error) {
    said.textContent = `local-cloud cannot be asked: ${error.message}`;
  }
}

/** The most pictures of a race. */
export function limit(most) {
  pictures.max = most;
}

/** Shows a race as it stands. */
export function show(news) {
  race = news;
  const [gone, other] = race.is_running ? [start, stop] : [stop, start];
  const hadFocus = document.activeElement === gone;
  start.disabled = race.is_running;
  stop.disabled = !race.is_running;
  // The button that was pressed is no longer there to be pressed: the focus goes to the other one.
  if (hadFocus) other.focus({ preventScroll: true });
  said.textContent = saying();
  result.hidden = race.lanes.length === 0;
  draw();
}

/** Adds one picture to a line. */
export function lap({ lane, ended_us, is_made }) {
  const of = race.lanes[lane];
  if (!of) return;
  of.ended_us.push(ended_us);
  of.not_made += is_made ? 0 : 1;
  if (!isAsked) {
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  }
}

function saying() {
  if (race.failure) return `The race ended early: ${race.failure}`;
  const runs = race.lanes.find(({ state }) => state === "runs");
  if (runs) return `${runs.mode} runs`;
  if (race.is_running) return "Looking for pictures";
  if (race.lanes.length === 0) return "";
  const times = race.lanes.map((lane) => `${lane.mode} ${seconds(lane).toFixed(2)} s`);
  const whys = Object.groupBy(race.lanes.filter(({ why }) => why), ({ why }) => why);
  const unmade = Object.entries(whys).map(([why, by]) => `; not made by ${by.map(({ mode }) => mode).join(", ")}: ${why}`);
  return `The race is over: ${times.join(", ")}${unmade.join("")}`;
}

const seconds = (lane) => (lane.ended_us.length ? Math.max(...lane.ended_us.slice(-64)) / 1e6 : 0);

function draw() {
  table.replaceChildren(...race.lanes.map(line));
  const longest = Math.max(...race.lanes.map(seconds), 0.1);
  const x = (s) => FRAME.left + (s / longest) * (FRAME.right - FRAME.left);
  const y = (done) => FRAME.bottom - (done / Math.max(race.pictures, 1)) * (FRAME.bottom - FRAME.top);
  const curves = race.lanes.map((lane, n) => curve(lane, n, x, y)).filter(Boolean);
  // Names after all lines, so that none goes through them.
  lines.replaceChildren(...axes(x, y, longest), ...curves.map(({ line }) => line), ...curves.map(({ name }) => name));
}

function line(lane, n) {
  const [done, took] = [lane.ended_us.length, seconds(lane)];
  const number = (text) => element("td", { className: "number" }, text);
  return element(
    "tr",
    {},
    element("th", { scope: "row", className: `lane-${n}` }, lane.mode),
    element("td", {}, String(lane.in_flight)),
    element("td", {}, lane.state),
    number(`${done} of ${race.pictures}`),
    number(String(lane.not_made)),
    number(took.toFixed(2)),
    number(took > 0 ? (done / took).toFixed(1) : "–"),
  );
}

function axes(x, y, longest) {
  const { left, top, right, bottom } = FRAME;
  const text = (attributes, words) => drawn("text", attributes, words);
  const marks = [0, 0.25, 0.5, 0.75, 1].flatMap((part) => {
    const at = x(part * longest);
    const unit = part === 1 ? " s" : "";
    return [
      drawn("path", { class: "grid", d: `M${at} ${top}V${bottom}` }),
      text({ x: at, y: bottom + 18, "text-anchor": "middle" }, (part * longest).toFixed(longest < 2 ? 2 : 1) + unit),
    ];
  });
  return [
    ...marks,
    drawn("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }),
    text({ x: left - 8, y: bottom + 4, "text-anchor": "end" }, "0"),
    text({ x: left - 8, y: y(race.pictures) + 4, "text-anchor": "end" }, String(race.pictures)),
  ];
}

function curve(lane, n, x, y) {
  if (lane.ended_us.length === 0) return null;
  const ended = [...lane.ended_us].sort((a, b) => a - b);
  const points = ended.map((us, done) => `${x(us / 1e6).toFixed(1)},${y(done + 1).toFixed(1)}`);
  const last = ended.at(-1) / 1e6;
  // Names of lines that end close to each other stand below each other.
  const name = { class: `lane-${n}`, x: x(last) + 6, y: y(ended.length) + 4 + 14 * n };
  return {
    line: drawn("polyline", { class: `curve lane-${n}`, points: [`${x(0)},${y(0)}`, ...points].join(" ") }),
    name: drawn("text", name, lane.mode),
  };
}
