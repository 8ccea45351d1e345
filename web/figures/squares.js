// What is painted or placed on a square: label maps, masks, things on the ground.
import { button, choices, clamp, colour, decode, drag, el } from "./tools.js";
import { group, keys, pack, surface } from "./tools.js";
import { show } from "./outputs.js";

const BRUSHES = [1, 3, 7, 13], TOOLS = ["fine", "small", "medium", "large", "fill", "pick"];
const MASK = { classes: ["outside", "inside"], palette: [[0, 0, 0, 0], [230, 60, 90, 150]] };
const HELP = "Arrow keys move, space paints, [ and ] change the brush.";
const THING = "Arrow keys move it, comma and full stop turn it";
const TILE = 64;

/** TILE x TILE packed pixels of a class's colour; hatched, 25 classes differ. */
function tile([r, g, b, alpha], k, patterned) {
  const far = 0.3 * r + 0.6 * g + 0.1 * b > 110 ? 0 : 255, mix = (v) => 0.6 * v + 0.4 * far;
  const words = [pack(r, g, b, alpha), pack(mix(r), mix(g), mix(b), alpha)];
  const shift = [3, 4, 2, 5, 1][Math.floor(k / 5) % 5]; // its lines are 2 ** shift pixels wide
  const inked = (x, y) => [x + y, x - y, x, y, x ^ y][k % 5] >> shift & 1;
  return new Uint32Array(TILE * TILE).map((_, p) =>
    words[patterned ? inked(p % TILE, Math.floor(p / TILE)) : 0]);
}
/** Draw class numbers, row by row: each cell `scale` pixels wide, filled from its class's tile. */
function plot(canvas, cells, columns, scale, tiles) {
  const width = columns * scale;
  colour(canvas, width, cells.length / columns * scale, (p) => {
    const x = p % width, y = Math.floor(p / width);
    const k = cells[Math.floor(y / scale) * columns + Math.floor(x / scale)];
    return tiles[k][y % TILE * TILE + x % TILE];
  });
}
/** Give the region of equal cells around cell `start` class k. */
function flood(cells, columns, start, k) {
  const old = cells[start], open = old === k ? [] : [start];
  while (open.length) {
    const p = open.pop();
    if (cells[p] !== old) continue;
    cells[p] = k;
    open.push(p - columns, p + columns, p % columns ? p - 1 : p, (p + 1) % columns ? p + 1 : p);
  }
}
/** The classes to choose among; `node.dress(patterned)` recolours them and gives their tiles. */
export function palette(d, onpick) {
  const swatches = d.classes.map(() => el("canvas.swatch"));
  const chips = d.classes.map((name, k) => el("span.chip", {}, swatches[k], name));
  const node = choices("Class", chips, onpick);
  node.dress = (patterned) => d.palette.map((rgb, k) => {
    const pixels = tile(rgb, k, patterned);
    colour(swatches[k], 24, 24, (p) => pixels[Math.floor(p / 24) * TILE + p % 24]);
    return pixels;
  });
  return node;
}

