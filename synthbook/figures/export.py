"""A model as the page runs it: ONNX, small, and checked against PyTorch before it is kept.

The file holds one function of float32 arrays with a free batch size. Its convolutions' weights
are stored as int8 with one scale per output channel (`Cast`, `Mul`), or as fp16 (`Cast`) where
int8 is not faithful; runtimes fold both when they load the file, so inference is in float32 and
as fast. Tables that the module keeps as buffers are stored as they are.
"""

import copy
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

from synthbook import models
from synthbook.figures import PAGE_MODELS, stamp
from synthbook.files import BookError, replacing, sha256, write_json

OPSET = 17
INPUTS = 64  # random examples on which ONNX is held against PyTorch
OUT = Path("_build/models")

Examples = Callable[[int, torch.Generator], Tensor]


@dataclass(frozen=True)
class Limits:
    """What a model in the page may cost, and how far it may stray from PyTorch.

    gmac       : 1e9 multiply-adds for one example.
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


@dataclass(frozen=True, eq=False)
class PageModel:
    """A model with all the mathematics between what readers set and what they see.

    module  : takes float32 tensors (N, ...) in the order of `inputs`, returns one tensor or a
              tuple in the order of `outputs`; in evaluation mode.
    inputs  : by name, (count, generator) to `count` random examples (count, ...).
    outputs : names; images are (N, 3, H, W) in [-1, 1], anything else is numbers.
    stored  : how convolutions' weights may be stored, smallest first.
    """

    module: nn.Module
    inputs: Mapping[str, Examples]
    outputs: tuple[str, ...]
    stored: tuple[str, ...] = ("int8", "fp16")

    @torch.inference_mode()
    def run(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs by name for inputs by name."""
        returned = self.module(*(values[name] for name in self.inputs))
        outputs = (returned,) if isinstance(returned, Tensor) else tuple(returned)
        return dict(zip(self.outputs, outputs, strict=True))

    def examples(self, count: int, seed: int = 0) -> dict[str, Tensor]:
        """`count` random examples of every input, the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        return {name: draw(count, generator) for name, draw in self.inputs.items()}


def full_name(model: str) -> str:
    """The whole name of a model that runs in the page; BookError where there is none."""
    return model if "/" in model and model in PAGE_MODELS else str(models.resolve(model))


def weights_of(name: str) -> Path | None:
    """The weights file of a full name; None where the model has no weights."""
    return None if name in PAGE_MODELS else models.parse(name).weights


def key(name: str) -> str:
    """The key of today's weights and code of a full name; see :mod:`synthbook.figures.stamp`."""
    return stamp.key(name, weights_of(name) or Path("none"))


def page_model(name: str) -> PageModel:
    """The page's model by its full name."""
    if name in PAGE_MODELS:
        return PAGE_MODELS[name]()
    slug = name.partition("/")[0]
    if slug not in PAGE_MODELS:
        raise BookError(f"{name.partition('@')[0]} does not run in the page: choose a model of "
                        f"{', '.join(PAGE_MODELS)}")
    return PAGE_MODELS[slug](models.load(name), models.parse(name).dataset)


def export(model: str, out: str | Path | None = None, limits: Limits = Limits()) -> Path:
    """Write `model` as ONNX, with a JSON report beside it; the file's path.

    Without `out` it goes to `_build/models/SLUG/VARIANT@....onnx` below the current folder.
    Raises BookError, and writes nothing, where the model is over budget or unfaithful.
    """
    name = full_name(model)
    weights, made_of = weights_of(name), key(name)
    proto, report = exported(page_model(name), limits, name)
    path = OUT / f"{name}.onnx" if out is None else Path(out)
    with replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())
    write_json(path.with_suffix(".json"), {
        "model": name, "weights": models.record(weights)["sha256"] if weights else None,
        "source": stamp.source(), "key": made_of, "commit": models.commit(),
        "sha256": sha256(path), **report})
    return path


def exported(model: PageModel, limits: Limits, name: str) -> tuple[Any, dict[str, Any]]:
    """The ONNX model in the smallest faithful storage, and what was measured of it."""
    cost = gmac(model)
    if cost > limits.gmac:
        raise BookError(f"{name} takes {cost:.2f} GMAC an image, the page allows {limits.gmac}: "
                        "choose narrower channels")
    exact, inputs = float32_model(model), model.examples(INPUTS)
    for storage in model.stored:
        proto = stored_as(exact, storage)
        errors = parity(model, proto, inputs)
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
    return proto, {
        "storage": storage, "bytes": size, "gmac": round(cost, 4), "opset": OPSET,
        "inputs": shapes(proto.graph.input), "outputs": shapes(proto.graph.output),
        "parity": {"inputs": INPUTS, "unit": "grey levels of 255", **errors}}


