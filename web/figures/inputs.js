// Inputs of numbers and pictures: sliders, noise, styles of classes, choices.
import { button, choices, clamp, colour, decode, drag, el } from "./tools.js";
import { group, keys, normals, pack, slider } from "./tools.js";

/** Sliders, one for each number. */
export function sliders(figure, d, value) {
  const digits = Math.max(0, Math.ceil(-Math.log10(d.step)));
  const tell = (v) => d.ticks?.[Math.round((v - d.low) / d.step)] ?? Number(v).toFixed(digits);
  const rows = d.names.map((name, k) => slider({ ...d, name, tell },
    (v) => { value[k] = v; figure.changed(d, null); }));
  const refresh = () => rows.forEach((row, k) => row.show(value[k]));
  return { value, refresh, tools: group(d.label, ...rows) };
}
/** One of some words. */
export function choice(figure, d, value) {
  const options = choices(d.label, d.names, (k) => { value[0] = k; figure.changed(d, null); });
  return { value, refresh: () => options.pick(value[0]), tools: group(d.label, options) };
}
/** Noise, drawn anew by a button. */
export function draw(figure, d, value) {
  const normal = normals(1);
  const again = () => { value.set(value.map(normal)); figure.changed(d, null); };
  return { value, refresh() {}, tools: group(d.label, button("new draw", again)) };
}

/** A wheel (dimensions 0 and 1) and sliders (the others) for the style of the selected class. */
export function styles(figure, d, value) {
  const { value: { shape: [, count, depth] }, n, range } = d;
  const swatches = decode(d.swatches), normal = normals(2);
  const knob = el("button.knob", { type: "button", title: "Arrow keys move it" });
  const disc = el("canvas"), wheel = el("div.pad.wheel", {}, disc, knob);
  const tell = (v) => (Math.round(10 * v) / 10 || 0).toFixed(1);
  const own = () => value.subarray(depth * figure.selected, depth * (figure.selected + 1));
  const put = (k, [x, y, ...more]) => { // the wheel is round
    const far = Math.max(1, Math.hypot(x, y) / range);
    value.set([x / far, y / far, ...more], depth * k);
  };
  const changed = () => figure.changed(d, figure.selected);
  const move = (x, y) => { put(figure.selected, [x, y]); changed(); };
  const to = (u, v) => move((2 * u - 1) * range, (1 - 2 * v) * range);
  const random = (k) =>
    put(k, Array.from({ length: depth }, () => clamp(normal(), -range, range)));
  const all = () => { for (let k = 0; k < count; k++) random(k); figure.changed(d, null); };
  const rows = d.axes.map((name, k) => slider(
    { name, low: -range, high: range, step: range / 50, tell },
    (v) => { own()[k + 2] = v; changed(); }));
  const panel = group("", wheel, el("div.sliders", {}, ...rows, el("div.row", {},
    button("draw new", () => { random(figure.selected); changed(); }), button("draw all", all))));
  const refresh = () => {
    const name = figure.classes[figure.selected], [x, y, ...more] = own();
    const square = swatches.subarray(3 * n * n * figure.selected);
    colour(disc, n, n, (p) => pack(...square.subarray(3 * p, 3 * p + 3)));
    knob.style.cssText = `left: ${50 + 50 * x / range}%; top: ${50 - 50 * y / range}%`;
    knob.ariaLabel = `${d.label} of ${name}: ${tell(x)} across, ${tell(y)} up`;
    panel.firstChild.textContent = `${d.label}: ${name}`;
    more.forEach((v, k) => rows[k].show(v));
  };
  drag(wheel, (u, v) => { to(u, v); return to; });
  keys(knob, (dx, dy) => move(own()[0] + dx * range / 20, own()[1] - dy * range / 20));
  return { value, refresh, tools: panel, leads: true };
}

/** Pictures to choose from, one in all or one for each class. */
export function pictures(figure, d, value) {
  const present = d.present && decode(d.present), per = d.perClass;
  const photo = (src, p) => el("img", { src, alt: d.names[p], title: d.names[p] });
  const photos = d.thumbnails.map(photo);
  const slot = () => (per ? figure.selected : 0);
  const has = (p, k) => !present || p === 0 || present[(p - 1) * value.length + k] === 1;
  const give = (slots, p) => {
    const able = slots.filter((k) => has(p, k));
    able.forEach((k) => { value[k] = p; });
    if (able.length) figure.changed(d, per && slots.length === 1 ? slots[0] : null);
    else figure.say(`${d.names[p - 1]} shows no ${figure.classes[slots[0]]}.`);
    refresh();
  };
  const options = choices(d.label, per ? ["none", ...photos] : photos, (p) => give([slot()], p));
  const panel = group(d.label, options);
  if (per) panel.append(button("for all classes", () => give([...value.keys()], value[slot()])));
  const refresh = () => {
    options.pick(value[slot()]);
    [...options.children].forEach((one, p) => one.classList.toggle("sf-absent", !has(p, slot())));
    if (per) panel.firstChild.textContent = `${d.label}: ${figure.classes[slot()]}`;
  };
  const release = (k) => { if (per) value.fill(0, k ?? 0, k === null ? value.length : k + 1); };
  return { value, refresh, release, tools: panel, chosen: () => photos[value[0]] };
}
