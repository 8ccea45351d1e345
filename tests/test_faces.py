"""What the dataset `faces` promises: truth that fits the pixels, one thing changed at a time."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from synthbook.datasets.faces import Faces, detail, parts
from synthbook.datasets.faces.paint import CLASSES, STYLES, oklab, srgb
from synthbook.datasets.faces.parts import about, after, inverse
from synthbook.datasets.faces.render import SLOT_CLASS, flat, nearby, reduce
from synthbook.files import BookError

PLAIN = {"grain": 0, "strands": 0, "freckles": 0, "weave": 0}
FULL = {"headwear": "cap", "glasses": "round", "beard": "goatee", "hair": "long", "eyes": "open",
        "mouth": "lips", "clothing": "squared", "pattern": "stripes", "backdrop": "disc"}


def full(faces, i=0):
    """A scene in which every class is visible."""
    return replace(faces.scene(i), **FULL)


def within(field, low, high):
    """Share of a field's power between two frequencies, by the full transform."""
    n = len(field)
    r = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None])
    power = np.abs(np.fft.fft2(field - field.mean())) ** 2
    return power[(r >= low) & (r <= high)].sum() / power.sum()


def test_item_has_the_contracts_form():
    faces = Faces(size=48, count=3)
    item = faces[2]
    assert item["image"].shape == (3, 48, 48) and item["image"].dtype == torch.float32
    assert -1 <= item["image"].min() and item["image"].max() <= 1
    assert item["label"].shape == item["instance"].shape == (48, 48)
    assert item["label"].dtype == item["instance"].dtype == torch.int64
    assert item["style"].shape == (len(CLASSES), len(STYLES))
    assert 0 <= item["style"].min() and item["style"].max() <= 1
    assert 0 <= item["category"] < len(faces.category_names) and item["index"] == 2
    assert faces.palette.shape == (len(faces.class_names), 3)
    with pytest.raises(IndexError):
        faces[3]


def test_items_are_the_same_in_any_order_and_process():
    one = [Faces(size=32, count=6)[i]["image"] for i in (5, 0, 3)]
    loader = torch.utils.data.DataLoader(Faces(size=32, count=6), batch_size=6, num_workers=2)
    images = next(iter(loader))["image"]
    for image, i in zip(one, (5, 0, 3), strict=True):
        assert torch.equal(image, images[i])
    assert not torch.equal(images[0], Faces("val", size=32)[0]["image"])
    assert not torch.equal(images[0], Faces(size=32, seed=1)[0]["image"])


@pytest.mark.parametrize("size", [32, 64, 128])
def test_redrawing_one_class_changes_only_its_region(size):
    faces = Faces(size=size)
    scenes = [full(faces)] + [faces.scene(i) for i in range(5 if size < 128 else 1)]
    for k, scene in enumerate(scenes):
        before = faces.render(scene)
        near = nearby(before.label, len(CLASSES))
        for c in range(len(CLASSES)):
            redrawn = faces.redraw(scene, c, np.random.default_rng(k))
            after_ = faces.render(redrawn)
            changed = (before.image != after_.image).any(2)
            assert not changed[~near[c]].any()
            assert changed.any() == (before.label == c).any()
            assert np.array_equal(before.label, after_.label)
            assert np.array_equal(before.instance, after_.instance)
            kept = np.arange(len(CLASSES)) != c
            assert np.array_equal(faces.style(scene)[kept], faces.style(redrawn)[kept])


def test_nearby_is_a_square_of_three():
    label = np.zeros((7, 9), np.uint8)
    label[2, 0] = label[5, 5] = 1
    slow = np.zeros((2, 7, 9), bool)
    for c in range(2):
        for y, x in zip(*np.nonzero(label == c), strict=True):
            slow[c, max(0, y - 1):y + 2, max(0, x - 1):x + 2] = True
    assert np.array_equal(nearby(label, 2), slow)


def test_every_number_of_every_style_shows():
    faces = Faces(size=64, grain=0, freckles=1)
    scene = full(faces)
    for c in range(len(CLASSES)):
        for s in range(len(STYLES)):
            low, high = (np.full(len(STYLES), 0.6) for _ in range(2))
            low[s], high[s] = 0.1, 0.9 if c or s != 4 else 0.5
            a, b = (faces.render(faces.with_style(scene, c, v)).image.astype(int)
                    for v in (low, high))
            assert np.abs(a - b).max() >= 6, (CLASSES[c], STYLES[s])


def test_with_style_is_read_back_and_refuses_nonsense():
    faces = Faces()
    wanted = np.linspace(0, 1, len(STYLES))
    changed = faces.with_style(faces.scene(0), 2, wanted)
    assert np.allclose(faces.style(changed)[2], wanted)
    for vector in (wanted[:-1], wanted + 0.5):
        with pytest.raises(BookError, match="numbers in"):
            faces.with_style(changed, 2, vector)
    with pytest.raises(BookError, match="class 8"):
        faces.redraw(changed, 8, np.random.default_rng(0))


