"""What `furniture` and `fruit` promise: exact truth, and the same scene with one thing changed."""

import numpy as np
import pytest
import torch

from synthbook.datasets import cache, dataset
from synthbook.datasets.cars import Cars
from synthbook.datasets.fruit import Fruits
from synthbook.datasets.fruit.shapes import SHAPES as FRUITS
from synthbook.datasets.fruit.shapes import meet_ellipsoid
from synthbook.datasets.furniture import Furniture
from synthbook.datasets.furniture.shapes import SHAPES as PIECES
from synthbook.datasets.raycast.scene import apart
from synthbook.datasets.things import things
from synthbook.files import BookError

BOTH = pytest.mark.parametrize("kind", [Furniture, Fruits])


def still(kind, **knobs):
    """A dataset whose camera adds nothing."""
    return kind(**({"jitter": 0.0} if kind is Fruits else {}), **knobs)


def many(data, count=3):
    """The first scene with so many objects."""
    return next(s for s in map(data.scene, range(40)) if len(s.objects) == count)


def near(mask):
    """The mask grown by one pixel in all eight directions."""
    padded = np.pad(mask, 1)
    h, w = mask.shape
    return np.any([padded[i:i + h, j:j + w] for i in range(3) for j in range(3)], axis=0)


# --------------------------------------------------------------------------------- the form


@BOTH
def test_item_has_the_contracts_form(kind):
    data = kind(size=32, count=4)
    item, classes = data[1], len(kind.class_names)
    assert item.keys() == Cars(size=32)[1].keys()
    assert item["image"].shape == (3, 32, 32) and item["image"].dtype == torch.float32
    assert -1 <= item["image"].min() and item["image"].max() <= 1
    assert item["label"].shape == item["instance"].shape == (32, 32)
    assert item["label"].dtype == item["instance"].dtype == torch.int64
    assert item["style"].shape == (classes, 3) and kind.palette.shape == (classes, 3)
    assert 0 <= item["style"].min() and item["style"].max() <= 1
    assert item["camera"].shape == (3, 4) and item["pose"].shape == (3, 4)
    assert item["extent"].shape == (3, 3) and item["shown"].dtype == torch.bool
    assert item["category"] == item["shown"].sum() == len(data.scene(1).objects)
    assert things(data) == (2, 3, 4, 5, 6) and len(kind.category_names) == 4
    assert [len(kind(split)) for split in ("train", "val")] == (
        [1000, 1000] if kind is Fruits else [10_000, 1000])


@BOTH
def test_items_are_the_same_in_any_order_and_process(kind):
    one = [kind(size=32, count=4)[i]["image"] for i in (3, 0)]
    images = next(iter(torch.utils.data.DataLoader(
        kind(size=32, count=4), batch_size=4, num_workers=1)))["image"]
    assert torch.equal(one[0], images[3]) and torch.equal(one[1], images[0])
    assert not torch.equal(images[0], kind("val", size=32)[0]["image"])
    assert not torch.equal(images[0], kind(size=32, seed=1)[0]["image"])


@pytest.mark.parametrize("name", ["furniture", "fruit"])
def test_the_cache_keeps_all_that_an_item_holds(name, tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path))
    source = dataset(name, "val", size=32, count=3, background="white")
    kept = cache.cached(source, progress=False)
    for i in range(3):
        fresh, read = source[i], kept[i]
        assert fresh.keys() == read.keys()
        assert all(torch.equal(fresh[key], read[key]) for key in fresh)
    assert cache.cache_path(source) != cache.cache_path(dataset(name, "val", size=32, count=3))


def test_shared_code_is_part_of_a_caches_name(monkeypatch):
    names = [cache.fingerprint(kind(size=32)) for kind in (Cars, Furniture, Fruits)]
    shared = "raycast/scene.py"
    read = cache.Path.read_bytes
    monkeypatch.setattr(cache.Path, "read_bytes", lambda path: (
        read(path) + b"#" if path.as_posix().endswith(shared) else read(path)))
    changed = [cache.fingerprint(kind(size=32)) for kind in (Cars, Furniture, Fruits)]
    assert not set(names) & set(changed)


