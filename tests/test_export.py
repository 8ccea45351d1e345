"""The page's models: what is stored, how far it strays from PyTorch, and what is refused."""

import json
import sys
from dataclasses import asdict, replace

import numpy as np
import onnx
import onnxruntime
import pytest
import tiny
import torch
from onnx import numpy_helper
from torch import nn

from synthbook import figures, models
from synthbook.cli import main
from synthbook.figures import stamp
from synthbook.figures.export import (
    INPUTS,
    Limits,
    PageModel,
    export,
    exported,
    float32_model,
    gmac,
    parity,
    quantise,
    stored_as,
)
from synthbook.figures.input import painted
from synthbook.files import BookError, sha256, write_json, write_tensors
from synthbook.layers import one_hot
from synthbook.smis import SMIS, Config

TINY = Config(classes=4, size=(16, 16), groups=(4, 2, 1), channels=(16, 16, 16, 8),
              hidden=(8, 8, 8), latent=4, encoder=(4, 4))
NAME = "smis/groupdnet@places-32-s0"


def network(config=TINY):
    """An untrained network whose norms have statistics that matter."""
    torch.manual_seed(1)
    net = SMIS(config).eval().requires_grad_(False)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.3, 2.0)
    net.generator.output.weight *= 3
    return net


def maps(net, data="places"):
    """A page model of a network alone: maps and latents to images."""
    classes, size = net.config.classes, net.config.size
    draw = lambda n, g: one_hot(painted(n, size, classes, g).long(), classes)
    return PageModel(net, {"onehot": draw, "z": net.prior}, ("image",))


@pytest.fixture(scope="module")
def model():
    return maps(network())


@pytest.fixture(scope="module")
def exact(model):
    return float32_model(model)


@pytest.fixture(scope="module")
def page(model):
    return exported(model, Limits(), "tiny")


@pytest.fixture
def shipped(model, tmp_path, monkeypatch):
    """The tiny network as the book's weights of NAME, in a current folder of its own."""
    monkeypatch.setattr(models, "data_dir", lambda: tmp_path / "data")
    monkeypatch.setitem(figures.PAGE_MODELS, "smis", maps)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = models.parse(NAME).weights
    write_tensors(path, model.module.state_dict())
    write_json(path.with_suffix(".json"), {"config": {"model": asdict(TINY)},
                                           "sha256": sha256(path)})
    return path


def run(proto, inputs):
    """All outputs of an ONNX model."""
    session = onnxruntime.InferenceSession(proto.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    ran = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return [torch.from_numpy(value) for value in ran]


# ------------------------------------------------------------------------- what it does


@pytest.mark.parametrize("batch", [1, 5])
def test_float32_is_the_same_function_at_any_batch_size(model, exact, batch):
    inputs = model.examples(batch, seed=3)
    assert model.module(*inputs.values()).std() > 0.1
    torch.testing.assert_close(run(exact, inputs)[0], model.run(inputs)["image"],
                               atol=1e-5, rtol=0)


def test_the_page_model_is_faithful_and_its_error_is_really_measured(model, page, exact):
    proto, report = page
    inputs = model.examples(INPUTS)
    error = (run(proto, inputs)[0] - model.run(inputs)["image"]).abs() * 127.5
    measured = report["parity"]
    assert measured["mean"] == pytest.approx(error.mean().item(), abs=2e-4)
    assert measured["p999"] == pytest.approx(np.quantile(error.numpy(), 0.999), abs=2e-3)
    assert measured["inputs"] == 64
    assert parity(model, exact, inputs)["mean"] < 1e-3 < measured["mean"] <= 0.5
    assert measured["p999"] <= 3.0


def shifted(proto, ending, by):
    """A copy of an ONNX model with one of its stored arrays changed."""
    wrong = onnx.ModelProto()
    wrong.CopyFrom(proto)
    found = next(t for t in wrong.graph.initializer if t.name.endswith(ending))
    found.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(found) + by, found.name))
    return wrong


def test_a_wrong_model_is_caught(model, exact):
    wrong = shifted(exact, "output.bias", np.float32(0.1))
    assert not Limits().faithful(parity(model, wrong, model.examples(4)))


class Numbers(nn.Module):
    """A picture that is always right, and a number."""

    def __init__(self, offset=0.0):
        super().__init__()
        self.register_buffer("offset", torch.full((1,), offset))

    def forward(self, light):
        return light[:, :, None, None].expand(-1, 3, 8, 8) / 4, 10 * light + self.offset


