// A figure in a page: <synthbook-figure>, its files as classic scripts, one worker for all.
import { mount } from "./figure.js";
import { unpack } from "./tools.js";

const HERE = new URL(".", document.currentScript.src), RUNTIME = ["ort-worker", "ort-wasm"];
const OFFLINE = "A part of this figure could not be loaded. Check the connection, then try again.";
const files = {};
let machine;

/** Every part of a file calls this. */
window.synthbookAsset = (name, index, count, text) => {
  const parts = files[name]?.parts ?? []; // it has none after a failure
  [parts.length, parts[index]] = [count, text];
};
/** The base64 parts of a file, each loaded once. */
function load(name) {
  const parts = [], stem = RUNTIME.includes(name) ? name : `models/${name.replaceAll("/", "--")}`;
  const part = (k) => new Promise((onload, fail) => {
    const script = document.createElement("script"), onerror = () => fail(new Error(OFFLINE));
    const src = new URL(`${stem}-${k}.js`, HERE);
    document.head.append(Object.assign(script, { src, onload, onerror }));
  });
  const others = () => Promise.all([...parts.keys()].slice(1).map(part));
  files[name] ??= { parts, done: part(0).then(others)
    .then(() => parts, (error) => { delete files[name]; throw error; }) };
  return files[name].done;
}
/** Start the worker that runs all models of the page; how to call it. */
async function boot() {
  const [source, parts] = await Promise.all(RUNTIME.map(load));
  const worker = new Worker(URL.createObjectURL(new Blob([await unpack(source)])));
  const call = (message) => new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data: { value, error } }) =>
      (error ? reject(new Error(`The model could not run: ${error}`)) : resolve(value));
    worker.postMessage(message, [port2]);
  });
  await call({ kind: "start", parts });
  return call;
}
/** The backend that runs `model` in the page's worker. */
const inWorker = (model) => ({
  async start(report) {
    const watch = setInterval(() => {
      const parts = Object.values(files).flatMap((file) => Array.from(file.parts));
      const share = parts.filter(Boolean).length / Math.max(7, parts.length); // a first guess
      report(share, `Loading the model: ${Math.round(100 * share)} %`);
    }, 100);
    machine ??= boot().catch((error) => { machine = null; throw error; });
    const [call, parts] = await Promise.all([machine, load(model)])
      .finally(() => clearInterval(watch));
    report(1, "Starting the model …");
    await call({ kind: "load", model, parts });
  },
  run: async (inputs) => (await machine)({ kind: "run", model, inputs }),
});

class SynthbookFigure extends HTMLElement {
  connectedCallback() {
    if (this.querySelector(".sf-figure")) return;
    const description = JSON.parse(this.querySelector("script").textContent);
    const { start, offer } = mount(this, description, inWorker(description.model));
    const { saveData, effectiveType } = navigator.connection ?? {};
    const near = new IntersectionObserver((seen) => {
      if (seen.some((one) => one.isIntersecting)) { near.disconnect(); start(); }
    }, { rootMargin: "300px" });
    if (!saveData && !/2g|3g/.test(effectiveType)) near.observe(this);
    else offer(`load ${Math.round((description.bytes ?? 8e6) / 1e6)} MB`);
  }
}
addEventListener("DOMContentLoaded",
  () => customElements.define("synthbook-figure", SynthbookFigure));
