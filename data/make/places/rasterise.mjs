// Rasterises the sprites of `places` from Fluent Emoji Flat (MIT, Microsoft Corporation).
//
// usage: npm install && node rasterise.mjs OUTPUT_FOLDER
//
// Every drawn shape of an icon is given a role; what is stored is not colour but, for each role,
// how much of a pixel it covers. A recoloured sprite is then one matrix product.
// roles: 0 main, 1 shade of main, 2 accent, 3 secondary, 4 glass, 5 dark; -1 drops the shape.
// `cut` drops what lies below a height (0 to 32). `extra` adds shapes of our own over the icon:
// [role, path, clip], both optional paths in the icon's units; a number is the path of that shape.

import { createRequire } from "node:module";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";

const require = createRequire(import.meta.url);
const { icons } = require("@iconify-json/fluent-emoji-flat/icons.json");
const { Resvg } = require("@resvg/resvg-js");

const TILE = 160;
const ROLES = 6;

const BUSH = "M3 30A6.6 6.6 0 0 1 5 19A7.2 7.2 0 0 1 14 12A8 8 0 0 1 25.5 17.5"
  + "A6.6 6.6 0 0 1 28.5 30z";
const dot = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;

const SPRITES = {
  house: { icon: "house", roles: [0, 3, -1, -1, -1, 2, 4] },
  church: { icon: "church", roles: [0, 5, 4, 2] },
  hut: { icon: "hut", roles: [2, 0, 5] },
  office: { icon: "office-building", roles: [1, 4, 0, 5, 4] },
  hotel: { icon: "hotel", roles: [0, 1, 1, 4, 2] },
  store: { icon: "department-store", roles: [1, 4, 0, 2, 5, -1, -1, 4] },
  pine: {
    icon: "evergreen-tree", roles: [3, 0],
    extra: [[1, 1, "M16.6 0H32V32H13L17.5 26.5L14.8 23L17.4 18.5L15.6 16L17.2 13z"]],
  },
  "leaf tree": {
    icon: "deciduous-tree", roles: [3, 0],
    extra: [[1, 1, "M0 32V20Q7 24 13 20.5Q17 22.5 19.5 18.5Q24 17.5 23 12.5Q25 9 22 0H32V32z"]],
  },
  palm: { icon: "palm-tree", roles: [3, 0, 1, 2] },
  bush: {
    icon: null, roles: [],
    extra: [
      [0, BUSH],
      [1, BUSH, "M0 25.5Q6 29 11 26Q16 29 20 25Q25 24 24.5 14H32V32H0z"],
      ...[[9, 20.5], [16, 16.8], [14.5, 23], [21.5, 20.5]].map(([x, y]) => [2, dot(x, y, 1.9)]),
    ],
  },
  flower: { icon: "tulip", roles: [2, 1, 0] },
  cactus: { icon: "cactus", roles: [0, 1, 2] },
  car: { icon: "automobile", roles: [0, 2, 4, 2, 5, 2, 2, 5] },
  truck: { icon: "pickup-truck", roles: [0, 4, 5, 2, 2] },
  bus: { icon: "bus", roles: [2, 4, 0, 5, 2, 2, 2] },
  sailboat: { icon: "sailboat", roles: [2, 0, 3, -1, 1] },
  motorboat: { icon: "motor-boat", roles: [1, 0, 4, 4, 2, -1] },
  ship: { icon: "ship", roles: [2, 0, 4, 1, 4, 3], cut: 27.4 },
  sheep: { icon: "ewe", roles: [3, 2, 1, 0, 2, 5, 2] },
  deer: { icon: "deer", roles: [3, 1, 0, 3, 5, 2, 3] },
  camel: {
    icon: "camel", roles: [1, 0, 5, 1],
    extra: [[2, 1, "M16.2 4H24V15Q20 17.5 16.2 15z"]],
  },
};

// The shapes of an icon, in painting order, without their colours.
function shapes(name) {
  return [...icons[name].body.matchAll(/<(?:path|circle|ellipse)[^>]*?>/g)]
    .map(([tag]) => tag.replace(/\/?>$/, "/>").replace(/ fill="[^"]*"/, ""));
}

// An SVG in which the roles in `shown` are pure red, green and blue and all others black.
function picture(sprite, shown) {
  const drawn = sprite.icon ? shapes(sprite.icon) : [];
  if (drawn.length !== sprite.roles.length) {
    throw new Error(`${sprite.icon}: ${drawn.length} shapes, ${sprite.roles.length} roles`);
  }
  const parts = drawn.map((shape, i) => [sprite.roles[i], shape]).filter(([role]) => role >= 0);
  const path = (shape) => (typeof shape === "number"
    ? drawn[shape].match(/ d="([^"]*)"/)[1] : shape);
  (sprite.extra ?? []).forEach(([role, shape, clip], i) => {
    const limit = clip ? `<clipPath id="c${i}"><path d="${clip}"/></clipPath>` : "";
    const use = clip ? ` clip-path="url(#c${i})"` : "";
    parts.push([role, `${limit}<path d="${path(shape)}"${use}/>`]);
  });
  const colours = ["#f00", "#0f0", "#00f"];
  const body = parts
    .map(([role, text]) => `<g fill="${colours[shown.indexOf(role)] ?? "#000"}">${text}</g>`)
    .join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${body}</svg>`;
}

// Coverage of every role: ROLES arrays of TILE * TILE bytes.
function coverage(sprite) {
  const layers = [];
  for (let first = 0; first < ROLES; first += 3) {
    const svg = picture(sprite, [first, first + 1, first + 2]);
    const { pixels } = new Resvg(svg, { fitTo: { mode: "width", value: TILE } }).render();
    for (let channel = 0; channel < 3; channel++) {
      const layer = new Uint8Array(TILE * TILE);
      const end = Math.round((sprite.cut ?? 32) * TILE / 32) * TILE;
      for (let p = 0; p < end; p++) layer[p] = pixels[4 * p + channel]; // premultiplied
      layers.push(layer);
    }
  }
  return layers;
}

// An 8-bit grey PNG; resvg encodes only colour.
function crc32(bytes) {
  let c = ~0;
  for (const b of bytes) {
    c ^= b;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
}

function greyPng(width, height, bytes) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    Buffer.from(bytes.buffer, y * width, width).copy(rows, y * (width + 1) + 1);
  }
  const magic = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([magic, chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

const folder = process.argv[2];
if (!folder) throw new Error("usage: node rasterise.mjs OUTPUT_FOLDER");
const names = Object.keys(SPRITES);
const width = ROLES * TILE;
const atlas = new Uint8Array(width * names.length * TILE);
names.forEach((name, row) => coverage(SPRITES[name]).forEach((layer, role) => {
  for (let y = 0; y < TILE; y++) {
    atlas.set(layer.subarray(y * TILE, (y + 1) * TILE), (row * TILE + y) * width + role * TILE);
  }
}));
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "atlas.png"), greyPng(width, names.length * TILE, atlas));
writeFileSync(join(folder, "atlas.json"), JSON.stringify({
  tile: TILE,
  roles: ["main", "shade", "accent", "secondary", "glass", "dark"],
  sprites: names,
  icons: Object.fromEntries(names.map((name) => [name, SPRITES[name].icon])),
}, null, 1) + "\n");
