// Rasterises the parts of Personas by Draftbit (CC BY 4.0) into one grey atlas:
//   data/art/faces/atlas.png   8-bit grey: coverage and tone rectangles of every layer
//   data/art/faces/atlas.json  where each layer lies, what it belongs to
// Usage: npm install && npm run art      (or: node art.mjs [OUT_FOLDER])
//
// A layer is one role of one part: its coverage says where it is, its tone (128 = neutral) where
// it is lighter or darker than its role's colour. No colour is kept: Python paints.
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { deflateSync, crc32 } from 'node:zlib';
import { Resvg } from '@resvg/resvg-js';
import { head, drawn } from './shapes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, '../../art/faces');
const SCALE = 8; // pixels per unit of the 64 x 64 drawing
const VIEW = { x: 0, y: -2, w: 64, h: 70 };
const ATLAS_WIDTH = 2048;

const entry = fileURLToPath(import.meta.resolve('@dicebear/personas'));
const { hair, body, mouth, nose, facialHair } = await import(
  pathToFileURL(join(dirname(entry), 'components/index.js'))
);
const OFFSET = {
  hair: [2, 2], body: [11, 44], eyes: [20, 24], mouth: [23, 36], nose: [24, 28], beard: [14, 26],
};
const NAMES = { hair: '#00000a', clothing: '#00000b', skin: '#00000c' };

// The painted elements of a part, without its masks (coverage clips tone anyway) and definitions.
function elements(svg) {
  const bare = svg.replace(/<mask[\s\S]*?<\/mask>/g, '').replace(/<defs[\s\S]*?<\/defs>/g, '');
  const group = bare.match(/<g fill="(#\w+)">/)?.[1];
  return [...bare.matchAll(/<(path|circle|ellipse|rect)\b([^>]*?)\/>/g)].map(([, tag, text]) => {
    const attribute = (name) => text.match(new RegExp(`(?:^|\\s)${name}="([^"]*)"`))?.[1];
    const keep = ['d', 'cx', 'cy', 'r', 'rx', 'ry', 'fill-rule']
      .filter((name) => attribute(name) !== undefined)
      .map((name) => `${name}="${attribute(name)}"`);
    return {
      tag, geometry: keep.join(' '), fill: attribute('fill') ?? group ?? '#000',
      opacity: Number(attribute('opacity') ?? attribute('fill-opacity') ?? 1),
      blend: text.includes('mix-blend-mode'),
    };
  });
}

// Sorts one part's elements into layers: { role: { cover: [svg], tone: [svg] } }.
function layers(list, own, extra) {
  const found = {};
  let last = own;
  for (const e of list) {
    const white = e.fill === '#fff' || e.fill === 'white';
    const shading = (white || e.fill === '#000') && (e.blend || e.opacity < 1);
    const role = shading ? last : Object.values(NAMES).includes(e.fill) ? own : extra ?? own;
    const layer = (found[role] ??= { cover: [], tone: [] });
    const shape = (paint) => `<${e.tag} ${e.geometry} ${paint}/>`;
    if (shading) {
      layer.tone.push(shape(`fill="${white ? '#fff' : '#000'}" fill-opacity="${e.opacity}"`));
    } else {
      layer.cover.push(shape('fill="#fff"'));
      if (e.opacity < 1) layer.tone.push(shape('fill="#000" fill-opacity=".4"'));
      last = role;
    }
  }
  return found;
}

function raster(content, background) {
  const { x, y, w, h } = VIEW;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${x} ${y} ${w} ${h}">
    <rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${background}"/>${content}</svg>`;
  const image = new Resvg(svg, { fitTo: { mode: 'width', value: w * SCALE } }).render();
  const pixels = image.pixels; // a copy each time it is asked for
  const grey = new Uint8Array(image.width * image.height);
  for (let i = 0; i < grey.length; i++) grey[i] = pixels[4 * i];
  return { width: image.width, height: image.height, grey };
}

function cropped(image, box) {
  const grey = new Uint8Array(box.w * box.h);
  for (let r = 0; r < box.h; r++) {
    const start = (box.y + r) * image.width + box.x;
    grey.set(image.grey.subarray(start, start + box.w), r * box.w);
  }
  return grey;
}

function bounds(image) {
  let [x0, y0, x1, y1] = [image.width, image.height, 0, 0];
  image.grey.forEach((value, i) => {
    if (!value) return;
    const [x, y] = [i % image.width, Math.floor(i / image.width)];
    x0 = Math.min(x0, x); y0 = Math.min(y0, y); x1 = Math.max(x1, x + 1); y1 = Math.max(y1, y + 1);
  });
  const pad = SCALE;
  const snap = (value, up) => (up ? Math.ceil : Math.floor)(value / SCALE) * SCALE;
  x0 = Math.max(0, snap(x0 - pad)); y0 = Math.max(0, snap(y0 - pad));
  x1 = Math.min(image.width, snap(x1 + pad, true));
  y1 = Math.min(image.height, snap(y1 + pad, true));
  return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
}

