// A figure: its inputs and outputs, and the runs of its model between them.
import { boxes } from "./boxes.js";
import { choice, draw, pictures, sliders, styles } from "./inputs.js";
import { caption, change, image } from "./outputs.js";
import { grid, ground } from "./squares.js";
import { button, el, floats, mapped } from "./tools.js";

const KINDS = { canvas: grid, mask: grid, styles, sliders, pictures, boxes, ground, choice, draw,
  image, change, caption };

/** Build a figure in `root`. Its `start()` prepares the backend and enables the controls;
 * `offer(label)` shows a button that does so. */
export function mount(root, description, backend) {
  let fresh = true, running = false, wanted = false, finish;
  const fields = {}, waiting = [], ready = new Promise((resolve) => { finish = resolve; });
  const said = el("p.said", { role: "status" }), strip = el("div.strip", {}, said);
  const bar = el("progress", { max: 1, "aria-label": "Loading" });
  const each = (act) => Object.values(fields).forEach(act);
  const figure = { fields, outputs: {}, before: {}, acted: null, selected: 0,
    poster: root.querySelector("img.poster"),
    classes: description.inputs.find((d) => d.classes)?.classes,
    say: (text, ...nodes) => { said.textContent = text; strip.replaceChildren(said, ...nodes); },
    select: (k) => { figure.selected = k; each((field) => field.refresh()); },
    changed: ({ name }, k) => { // this input was set, by what was done to class k or to all
      if (fresh) Object.assign(figure.before, figure.outputs);
      [fresh, wanted, figure.acted] = [false, true, k];
      each((one) => { if (fields[name].leads) one.release?.(k); one.refresh(); });
      figure.say("");
      if (!running) run();
    } };
  const fixed = mapped(description.fixed ?? {}, (d) => ({ shape: d.shape, data: floats(d) }));
  const infer = async () => {
    const set = description.inputs.map(({ name, value: { shape } }) =>
      [name, { shape, data: fields[name].value.slice() }]);
    Object.assign(figure.outputs, await backend.run({ ...fixed, ...Object.fromEntries(set) }));
    parts.forEach((part) => part.drawn?.());
  };
  const run = async () => {
    for (running = true; wanted;) {
      await new Promise(requestAnimationFrame);
      wanted = false;
      await infer().catch((error) => figure.say(error.message));
    }
    running = false;
    waiting.splice(0).forEach((wake) => wake());
  };
  const start = async () => {
    try {
      await backend.start((share, text) => { bar.value = share; figure.say(text, bar); });
      for (let warm = 0; warm < 2; warm++) await infer();
      body.inert = false;
      figure.say("");
      finish();
    } catch (error) {
      figure.say(error.message, button("try again", start));
    }
  };

  description.inputs.forEach((d) => {
    const value = floats(d.value);
    fields[d.name] = { value, ...KINDS[d.kind](figure, d, value) };
  });
  const shown = description.outputs.map((d) => KINDS[d.kind](figure, d));
  const parts = [...Object.values(fields), ...shown];
  const all = (name) => parts.flatMap((part) => part[name] ?? []);
  const body = el("div.body", { inert: true }, el("div.stage", {}, ...all("stage")),
    el("div.details", {}, ...all("details")), ...all("text"),
    el("div.tools", {}, ...all("tools")));
  const whole = el("div.figure", { role: "group", "aria-label": description.title },
    el("div.head", {}, el("p.title", {}, description.title), strip), body);
  if (description.size) whole.style.setProperty("--size", `${description.size}px`);
  ["pointerdown", "keydown", "click"].forEach((begun) => // a gesture
    whole.addEventListener(begun, ({ repeat }) => { fresh ||= !repeat; }, true));
  figure.select(0);
  root.append(whole);
  const idle = () => new Promise((wake) => { if (running) waiting.push(wake); else wake(); });
  const inputs = mapped(fields, ({ value }, name) => ({ value, set: (array) => {
    value.set(array);
    fresh = true;
    figure.changed({ name }, figure.selected);
  } }));
  (window.synthbookFigures ??= new Map()).set(description.name,
    { description, inputs, outputs: figure.outputs, ready, idle });
  const offer = (label) => figure.say("The model runs in your browser.", button(label, start));
  return { start, offer };
}
