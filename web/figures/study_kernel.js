// A study in Jupyter: the browser keeps the time, the kernel writes the file.
import { study } from "./study.js";

/** anywidget's: answers go to the kernel as CSV text, and it says where it wrote them. */
export function render({ model, el: root }) {
  study(root, model.get("description"), (text) => new Promise((resolve) => {
    const id = Math.random();
    const heard = (told) => {
      if (told.id !== id) return; // another view's
      model.off("msg:custom", heard);
      resolve(told.said);
    };
    model.on("msg:custom", heard);
    setTimeout(resolve, 30000, "The kernel does not answer. Is it busy or stopped?");
    model.send({ kind: "save", id, text });
  }));
}
