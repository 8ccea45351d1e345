"""BachGAN's figure: retrieval inside the model, what its controls do, what is refused."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from synthbook import figures
from synthbook.bachgan import BachGAN, config, layout_of, search
from synthbook.bachgan.memory import look_up
from synthbook.bachgan.recalling import MEMORIES, Recalling, read_bank, write_bank
from synthbook.bachgan.recipe import KNOBS
from synthbook.datasets import dataset
from synthbook.figures import bachgan as ours
from synthbook.figures.export import Limits, PageModel, float32_model, gmac, parity, stored_as
from synthbook.figures.inputs import Boxes
from synthbook.files import BookError, data_dir

THINGS, CLASSES, SIZE, MOST = (2, 4, 5), 6, 8, 4
PALETTE = np.arange(3 * CLASSES, dtype=np.uint8).reshape(CLASSES, 3) * 9
BANK = data_dir() / "results" / "bachgan" / "bank-32.png"


def untrained(size=32, classes=40, things=tuple(range(19, 40)), **changed):
    """A network whose norms have statistics that matter."""
    torch.manual_seed(0)
    made = config("bachgan", 32, classes, things)
    net = BachGAN(type(made)(**{**vars(made), "size": (size, size), **changed}))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(0.1)
    return net.eval().requires_grad_(False)


def maps(count, seed=0):
    """Coarse random label maps, many of them alike: scores tie often."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, CLASSES, (count // 2, 2, 2), dtype=np.uint8)
    return np.concatenate([coarse, coarse]).repeat(SIZE // 2, 1).repeat(SIZE // 2, 2)


def rows(boxes, things, size):
    """A figure's boxes (M, 6) as rows of class, x0, y0, x1, y1."""
    return np.array([[things[int(c)], *(round(float(v) * size) for v in corners)]
                     for there, c, *corners in boxes.tolist() if there]).reshape(-1, 5)


@pytest.fixture(scope="module")
def small():
    """A small bank in front of a small network, and boxes such as readers make."""
    module = Recalling(untrained(SIZE, CLASSES, THINGS), torch.from_numpy(maps(40)), PALETTE)
    given = Boxes("boxes", "Boxes", torch.zeros(1, MOST, 6), "abc", PALETTE[list(THINGS)], SIZE)
    boxes = given.random(300, torch.Generator().manual_seed(1))
    boxes[0] = 0
    boxes[1, 1:] = boxes[1, :1]  # the same box several times
    boxes[2, :, 0] = 1
    boxes[2, :, 4:] = boxes[2, :, 2:4]  # no box has an area
    boxes[3, :] = torch.tensor([1.0, 1, 0, 0, 1, 1])
    boxes[4, :3] = torch.tensor([[1.0, k, 0, 0, 1, 1] for k in range(3)])
    return module.eval(), boxes


@pytest.fixture(scope="module")
def stage():
    return ours.Stage.around(untrained())


@pytest.fixture(scope="module")
def figure(stage):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "shipped", lambda: stage)
        return figures.FIGURES["bachgan-boxes"]()


# ------------------------------------------------------------------------------ retrieval


def test_layouts_are_those_of_the_table_of_boxes(small):
    module, boxes = small
    for one, layout in zip(boxes, module.layout(boxes)):
        wanted = layout_of(rows(one, THINGS, SIZE), THINGS, CLASSES, (SIZE, SIZE))
        assert torch.equal(layout, wanted)


def test_what_is_remembered_is_what_search_finds(small):
    module, boxes = small
    index, known, scores = module.recall(module.layout(boxes), torch.zeros(len(boxes), 1))
    wanted, theirs = search(maps(40), THINGS, [rows(one, THINGS, SIZE) for one in boxes], 3)
    assert np.array_equal(torch.where(known, index, -1), wanted)
    np.testing.assert_allclose(scores, theirs, atol=1e-7)
    assert (theirs[:, 0] == theirs[:, 1]).sum() > 100  # ties are decided alike
    assert (wanted[:1] == -1).all() and (wanted[2] == -1).all()


def test_without_area_is_without_boxes(small):
    module, boxes = small
    empty, flat = (module(boxes[k:k + 1], torch.zeros(1, 1)) for k in (0, 2))
    assert all(torch.equal(a, b) for a, b in zip(empty, flat))


def test_the_picture_is_the_networks_for_these_maps(small):
    module, boxes = small
    net, bank = untrained(SIZE, CLASSES, THINGS), torch.from_numpy(maps(40))
    image = module(boxes[:20], torch.zeros(20, 1))[0]
    index = search(maps(40), THINGS, [rows(one, THINGS, SIZE) for one in boxes[:20]], 3)[0]
    given = torch.stack([look_up(bank, torch.from_numpy(row)) for row in index])
    torch.testing.assert_close(image, net(module.layout(boxes[:20]), given))


def test_each_memory_gives_what_it_says(small):
    module, boxes = small
    one = boxes[4:5]
    layout = module.layout(one)
    given = [module.recall(layout, torch.full((1, 1), float(k))) for k in range(len(MEMORIES))]
    index = [i[0].tolist() for i, _, _ in given]
    assert len(set(index[0])) == 3 and index[1] == [index[0][0]] * 3
    assert len({*index[2], *index[3]}) == 6
    assert [bool(known.all()) for _, known, _ in given] == [True] * 4 + [False]
    assert (given[4][2] == 0).all() and given[0][2][0, 0] > given[2][2].amax()
    nothing = module.layout(boxes[:1])
    assert module.recall(nothing, torch.full((1, 1), 2.0))[1].all()


