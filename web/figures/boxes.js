// Boxes of classes on a square.
import { button, clamp, drag, el, floats, group, keys, surface } from "./tools.js";
import { palette } from "./squares.js";

const BOX = "Arrow keys move it, with shift they resize it, delete removes it";
const WHOLE = [0, 1, 2, 3], CORNERS = [[0, 1], [2, 1], [2, 3], [0, 3]]; // x0 y0 x1 y1

/** Drag to draw, to move, to resize by corners; corners lie on a grid of d.cells cells a side. */
export function boxes(figure, d, value) {
  const { cells, most } = d, row = (k) => value.subarray(6 * k, 6 * k + 6), past = [];
  const snap = (v, round = Math.round) => clamp(round(cells * v), 0, cells) / cells;
  let last = 0, pressed = -1, old = []; // the box last acted on, and as it was before
  const begin = (k) => {
    past.splice(0, past.push(value.slice()) - 50);
    [last, old] = [k, row(k).slice()];
    return old;
  };
  const set = (k, numbers) => { row(k).set(numbers); figure.changed(d, 1); };
  const replace = (all) => { value.set(all); figure.changed(d, null); };
  const undo = () => { // a press that moved nothing is no step
    const was = past.pop();
    if (was) (was.some((v, p) => v !== value[p]) ? replace : undo)(was);
  };
  const remove = (k) => {
    if (k >= 0 && row(k)[0]) { begin(k); set(k, [0, 0, 0, 0, 0, 0]); }
  };
  const next = () => nodes.find((node) => !node.hidden)?.focus();
  const change = (k, ends, by, [, kind, ...from]) => { // move these ends, within the square
    const moved = (axis) => from.filter((_, i) => ends.includes(i) && i % 2 === axis);
    const free = by.map((v, i) => clamp(v, -Math.min(...moved(i)), 1 - Math.max(...moved(i))));
    const [a, b, c, e] = from.map((v, i) => (ends.includes(i) ? snap(v + free[i % 2]) : v));
    set(k, [1, kind, Math.min(a, c), Math.min(b, e), Math.max(a, c), Math.max(b, e)]);
  };
  const add = (x, y, side) => {
    const k = nodes.findIndex((node) => node.hidden);
    if (k < 0) return figure.say(`There are ${most} boxes already: delete one first.`);
    begin(k);
    set(k, [1, figure.selected, x, y, snap(x + side), snap(y + side)]);
    return nodes[k];
  };
  const nodes = Array.from({ length: most }, (_, k) => {
    const node = el("button.box", { type: "button", title: BOX, onfocus: () => { last = k; } },
      ...CORNERS.map(() => el("i")), el("span"));
    const step = Math.max(1, Math.round(cells / 50)) / cells;
    const nudge = (dx, dy, { shiftKey, repeat }) => {
      if (!repeat) begin(k);
      change(k, shiftKey ? CORNERS[2] : WHOLE, [dx * step, dy * step], row(k).slice());
    };
    const gone = () => { remove(k); next(); };
    keys(node, nudge, { Delete: gone, Backspace: gone });
    return node;
  });
  const pad = el("div.pad.boxes", { style: `--step: ${cells % 8 ? 10 : 12.5}%` }, ...nodes);
  const colours = palette(d, figure.select);
  const starts = (d.layouts ?? []).map(({ name, value: first }) =>
    button(name, () => { begin(last); replace(floats(first)); }));
  const panel = group(d.label, colours, el("div.row", {},
    button("add a box", () => add(snap(0.375), snap(0.375), 0.25)?.focus()),
    button("delete box", () => { remove(last); last = nodes.findIndex((node) => !node.hidden); }),
    button("undo", undo)));
  if (starts.length) panel.append(el("div.row", {}, "Start from", ...starts));
  const refresh = () => {
    nodes.forEach((node, k) => {
      const [there, kind, ...at] = row(k), [x0, y0, x1, y1] = at.map((v) => 100 * v);
      node.hidden = !there;
      node.style.cssText = `left: ${x0}%; top: ${y0}%; width: ${x1 - x0}%;
        height: ${y1 - y0}%; --colour: rgb(${d.palette[kind]})`;
      node.lastChild.textContent = d.classes[kind];
      const [a, b, c, e] = [x0, x1, y0, y1].map(Math.round);
      node.ariaLabel = `${d.classes[kind]}, ${a} to ${b} % across, ${c} to ${e} % down`;
    });
    colours.pick(figure.selected);
  };
  colours.dress(false);
  drag(pad, (x, y, target) => {
    const hit = nodes.find((node) => node.contains(target)), floor = (v) => snap(v, Math.floor);
    const node = hit ?? add(floor(x), floor(y), 1 / cells), k = nodes.indexOf(node);
    pressed = hit ? k : -1;
    if (hit) begin(k);
    const ends = hit ? CORNERS[[...hit.children].indexOf(target)] ?? WHOLE : CORNERS[2];
    const from = k < 0 ? null : row(k).slice();
    return from && ((u, v) => change(k, ends, [u - x, v - y], from));
  });
  pad.ondblclick = () => remove(pressed);
  return { value, refresh, tools: panel, stage: surface(d.label, pad),
    region: () => "the box",
    at: (u, v) => Number([old, row(last)].some(([there, , x0, y0, x1, y1]) =>
      there && u > x0 && u < x1 && v > y0 && v < y1)) };
}
