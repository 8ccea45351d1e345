"""What memory gives: neighbours from the cache, strangers, kin, items; relevance; recipes."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from synthbook import models
from synthbook.bachgan import BachGAN, memory, recipe, relevance, search
from synthbook.bachgan.memory import Remembering, all_boxes, kin, neighbours, strangers
from synthbook.bachgan.network import VARIANTS
from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.discriminators import SegmentationDiscriminator
from synthbook.files import BookError
from synthbook.training import train

THINGS = tuple(range(8, 16))


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def bank(own_cache):
    return cached(dataset("places", "train", size=32, count=40), progress=False)


@pytest.fixture(scope="module")
def asked(own_cache):
    return cached(dataset("places", "val", size=32, count=6), progress=False)


# ------------------------------------------------------------------------------ neighbours


def test_neighbours_are_the_searchs_and_are_kept(bank, asked, monkeypatch):
    index, score = neighbours(asked, bank, 3)
    expected = search(bank.stored["label"].numpy(), THINGS, all_boxes(asked), 3)
    assert np.array_equal(index, expected[0]) and np.array_equal(score, expected[1])
    monkeypatch.setattr(memory, "search", None)  # from now on only the cache answers
    assert torch.equal(neighbours(asked, bank, 3)[0], index)
    assert torch.equal(neighbours(asked, bank, 8)[0][:, :3], index)
    with pytest.raises(TypeError):
        neighbours(asked, bank, 3, first=30)  # another bank is another search


def test_no_item_is_its_own_neighbour_stranger_or_kin(bank):
    rows = torch.arange(40)[:, None]
    for index in (neighbours(bank, bank, 8)[0], strangers(bank, bank, 30), kin(bank, bank, 5)):
        assert not (index == rows).any() and index.min() >= 0 and index.max() < 40
    fewer = cached(dataset("places", "train", size=32, count=10), progress=False)
    assert not (neighbours(fewer, bank, 8)[0] == rows[:10]).any()  # the same scenes


def test_another_split_or_seed_may_find_every_item(bank, asked):
    assert all(len(set(row)) == 40 for row in strangers(asked, bank, 40).tolist())
    with pytest.raises(BookError, match="cannot draw 40 of 39"):
        strangers(bank, bank, 40)
    with pytest.raises(BookError, match="cannot retrieve 11 of 10"):
        neighbours(asked, bank, 11, first=10)


def test_a_smaller_bank_is_the_first_items(bank, asked):
    for index in (neighbours(asked, bank, 3, first=9)[0], strangers(asked, bank, 3, first=9),
                  kin(asked, bank, 3, first=20)):
        assert index.max() < 20
    assert neighbours(asked, bank, 3, first=9)[0].max() < 9


def test_strangers_repeat_and_differ_between_items(bank):
    index = strangers(bank, bank, 3)
    assert torch.equal(index, strangers(bank, bank, 3))
    assert not torch.equal(index, strangers(bank, bank, 3, seed=1))
    assert len({tuple(row) for row in index.tolist()}) > 30
    assert all(len(set(row)) == 3 for row in index.tolist())


def test_kin_are_of_their_neighbours_kinds(bank, asked):
    kinds = bank.stored["category"] // 5
    retrieved, index = neighbours(asked, bank, 8)[0], kin(asked, bank, 8)
    assert torch.equal(kinds[index], kinds[retrieved]) and not torch.equal(index, retrieved)


def test_a_damaged_cache_is_refused(bank, asked):
    neighbours(asked, bank, 2, first=12)
    path = memory.neighbours_path(asked, bank, 8, 12)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BookError, match="damaged or was altered: remove it"):
        neighbours(asked, bank, 2, first=12)


# ----------------------------------------------------------------------------------- items


@pytest.mark.parametrize("source, m", [("top", 3), ("random", 2), ("kin", 3), ("truth", 1),
                                       ("top", 0)])
def test_items_hold_their_boxes_and_maps(bank, asked, source, m):
    data = Remembering(asked, bank, source, m)
    batch = default_collate([data[i] for i in range(len(data))])
    assert batch["maps"].shape == (6, m, 32, 32) and batch["maps"].dtype == torch.long
    assert batch["boxes"].shape[::2] == (6, 5)
    assert torch.equal(batch["label"], asked.stored["label"].long())
    if source == "truth":
        assert torch.equal(batch["maps"][:, 0], batch["label"])
    elif m:
        assert torch.equal(batch["maps"], bank.stored["label"][data.index].long())


def test_memory_knows_nothing_for_a_scene_without_boxes(bank):
    found = memory.look_up(bank.stored["label"], torch.tensor([2, -1]))
    assert torch.equal(found[0], bank.stored["label"][2].long()) and (found[1] == 255).all()


def test_unknown_memories_and_kinds_of_other_data_are_refused(bank, asked):
    with pytest.raises(BookError, match="unknown memory 'guess': choose one of top"):
        Remembering(asked, bank, "guess")
    faces = cached(dataset("faces", "val", size=32, count=2), progress=False)
    with pytest.raises(BookError, match="no kinds of place"):
        memory.moods(faces)
    with pytest.raises(BookError, match="no things"):
        all_boxes(faces)


# ------------------------------------------------------------------------------- relevance


@pytest.fixture(scope="module")
def scenes():
    return (relevance.drawn("val", 12, 32, classes=16),
            relevance.drawn("train", 60, 32, classes=16))


def test_two_maps_of_a_scene_are_the_data_at_every_strength(scenes):
    queries = scenes[0]
    for strength in (0.0, 0.6, 1.0):
        data = dataset("places", "val", size=32, count=12, background=strength)
        bound = queries.bound(strength)
        expected = np.stack([data.render(data.scene(i)).label for i in range(12)])
        assert np.array_equal(queries.at(bound), expected)
    assert queries.bound(1.0).all() and queries.bound(0.0).mean() < 0.3
    for i in range(4):
        assert np.array_equal(queries.boxes[i], queries.data.boxes(queries.scenes[i]))


def test_rows_hold_what_they_say(scenes):
    rows = relevance.rows(*scenes, strengths=(0.0, 1.0), guessed=2, draws=3)
    assert [row["strength"] for row in rows] == [0.0, 1.0]
    for row in rows:
        values = {k: v["value"] for k, v in row.items() if k != "strength"}
        assert all(0 <= v <= 1 for k, v in values.items() if " - " not in k)
        assert values["top-1 - kin-1"] == pytest.approx(values["top-1"] - values["kin-1"])
        assert all(v["low"] <= v["value"] <= v["high"] for k, v in row.items() if k != "strength")
    assert rows[1]["called"]["value"] == 1 and rows[0]["called"]["value"] < 0.3
    assert rows[0]["kind top-1"] == rows[1]["kind top-1"]  # boxes do not know of the knob
    assert len(relevance.summary(rows, ("top-1", "ties"))) == 2


def test_a_vote_is_of_the_many_and_then_of_the_best_ranked():
    maps = torch.tensor([[[[1, 1, 8, 8]], [[2, 0, 9, 8]], [[2, 2, 9, 3]]]])
    assert relevance.vote(maps, (8, 9), 10).tolist() == [[[2, 1, 255, 3]]]


def test_agreement_counts_background_outside_the_boxes():
    label = torch.tensor([[[1, 1, 2, 8]]])
    layout = torch.zeros(1, 10, 1, 4)
    layout[:, 8, :, 3] = 1
    for guess, share in (([1, 2, 2, 1], 2 / 3), ([1, 255, 2, 255], 1), ([255] * 4, 0)):
        found = relevance.agreement(torch.tensor([[guess]]), label, layout, (8, 9))
        assert found.item() == pytest.approx(share)


def test_the_best_guess_follows_the_strength():
    free, called = torch.zeros(2, 4, 1, 1)
    free[0], free[1], called[1] = 0.6, 0.4, 1.0
    guess = [relevance.best_guess(free, called, s, (3,)).item() for s in (0, 0.1, 0.5, 1)]
    assert guess == [0, 0, 1, 1]  # 0.54 against 0.46, then 0.3 against 0.7


def test_chances_are_shares(scenes):
    data = scenes[0].data
    free, called = relevance.chances(data, scenes[0].scenes[0], 3, 0)
    for share in (free, called):
        assert share.shape == (16, 32, 32) and torch.allclose(share.sum(0), torch.ones(32, 32))
    again = relevance.chances(data, scenes[0].scenes[0], 3, 0)
    assert torch.equal(free, again[0]) and torch.equal(called, again[1])


# --------------------------------------------------------------------------------- recipes


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_trained_stored_and_loaded(variant, tmp_path):
    name = models.parse(f"bachgan/{variant}@places-32-s0")
    made = replace(models.recipe(name, "smoke"), images=16, snapshots=1)
    run = train(made, progress=False, device="cpu")
    assert {"error_inside", "error_outside", "memory_inside"} < set(run.log[-1])
    path = models.write_weights(run, name, tmp_path, "by hand", "smoke")
    module = models.load(str(name), weights=path)
    assert isinstance(module, BachGAN) and asdict(module.config) == asdict(made.config.model)
    held = default_collate([made.data()[i] for i in range(2)])
    layout = recipe.rasterise(held["boxes"], module.config.classes, (32, 32))
    assert module(layout, held["maps"]).shape == (2, 3, 32, 32)
    assert (run.log[-1]["memory_outside"] > 0) == (module.config.maps > 0)


def test_variants_play_one_game():
    found = set()
    for variant in VARIANTS:
        made = models.recipe(models.parse(f"bachgan/{variant}@places-32-s0"), "ablation")
        nets = made.build()
        assert isinstance(nets["discriminator"], SegmentationDiscriminator)
        assert nets["discriminator"].segment.out_channels == len(made.config.model.things) + 2
        rates = tuple(p.lr for p in made.players.values())
        found.add((made.images, made.batch, rates, made.config.weights, made.decay_to,
                   str(made.config.knobs)))
    assert len(found) == 1


@pytest.mark.parametrize("suffix, strength", [("", 1.0), ("-b50", 0.5), ("-b0", 0.0)])
def test_a_suffix_sets_how_far_boxes_call_for_their_background(suffix, strength):
    for variant in ("bachgan", "spade-boxes", "random-3", "kin-3"):
        name = models.parse(f"bachgan/{variant}{suffix}")
        assert models.recipe(name, "smoke").config.knobs["background"] == strength
        rivals = models.MODELS[name.model].rivals
        assert all(rival == f"bachgan/{called}{suffix}" and rival in models.MODELS
                   for called, rival in rivals.items())


def test_faces_have_no_boxes():
    with pytest.raises(BookError, match="bachgan/bachgan has no dataset 'faces'"):
        models.parse("bachgan@faces-32-s0")


def test_a_smaller_bank_is_a_setting():
    made = recipe.recipe("bachgan", "places", 32, images=16, batch=8, count=24, bank=12)
    data = made.data()
    assert made.config.model.bank == 12 and data.index.max() < 12
    assert made.sample({k: n.eval() for k, n in made.build().items()}).shape == (64, 3, 32, 32)