def shapes(values: Sequence[Any]) -> dict[str, list[int | str]]:
    """Names and sizes of an ONNX graph's inputs or outputs; `N` is the free batch."""
    sizes = lambda value: value.type.tensor_type.shape.dim
    return {value.name: [size.dim_param or size.dim_value for size in sizes(value)]
            for value in values}


def onnx_and_runtime():
    """The modules `onnx` and `onnxruntime`, which only exporting needs."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise BookError(f"{error.name} is not installed: run `make .venv` and use "
                        ".venv/bin/python, or pip install 'synthbook[export]'") from error
    return onnx, onnxruntime


class ConstantSizes(TorchFunctionMode):
    """Sizes are plain numbers while this is active, so that a trace holds no arithmetic of them.

    A generator may pool its map by a factor that it computes from sizes, and ONNX wants that
    factor as a constant. The first size, the batch, stays free.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func != torch.Tensor.shape.__get__ or not result:
            return result
        return torch.Size((result[0], *map(int, result[1:])))


def plain(module: nn.Module) -> nn.Module:
    """A copy of a module in evaluation mode, with the norms of its weights worked out."""
    module = copy.deepcopy(module).eval().requires_grad_(False)
    for part in filter(parametrize.is_parametrized, list(module.modules())):
        values = {name: getattr(part, name) for name in part.parametrizations}
        part.__class__ = parametrize.type_before_parametrizations(part)
        del part.parametrizations
        for name, value in values.items():
            part.register_parameter(name, nn.Parameter(value, requires_grad=False))
    return module


def float32_model(model: PageModel) -> Any:
    """The ONNX model with its weights in float32, spectral norms worked out."""
    onnx, _ = onnx_and_runtime()
    module, inputs, buffer = plain(model.module), model.examples(2), io.BytesIO()
    names = [*inputs, *model.outputs]
    with warnings.catch_warnings(), ConstantSizes():
        warnings.simplefilter("ignore")  # of the tracer, about the sizes made constant here
        torch.onnx.export(module, tuple(inputs.values()), buffer, input_names=list(inputs),
                          output_names=list(model.outputs), opset_version=OPSET, dynamo=False,
                          dynamic_axes={name: {0: "N"} for name in names})
    proto = onnx.load_from_string(buffer.getvalue())
    returned = model.run(inputs)
    for told in proto.graph.output:
        sizes = told.type.tensor_type.shape.dim
        for axis, length in enumerate(returned[told.name].shape[1:], 1):
            sizes[axis].dim_value = length
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


def parity(model: PageModel, proto: Any, inputs: Mapping[str, Tensor]) -> dict[str, float]:
    """Mean, 99.9th percentile and maximum of |ONNX - PyTorch| in grey levels of 255.

    Of several outputs the worst. Where an output is no image, the range of its values counts as
    255 levels. ONNX runs one example and then batches, so a fixed batch size would fail here.
    """
    _, onnxruntime = onnx_and_runtime()
    session = onnxruntime.InferenceSession(proto.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    cuts = [1, *range(16, len(next(iter(inputs.values()))), 16)]
    parts = {name: value.tensor_split(cuts) for name, value in inputs.items()}
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in model.outputs}
    for k in range(len(cuts) + 1):
        given = {name: part[k] for name, part in parts.items()}
        ran = session.run(list(model.outputs), {n: v.numpy() for n, v in given.items()})
        for (name, wanted), got in zip(model.run(given).items(), ran):
            pairs[name].append((got, wanted.numpy()))
    worst = {"mean": 0.0, "p999": 0.0, "max": 0.0}
    for halves in pairs.values():
        got, wanted = (np.concatenate(half) for half in zip(*halves))
        image = wanted.ndim == 4 and wanted.shape[1] == 3
        levels = 127.5 if image else 255 / max(float(np.ptp(wanted)), 1e-6)
        error = np.abs(got - wanted) * levels
        found = {"mean": error.mean(), "p999": np.quantile(error, 0.999), "max": error.max()}
        worst = {k: max(v, float(found[k])) for k, v in worst.items()}
    return {k: round(v, 4) for k, v in worst.items()}


@torch.no_grad()
def gmac(model: PageModel) -> float:
    """1e9 multiply-adds for one example."""
    from torch.utils.flop_counter import FlopCounterMode

    inputs = model.examples(1)
    with FlopCounterMode(display=False) as counter:
        model.module(*inputs.values())
    return counter.get_total_flops() / 2e9
