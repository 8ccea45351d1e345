"""StyleGAN2's figure: the module behind its controls, what they do, stored directions."""

import json

import pytest
import torch

from synthbook import models
from synthbook.datasets.traits import NAMES, TRAITS
from synthbook.figures import stylegan2 as ours
from synthbook.figures.export import Limits, exported
from synthbook.files import BookError, data_dir, write_tensors
from synthbook.judges import Reader, ReaderConfig
from synthbook.stylegan2 import Config, StyleGAN2
from synthbook.stylegan2.directions import Directions, read, write
from synthbook.stylegan2.turning import Turned

COUNT = len(NAMES)


def reader():
    torch.manual_seed(1)
    graded = tuple(trait.graded for trait in TRAITS)
    return Reader(ReaderConfig(NAMES, graded, (0.4,) * COUNT, (0.5,) * COUNT, width=4)).eval()


def network():
    torch.manual_seed(0)
    model = StyleGAN2(Config(32, (12, 10, 8, 6), latent=16)).eval().requires_grad_(False)
    model.synthesis.strengths += 0.3
    return model


def directions(names=NAMES, latent=16):
    torch.manual_seed(2)
    steps = torch.randn(len(names), latent)
    return Directions(names, torch.zeros(latent), torch.zeros(len(names)), steps, steps,
                      torch.ones(len(names)))


@pytest.fixture(scope="module")
def model():
    return ours.around(network(), directions(), reader())


def first(model):
    return {one.name: one.value for one in ours.controls(model.module, ours.SITTER)}


def image(model, **changed):
    return model.run(first(model) | changed)["image"]


def test_at_rest_it_is_the_generator(model):
    values, plain = first(model), network()
    maps, k = [], 0
    for size in plain.config.sizes:
        maps.append(values["noise"][:, k:k + size**2].view(1, 1, size, size))
        k += size**2
    wanted = plain(values["z"], ours.TRUNCATION, maps).clamp(-1, 1)
    torch.testing.assert_close(image(model), wanted)


def test_a_slider_is_so_many_steps_of_its_direction(model):
    values, plain = first(model), network()
    levels = torch.zeros(1, COUNT)
    levels[0, 3] = -1.5
    got = image(model, levels=levels)
    w = directions().moved(plain.styles(values["z"], ours.TRUNCATION), 3, -1.5)
    maps = [part.view(1, 1, size, size) for part, size in zip(
        values["noise"].split(model.module.areas, 1), plain.config.sizes)]
    torch.testing.assert_close(got, plain.synthesis(w, maps).clamp(-1, 1))
    assert (got - image(model)).abs().max() > 0.01


def test_readings_are_those_of_the_judging_network(model):
    got = model.run(first(model))
    torch.testing.assert_close(got["readings"], reader().readings(got["image"]))


def test_every_control_does_something(model):
    other = torch.Generator().manual_seed(5)
    for one in ours.controls(model.module, ours.SITTER):
        changed = one.random(1, other)
        assert (image(model, **{one.name: changed}) - image(model)).abs().max() > 0.01, one.name


def test_the_page_runs_the_same(model):
    _, report = exported(model, Limits(), "stylegan2/test")
    assert report["inputs"]["z"] == ["N", 16] and report["outputs"]["image"] == ["N", 3, 32, 32]


def test_the_figure_describes_itself(model, monkeypatch):
    monkeypatch.setattr(ours, "shipped", lambda: model)
    told = ours.traits().describe()
    assert json.dumps(told) and [one["name"] for one in told["inputs"]] == list(first(model))
    assert all(name in told["outputs"][0]["caption"]["text"] for name in NAMES)


def test_directions_that_do_not_fit_are_refused():
    with pytest.raises(BookError, match="do not fit a reader of"):
        Turned(network(), directions(NAMES[::-1]), reader())
    with pytest.raises(BookError, match="9 numbers do not fit a W of 16"):
        Turned(network(), directions(latent=9), reader())


def test_directions_survive_a_round_trip_and_others_are_refused(tmp_path):
    path = tmp_path / "directions.safetensors"
    write(path, directions(), {"weights": "abc"})
    found, about = read(path)
    assert found.names == NAMES and about["weights"] == "abc"
    torch.testing.assert_close(found.steps, directions().steps)
    write_tensors(path, {"mean": torch.zeros(3)}, {"names": "[]"})
    with pytest.raises(BookError, match="holds no directions: run python data/make/directions.py"):
        read(path)


def test_the_directions_that_ship_are_those_of_the_weights_that_ship():
    about = read(data_dir() / "results" / "stylegan2" / "directions-32.safetensors")[1]
    for part, name in (("weights", ours.MODEL), ("reader", ours.READER)):
        assert about[part] == models.record(models.parse(name).weights)["sha256"], name
