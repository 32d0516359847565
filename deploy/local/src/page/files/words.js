// Elements, numbers and errors for people. Text from outside becomes text, never markup.

/** An element with properties and children; a child that is a string becomes text. */
export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** An element of SVG with attributes. */
export function drawn(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** Such as `999 B`, `25 kB`, `2.3 MB`. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Such as `0.4 ms`, `25 ms`, `1.25 s`. */
export function time(us) {
  if (us < 9950) return `${(us / 1e3).toFixed(1)} ms`;
  return us < 999500 ? `${Math.round(us / 1e3)} ms` : `${(us / 1e6).toFixed(2)} s`;
}

/** What an error of S3 says. */
export async function reason(answer) {
  const parsed = new DOMParser().parseFromString(await answer.text(), "application/xml");
  const [said] = ["Message", "Code"].map((name) => parsed.querySelector(name)?.textContent).filter(Boolean);
  return said ?? answer.statusText;
}

/** `1 thumbnail`, `6 thumbnails`. */
export function count(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
