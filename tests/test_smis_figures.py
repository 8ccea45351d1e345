"""SMIS's figures: what they start with, what their controls do, what is refused."""

import json

import pytest
import torch

from synthbook import dataset, figures, smis
from synthbook.datasets.places import KINDS
from synthbook.figures import smis as ours
from synthbook.figures.export import float32_model, parity
from synthbook.files import BookError

NAMES = [name for name in figures.FIGURES if name.startswith("smis-")]


@pytest.fixture(scope="module")
def stages():
    """By dataset, the stage of an untrained network whose latents matter."""
    made = {}
    for data, classes in {"places": 16, "faces": 8}.items():
        torch.manual_seed(0)
        network = smis.SMIS(smis.config("groupdnet", 32, classes)).eval().requires_grad_(False)
        for name, buffer in network.named_buffers():
            if name.endswith("running_var"):
                buffer.fill_(0.05)
        made[data] = ours.Stage.around(network, data)
    return made


@pytest.fixture(scope="module")
def stage(stages):
    return stages["places"]


@pytest.fixture(scope="module")
def made(stages):
    """The figures by name, around the untrained networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "shipped", lambda data="places": stages[data])
        patch.setattr(ours, "STEPS", 2)
        return {name: figures.FIGURES[name]() for name in NAMES}


@pytest.mark.parametrize("data", ours.SCENES)
def test_every_class_is_in_a_layout_and_in_a_picture(stages, data):
    for chosen in (stages[data].layouts, stages[data].pictures):
        held = torch.stack([torch.bincount(item["label"].flatten(),
                                           minlength=len(stages[data].classes))
                            for item in chosen.values()])
        assert (held.amax(0) > 10).all()


def test_places_are_called_by_their_kind():
    source = dataset("places", "test", size=32)
    for chosen in (ours.SCENES["places"].layouts, ours.SCENES["places"].pictures):
        assert all(KINDS[source.scene(i).kind].name == name for name, i in chosen.items())


def test_figures_are_registered_under_their_names_and_small(made):
    assert len(made) == len(NAMES) == 4
    for name, figure in made.items():
        assert figure.name == name and figure.alt
        assert len(json.dumps(figure.describe())) < 150_000


def test_every_control_moves_the_picture(made):
    for figure in made.values():
        first = figure.render_defaults()["image"]
        for control in figure.inputs:
            drawn = control.random(1, torch.Generator().manual_seed(3))
            assert drawn.shape == control.value.shape
            image = figure.render.run(figure.values() | {control.name: drawn})["image"]
            assert (image - first).abs().max() > 0.01, (figure.name, control.name)


def latents(figure, **changed):
    """The latents (K, Z) of a figure's first values."""
    values = figure.values() | changed
    return figure.render.module.latents(*(values[name] for name in values if name != "label"))[0]


def test_painting_starts_near_the_styles_of_its_own_scene(made, stage):
    figure, item = made["smis-paint"], stage.layouts["meadow"]
    assert torch.equal(figure.values()["label"][0], item["label"].float())
    own = stage.module.codes[list(stage.pictures).index("meadow")]
    held = torch.bincount(item["label"].flatten(), minlength=16) > 0
    far, centre = latents(figure) - own, stage.module.centre - own
    assert far[held].norm() < centre[held].norm()
    assert (figure.values()["style"][0, ~held].abs().amax(1) > 0).all()


def test_painting_can_start_from_another_layout_under_another_name(stage, monkeypatch):
    monkeypatch.setattr(ours, "shipped", lambda data="places": stage)
    figure = ours.paint("lake")
    assert figure.name == "smis-paint-lake"
    assert torch.equal(figure.values()["label"][0], stage.layouts["lake"]["label"].float())
    with pytest.raises(BookError, match="no scene 'moon'.*meadow"):
        ours.paint("moon")


def test_borrowing_starts_with_several_pictures_that_hold_what_they_lend(made, stage):
    chosen = made["smis-borrow"].values()["picture"][0].long()
    assert len(set(chosen.tolist())) > 3
    for c, picture in enumerate(chosen.tolist()):
        assert picture and stage.module.holds[picture - 1, c]


def test_a_morph_starts_between_the_styles_of_two_pictures(made, stage):
    figure, names = made["smis-morph"], list(stage.pictures)
    for morph, name in ((0.0, "meadow"), (1.0, "forest")):
        p = names.index(name)
        held = stage.module.holds[p].bool()
        end = latents(figure, morph=torch.full((1, 1), morph))
        assert torch.equal(end[held], stage.module.codes[p, held])
    assert 0 < figure.values()["morph"].item() < 1


def test_swatches_are_the_colours_of_the_wheel_seen_from_above(stage):
    module = stage.module
    colours = ours.swatches(module, 3, 3.0)
    assert colours.shape == (16, 3, 3, 3) and colours.min() >= 0 and colours.max() <= 255
    tile = torch.arange(16.0).view(4, 4).repeat_interleave(8, 0).repeat_interleave(8, 1)
    zeros = torch.zeros(1, 16), torch.zeros(1, 1), torch.zeros(1, 1)
    for row, column, place in ((0, 0, (-2.0, 2.0)), (0, 2, (2.0, 2.0)), (2, 1, (0.0, -2.0))):
        style = torch.zeros(1, 16, ours.AXES)
        style[0, :, :2] = torch.tensor(place)
        image = module(tile[None], style, *zeros)[0]
        for c in range(16):
            y, x = 8 * (c // 4) + 2, 8 * (c % 4) + 2
            mean = image[:, y:y + 4, x:x + 4].mean((1, 2))
            assert torch.allclose(colours[c, row, column], (mean + 1) * 127.5, atol=1)


def test_the_exported_model_is_the_torch_model(stage):
    errors = parity(stage.model, float32_model(stage.model), stage.model.examples(3))
    assert errors["max"] < 0.1


def test_a_network_without_a_latent_for_each_class_has_no_page():
    with pytest.raises(BookError, match="smis/groupdnet"):
        ours.page_model(smis.SMIS(smis.config("vspade", 32)))


def test_styles_stay_on_the_wheel_and_the_sliders(made):
    moved = ours.within(torch.tensor([[3.0, 4.0, -9.0, 1.0], [1.0, 2.0, 0.5, 9.0]]))
    assert torch.allclose(moved, torch.tensor([[1.5, 2.0, -2.5, 1.0], [1.0, 2.0, 0.5, 2.5]]))
    assert (made["smis-paint"].values()["style"][..., :2].norm(dim=-1) <= 2.5 + 1e-5).all()
