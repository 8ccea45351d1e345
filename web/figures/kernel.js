// A figure in Jupyter: anywidget's `render`, the model in the kernel.
import { mount } from "./figure.js";

/** Show the widget's description in `el`; every run is a message to the kernel and one back. */
export function render({ model, el: root }) {
  const run = (inputs) => new Promise((resolve, reject) => {
    const names = Object.keys(inputs), given = Object.values(inputs), id = Math.random();
    const shapes = given.map(({ shape }) => shape), buffers = given.map(({ data }) => data.buffer);
    const heard = (answer, views) => {
      if (answer.id !== id) return; // another view's
      model.off("msg:custom", heard);
      if (answer.error) reject(new Error(answer.error));
      else resolve(Object.fromEntries(answer.names.map((name, k) => [name,
        { shape: answer.shapes[k], data: numbers(views[k]) }])));
    };
    model.on("msg:custom", heard);
    setTimeout(reject, 30000, new Error("The kernel does not answer. Is it busy or stopped?"));
    model.send({ kind: "run", id, names, shapes }, undefined, buffers);
  });
  const numbers = ({ buffer, byteOffset, byteLength }) =>
    new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  mount(root, model.get("description"), { start: async () => {}, run }).start();
  root.querySelectorAll("button, input, [tabindex]") // else JupyterLab takes the arrow keys
    .forEach((control) => control.setAttribute("data-lm-suppress-shortcuts", ""));
}
