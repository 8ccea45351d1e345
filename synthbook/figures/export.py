"""A model as the page runs it: ONNX, small, and checked against PyTorch before it is kept.

The file holds one generator, `image = G(onehot, z)` with a free batch size. Its convolutions'
weights are stored as int8 with one scale per output channel (`Cast`, `Mul`), or as fp16
(`Cast`) where int8 is not faithful; runtimes fold both when they load the file, so inference
is in float32 and as fast.
"""

import io
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from synthbook import models
from synthbook.files import BookError, replacing, sha256, write_json
from synthbook.layers import one_hot
from synthbook.smis import SMIS, Generator

OPSET = 17
INPUTS = 64  # random maps and latents on which ONNX is held against PyTorch


@dataclass(frozen=True)
class Limits:
    """What a model in the page may cost, and how far it may stray from PyTorch.

    gmac       : 1e9 multiply-adds for one image.
    int8, fp16 : bytes of the file, by the storage of its weights.
    mean, p999 : mean and 99.9th percentile of the absolute error, grey levels of 255.
    """

    gmac: float = 0.7
    int8: int = 3_000_000
    fp16: int = 6_000_000
    mean: float = 0.5
    p999: float = 3.0

    def faithful(self, errors: dict[str, float]) -> bool:
        """Whether measured errors are within both limits."""
        return errors["mean"] <= self.mean and errors["p999"] <= self.p999


def export(model: str, out: str | Path | None = None, limits: Limits = Limits()) -> Path:
    """Write the generator of `model` as ONNX, with a JSON report beside it; the file's path.

    Without `out` it goes to `_build/models/SLUG/VARIANT@....onnx` below the current folder.
    Raises BookError, and writes nothing, where the model is over budget or unfaithful.
    """
    name = models.resolve(model)
    if not name.model.startswith("smis/"):
        raise BookError(f"{name.model} does not run in the page: choose a model of smis")
    network = models.load(str(name))
    proto, report = page_model(network, limits, str(name))
    path = Path("_build/models") / f"{name}.onnx" if out is None else Path(out)
    with replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())
    write_json(path.with_suffix(".json"), {
        "model": str(name), "weights": models.record(name.weights)["sha256"],
        "commit": models.commit(), "sha256": sha256(path), **report})
    return path


def page_model(network: SMIS, limits: Limits, name: str) -> tuple[Any, dict[str, Any]]:
    """The ONNX model in the smallest faithful storage, and what was measured of it."""
    cost = gmac(network)
    if cost > limits.gmac:
        raise BookError(f"{name} takes {cost:.2f} GMAC an image, the page allows {limits.gmac}: "
                        "choose narrower channels")
    exact, inputs = float32_model(network, *painted(network, 2)), painted(network, INPUTS)
    for storage in ("int8", "fp16"):
        proto = stored_as(exact, storage)
        errors = parity(network, proto, *inputs)
        if limits.faithful(errors):
            break
    else:
        raise BookError(f"{name} is not faithful in ONNX: {errors['mean']:.2f} grey levels off on "
                        f"average, {errors['p999']:.2f} at the 99.9th percentile; at most "
                        f"{limits.mean} and {limits.p999} are allowed")
    size, most = proto.ByteSize(), getattr(limits, storage)
    if size > most:
        raise BookError(f"{name} takes {size / 1e6:.2f} MB as {storage}, the page allows "
                        f"{most / 1e6:g}: choose fewer parameters")
    shapes = {k: ["N", *v.shape[1:]] for k, v in zip(("onehot", "z"), inputs)}
    return proto, {
        "storage": storage, "bytes": size, "gmac": round(cost, 4), "opset": OPSET,
        "inputs": shapes, "outputs": {"image": ["N", 3, *network.config.size]},
        "prior": prior(network),
        "parity": {"inputs": INPUTS, "unit": "grey levels of 255", **errors}}


def prior(network: SMIS) -> dict[str, list] | None:
    """How the page draws `z`: class k's is `centre[k] + spread[k] @ n`, n from N(0, 1).

    None where all of `z` is N(0, 1).
    """
    if network.config.latent_map:
        return None
    rounded = lambda x: np.round(x.double().numpy(), 5).tolist()
    return {"centre": rounded(network.centre), "spread": rounded(network.spread)}


def onnx_and_runtime():
    """The modules `onnx` and `onnxruntime`, which only exporting needs."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise BookError(f"{error.name} is not installed: run `make .venv` and use "
                        ".venv/bin/python, or pip install 'synthbook[export]'") from error
    return onnx, onnxruntime


def worked_out(module: nn.Module, key: str) -> Tensor:
    """The parameter or buffer that `key` of a state dict names, after any norm of it."""
    path, _, name = key.rpartition(".")
    return getattr(module.get_submodule(path), name)


class ConstantSizes(TorchFunctionMode):
    """Sizes are plain numbers while this is active, so that a trace holds no arithmetic of them.

    The generator pools its map by a factor that it computes from sizes, and ONNX wants that
    factor as a constant. The batch size enters no computation and stays free.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return torch.Size(map(int, result)) if func == torch.Tensor.shape.__get__ else result


