// One row for each event that came to its end.

import { count, element, reason, size, time } from "./words.js";

/** So many rows stay; older ones go. */
const MOST = 50;
/** Thumbnails up to this size stand together, beside the larger ones. */
const SMALL = 128;

const list = document.getElementById("rows");
const none = document.getElementById("none");
let number = 0;

/** Removes all rows. */
export function clear() {
  list.replaceChildren();
  none.hidden = false;
}

/** Shows a row above the others. */
export function add(row) {
  none.hidden = true;
  list.prepend(card(row));
  while (list.children.length > MOST) list.lastElementChild.remove();
}

/** What became of some, in one sentence. */
export function saying(rows) {
  if (rows.length > 1) {
    const counts = Object.groupBy(rows, verdict);
    const each = Object.entries(counts).map(([ended, { length }]) => `${length} ${ended}`);
    return `${rows.length} events: ${each.join(", ")}`;
  }
  const [row] = rows;
  const why = row.failure ?? row.reason?.replaceAll("_", " ");
  const because = why ? `: ${why}` : "";
  const made = row.thumbnails?.length ? `, ${count(row.thumbnails.length, "thumbnail")}` : "";
  return `${row.key}: ${verdict(row)}${because}${made}`;
}

/** How it ended, in a word. */
function verdict(row) {
  return row.failure ? "failed" : row.verdict;
}

function card(row) {
  const id = `row-${number++}`;
  const ended = verdict(row);
  const article = element("article", {}, heading(row, id, ended), said(row));
  article.setAttribute("aria-labelledby", id);
  const facts = element("div", { className: "facts" }, ...original(row), ...numbers(row), ...stages(row));
  article.append(facts, ...thumbnails(row));
  return element("li", { className: ended }, article);
}

function heading(row, id, ended) {
  const badge = element("span", { className: "badge" }, ended);
  return element("h3", { id }, badge, " ", element("span", { className: "key" }, row.key));
}

function said(row) {
  const parts = [];
  if (row.operation === "delete") parts.push("its original was deleted");
  if (row.failure) parts.push(row.failure);
  const why = row.reason?.replaceAll("_", " ");
  if (why) parts.push(why);
  if (row.message && row.message !== why) parts.push(row.message);
  if (row.degraded) parts.push(`degraded: ${row.degraded.intact_rows} of ${row.degraded.rows} rows are right`);
  if (row.attempts > 1) parts.push(count(row.attempts, "attempt"));
  if (row.mischief) parts.push(`mischief: ${row.mischief}`);
  return element("p", { className: "said", hidden: parts.length === 0 }, parts.join("; "));
}

function original(row) {
  if (!row.original) return [];
  const { url, width, height, format } = row.original;
  const alt = `the original of ${row.key}`;
  return [picture({ url, width, height, alt, format, className: "original", what: "the original: " })];
}

/** An image of the store that links to itself; or why it cannot be shown. */
function picture({ url, width, height, alt, format, className = "", title = "", what = "" }) {
  const image = element("img", { width, height, alt, src: url, loading: "lazy", decoding: "async" });
  const link = element("a", { href: url, target: "_blank", rel: "noreferrer", className, title }, image);
  image.addEventListener("error", async () => {
    const { why, stands } = await lost(url);
    const said = stands ? `this browser cannot show ${format}` : why;
    // What stands can still be opened and kept.
    (stands ? image : link).replaceWith(element("span", { className: "lost" }, `${what}${said}`));
  });
  return link;
}

/** Whether an image that is not shown stands, and why not, as far as the store tells. */
async function lost(url) {
  let answer;
  try {
    answer = await fetch(url);
  } catch {
    return { why: "the store cannot be reached" };
  }
  if (answer.ok) {
    await answer.body?.cancel();
    return { stands: true };
  }
  if (answer.status === 404) return { why: "it is no longer in the store" };
  const why = `the store answered ${answer.status}: ${await reason(answer)}`;
  // Links end, and a page that is loaded anew has others.
  return { why: answer.status === 403 ? `${why}; load this page anew` : why };
}

function numbers(row) {
  const facts = element("dl", {});
  const fact = (name, value) => facts.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  if (row.original) {
    const { bytes, format, width, height } = row.original;
    fact("original", `${format}, ${width} × ${height}, ${size(bytes)}`);
    if (row.bytes_read > 0) {
      fact("read", `${size(row.bytes_read)} of ${size(bytes)}, ${Math.round((100 * row.bytes_read) / bytes)} %`);
    }
  }
  if (row.waited_us !== null) fact("in all", time(row.waited_us));
  if (row.cost) fact("cost", row.cost);
  return [facts];
}

/** The stages one after another, each where the one before it ended. */
function stages(row) {
  if (!row.stages?.length) return [];
  const all = row.stages.reduce((sum, [, us]) => sum + us, 0) || 1;
  const bars = element("ol", { className: "stages" });
  bars.setAttribute("aria-label", "stages");
  let begin = 0;
  for (const [stage, us] of row.stages) {
    const bar = element("span", { className: "bar" });
    bar.style.marginLeft = `${(100 * begin) / all}%`;
    bar.style.width = `${(100 * us) / all}%`;
    const track = element("span", { className: "track" }, bar);
    const shown = [element("span", {}, stage), track, element("span", { className: "number" }, time(us))];
    bars.append(element("li", { className: `stage-${stage}` }, ...shown));
    begin += us;
  }
  return [bars];
}

function thumbnails(row) {
  if (!row.thumbnails?.length) return [];
  const largest = [...row.thumbnails].sort((a, b) => b.size - a.size);
  const figure = (thumbnail) => {
    const { url, width, height, size: side, bytes, key, format } = thumbnail;
    const shown = picture({ url, width, height, alt: `${side} pixel thumbnail of ${row.key}`, format, title: key });
    const caption = element("figcaption", {}, `${width} × ${height}, ${size(bytes)}`);
    return element("figure", {}, shown, caption);
  };
  const large = largest.filter(({ size }) => size > SMALL).map(figure);
  const small = largest.filter(({ size }) => size <= SMALL).map(figure);
  const shown = element("div", { className: "thumbnails" }, ...large, element("div", { className: "small" }, ...small));
  return [shown];
}
