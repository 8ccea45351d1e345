"""Places: determinism, exact truth, control by one class alone, knobs, refusals."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
import torch

from synthbook.datasets.places import Places, scenes
from synthbook.datasets.places.canvas import largest
from synthbook.datasets.places.classes import FORTY, SIXTEEN, merge, names
from synthbook.files import BookError


def pixels(i: int) -> bytes:
    data = Places("val")
    rendered = data.render(data.scene(i))
    return rendered.image.tobytes() + rendered.label.tobytes() + rendered.instance.tobytes()


def near(mask: np.ndarray) -> np.ndarray:
    """The mask grown by one pixel in all eight directions."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    return np.any([padded[i:i + height, j:j + width] for i in range(3) for j in range(3)], axis=0)


def test_item_has_the_form_of_the_contract():
    item = Places(size=32)[3]
    assert item["image"].shape == (3, 32, 32) and item["image"].dtype == torch.float32
    assert item["image"].min() >= -1 and item["image"].max() <= 1
    assert item["label"].shape == item["instance"].shape == (32, 32)
    assert item["label"].dtype == item["instance"].dtype == torch.int64
    assert item["style"].shape == (16, 5) and item["style"].dtype == torch.float32
    assert 0 <= item["category"] < len(Places.category_names) == 60


def test_pixels_depend_on_the_index_alone():
    here = [pixels(i) for i in (4, 1, 4)]
    assert here[0] == here[2] != here[1]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(pixels, [1, 4]) == [here[1], here[0]]


def test_splits_and_seeds_differ():
    styles = {Places(split, seed=seed).scene(0).styles
              for split in ("train", "val", "test") for seed in (0, 1)}
    assert len(styles) == 6


def test_classes_nest_exactly():
    fine, middle, coarse = (Places(classes=k) for k in (40, 16, 8))
    to_coarse = np.array([names(8).index(row[2]) for row in SIXTEEN])
    for i in range(20):
        labels = [d.render(d.scene(i)).label for d in (fine, middle, coarse)]
        assert np.array_equal(merge(16)[labels[0]], labels[1])
        assert np.array_equal(to_coarse[labels[1]], labels[2])
        assert fine.scene(i).things == middle.scene(i).things


@pytest.mark.parametrize("classes", [8, 16, 40])
def test_redrawing_one_class_leaves_the_rest(classes):
    data, inside = Places(classes=classes), []
    for i in range(6):
        scene = data.scene(i)
        before = data.render(scene)
        for c in range(classes):
            again = data.redraw(scene, c, np.random.default_rng(c))
            after = data.render(again)
            assert np.array_equal(after.label, before.label)
            assert np.array_equal(after.instance, before.instance)
            others = np.arange(classes) != c
            assert np.array_equal(data.style(again)[others], data.style(scene)[others])
            change = np.abs(after.image.astype(int) - before.image).mean(2)
            mask = before.label == c
            assert change[~near(mask)].sum() == 0
            if mask.sum() > 40:
                inside.append(change[mask].mean())
    assert np.mean(inside) > 15 and np.min(inside) > 0.5


def test_every_style_component_of_every_class_shows():
    data, shown = Places(), np.zeros((16, 5))
    for i in range(24):
        scene = data.scene(i)
        label = data.render(scene).label
        for c in np.unique(label):
            for k in np.flatnonzero(shown[c] <= 0.8):
                ends = []
                for value in (0.1, 0.9):
                    style = data.style(scene)[c]
                    style[k] = value
                    ends.append(data.render(data.with_style(scene, c, style)).image[label == c])
                change = np.abs(ends[0].astype(int) - ends[1]).mean()
                shown[c, k] = max(shown[c, k], change)
    assert shown.min() > 0.8, shown.round(1)


def test_styles_are_uniform_and_independent():
    data = Places()
    styles = np.stack([data.style(data.scene(i)) for i in range(600)]).reshape(600, -1)
    assert abs(styles.mean(0) - 0.5).max() < 0.08
    correlation = np.corrcoef(styles.T) - np.eye(styles.shape[1])
    assert abs(correlation).max() < 0.22


@pytest.mark.parametrize("classes", [8, 16, 40])
def test_plain_styles_are_the_kind_s_and_never_drawn(classes):
    data = Places(styles="plain", classes=classes)
    scenes = [data.scene(i) for i in range(40)]
    of_kind = {}
    for scene in scenes:
        assert of_kind.setdefault(scene.kind, scene.styles) == scene.styles
    tables = np.array(list(of_kind.values()))
    differs = set((np.ptp(tables, axis=0) > 0).any(1).nonzero()[0].tolist())
    sand = names(16).index("sand")
    of_sand = {8: set(), 16: {sand}, 40: set(np.flatnonzero(merge(16) == sand).tolist())}
    assert len(of_kind) > 8 and differs == of_sand[classes]


def test_natural_styles_follow_the_category():
    data = Places(styles="natural")
    hues = {}
    for i in range(400):
        scene = data.scene(i)
        hues.setdefault(scene.mood, []).append(data.style(scene)[0, 0])
    means = [np.mean(hues[m]) for m in range(5)]
    spreads = [np.std(hues[m]) for m in range(5)]
    assert max(spreads) < 0.08 and np.ptp(means) > 0.5


