// Thumbnails by sharp: variants of its best use. The protocol is that of serve.py.

import fs from "node:fs";
import readline from "node:readline";
import sharp from "sharp";

const SIZES = [512, 256, 128, 64, 32, 16];

// One thread for libvips; and a picture that was made already is not to be found again.
sharp.concurrency(1);
sharp.cache(false);

const box = (size) => ({ width: size, height: size, fit: "inside", withoutEnlargement: true });

// sharp optimises Huffman tables by default, which costs time and saves bytes; the peers do not. And it converts by
// the ICC profile, which the paper's programs leave aside: it is sRGB in all of the paper's photographs.
const QUICK = { input: { ignoreIcc: true }, jpeg: { quality: 75, optimiseCoding: false } };
const DEFAULTS = { input: {}, jpeg: { quality: 75 } };

// The pixels of an image, to start from again.
async function pixels(image) {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return () => sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } });
}

// The largest size is kept as pixels, the others come from it.
async function eachFrom512(picture, options) {
  const largest = await pixels(sharp(picture, options.input).resize(box(SIZES[0])));
  const thumbnails = [await largest().jpeg(options.jpeg).toBuffer()];
  for (const size of SIZES.slice(1)) {
    thumbnails.push(await largest().resize(box(size)).jpeg(options.jpeg).toBuffer());
  }
  return thumbnails;
}

// Each size from the one before.
async function chain(picture, options) {
  let image = await pixels(sharp(picture, options.input).resize(box(SIZES[0])));
  const thumbnails = [await image().jpeg(options.jpeg).toBuffer()];
  for (const size of SIZES.slice(1)) {
    image = await pixels(image().resize(box(size)));
    thumbnails.push(await image().jpeg(options.jpeg).toBuffer());
  }
  return thumbnails;
}

// What its manual shows for several outputs of one input: the input is decoded for each.
async function clones(picture, options) {
  const input = sharp(picture, options.input);
  const thumbnails = [];
  for (const size of SIZES) {
    thumbnails.push(await input.clone().resize(box(size)).jpeg(options.jpeg).toBuffer());
  }
  return thumbnails;
}

const WAYS = {
  "each-from-512": (picture) => eachFrom512(picture, QUICK),
  chain: (picture) => chain(picture, QUICK),
  clones: (picture) => clones(picture, QUICK),
  defaults: (picture) => eachFrom512(picture, DEFAULTS),
};

function peakRssBytes() {
  const status = fs.readFileSync("/proc/self/status", "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
}

const say = (value) => fs.writeSync(1, `${JSON.stringify(value)}\n`);

const way = WAYS[process.argv[2]];
say({ versions: { sharp: sharp.versions.sharp, "libvips in sharp": sharp.versions.vips, "Node.js": process.versions.node } });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const picture = fs.readFileSync(request.picture);
  const began = process.cpuUsage();
  const thumbnails = await way(picture);
  const { user, system } = process.cpuUsage(began);
  if (request.thumbnails) {
    SIZES.forEach((size, at) => fs.writeFileSync(`${request.thumbnails}.${size}.jpg`, thumbnails[at]));
  }
  say({ cpu_ns: (user + system) * 1000, peak_rss_bytes: peakRssBytes() });
}