# --------------------------------------------------------------------------------- the truth


@BOTH
def test_an_object_is_drawn_where_its_box_projects(kind):
    data = kind(size=64)
    for i in range(8):
        scene = data.scene(i)
        for one, mask in zip(scene.objects, data.masks(scene)):
            corners = scene.camera.project(one.corners, 64)
            y, x = np.nonzero(mask)
            low, high = corners.min(0).clip(0, 64), corners.max(0).clip(0, 64)
            found = (x.min(), y.min()), (x.max() + 1, y.max() + 1)
            assert (found[0] > low - 0.7).all() and (found[1] < high + 0.7).all()
            assert (found[0] < low + 9).all() and (found[1] > high - 9).all()


@pytest.mark.parametrize("shape", PIECES, ids=lambda shape: shape.name)
def test_a_piece_fills_its_box_and_stands_on_the_floor(shape):
    rng = np.random.default_rng(0)
    for part in shape.parts:
        points = rng.uniform(part.low - 0.02, part.high + 0.02, (6000, 3))
        inside = points[(points @ part.solid.normals.T <= part.solid.offsets).all(1)]
        assert len(inside) > 100
        assert (inside >= part.low - 1e-6).all() and (inside <= part.high + 1e-6).all()
        thin = (part.high - part.low) / 8 + 2e-3
        assert (inside.min(0) < part.low + thin).all() and (inside.max(0) > part.high - thin).all()
    low, high = (np.array([getattr(part, end) for part in shape.parts]) for end in ("low", "high"))
    assert abs(high[:, 1].max()) < 1e-9 and low[:, 1].min() == pytest.approx(-2 * shape.extent[1])
    for axis in (0, 2):
        assert high[:, axis].max() == pytest.approx(shape.extent[axis], abs=0.01)
        assert -low[:, axis].min() == pytest.approx(shape.extent[axis], abs=0.01)


@pytest.mark.parametrize("shape", FRUITS, ids=lambda shape: shape.name)
def test_rays_meet_the_surface_of_a_fruit_which_lies_on_the_table(shape):
    rng = np.random.default_rng(0)
    o = np.array([0.9, -0.6, 0.7], np.float32)
    lowest = max(part.centre[1] + part.half[1] for part in shape.parts)
    assert lowest == pytest.approx(0, abs=2e-3)
    for part in shape.parts:
        d = (part.centre + 1.2 * rng.normal(size=(200, 3)) * part.half - o).T.astype(np.float32)
        depth = meet_ellipsoid(part, o, d).depth
        met = np.isfinite(depth)
        assert met.any() and not met.all()
        reached = part.in_ball(o[:, None] + d[:, met] * depth[met])
        assert np.abs(np.linalg.norm(reached, axis=0) - 1).max() < 1e-3
        closer = part.in_ball(o[:, None] + d[:, met] * depth[met] * 0.98)
        assert (np.linalg.norm(closer, axis=0) > 1).all()
        offset = part.normals(reached) * 1e-3 + (o[:, None] + d[:, met] * depth[met])
        assert (np.linalg.norm(part.in_ball(offset), axis=0) > 1).all()


@BOTH
def test_label_instance_boxes_and_depth_agree(kind):
    data = kind(size=48)
    scene = many(data)
    rendered, masks, depth = data.render(scene), data.masks(scene), data.depth(scene)
    assert ((rendered.instance > 0) == (rendered.label >= 2)).all()
    for k, one in enumerate(scene.objects):
        seen = rendered.instance == k + 1
        assert (rendered.label[seen] == one.kind).all() and not seen[~near(masks[k])].any()
        if seen.any():
            distance = np.linalg.norm(one.centre - scene.camera.position)
            assert np.abs(depth[seen] - distance).max() < 0.8
    for c, x0, y0, x1, y1 in data.boxes(scene):
        assert (rendered.label[y0:y1, x0:x1] == c).any()
    bare = still(kind, size=48, fewest=0, most=0)
    assert (bare.depth(bare.scene(0)) > 0.5).all()