def test_other_noise_changes_detail_and_nothing_else():
    faces, scene = Faces(size=64), full(Faces())
    other = faces.renoise(scene, np.random.default_rng(1))
    a, b = faces.render(scene), faces.render(other)
    assert np.array_equal(a.label, b.label) and (a.image != b.image).any()
    rough = np.abs(a.image.astype(float) - b.image).mean()
    blocks = reduce(a.image.astype(float).mean(2) - b.image.mean(2), 8)
    assert np.abs(blocks).mean() < 0.3 * rough
    plain = Faces(size=64, **PLAIN)
    assert np.array_equal(plain.render(scene).image, plain.render(other).image)


def test_detail_stays_in_its_part():
    scene = full(Faces())
    plain = Faces(**PLAIN).render(scene)
    near = nearby(plain.label, len(CLASSES))
    for knob, classes in {"strands": (2, 3), "freckles": (1,), "weave": (7,)}.items():
        image = Faces(**{**PLAIN, knob: 1}).render(scene).image
        changed = (image != plain.image).any(2)
        assert changed.any() and not changed[~near[list(classes)].any(0)].any()


@pytest.mark.parametrize("size", [32, 64, 128])
def test_grain_adds_power_in_its_band_only(size):
    scene = full(Faces())
    on = Faces(size=size, **{**PLAIN, "grain": 0.5}).render(scene).image.astype(float)
    off = Faces(size=size, **PLAIN).render(scene).image.astype(float)
    unclipped = on.min() > 0 and on.max() < 255
    added = (on - off)[..., 1]
    assert within(added, *detail.GRAIN_BAND) > (0.99 if unclipped else 0.97)
    assert abs(added.std() - 0.5 * detail.GRAIN) < 0.6


@pytest.mark.parametrize("size", [64, 128])
def test_weave_and_strands_lie_in_their_bands(size):
    everywhere = np.ones((size, size), bool)
    for noise in range(4):
        assert within(detail.weave(noise, size), *detail.WEAVE_BAND) > 0.9
        for curl in (0.0, 1.0):
            field = detail.strands(noise, size, (size / 2, size / 5), curl, everywhere)
            assert within(field, *detail.STRAND_BAND) > 0.75
            assert within(field, 0, 0.1) < 0.12


def test_strands_follow_the_hair():
    size = 64
    field = detail.strands(0, size, (32, -1000), 0.0, np.ones((size, size), bool))
    down = (field[1:] * field[:-1]).mean()
    across = (field[:, 1:] * field[:, :-1]).mean()
    assert down > across + 0.3


def test_freckles_match_a_sum_of_dots():
    to_pixels = np.array([[2.0, 0, -40], [0, 2.0, -40]])
    field = detail.freckles(3, 48, 0.6, to_pixels)
    assert field.min() >= 0 and 0.3 < field.max() <= 1
    assert not detail.freckles(3, 48, 0.0, to_pixels).any()
    y, x = np.nonzero(field > 0.3)
    assert np.abs((x / 2 + 20) - 32).max() < 16 and np.abs((y / 2 + 20) - 33.4).max() < 8


def test_small_pictures_are_large_ones_reduced():
    faces = Faces()
    for i in range(4):
        scene = faces.scene(i)
        small, large = flat(scene, 64).image, reduce(flat(scene, 256).image, 4)
        assert np.abs(small - large).mean() < 2


def test_labels_agree_across_sizes():
    scene = full(Faces())
    small, large = flat(scene, 64).label, flat(scene, 256).label
    assert (small == large[2::4, 2::4]).mean() > 0.96


def test_every_class_matters():
    faces = Faces(size=32)
    labels = np.stack([flat(faces.scene(i), 32).label for i in range(60)])
    for c in range(len(CLASSES)):
        present = (labels == c).any((1, 2))
        assert present.mean() > 0.3 and (labels[present] == c).mean() > 0.004


def test_boxes_and_instances_agree_with_a_slow_search():
    faces = Faces(size=40)
    for i in range(3):
        scene = faces.scene(i)
        rendered = faces.render(scene)
        assert np.array_equal(SLOT_CLASS[rendered.instance], rendered.label)
        found = []
        for slot in range(1, len(SLOT_CLASS)):
            where = [(y, x) for y in range(40) for x in range(40)
                     if rendered.instance[y, x] == slot]
            if where:
                ys, xs = zip(*where, strict=True)
                found.append([SLOT_CLASS[slot], min(xs), min(ys), max(xs) + 1, max(ys) + 1])
        assert faces.boxes(scene).tolist() == found