def float32_model(network: SMIS, onehot: Tensor, z: Tensor) -> Any:
    """The generator as an ONNX model, weights in float32, spectral norms worked out."""
    onnx, _ = onnx_and_runtime()
    plain = Generator(replace(network.config, spectral=False)).eval().requires_grad_(False)
    plain.load_state_dict({key: worked_out(network.generator, key) for key in plain.state_dict()})
    names, buffer = ("onehot", "z", "image"), io.BytesIO()
    with warnings.catch_warnings(), ConstantSizes():
        warnings.simplefilter("ignore")  # of the tracer, about the sizes made constant here
        torch.onnx.export(plain, (onehot, z), buffer, input_names=names[:2],
                          output_names=names[2:], dynamic_axes={k: {0: "N"} for k in names},
                          opset_version=OPSET, dynamo=False)
    proto = onnx.load_from_string(buffer.getvalue())
    for axis, length in enumerate(plain(onehot, z).shape[1:], 1):
        proto.graph.output[0].type.tensor_type.shape.dim[axis].dim_value = length
    return proto


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(O, I, h, w) float32 to int8 in [-127, 127] and a scale (O, 1, 1, 1) per output channel."""
    scale = np.abs(weight).max((1, 2, 3), keepdims=True).astype(np.float32) / np.float32(127)
    scale[scale == 0] = 1
    return np.rint(weight / scale).astype(np.int8), scale


def stored_as(proto: Any, storage: str) -> Any:
    """A copy of an ONNX model with its convolutions' weights stored as `int8` or `fp16`.

    Not by `DequantizeLinear`, which runtimes do not fold into the weights.
    """
    onnx, _ = onnx_and_runtime()
    from onnx import helper, numpy_helper

    small = onnx.ModelProto()
    small.CopyFrom(proto)
    graph = small.graph
    weights = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    kept, nodes = [], []
    for tensor in graph.initializer:
        if tensor.name not in weights:
            kept.append(tensor)
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        cast = f"{name}.cast" if storage == "int8" else name
        if storage == "int8":
            values, scale = quantise(values)
            kept.append(numpy_helper.from_array(scale, f"{name}.scale"))
            nodes.append(helper.make_node("Mul", [cast, f"{name}.scale"], [name]))
        else:
            values = values.astype(np.float16)
        kept.append(numpy_helper.from_array(values, f"{name}.{storage}"))
        nodes.insert(0, helper.make_node("Cast", [f"{name}.{storage}"], [cast],
                                         to=onnx.TensorProto.FLOAT))
    nodes += list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(small)
    return small


def painted(network: SMIS, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Maps (count, K, H, W) such as readers paint, of overlapping rectangles, and prior latents."""
    config, random = network.config, np.random.default_rng(seed)
    height, width = config.size
    label = np.empty((count, height, width), np.int64)
    for one in label:
        one[:] = random.integers(config.classes)
        for _ in range(8):
            y, x = random.integers(height), random.integers(width)
            h, w = random.integers(1, height), random.integers(1, width)
            one[y:y + h, x:x + w] = random.integers(config.classes)
    onehot = one_hot(torch.from_numpy(label), config.classes)
    return onehot, network.prior(count, torch.Generator().manual_seed(seed))


@torch.no_grad()
def parity(network: SMIS, proto: Any, onehot: Tensor, z: Tensor) -> dict[str, float]:
    """Mean, 99.9th percentile and maximum of |ONNX - PyTorch| in grey levels of 255.

    ONNX runs one image and then batches of others, so a fixed batch size would fail here.
    """
    _, onnxruntime = onnx_and_runtime()
    session = onnxruntime.InferenceSession(proto.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    cuts = [1, *range(16, len(z), 16)]
    errors = []
    for o, c in zip(onehot.tensor_split(cuts), z.tensor_split(cuts)):
        ran = session.run(["image"], {"onehot": o.numpy(), "z": c.numpy()})[0]
        errors.append(np.abs(ran - network(o, c).numpy()).ravel() * 127.5)
    joined = np.concatenate(errors)
    values = {"mean": joined.mean(), "p999": np.quantile(joined, 0.999), "max": joined.max()}
    return {k: round(float(v), 4) for k, v in values.items()}


@torch.no_grad()
def gmac(network: SMIS) -> float:
    """1e9 multiply-adds of the generator for one image."""
    from torch.utils.flop_counter import FlopCounterMode

    inputs = painted(network, 1)
    with FlopCounterMode(display=False) as counter:
        network(*inputs)
    return counter.get_total_flops() / 2e9