def test_numbers_beside_pictures_are_held_to_their_range():
    draw = lambda n, g: torch.randn(n, 1, generator=g)
    right, off = (PageModel(Numbers(by), {"light": draw}, ("image", "ten")) for by in (0.0, 1.0))
    wide = 10 * right.examples(INPUTS)["light"]
    errors = parity(right, float32_model(off), right.examples(INPUTS))
    assert errors["mean"] == pytest.approx(255 / float(wide.max() - wide.min()), rel=1e-3)
    assert parity(right, float32_model(right), right.examples(INPUTS))["max"] < 1e-3
    assert exported(right, Limits(), "numbers")[1]["outputs"] == {
        "image": ["N", 3, 8, 8], "ten": ["N", 1]}


class Counts(nn.Module):
    """A module whose trace holds how many examples it was shown."""

    def forward(self, light):
        return light[:, :, None, None].expand(-1, 3, 8, 8) / int(light.shape[0])


def test_a_module_that_depends_on_the_batch_is_refused():
    model = PageModel(Counts(), {"light": lambda n, g: torch.rand(n, 1, generator=g)}, ("image",))
    with pytest.raises(BookError, match="not faithful in ONNX"):
        exported(model, Limits(), "counts")


def test_norms_of_weights_are_worked_out(page):
    net = network(replace(TINY, spectral=True))
    proto, report = exported(maps(net), Limits(), "spectral")
    assert report["storage"] == "int8"
    assert len(proto.graph.node) == len(page[0].graph.node)
    assert any("parametrizations" in key for key in net.state_dict())  # the network is untouched


def test_latents_may_be_a_map():
    model = maps(network(replace(TINY, latent_map=True)))
    inputs = model.examples(3)
    assert inputs["z"].shape == (3, 16, 4, 4)
    torch.testing.assert_close(run(float32_model(model), inputs)[0], model.run(inputs)["image"],
                               atol=1e-5, rtol=0)


class Lends(nn.Module):
    """A generator that takes its latents from a table: codes of pictures, by their index."""

    def __init__(self, net, codes):
        super().__init__()
        self.generator = net.generator
        self.register_buffer("codes", codes)

    def forward(self, label, picture):
        onehot = (label[:, None] == torch.arange(4).view(1, -1, 1, 1)).float()
        chosen = (picture == torch.arange(len(self.codes))).float()
        return self.generator(onehot, (chosen @ self.codes)[..., None, None])


def test_a_module_may_carry_tables_and_take_numbers(model):
    codes = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))
    lends = PageModel(Lends(model.module, codes).eval(), {
        "label": lambda n, g: painted(n, (16, 16), 4, g),
        "picture": lambda n, g: torch.randint(1000, (n, 1), generator=g).float()}, ("image",))
    proto, report = exported(lends, Limits(), "lends")
    tables = [t for t in proto.graph.initializer if tuple(t.dims) == (1000, 16)]
    assert [t.data_type for t in tables] == [onnx.TensorProto.FLOAT]
    assert report["inputs"] == {"label": ["N", 16, 16], "picture": ["N", 1]}
    assert report["storage"] == "int8"


# ----------------------------------------------------------------------- what is stored


def conv_sources(proto):
    """For every convolution, the nodes and the initialiser that its weight comes from."""
    made = {node.output[0]: node for node in proto.graph.node}
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "Conv":
            name, path = node.input[1], []
            while name in made:
                path.append(made[name].op_type)
                name = made[name].input[0]
            yield path, stored[name]


@pytest.mark.parametrize(("storage", "path", "kind"), [
    ("int8", ["Mul", "Cast"], onnx.TensorProto.INT8),
    ("fp16", ["Cast"], onnx.TensorProto.FLOAT16)])
def test_every_convolution_is_stored_small(model, exact, storage, path, kind):
    proto = stored_as(exact, storage)
    sources = list(conv_sources(proto))
    convs = sum(isinstance(m, nn.Conv2d) for m in model.module.generator.modules())
    assert len(sources) == convs
    assert all(found == path and tensor.data_type == kind for found, tensor in sources)
    wide = [t for t in proto.graph.initializer
            if t.data_type == onnx.TensorProto.FLOAT and np.prod(t.dims) > max(t.dims)]
    assert wide == []  # what stays in float32 is one number a channel
    assert proto.ByteSize() < exact.ByteSize()
    assert "DequantizeLinear" not in {node.op_type for node in proto.graph.node}


def test_quantising_is_off_by_half_a_step_at_most_and_keeps_zero_channels():
    weight = np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32)
    weight[2] = 0
    weight[4] *= 1e-3
    small, scale = quantise(weight)
    assert small.dtype == np.int8
    assert np.abs(small).max((1, 2, 3)).tolist() == [127, 127, 0, 127, 127]
    assert (np.abs(small * scale - weight) <= 0.5001 * scale).all()


