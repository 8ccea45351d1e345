// In the worker: onnxruntime-web with one thread, and the models of the page.
import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { mapped, unpack } from "./tools.js";

const sessions = {};
let queue = Promise.resolve(); // one thing at a time, in order

async function act({ kind, model, parts, inputs }) {
  if (kind === "start") Object.assign(env.wasm, { numThreads: 1, wasmBinary: await unpack(parts) });
  if (kind === "load") sessions[model] ??= await InferenceSession.create(await unpack(parts));
  if (kind !== "run") return null;
  const given = mapped(inputs, ({ shape, data }) => new Tensor("float32", data, shape));
  return mapped(await sessions[model].run(given), ({ dims, data }) => ({ shape: dims, data }));
}
onmessage = ({ data, ports: [port] }) => {
  queue = queue.then(() => act(data)).then((value) => port.postMessage({ value }),
    (error) => port.postMessage({ error: error.message }));
};