def test_attributes_name_what_is_drawn():
    faces = Faces()
    seen = {name: set() for name in faces.attribute_names}
    for i in range(600):
        scene = faces.scene(i)
        values = faces.attributes(scene)
        for name, value in values.items():
            seen[name].add(value)
        indices = faces.attribute_indices(scene)
        assert [faces.attribute_values[n][k] for n, k in zip(values, indices, strict=True)] \
            == list(values.values())
    assert all(seen[name] == set(faces.attribute_values[name]) for name in seen)
    shaded = replace(full(faces), glasses="sun")
    assert not (flat(shaded, 64).label == CLASSES.index("eyes")).any()


def test_every_part_named_by_an_attribute_is_in_the_atlas():
    art, values = parts.parts(), Faces.attribute_values
    for name in ("eyes", "mouth", "nose", "glasses", "beard", "hair"):
        missing = {v for v in values[name] if f"{name}/{v}" not in art}
        assert missing <= {"none", "bald"}
    assert all(f"hair/{v}" in art for v in values["headwear"] if v != "none")
    assert all(f"clothes/{v}" in art for v in values["clothing"])


def test_styles_are_independent_unless_matched():
    def hues(styles):
        faces = Faces(styles=styles)
        return np.stack([faces.style(faces.scene(i)) for i in range(500)])

    free = hues("independent").reshape(500, -1)
    correlation = np.corrcoef(free.T) - np.eye(free.shape[1])
    assert np.abs(correlation).max() < 0.2
    matched = hues("matched")
    assert np.corrcoef(matched[:, 2, 0], matched[:, 3, 0])[0, 1] > 0.99


def test_no_jitter_means_one_pose():
    still, moving = Faces(jitter=0), Faces(jitter=1)
    assert len({still.scene(i).pose for i in range(10)}) == 1
    assert len({moving.scene(i).pose for i in range(10)}) == 10


def test_a_layer_lands_where_its_matrix_says():
    disc = Image.new("L", (64, 64), 0)
    disc.paste(255, (24, 16, 40, 48))
    layer = parts.Layer(1, (10.0, 20.0), 8, (disc, disc.reduce(2), disc.reduce(4)), None)
    matrix = np.array([[3.0, 0, -12], [0, 3.0, -30]])
    placed = parts.place(layer, matrix, 64)
    canvas = np.zeros((64, 64))
    canvas[placed.window] = placed.cover
    y, x = np.mgrid[:64, :64] + 0.5
    u, v = (x + 12) / 3, (y + 30) / 3
    inside = (np.abs(u - 14) < 0.8) & (np.abs(v - 24) < 1.8)
    outside = (np.abs(u - 14) > 1.3) | (np.abs(v - 24) > 2.3)
    assert canvas[inside].min() == 1 and canvas[outside].max() == 0
    assert parts.place(layer, matrix + [[0, 0, 500], [0, 0, 0]], 64) is None


def test_maps_compose_and_invert():
    a, b = about(32, 52, 1.1, 0.9, 7, 1, -2), about(25, 28, 1.2, 1.2, 0, 0.3, 0)
    point = np.array([20.0, 30.0])
    through = a @ [*(b @ [*point, 1]), 1]
    assert np.allclose(after(a, b) @ [*point, 1], through)
    assert np.allclose(inverse(after(a, b)) @ [*through, 1], point)
    assert np.allclose(about(32, 52, 1.1, 0.9, 7) @ [32, 52, 1], [32, 52])


def test_oklab_round_trip_and_white():
    colours = np.array([[0, 0, 0], [255, 255, 255], [200, 30, 60], [12, 140, 200]], float)
    assert np.allclose(srgb(oklab(colours)), colours, atol=0.6)
    assert np.allclose(oklab(np.array([255.0, 255, 255])), [1, 0, 0], atol=1e-3)


@pytest.mark.parametrize("knobs, words", [
    ({"grain": 1.5}, "grain 1.5 is out of range"), ({"jitter": -1}, "jitter -1 is out of range"),
    ({"styles": "loud"}, "unknown styles 'loud'"), ({"size": 16}, "size 16"),
    ({"split": "dev"}, "unknown split 'dev'")])
def test_bad_knobs_are_refused_in_one_line(knobs, words):
    with pytest.raises(BookError, match=words) as error:
        Faces(**knobs)
    assert "\n" not in str(error.value)


def test_missing_and_damaged_art_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "data_dir", lambda: tmp_path)
    parts.parts.cache_clear()
    try:
        with pytest.raises(BookError, match="faces"):
            Faces()[0]
        folder = tmp_path / "art" / "faces"
        folder.mkdir(parents=True)
        (folder / "atlas.json").write_text('{"pixels_per_unit": 8, "parts": {}}')
        (folder / "atlas.png").write_bytes(b"not a picture")
        with pytest.raises(BookError, match="missing or damaged"):
            Faces()[0]
    finally:
        parts.parts.cache_clear()