# --------------------------------------------------------------------------------- the draws


@BOTH
def test_kinds_and_paints_are_as_likely_and_nothing_touches(kind):
    scenes = [kind().scene(i) for i in range(300)]
    counts = np.bincount([len(s.objects) for s in scenes], minlength=4) / 300
    assert counts[0] == 0 and np.abs(counts[1:] - 1 / 3).max() < 0.09
    objects = [one for s in scenes for one in s.objects]
    for values, n in (([o.kind - 2 for o in objects], 5),
                      ([o.paint for o in objects], len(objects[0].paints))):
        part = np.bincount(values, minlength=n) / len(objects) * n
        assert part.min() > 0.6 and part.max() < 1.5
    assert {o.shape for o in objects} == set(range(len(objects[0].shapes)))
    assert max(np.hypot(o.x, o.z) for o in objects) <= 0.65
    assert all(apart(a, b) for s in scenes for a in s.objects for b in s.objects if a is not b)


@pytest.mark.parametrize("kind, size", [
    (Cars, (0.40, 0.17)), (Furniture, (0.17, 0.25)), (Fruits, (0.21, 0.21))])
def test_a_footprint_is_that_of_a_middling_object(kind, size):
    data = kind(count=300)
    assert data.footprint == size
    mean = np.mean([one.extent for i in range(300) for one in data.scene(i).objects], 0)[[0, 2]]
    assert mean == pytest.approx(size, abs=0.015)
    assert data.headed == (kind is Cars) and "footprint" not in data.knobs


@BOTH
def test_backdrop_and_camera_do_not_depend_on_the_objects(kind):
    for background in kind.backgrounds:
        full, empty = kind(background=background), kind(background=background, fewest=0, most=0)
        one, none = full.scene(4), empty.scene(4)
        assert none.camera == one.camera and none.backdrop == one.backdrop and none.objects == ()
        assert getattr(none, "photograph", 0) == getattr(one, "photograph", 0)
        item = empty[4]
        assert item["category"] == 0 and not item["instance"].any() and not item["shown"].any()
        assert not item["pose"].any() and item["label"].max() <= 1
    assert (item["image"] == 1).all()  # the last one is white
    assert Cars().scene(4).camera == full.scene(4).camera


# ------------------------------------------------------------------------------- the oracles


@BOTH
@pytest.mark.parametrize("change", [{"x": 0.1, "z": -0.2}, {"yaw": 2.0}, {"paint": 0},
                                    {"shape": 3}, {"scale": 0.8}, {"shown": False}])
def test_changing_one_object_changes_nothing_else(kind, change):
    for background in kind.backgrounds:
        data = still(kind, size=48, background=background)
        scene = many(data)
        (name, value), *_ = change.items()
        now = {name: 1} if getattr(scene.objects[1], name) == value else change
        edited = data.with_object(scene, 1, **now)
        before, after = data.render(scene), data.render(edited)
        touched = near(data.masks(scene)[1] | data.masks(edited)[1])
        changed = (before.image != after.image).any(2)
        assert changed.any() and not changed[~near(touched)].any()  # two: parts may be thin
        assert not (before.instance != after.instance)[~touched].any()
        for other in (0, 2):
            assert np.array_equal(data.masks(scene)[other], data.masks(edited)[other])


@BOTH
def test_without_its_objects_a_scene_is_its_background(kind):
    for background in kind.backgrounds:
        data = kind(size=40, background=background)
        scene = many(data, 2)
        gone = data.without_object(data.without_object(scene, 0), 1)
        index = next(i for i in range(40) if data.scene(i) == scene)
        empty = kind(size=40, background=background, fewest=0, most=0)
        assert np.array_equal(data.render(gone).image, empty.render(empty.scene(index)).image)
        assert data.category(gone) == 0 and not data.masks(gone).any()