const parts = {};
const rectangles = [];
function add(name, found, [dx, dy], halves = false) {
  parts[name] = [];
  for (const [role, { cover, tone }] of Object.entries(found)) {
    for (const side of halves ? ['left', 'right'] : ['']) {
      const window = `<clipPath id="c"><rect x="${side === 'right' ? 32 : 0}" y="-9"
        width="${side ? 32 : 64}" height="99"/></clipPath>`;
      const place = (list) => `${side ? window : ''}<g ${side ? 'clip-path="url(#c)"' : ''}>
        <g transform="translate(${dx} ${dy})">${list.join('')}</g></g>`;
      const coverage = raster(place(cover), '#000');
      const box = bounds(coverage);
      if (box.w <= 0) continue;
      const layer = { role: side ? `${role}_${side}` : role, toned: tone.length > 0 };
      layer.units = [VIEW.x + box.x / SCALE, VIEW.y + box.y / SCALE];
      rectangles.push({ layer, key: 'cover', w: box.w, h: box.h, grey: cropped(coverage, box) });
      if (layer.toned) {
        const grey = cropped(raster(place(tone), '#808080'), box);
        rectangles.push({ layer, key: 'tone', w: box.w, h: box.h, grey });
      }
      delete layer.toned;
      parts[name].push(layer);
    }
  }
}

for (const [name, found] of Object.entries(head)) add(`head/${name}`, found, [0, 0]);
for (const [name, part] of Object.entries(hair)) {
  if (['bald', 'fade'].includes(name)) continue;
  const own = ['cap', 'beanie'].includes(name) ? 'headwear' : 'hair';
  add(`hair/${name}`, layers(elements(part({}, NAMES)), own, 'headwear'), OFFSET.hair);
}
for (const [name, part] of Object.entries(body))
  add(`clothes/${name}`, layers(elements(part({}, NAMES)), 'clothes'), OFFSET.body);
for (const [name, part] of Object.entries(mouth))
  if (name !== 'pacifier' && !drawn.mouth[name])
    add(`mouth/${name}`, layers(elements(part({}, NAMES)), 'mouth'), OFFSET.mouth);
for (const [name, part] of Object.entries(facialHair))
  if (name !== 'shadow' && !drawn.beard[name])
    add(`beard/${name}`, layers(elements(part({}, NAMES)), 'beard'), OFFSET.beard);
for (const [name, part] of Object.entries(nose)) {
  const found = { skin: { cover: [], tone: ['<path d="M-9-9h99v99h-99Z" fill="#000"/>'] } };
  found.skin.cover = elements(part({}, NAMES)).map((e) =>
    `<${e.tag} ${e.geometry} fill="#fff" fill-opacity="${e.opacity}"/>`);
  add(`nose/${name}`, found, OFFSET.nose);
}
for (const [kind, group] of Object.entries(drawn))
  for (const [name, found] of Object.entries(group))
    add(`${kind}/${name}`, found, OFFSET[kind] ?? [0, 0], kind === 'eyes');

// Shelves, tallest first.
rectangles.sort((a, b) => b.h - a.h || b.w - a.w);
let [x, y, shelf] = [0, 0, 0];
for (const r of rectangles) {
  if (x + r.w > ATLAS_WIDTH) { x = 0; y += shelf; shelf = 0; }
  r.layer[r.key] = [x, y];
  r.layer.size = [r.w, r.h];
  r.x = x; r.y = y;
  x += r.w;
  shelf = Math.max(shelf, r.h);
}
const height = y + shelf;
const atlas = new Uint8Array(ATLAS_WIDTH * height);
for (const r of rectangles)
  for (let row = 0; row < r.h; row++)
    atlas.set(r.grey.subarray(row * r.w, (row + 1) * r.w), (r.y + row) * ATLAS_WIDTH + r.x);

function png(grey, width, rows) {
  const raw = Buffer.alloc((width + 1) * rows);
  for (let r = 0; r < rows; r++) {
    raw[r * (width + 1)] = 2; // filter "up"
    for (let c = 0; c < width; c++)
      raw[r * (width + 1) + 1 + c] = grey[r * width + c] - (r ? grey[(r - 1) * width + c] : 0);
  }
  const chunk = (type, data) => {
    const block = Buffer.alloc(12 + data.length);
    block.writeUInt32BE(data.length, 0);
    block.write(type, 4, 'latin1');
    data.copy(block, 8);
    block.writeUInt32BE(crc32(block.subarray(4, 8 + data.length)) >>> 0, 8 + data.length);
    return block;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(rows, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const body = chunk('IDAT', deflateSync(raw, { level: 9 }));
  const end = chunk('IEND', Buffer.alloc(0));
  return Buffer.concat([signature, chunk('IHDR', header), body, end]);
}

mkdirSync(out, { recursive: true });
const version = JSON.parse(readFileSync(join(dirname(entry), '../package.json'))).version;
const image = png(atlas, ATLAS_WIDTH, height);
writeFileSync(join(out, 'atlas.png'), image);
writeFileSync(join(out, 'atlas.json'), JSON.stringify(
  { source: `@dicebear/personas ${version}`, pixels_per_unit: SCALE, parts }, null, 1) + '\n');
const total = Object.keys(parts).length;
console.log(`${total} parts, ${ATLAS_WIDTH} x ${height}, ${image.length} bytes`);
