// A study: two pictures for a moment, which one is real? Answers stay here until they are saved.
import { button, decode, el } from "./tools.js";

const SIDES = ["left", "right"], TOLD_BY = { ArrowLeft: 0, ArrowRight: 1 };

/** Build the study `told` in `root`. `keep(text, seat)` saves a CSV text and says where it is. */
export function study(root, told, keep) {
  const sprite = new Image(), [height, width] = told.size, fixed = (t) => (t / 1000).toFixed(3);
  let rows = [], queue = [], seat = 1, phase = "start", shownFor = 0, hidden = 0;

  const said = el("p.said", { role: "status" });
  const panes = SIDES.map((side, k) => {
    const canvas = el("canvas", { width, height, "aria-hidden": true });
    const pane = el("button.pane", { type: "button", onclick: () => answer(k) }, canvas,
      el("span", {}, `${side} is real`));
    return Object.assign(pane, { canvas });
  });
  const clear = () => panes.forEach(({ canvas }) =>
    canvas.getContext("2d").clearRect(0, 0, width, height));
  /** Draw picture `k` of condition `c`, or the real one where `c` is -1, into a pane. */
  const draw = ({ canvas }, c, k) => {
    const tile = (c + 1) * told.scenes + k, x = tile % told.columns * width;
    const y = Math.floor(tile / told.columns) * height;
    canvas.getContext("2d").drawImage(sprite, x, y, width, height, 0, 0, width, height);
  };

  const number = el("input", { type: "number", min: 1, max: told.seats, step: 1, value: 1,
    required: "" });
  const begin = el("form.row", { onsubmit: (event) => {
    event.preventDefault();
    if (number.reportValidity()) start(Number(number.value));
  } }, el("label", {}, `Your number, 1 to ${told.seats} `, number),
  el("button.button", { type: "submit", disabled: "" }, "begin"));
  const show = button("show", () => expose());
  const end = el("div.row", {}, button("save my answers (CSV)", () => save()),
    button("next participant", () => { number.value = seat % told.seats + 1; stage("start"); }));
  const result = el("p"), stand = el("div.panes", {}, ...panes);
  const intro = el("p", {}, told.words), note = el("p.note", {}, told.note);

  /** Show what belongs to a phase: start, ready, shown, asked, done. */
  const stage = (now, words = "") => {
    phase = now;
    begin.hidden = now !== "start";
    stand.hidden = now === "start" || now === "done";
    show.hidden = stand.hidden;
    show.disabled = now !== "ready"; // it keeps its place, so that nothing jumps
    intro.hidden = now !== "start";
    result.hidden = end.hidden = now !== "done";
    panes.forEach((pane) => { pane.disabled = now !== "asked"; });
    said.textContent = words;
  };
  const counted = () => `Trial ${rows.length + 1} of ${queue.length}.`;
  const ready = () => {
    stage("ready", counted());
    show.focus({ preventScroll: true });
  };
  const start = (chosen) => {
    [seat, queue, rows] = [chosen, told.trials[chosen - 1], []];
    ready();
  };
  const expose = () => {
    const [, condition, real, generated, side] = queue[rows.length];
    stage("shown", counted());
    whole.focus({ preventScroll: true }); // it hears the arrow keys
    requestAnimationFrame((first) => {
      draw(panes[side], -1, real);
      draw(panes[1 - side], condition, generated);
      const watch = (now) => { // to the nearest frame of a screen with 60 in a second
        if (now - first < 1000 * told.exposure - 8) requestAnimationFrame(watch);
        else ask(now - first);
      };
      requestAnimationFrame(watch);
    });
  };
  const ask = (milliseconds) => {
    clear();
    [shownFor, hidden] = [milliseconds, performance.now()];
    stage("asked", `${counted()} Which was real, ← or →?`);
  };
  const answer = (k) => {
    if (phase !== "asked") return;
    const [test, condition, real, generated, side] = queue[rows.length];
    rows.push({ study: told.name, who: "person", participant: seat, trial: rows.length + 1,
      test: told.tests[test], condition: told.conditions[condition], real, generated,
      real_side: SIDES[side], answer: SIDES[k], exposure: fixed(shownFor),
      seconds: fixed(performance.now() - hidden) });
    if (rows.length < queue.length) ready(); else finish();
  };
  const finish = () => {
    const taken = (test) => {
      const all = rows.filter((row) => row.test === test);
      return `${all.filter((row) => row.answer !== row.real_side).length} of ${all.length} `
        + `in the ${test} test`;
    };
    result.textContent = "You took the generated picture for the real one in "
      + `${told.tests.map(taken).join(" and in ")}. Guessing gives a half.`;
    stage("done", "All trials are done. Save your answers; a reload forgets them.");
    end.querySelector("button").focus({ preventScroll: true });
  };
  const save = async () => {
    const line = (row) => told.fields.map((field) => row[field]).join(",");
    const text = [told.fields.join(","), ...rows.map(line)].join("\n");
    said.textContent = await keep(`${text}\n`, seat);
  };

  const whole = el("div.figure", { role: "group", "aria-label": told.title, tabindex: -1 },
    el("p.title", {}, told.title), intro, said, stand, show, result, begin, end, note);
  whole.onkeydown = (event) => {
    if (!(event.key in TOLD_BY) || phase !== "asked" || event.repeat) return;
    event.preventDefault();
    answer(TOLD_BY[event.key]);
  };
  whole.querySelectorAll("button, input").forEach((control) =>
    control.setAttribute("data-lm-suppress-shortcuts", "")); // else JupyterLab takes the keys
  whole.setAttribute("data-lm-suppress-shortcuts", "");
  stage("start");
  root.append(whole);
  sprite.onload = () => { begin.querySelector("button").disabled = false; };
  sprite.onerror = () => { said.textContent = "The pictures are damaged; reload the page."; };
  sprite.src = URL.createObjectURL(new Blob([decode(told.sprite)], { type: "image/png" }));
}