/** A label map, or a mask over a picture: paint, fill, pick, undo, reset. */
export function grid(figure, given, value) {
  const mask = given.kind === "mask", d = mask ? { ...MASK, ...given } : given, past = [];
  const { shape: [, height, width] } = d.value, first = value.map((k) => (mask ? 0 : k));
  const canvas = el("canvas"), under = el("canvas.under"), ring = el("i.ring");
  const pad = el("div.pad.grid", { tabIndex: 0, role: "application",
    "aria-label": `${d.label}. ${HELP}` }, under, canvas, ring);
  let tool = 2, own = 1, x = width >> 1, y = height >> 1, old = value, tiles;
  const chosen = () => (mask ? own : figure.selected), here = () => value[y * width + x];
  const choose = (k) => { own = k; if (mask) refresh(); else figure.select(k); };
  const remember = () => past.splice(0, past.push(old = value.slice()) - 50);
  const replace = (cells) => {
    old = value.slice();
    value.set(cells);
    figure.changed(d, mask ? 0 : null);
  };
  const start = (cells) => { remember(); replace(cells); };
  const undo = () => past.length && replace(past.pop());
  const point = (u, v) => {
    [x, y] = [clamp(Math.floor(u), 0, width - 1), clamp(Math.floor(v), 0, height - 1)];
    ring.style.cssText = `left: ${100 * (x + 0.5) / width}%; top: ${100 * (y + 0.5) / height}%;
      width: ${Math.max(100 / width, (BRUSHES[tool] ?? 1) / 0.64)}%`; // brushes are cells of 64
  };
  const stroke = (a, b) => { // all cells near the line from (a, b) to (x, y)
    const radius = Math.max(0.5, BRUSHES[tool] * width / 128), [dx, dy] = [x - a, y - b];
    for (let p = 0; p < value.length; p++) {
      const [u, v] = [p % width - a, Math.floor(p / width) - b];
      const t = clamp((u * dx + v * dy) / (dx * dx + dy * dy || 1), 0, 1);
      if (Math.hypot(u - t * dx, v - t * dy) <= radius) value[p] = chosen();
    }
  };
  const act = (a, b) => {
    if (TOOLS[tool] === "pick") return choose(here());
    if (TOOLS[tool] === "fill") flood(value, width, y * width + x, chosen());
    else stroke(a, b);
    return figure.changed(d, chosen());
  };
  const tell = () => figure.say(
    `${d.classes[here()]}, column ${x + 1} of ${width}, row ${y + 1} of ${height}`);
  const press = () => { remember(); act(x, y); tell(); };
  const pick = (k) => { tool = k; brush.pick(k); point(x, y); };
  const next = (by) => pick(clamp(tool + by, 0, BRUSHES.length - 1));
  const brush = choices("Brush", TOOLS.map((title, k) => (k in BRUSHES
    ? el("i.dot", { title, style: `--size: ${4 + BRUSHES[k]}px` }, title) : title)), pick);
  const colours = palette(d, choose);
  const dress = () => { tiles = colours.dress(patterns.checked); refresh(); };
  const patterns = el("input", { type: "checkbox", onchange: dress });
  const layouts = (d.layouts ?? []).map(({ name, data }) => {
    const small = el("canvas", { role: "img", "aria-label": `start from ${name}`, title: name });
    plot(small, decode(data), width, 1, colours.dress(false));
    return button(small, () => start(decode(data)));
  });
  const panel = group(mask ? d.label : "Paint", colours, el("div.row", {}, brush,
    button("undo", undo), button(mask ? "clear" : "reset", () => start(first)),
    el("label.choice", {}, patterns, "patterns")), el("div.row", {}, ...layouts));
  const refresh = () => {
    const fine = patterns.checked ? Math.max(1, Math.round(512 / width)) : 1;
    plot(canvas, value, width, fine, tiles);
    canvas.style.imageRendering = fine > 1 ? "auto" : "pixelated";
    colours.pick(chosen());
  };
  drag(pad, (u, v) => {
    remember();
    point(u * width, v * height);
    act(x, y);
    return (p, q) => { const from = [x, y]; point(p * width, q * height); act(...from); };
  });
  pad.onmousemove = ({ buttons, offsetX, offsetY }) => buttons
    || point(width * offsetX / pad.clientWidth, height * offsetY / pad.clientHeight);
  pad.onfocus = () => pad.matches(":focus-visible") && figure.say(HELP);
  keys(pad, (dx, dy) => { point(x + dx, y + dy); tell(); },
    { " ": press, Enter: press, "[": () => next(-1), "]": () => next(1) });
  pick(tool);
  dress();
  return { value, refresh, tools: panel, stage: surface(d.label, pad),
    always: mask ? 1 : undefined, region: (k) => (mask ? "the mask" : d.classes[k]),
    at: (u, v) => { // what was erased from a mask still belongs to it
      const p = Math.floor(v * height) * width + Math.floor(u * width);
      return mask && figure.acted === 0 ? value[p] || old[p] : value[p];
    },
    drawn: () => show(under, figure.outputs[d.over] ?? figure.fields[d.over]?.chosen()) };
}

/** Things on the ground: x to the right, z up (away from the reader), yaw like a compass. */
export function ground(figure, d, value) {
  const row = (k) => value.subarray(3 * k, 3 * k + 3);
  const set = (k, x, z, yaw) => {
    row(k).set([clamp(x, -1, 1), clamp(z, -1, 1), (yaw + 540) % 360 - 180]);
    figure.changed(d, null);
  };
  const by = (k, dx, dz, turn) => set(k, row(k)[0] + dx, row(k)[1] + dz, row(k)[2] + turn);
  const nodes = d.names.map((name, k) => {
    const node = el("button.thing", { type: "button", title: THING }, name, el("i"));
    keys(node, (dx, dy) => by(k, dx / 20, -dy / 20, 0),
      { ",": () => by(k, 0, 0, -5), ".": () => by(k, 0, 0, 5) });
    return node;
  });
  const pad = el("div.pad.ground", {}, ...nodes);
  const refresh = () => nodes.forEach((node, k) => {
    const [x, z, yaw] = row(k);
    node.style.cssText = `left: ${50 + 50 * x}%; top: ${50 - 50 * z}%; --yaw: ${yaw}deg`;
    const [across, away, turned] = [x.toFixed(2), z.toFixed(2), yaw.toFixed(0)];
    node.ariaLabel = `${d.names[k]}: ${across} across, ${away} away, turned ${turned}°`;
  });
  drag(pad, (x, y, target) => {
    const k = nodes.findIndex((node) => node.contains(target)), [a, b, yaw] = row(Math.max(k, 0));
    const turn = (u, v) => set(k, a, b, Math.atan2(2 * u - 1 - a, 1 - 2 * v - b) * 180 / Math.PI);
    const move = (u, v) => set(k, a + 2 * (u - x), b - 2 * (v - y), yaw);
    return k >= 0 && (target === nodes[k].lastChild ? turn : move);
  });
  return { value, refresh, stage: surface(d.label, pad) };
}