def test_light_tints_all_pixels_of_an_image_alike():
    plain, lit = Places(), Places(light=1.0)
    for i in range(6):
        a, scene = plain.render(plain.scene(i)), lit.scene(i)
        b = lit.render(scene)
        assert np.array_equal(a.label, b.label) and scene.styles == plain.scene(i).styles
        warmth, brightness = scene.light
        assert -1 <= warmth <= 1 and -1 <= brightness <= 1 and warmth != 0
        gain = 1 + 0.28 * brightness + warmth * np.array([0.16, 0.02, -0.2])
        error = np.abs(b.image - np.minimum(a.image * gain, 255))
        assert np.percentile(error, 90) < 2
    assert plain.scene(0).light == (0, 0)


def test_background_follows_the_foreground_as_often_as_asked():
    free, bound = Places(), Places(background=1.0)
    seen = [free.scene(i) for i in range(400)]
    assert len({s.prototype for s in seen}) > 60
    assert np.mean([s.prototype == free.matching_prototype(s) for s in seen]) < 0.05
    for i in range(100):
        scene = bound.scene(i)
        assert scene.prototype == bound.matching_prototype(scene)
        assert scene.things == seen[i].things and scene.styles == seen[i].styles
    assert len({free.matching_prototype(s) for s in seen}) > 50
    half = Places(background=0.5)
    rate = np.mean([half.scene(i).prototype == bound.scene(i).prototype for i in range(400)])
    assert 0.4 < rate < 0.6


def test_prototypes_are_different_layouts():
    data = Places(classes=40)
    scene = next(s for s in map(data.scene, range(50)) if data.category(s) // 5 == 0)
    bare = replace(scene, things=(), clouds=(), disc=None)
    maps = [data.render(data.with_prototype(bare, p)).label for p in range(data.prototypes)]
    apart = [(maps[a] != maps[b]).mean() for a in range(64) for b in range(a)]
    assert min(apart) > 0.01 and np.mean(apart) > 0.08


def test_small_pictures_are_large_ones_downsampled():
    small, large = Places(size=64), Places(size=256)
    for i in range(8):
        a, b = small.render(small.scene(i)), large.render(large.scene(i))
        shrunk = b.image.reshape(64, 4, 64, 4, 3).mean((1, 3))
        assert np.abs(shrunk - a.image).mean() < 4
        assert (b.label[2::4, 2::4] == a.label).mean() > 0.97


@pytest.mark.parametrize("size", [32, 50, 100])
def test_other_sizes(size):
    rendered = Places(size=size).render(Places(size=size).scene(2))
    assert rendered.image.shape == (size, size, 3) and rendered.label.shape == (size, size)


def test_boxes_bound_their_instances():
    data = Places()
    for i in range(12):
        scene, rendered = data.scene(i), data.render(data.scene(i))
        boxes = data.boxes(scene)
        present = np.unique(rendered.instance[rendered.instance > 0])
        assert len(boxes) == len(present)
        for number, (c, x0, y0, x1, y1) in zip(present, boxes):
            mask = rendered.instance == number
            assert (rendered.label[mask] == c).all()
            assert mask[y0:y1, x0:x1].sum() == mask.sum()
            assert mask[y0].any() and mask[y1 - 1].any()
            assert mask[:, x0].any() and mask[:, x1 - 1].any()


def test_every_class_matters():
    data = Places()
    area = np.stack([np.bincount(data.render(data.scene(i)).label.ravel(), minlength=16)
                     for i in range(200)]) / 64 ** 2
    present = area > 0
    assert present[:, 0].all() and (area[:, 4:7].sum(1) > 0.05).mean() > 0.95
    assert present.mean(0).min() > 0.06
    for c in range(16):
        assert np.median(area[present[:, c], c]) > 0.01


def test_largest_coverage_equals_counting():
    codes = np.random.default_rng(0).integers(0, 3, (9, 12, 12)).astype(np.int16)
    votes, mixed = largest(list(codes))
    for y in range(12):
        for x in range(12):
            counts = np.bincount(codes[:, y, x], minlength=3)
            assert counts[votes[y, x]] == counts.max()
            assert mixed[y, x] == (np.count_nonzero(counts) > 1)


def test_fine_classes_and_palettes():
    assert len({row[0] for row in FORTY}) == 40
    for k in (8, 16, 40):
        data = Places(classes=k)
        assert len(data.class_names) == k
        assert len({tuple(colour) for colour in data.palette.tolist()}) == k


def test_two_scenes_share_no_state():
    data = Places()
    first = data.render(data.scene(0)).image.copy()
    table = data.style(data.scene(0))
    table[:] = 0
    data.render(data.scene(1))
    assert np.array_equal(data.render(data.scene(0)).image, first)


@pytest.mark.parametrize("knobs, words", [
    ({"classes": 12}, "8, 16 or 40"), ({"styles": "wild"}, "independent, natural"),
    ({"light": 2}, "light=2"), ({"background": -1}, "background=-1"), ({"size": 16}, "size 16"),
    ({"split": "dev"}, "train, val, test"),
])
def test_bad_knobs_are_named(knobs, words):
    with pytest.raises(BookError, match=words):
        Places(**knobs)


def test_bad_requests_are_named():
    data = Places()
    scene = data.scene(0)
    with pytest.raises(BookError, match="class 16"):
        data.redraw(scene, 16, np.random.default_rng(0))
    with pytest.raises(BookError, match="five numbers"):
        data.with_style(scene, 0, np.zeros(4))
    with pytest.raises(BookError, match="prototype 64"):
        data.with_prototype(scene, scenes.PROTOTYPES)
