// What a figure shows: pictures, what changed in them, numbers in words.
import { clamp, colour, el, pack, surface } from "./tools.js";

const HEAT = [[10, 8, 28], [84, 20, 108], [186, 54, 84], [246, 142, 32], [252, 250, 170]];
const MOST = 0.5; // of the full range: what the heat map's brightest colour stands for

/** The colour of a change in [0, 1]; of its root, so that faint leaks are seen. */
function heat(change) {
  const place = Math.min(3.999, 4 * Math.sqrt(change / MOST)), low = Math.trunc(place);
  return pack(...HEAT[low].map((v, i) => v + (HEAT[low + 1][i] - v) * (place - low)));
}
/** Draw a tensor (1, 3, H, W) in [-1, 1], or an image element, into a canvas. */
export function show(canvas, picture) {
  if (picture instanceof HTMLImageElement) {
    Object.assign(canvas, { width: picture.naturalWidth, height: picture.naturalHeight });
    canvas.getContext("2d").drawImage(picture, 0, 0);
  } else if (picture) {
    const { shape: [, , height, width], data } = picture, size = width * height;
    const grey = (p) => clamp(Math.round(127.5 * (data[p] + 1)), 0, 255);
    colour(canvas, width, height, (p) => pack(grey(p), grey(p + size), grey(p + 2 * size)));
  }
}

/** A picture; until the model has run, the poster. `before` is as it was before the gesture. */
export function image(figure, d) {
  const { poster, outputs, before } = figure, told = d.caption && caption(figure, d.caption);
  const canvas = el(d.pixelated === false ? "canvas.smooth" : "canvas",
    { role: "img", "aria-label": d.label });
  const drawn = () => {
    show(canvas, (d.before && before[d.name]) || outputs[d.name]);
    told?.drawn();
  };
  if (!d.small) poster?.decode().then(() => outputs[d.name] || show(canvas, poster), () => {});
  const stage = surface(d.label, el("div.pad", {}, canvas), told?.text ?? "");
  return { [d.small ? "details" : "stage"]: stage, drawn };
}
/** |picture now - picture before the gesture| as a heat map, and in numbers. */
export function change(figure, d) {
  const canvas = el("canvas", { role: "img", "aria-label": d.label, width: 1, height: 1 });
  const said = el("p.said", {}, "nothing changed yet"), bar = el("canvas");
  const percent = ([sum, count]) => `${(100 * sum / Math.max(1, count)).toFixed(1)} %`;
  const drawn = () => {
    const { shape: [, , height, width], data } = figure.outputs[d.of], size = width * height;
    const before = figure.before[d.of]?.data, field = figure.fields[d.within];
    const acted = field ? field.always ?? figure.acted : null, totals = [[0, 0], [0, 0]];
    const delta = (q) => Math.abs(data[q] - before[q]) / 6; // 2 is the full range, of 3 channels
    if (before) colour(canvas, width, height, (p) => {
      const kind = field?.at((p % width + 0.5) / width, (Math.trunc(p / width) + 0.5) / height);
      const share = delta(p) + delta(p + size) + delta(p + 2 * size), part = Number(kind === acted);
      totals[part] = [totals[part][0] + share, totals[part][1] + 1];
      return heat(share);
    });
    const [there, here] = totals.map(percent);
    if (before) said.textContent = acted === null ? `changed: ${there}`
      : `changed inside ${field.region(acted)}: ${here}, elsewhere: ${there}`;
  };
  colour(bar, 128, 1, (p) => heat(MOST * (p / 127) ** 2));
  const scale = el("div.scale", {}, "0 %", bar, "50 % and more");
  return { stage: surface(d.label, el("div.pad", {}, canvas), scale, said), drawn };
}
/** Numbers of the model in a sentence. */
export function caption({ outputs }, d) {
  const text = el("p.said"), number = (_, k) => outputs[d.of].data[k].toFixed(d.digits ?? 2);
  return { text, drawn: () => { text.textContent = d.text.replace(/\{(\d+)\}/g, number); } };
}