def test_boxes_are_seen_in_the_maps_and_holes_are_hatched(small):
    module, _ = small
    boxes = torch.zeros(1, MOST, 6)
    boxes[0, 0] = torch.tensor([1, 1, 0, 0, 0.5, 0.25])
    _, first, *_, scores = module(boxes, torch.zeros(1, 1))
    colours = torch.from_numpy(PALETTE).float() / 127.5 - 1
    assert torch.equal(first[0, :, 0, 0], colours[THINGS[1]])
    index, _, _ = module.recall(module.layout(boxes), torch.zeros(1, 1))
    label, seen = maps(40)[index[0, 0]], first[0].movedim(0, -1)
    for y, x in ((7, 7), (7, 0), (0, 7)):
        hole = label[y, x] in THINGS
        wanted = module.hatched[y, x].expand(3) if hole else colours[label[y, x]]
        assert torch.equal(seen[y, x], wanted)


@pytest.mark.parametrize(("changed", "count"), [
    ({"condition": "boxes", "maps": 0}, 40), ({"condition": "map", "maps": 1}, 40), ({}, 4)])
def test_another_network_or_a_bank_too_small_is_refused(changed, count):
    with pytest.raises(ValueError, match="fuses maps|does not serve"):
        Recalling(untrained(SIZE, CLASSES, THINGS, **changed), torch.from_numpy(maps(count)),
                  PALETTE)


# ------------------------------------------------------------------------------ the export


def test_the_exported_model_remembers_the_same(small):
    module, boxes = small
    draw = {"boxes": lambda n, _: boxes[:n], "memory": lambda n, _: torch.zeros(n, 1)}
    page = PageModel(module, draw, ("image", *ours.SHOWN, "scores"))
    exact = float32_model(page)
    assert parity(page, exact, page.examples(100))["max"] < 0.1
    session = onnxruntime.InferenceSession(stored_as(exact, "int8").SerializeToString())
    ran = session.run([*ours.SHOWN, "scores"], {
        "boxes": boxes.numpy(), "memory": np.zeros((len(boxes), 1), np.float32)})
    for got, wanted in zip(ran, module(boxes, torch.zeros(len(boxes), 1))[1:]):
        np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_the_page_can_afford_it(stage):
    limits, exact = Limits(), float32_model(stage.model)
    assert gmac(stage.model) < limits.gmac
    assert stored_as(exact, "int8").ByteSize() < limits.int8
    assert parity(stage.model, exact, stage.model.examples(2))["max"] < 0.1


# ------------------------------------------------------------------------------ the bank


def test_the_bank_that_ships_is_the_first_training_scenes():
    bank = read_bank(BANK)
    assert len(bank) == 2000 and BANK.stat().st_size < 330_000
    source = dataset("places", "train", size=32, **KNOBS)
    for i in (0, 39, 40, 1234, 1999):
        assert torch.equal(bank[i], torch.from_numpy(source.render(source.scene(i)).label))


def test_a_bank_comes_back_as_it_was_or_not_at_all(tmp_path):
    path = tmp_path / "bank.png"
    write_bank(path, maps(50), PALETTE, command="none")
    assert np.array_equal(read_bank(path), maps(50))
    assert json.loads(path.with_suffix(".json").read_text())["maps"] == 50
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BookError, match="damaged or was altered"):
        read_bank(path)


# ------------------------------------------------------------------------------ the figure


def test_it_starts_with_boxes_of_a_scene_and_is_small(figure, stage):
    assert figure.name == "bachgan-boxes" and "boat" in figure.alt
    assert len(json.dumps(figure.describe())) < 60_000
    layouts = stage.boxes.layouts
    assert torch.equal(figure.values()["boxes"][0], layouts["harbour"])
    assert layouts[ours.EMPTY].abs().sum() == 0
    assert len({int(c) for one in layouts.values() for there, c, *_ in one if there}) > 10
    for one in layouts.values():
        assert torch.equal(one[:, 2:] * 32, (one[:, 2:] * 32).round())


def test_every_layout_and_memory_changes_what_is_shown(figure, stage):
    first = figure.render_defaults()
    for layout in list(stage.boxes.layouts.values())[1:]:
        now = figure.render.run(figure.values() | {"boxes": layout[None]})
        assert not torch.equal(now["image"], first["image"])
    for k in range(1, len(MEMORIES)):
        memory = torch.full((1, 1), float(k))
        now = figure.render.run(figure.values() | {"memory": memory})
        assert not torch.equal(now["image"], first["image"]), MEMORIES[k]
        assert not torch.equal(now["scores"], first["scores"])


def test_another_layout_has_another_name_and_an_unknown_one_is_refused(stage, monkeypatch):
    monkeypatch.setattr(ours, "shipped", lambda: stage)
    assert ours.boxes(ours.EMPTY).name == "bachgan-boxes-no-boxes"
    with pytest.raises(BookError, match="no layout 'moon'.*street"):
        ours.boxes("moon")


def test_a_network_without_fusion_has_no_page():
    with pytest.raises(BookError, match="bachgan/bachgan"):
        ours.page_model(untrained(condition="boxes", maps=0))
