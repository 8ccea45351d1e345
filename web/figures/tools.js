// What all modules share: numbers as text, elements, pointer, keys, pixels, chance.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function decode(text) {
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = binary.charCodeAt(k);
  return bytes;
}
/** The numbers of a described tensor. */
export const floats = ({ data }) => new Float32Array(decode(data).buffer);
/** The bytes of a file that arrived as base64 parts of its gzip. */
export function unpack(parts) {
  const stream = new Blob(parts.map(decode)).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()
    .catch(() => { throw new Error("a file is damaged; reload the page"); });
}
/** The object with `make(value, key)` for each of its values. */
export const mapped = (object, make) => Object.fromEntries(
  Object.entries(object).map(([key, value]) => [key, make(value, key)]));

/** An element: `tag.class`, its attributes or event handlers, its children. */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split("."), node = document.createElement(name);
  node.className = classes.map((one) => `sf-${one}`).join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}
export const button = (text, onclick) => el("button.button", { type: "button", onclick }, text);
export const group = (name, ...nodes) => el("fieldset.group", {}, el("legend", {}, name), ...nodes);
export const surface = (name, ...nodes) => el("div.surface", {}, el("p.label", {}, name), ...nodes);
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
/** A radio group of nodes or texts; `node.pick(k)` checks one without calling `onpick`. */
export function choices(label, options, onpick) {
  const input = { type: "radio", name: `sf${Math.random()}` };
  const inputs = options.map((_, k) => el("input", { ...input, onchange: () => onpick(k) }));
  const node = el("div.choices", { role: "radiogroup", "aria-label": label },
    ...options.map((option, k) => el("label.choice", {}, inputs[k], option)));
  node.pick = (k) => inputs.forEach((one, i) => { one.checked = i === k; });
  return node;
}
/** A labelled slider; `tell` puts its value in words and `node.show(value)` moves it. */
export function slider({ name, low, high, step, tell }, onmove) {
  const oninput = () => onmove(Number(input.value)), said = el("span", { "aria-hidden": true });
  const input = el("input", { type: "range", min: low, max: high, step, oninput });
  const node = el("label.slider", {}, el("span", {}, name), input, said);
  node.show = (value) => {
    input.value = value;
    input.setAttribute("aria-valuetext", said.textContent = tell(value));
  };
  return node;
}

/** `begin(x, y, target)` hears where in [0, 1] `pad` is pressed; it returns what hears more. */
export function drag(pad, begin) {
  pad.onpointerdown = (event) => {
    const { left, top, width, height } = pad.getBoundingClientRect();
    const at = (now) => [(now.clientX - left) / width, (now.clientY - top) / height];
    const move = event.button === 0 && event.isPrimary && begin(...at(event), event.target);
    if (move) pad.setPointerCapture(event.pointerId);
    pad.onpointermove = move ? (later) => move(...at(later)) : null;
  };
  pad.onlostpointercapture = () => { pad.onpointermove = null; };
}
/** Call `move(dx, dy, event)` on arrow keys, or `other[key]()` on another key that it names. */
export function keys(node, move, other = {}) {
  node.onkeydown = (event) => {
    const arrow = ARROWS[event.key], act = arrow ? () => move(...arrow, event) : other[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
}

export const pack = (r, g, b, alpha = 255) => (alpha << 24 | b << 16 | g << 8 | r) >>> 0;
/** Draw the packed colours `at(p)` of pixels 0, 1, ... into a canvas, which gets the size. */
export function colour(canvas, width, height, at) {
  const words = new Uint32Array(width * height);
  for (let p = 0; p < words.length; p++) words[p] = at(p);
  const pixels = new ImageData(new Uint8ClampedArray(words.buffer), width);
  Object.assign(canvas, { width, height }).getContext("2d").putImageData(pixels, 0, 0);
}
/** A source of numbers of N(0, 1), the same on every visit. */
export function normals(seed) {
  const uniform = () => { const v = 1e4 * Math.sin(++seed); return v - Math.floor(v); };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