@BOTH
def test_redrawing_a_class_changes_its_pixels_only(kind):
    data, rng = still(kind, size=48), np.random.default_rng(0)
    scene = many(data)
    before, chosen = data.render(scene), scene.objects[0].kind
    for c in (0, 1, chosen):
        changed = np.zeros((48, 48), bool)
        for _ in range(4):
            after = data.render(data.redraw(scene, c, rng))
            changed |= (before.image != after.image).any(2)
            assert np.array_equal(before.label, after.label)
        assert changed[before.label == c].mean() > 0.3 or not (before.label == c).any()
        assert not changed[~near(before.label == c) & ~near(before.instance > 0)].any()
    with pytest.raises(BookError, match="ground always looks the same here"):
        still(kind, background="white").redraw(scene, 1, rng)


def test_front_and_back_differ():
    data = Furniture(size=64, background="white", fewest=1, most=1)
    for shape, form in enumerate(PIECES):
        if form.kind in ("chair", "sofa", "cabinet"):
            scene = data.with_object(data.scene(0), 0, shape=shape, x=0.0, z=0.0)
            other = data.with_object(scene, 0, yaw=scene.pieces[0].yaw + np.pi)
            change = (data.render(scene).image != data.render(other).image).any(2)
            assert change.sum() > 30


def test_the_camera_of_fruit_errs_the_same_way_each_time():
    data, clean = Fruits(size=48), Fruits(size=48, jitter=0.0)
    scenes = [data.scene(i) for i in range(40)]
    assert all(np.array_equal(data.render(s).image, data.render(s).image) for s in scenes[:2])
    gains = np.array([s.photograph.gains for s in scenes])
    assert gains.min() > 0.77 and gains.max() < 1.25 and gains.std(0).min() > 0.04
    for scene in scenes[:4]:
        mine, exact = (d.render(scene) for d in (data, clean))
        assert np.array_equal(mine.label, exact.label)
        ratio = mine.image.mean((0, 1)) / exact.image.mean((0, 1))
        assert np.abs(ratio - scene.photograph.gains).max() < 0.06
    plain = Fruits(size=48, fewest=0, most=0)
    image = plain.render(plain.scene(3)).image.astype(float)
    assert 0.5 < np.abs(np.diff(image, axis=0)).mean()
    white = Fruits(size=48, background="white")
    picture, scene = white.render(scenes[0]).image, scenes[0]
    away = ~near(near(white.masks(scene).any(0)))
    assert (picture[away] == 255).all()


# ------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name, knobs, words", [
    ("furniture", {"background": "table"}, "unknown background 'table': choose one of room, white"),
    ("fruit", {"background": "room"}, "unknown background 'room': choose one of table, white"),
    ("furniture", {"fewest": 2, "most": 1}, "2 to 1 pieces are out of range"),
    ("fruit", {"most": 4}, "1 to 4 fruits are out of range"),
    ("fruit", {"jitter": 2}, "jitter 2 is out of range: choose 0 to 1"),
    ("furniture", {"jitter": 1}, "dataset 'furniture'.*unexpected keyword"),
    ("furniture", {"shadow": -1}, "shadow -1 is out of range"), ("fruit", {"size": 8}, "size 8"),
    ("furniture", {"split": "dev"}, "unknown split 'dev'")])
def test_bad_knobs_are_refused_in_one_line(name, knobs, words):
    with pytest.raises(BookError, match=words) as error:
        dataset(name, **knobs)
    assert "\n" not in str(error.value)


def test_bad_requests_are_refused():
    data = Fruits(fewest=1, most=1)
    scene = data.scene(0)
    for request, words in [
            (lambda: data.with_object(scene, 1, x=0.0), "fruit 1 is not in a scene of 1"),
            (lambda: data.with_object(scene, 0, speed=3), "a fruit has no such property"),
            (lambda: data.with_object(scene, 0, paint=3), "paint 3 is out of range"),
            (lambda: data.with_camera(scene, radius=0), "a radius above 0")]:
        with pytest.raises(BookError, match=words):
            request()
