"""The page's models: what is stored, how far it strays from PyTorch, and what is refused."""

import json
import sys
from dataclasses import asdict, replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from synthbook import models
from synthbook.cli import main
from synthbook.figures import export
from synthbook.figures.export import (
    INPUTS,
    Limits,
    float32_model,
    gmac,
    page_model,
    painted,
    parity,
    prior,
    quantise,
    stored_as,
)
from synthbook.files import BookError, sha256, write_json, write_tensors
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


@pytest.fixture(scope="module")
def tiny():
    return network()


@pytest.fixture(scope="module")
def exact(tiny):
    return float32_model(tiny, *painted(tiny, 2))


@pytest.fixture(scope="module")
def page(tiny):
    return page_model(tiny, Limits(), "tiny")


@pytest.fixture
def shipped(tiny, tmp_path, monkeypatch):
    """The tiny network as the book's weights of NAME, in a current folder of its own."""
    monkeypatch.setattr(models, "data_dir", lambda: tmp_path / "data")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = models.parse(NAME).weights
    write_tensors(path, tiny.state_dict())
    write_json(path.with_suffix(".json"), {"config": {"model": asdict(TINY)},
                                           "sha256": sha256(path)})
    return path


def run(proto, onehot, z):
    session = onnxruntime.InferenceSession(proto.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"onehot": onehot.numpy(), "z": z.numpy()})[0])


# ------------------------------------------------------------------------- what it does


@pytest.mark.parametrize("batch", [1, 5])
def test_float32_is_the_same_function_at_any_batch_size(tiny, exact, batch):
    inputs = painted(tiny, batch, seed=3)
    assert tiny(*inputs).std() > 0.1
    torch.testing.assert_close(run(exact, *inputs), tiny(*inputs), atol=1e-5, rtol=0)


def test_the_page_model_is_faithful_and_its_error_is_really_measured(tiny, page, exact):
    proto, report = page
    inputs = painted(tiny, INPUTS)
    error = (run(proto, *inputs) - tiny(*inputs)).abs() * 127.5
    measured = report["parity"]
    assert measured["mean"] == pytest.approx(error.mean().item(), abs=2e-4)
    assert measured["p999"] == pytest.approx(np.quantile(error.numpy(), 0.999), abs=2e-3)
    assert measured["inputs"] == 64
    assert parity(tiny, exact, *inputs)["mean"] < 1e-3 < measured["mean"] <= 0.5
    assert measured["p999"] <= 3.0


def test_a_wrong_model_is_caught(tiny, exact):
    wrong = onnx.ModelProto()
    wrong.CopyFrom(exact)
    last = next(t for t in wrong.graph.initializer if t.name.endswith("output.bias"))
    last.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(last) + 0.1, last.name))
    assert not Limits().faithful(parity(tiny, wrong, *painted(tiny, 4)))


def test_norms_of_weights_are_worked_out(page):
    net = network(replace(TINY, spectral=True))
    proto, report = page_model(net, Limits(), "spectral")
    assert report["storage"] == "int8"
    assert len(proto.graph.node) == len(page[0].graph.node)
    assert any("parametrizations" in key for key in net.state_dict())  # the network is untouched


def test_latents_may_be_a_map(tiny):
    net = network(replace(TINY, latent_map=True))
    proto = float32_model(net, *painted(net, 2))
    inputs = painted(net, 3)
    assert inputs[1].shape == (3, 16, 4, 4)
    torch.testing.assert_close(run(proto, *inputs), net(*inputs), atol=1e-5, rtol=0)


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
def test_every_convolution_is_stored_small(tiny, exact, storage, path, kind):
    proto = stored_as(exact, storage)
    sources = list(conv_sources(proto))
    convs = sum(isinstance(m, nn.Conv2d) for m in tiny.generator.modules())
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


def test_where_int8_is_not_faithful_fp16_is_chosen(tiny, page):
    between = page[1]["parity"]["mean"] / 4
    proto, report = page_model(tiny, Limits(mean=between), "tiny")
    assert report["storage"] == "fp16" and 0 < report["parity"]["mean"] <= between
    assert report["bytes"] == proto.ByteSize() > page[1]["bytes"]


def test_the_report_says_how_the_page_draws_latents(page):
    net = network()
    net.centre.normal_()
    net.spread.normal_()
    told = {k: torch.tensor(v) for k, v in prior(net).items()}
    n = torch.randn(7, 4, 4, 1, generator=torch.Generator().manual_seed(2))
    drawn = told["centre"] + (told["spread"] @ n).squeeze(3)
    sampled = net.prior(7, torch.Generator().manual_seed(2))
    torch.testing.assert_close(drawn.flatten(1)[..., None, None], sampled, atol=1e-4, rtol=0)
    assert torch.equal(torch.tensor(page[1]["prior"]["spread"]), torch.eye(4).repeat(4, 1, 1))


# ------------------------------------------------------------------------- what it costs


def test_multiplications_are_counted_as_by_hand(tiny):
    counted = []

    def count(module, inputs, output):
        counted.append(output.numel() * module.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in tiny.generator.modules()
             if isinstance(m, nn.Conv2d)]
    tiny(*painted(tiny, 1))
    for hook in hooks:
        hook.remove()
    assert gmac(tiny) == pytest.approx(sum(counted) / 1e9)


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


def test_the_command_writes_the_model_and_its_report(shipped, tmp_path, capsys):
    assert main(["export", NAME]) == 0
    path = tmp_path / "here" / "_build" / "models" / f"{NAME}.onnx"
    assert capsys.readouterr().out.strip().endswith(f"_build/models/{NAME}.onnx")
    report = json.loads(path.with_suffix(".json").read_text())
    assert report["model"] == NAME and report["weights"] == sha256(shipped)
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


@pytest.mark.parametrize(("model", "words"), [
    ("judges/segmenter@places-32-s0", "does not run in the page"),
    ("smis/vspade@places-32-s0", "no weights at"),
    ("nonesuch", "unknown model"),
])
def test_what_cannot_be_exported_is_one_line(shipped, capsys, model, words):
    assert main(["export", model]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_export_packages_it_says_how_to_get_them(shipped, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BookError, match=f"{missing} is not installed: run `make .venv`"):
        export(NAME)


def test_painted_maps_have_one_class_a_pixel_and_are_the_same_each_time(tiny):
    (onehot, z), (again, z_again) = painted(tiny, 3), painted(tiny, 3)
    assert torch.equal(onehot.sum(1), torch.ones(3, 16, 16)) and z.shape == (3, 16, 1, 1)
    assert torch.equal(onehot, again) and torch.equal(z, z_again)
    assert not torch.equal(onehot[0], onehot[1])