def test_where_int8_is_not_faithful_fp16_is_chosen(model, page):
    between = page[1]["parity"]["mean"] / 4
    proto, report = exported(model, Limits(mean=between), "tiny")
    assert report["storage"] == "fp16" and 0 < report["parity"]["mean"] <= between
    assert report["bytes"] == proto.ByteSize() > page[1]["bytes"]


# ------------------------------------------------------------------------- what it costs


def test_multiplications_are_counted_as_by_hand(model):
    counted = []

    def count(module, inputs, output):
        counted.append(output.numel() * module.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in model.module.generator.modules()
             if isinstance(m, nn.Conv2d)]
    model.module(*model.examples(1).values())
    for hook in hooks:
        hook.remove()
    assert gmac(model) == pytest.approx(sum(counted) / 1e9)


@pytest.mark.parametrize(("limits", "words"), [
    (Limits(gmac=1e-5), "GMAC an image, the page allows 1e-05"),
    (Limits(int8=1000), "MB as int8, the page allows 0.001"),
    (Limits(mean=0.0), "not faithful in ONNX: .* grey levels off"),
    (Limits(p999=0.0), "not faithful in ONNX"),
])
def test_over_budget_or_unfaithful_is_refused_and_nothing_is_written(
        shipped, tmp_path, limits, words):
    with pytest.raises(BookError, match=words):
        export(NAME, "model.onnx", limits)
    assert list((tmp_path / "here").iterdir()) == []


# ------------------------------------------------------------------------ the command


def test_the_command_writes_the_model_and_its_report_and_says_what_it_costs(
        shipped, tmp_path, capsys):
    assert main(["export", NAME]) == 0
    path = tmp_path / "here" / "_build" / "models" / f"{NAME}.onnx"
    said = capsys.readouterr().out
    report = json.loads(path.with_suffix(".json").read_text())
    assert said.count("\n") == 1 and f"_build/models/{NAME}.onnx: " in said
    assert f"{report['bytes'] / 1e6:.2f} MB as int8" in said and "GMAC" in said
    assert f"{report['parity']['mean']:.2f} grey levels" in said
    assert report["model"] == NAME and report["weights"] == sha256(shipped)
    assert report["source"] == stamp.source() and report["key"] == stamp.key(NAME, shipped)
    assert report["sha256"] == sha256(path) and report["bytes"] == path.stat().st_size
    assert report["storage"] == "int8" and set(report["parity"]) >= {"mean", "p999", "max"}
    proto = onnx.load(path)
    shapes = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
              for v in [*proto.graph.input, *proto.graph.output]}
    assert shapes == {"onehot": ["N", 4, 16, 16], "z": ["N", 16, 1, 1], "image": ["N", 3, 16, 16]}
    assert report["inputs"] | report["outputs"] == shapes
    assert report["opset"] == proto.opset_import[0].version >= 17
    assert sorted(p.name for p in path.parent.iterdir()) == sorted(
        [path.name, path.with_suffix(".json").name])


def test_a_model_without_weights_has_a_name_too(tmp_path, monkeypatch):
    monkeypatch.setitem(figures.PAGE_MODELS, tiny.NAME, tiny.page_model)
    monkeypatch.chdir(tmp_path)
    path = export(tiny.NAME)
    assert path.as_posix() == f"_build/models/{tiny.NAME}.onnx"
    report = json.loads(path.with_suffix(".json").read_text())
    assert report["weights"] is None and report["outputs"]["mean"] == ["N", 1]


@pytest.mark.parametrize(("named", "words"), [
    ("judges/segmenter@places-32-s0", "does not run in the page"),
    ("smis/vspade@places-32-s0", "no weights at"),
    ("nonesuch", "unknown model"),
    ("figures/nonesuch", "unknown model"),
])
def test_what_cannot_be_exported_is_one_line(shipped, capsys, named, words):
    assert main(["export", named]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_export_packages_it_says_how_to_get_them(shipped, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BookError, match=f"{missing} is not installed: run `make .venv`"):
        export(NAME)


def test_examples_are_the_same_each_time_and_differ_among_themselves(model):
    first, again, other = model.examples(3), model.examples(3), model.examples(3, seed=1)
    assert torch.equal(first["onehot"].sum(1), torch.ones(3, 16, 16))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["z"], other["z"])
    assert not torch.equal(first["onehot"][0], first["onehot"][1])
