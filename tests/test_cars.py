"""What the dataset `cars` promises: exact truth, and the same scene with one thing changed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from traffic import many

from synthbook.datasets import cache, dataset
from synthbook.datasets.cars import FAR, Backdrop, Camera, Car, Cars, Scene
from synthbook.datasets.cars.cast import meet_wheels
from synthbook.datasets.cars.dataset import BODY, CLASSES
from synthbook.datasets.cars.scene import PAINTS, apart
from synthbook.datasets.cars.shapes import SHAPES
from synthbook.datasets.raycast.sampling import blocks, means, most_common
from synthbook.datasets.raycast.solids import meet_solid
from synthbook.files import BookError

BACKDROP = Backdrop((0.3, 0.6), 1.0, 0.1, 1)


# --------------------------------------------------------------------------------- the form


def test_a_mark_changes_the_front_half_of_bodies_alone():
    plain, marked, half = (Cars("val", size=64, most=1, mark=m) for m in (0.0, 1.0, 0.5))
    for i in range(4):
        a, b, c = (data[i] for data in (plain, marked, half))
        changed = (a["image"] - b["image"]).abs().amax(0) > 0.02
        assert changed.any() and (a["label"] == b["label"]).all()
        assert (a["instance"][changed] > 0).float().mean() > 0.8  # the rest are edges
        assert not changed[a["label"] == CLASSES.index("wheel")].all()
        middle = (c["image"] - (a["image"] + b["image"]) / 2).abs()
        assert middle.max() < 0.05
    with pytest.raises(BookError, match="mark 2 is out of range: choose 0 to 1"):
        Cars(mark=2)


def test_item_has_the_contracts_form():
    cars = Cars(size=32, count=4)
    item = cars[1]
    assert item["image"].shape == (3, 32, 32) and item["image"].dtype == torch.float32
    assert -1 <= item["image"].min() and item["image"].max() <= 1
    assert item["label"].shape == item["instance"].shape == (32, 32)
    assert item["label"].dtype == item["instance"].dtype == torch.int64
    assert item["style"].shape == (len(CLASSES), 3) and 0 <= item["style"].min()
    assert cars.palette.shape == (len(CLASSES), 3)
    assert item["camera"].shape == (3, 4) and item["pose"].shape == (3, 4)
    assert item["extent"].shape == (3, 3) and item["shown"].dtype == torch.bool
    assert item["category"] == item["shown"].sum() == len(cars.scene(1).cars)
    with pytest.raises(IndexError):
        cars[4]


def test_items_are_the_same_in_any_order_and_process():
    one = [Cars(size=32, count=4)[i]["image"] for i in (3, 0)]
    loader = torch.utils.data.DataLoader(Cars(size=32, count=4), batch_size=4, num_workers=1)
    images = next(iter(loader))["image"]
    assert torch.equal(one[0], images[3]) and torch.equal(one[1], images[0])
    assert not torch.equal(images[0], Cars("val", size=32)[0]["image"])
    assert not torch.equal(images[0], Cars(size=32, seed=1)[0]["image"])


def test_the_cache_keeps_all_that_an_item_holds(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path))
    source = dataset("cars", "val", size=32, count=3, background="room")
    kept = cache.cached(source, progress=False)
    for i in range(3):
        fresh, read = source[i], kept[i]
        assert fresh.keys() == read.keys()
        assert all(torch.equal(fresh[key], read[key]) for key in fresh)
        assert all(fresh[key].dtype == read[key].dtype for key in fresh)
    assert cache.cache_path(source) != cache.cache_path(Cars("val", size=32, count=3))


def test_truth_says_where_the_cars_are():
    cars = Cars(size=32)
    scene = cars.without_car(many(cars)[0], 1)
    truth, car = cars.truth(scene), scene.cars[2]
    assert truth["shown"].tolist() == [True, False, True] and not truth["pose"][1].any()
    assert np.allclose(truth["pose"][2], (car.x, car.z, car.yaw, car.scale))
    assert np.allclose(truth["extent"][2], car.scale * car.form.extent)
    assert np.allclose(truth["camera"], scene.camera.extrinsics, atol=1e-6)
    assert cars.category(scene) == 2


# --------------------------------------------------------------------------------- the camera


def test_cameras_look_at_the_origin_from_where_they_should():
    cameras = [Cars().scene(i).camera for i in range(300)]
    up = np.degrees([camera.elevation for camera in cameras])
    assert 14.9 < up.min() < 18 and 41 < up.max() <= 44.5
    turns = np.array([camera.azimuth for camera in cameras])
    assert np.abs(np.exp(1j * turns).mean()) < 0.12
    for camera in cameras[:9]:
        rotation = camera.rotation
        assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.linalg.det(rotation) > 0
        assert np.allclose(camera.extrinsics[:, 3], (0, 0, 2))
        assert np.allclose(camera.project(np.zeros(3), 64), 32)
        above = camera.project(np.array([0, -0.3, 0]), 64)
        assert above[1] < 30 and abs(above[0] - 32) < 1e-9


@pytest.mark.parametrize("turn", [0.7, -2.4])
def test_turning_camera_and_cars_together_changes_no_mask(turn):
    cars, c, s = Cars(size=48), np.cos(turn), np.sin(turn)
    scene = many(cars)[1]
    turned = replace(
        cars.with_camera(scene, azimuth=scene.camera.azimuth + turn),
        cars=tuple(replace(car, x=c * car.x - s * car.z, z=s * car.x + c * car.z,
                           yaw=car.yaw - turn) for car in scene.cars))
    before, after = cars.render(scene), cars.render(turned)
    assert (before.label != after.label).mean() < 0.003
    assert (before.instance != after.instance).mean() < 0.003
    assert np.median(np.abs(cars.depth(scene) - cars.depth(turned))) < 1e-5


def test_a_car_is_drawn_where_its_box_projects():
    cars = Cars(size=64)
    for scene in many(cars)[:4]:
        for car, mask in zip(scene.cars, cars.masks(scene)):
            corners = scene.camera.project(car.corners, 64)
            y, x = np.nonzero(mask)
            low, high = corners.min(0).clip(0, 64), corners.max(0).clip(0, 64)
            found = (x.min(), y.min()), (x.max() + 1, y.max() + 1)
            assert (found[0] > low - 0.7).all() and (found[1] < high + 0.7).all()
            assert (found[0] < low + 7).all() and (found[1] > high - 7).all()


# ------------------------------------------------------------------------------- the rays


@pytest.mark.parametrize("name", ["saloon", "van", "pickup"])
def test_rays_meet_what_a_slow_march_meets(name):
    shape = next(shape for shape in SHAPES if shape.name == name)
    rng = np.random.default_rng(0)
    o = np.array([0.9, -0.5, 0.7])
    aim = rng.uniform(-1.2, 1.2, (50, 3)) * shape.extent - (0, shape.extent[1], 0)
    d = (aim - o).T.astype(np.float32)
    steps = np.linspace(0.4, 1.9, 3001)
    for solid in (shape.body, shape.top):
        met = meet_solid(solid, o.astype(np.float32), d)
        for k in range(d.shape[1]):
            points = o + steps[:, None] * d[:, k]
            inside = (points @ solid.normals.T <= solid.offsets).all(1)
            if np.isinf(met.depth[k]):
                assert inside.sum() < 5
            else:
                assert abs(steps[inside.argmax()] - met.depth[k]) < 1e-3
                where = o + met.depth[k] * d[:, k]
                assert abs(solid.normals[met.plane[k]] @ where - solid.offsets[met.plane[k]]) < 1e-5
    met = meet_wheels(shape, o.astype(np.float32), d)
    for k in range(d.shape[1]):
        points = o + steps[:, None] * d[:, k]
        hub = np.abs(points[:, None] - shape.wheels)
        inside = ((np.hypot(hub[..., 0], hub[..., 1]) < shape.wheel)
                  & (hub[..., 2] < shape.tyre)).any(1)
        if np.isinf(met.depth[k]):
            assert inside.sum() < 5
        else:
            assert abs(steps[inside.argmax()] - met.depth[k]) < 1e-3


def test_every_shape_is_closed_and_fits_its_box():
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        points = rng.uniform(-1.3, 1.3, (20_000, 3)) * shape.extent - (0, shape.extent[1], 0)
        inside = np.zeros(len(points), bool)
        for solid in (shape.body, shape.top):
            assert np.allclose(np.linalg.norm(solid.normals, axis=1), 1, atol=1e-6)
            inside |= (points @ solid.normals.T <= solid.offsets).all(1)
        found = points[inside] + (0, shape.extent[1], 0)
        assert (np.abs(found).max(0) <= shape.extent + 1e-6).all()
        assert (np.abs(found).max(0) > 0.85 * shape.extent).all()
        assert 0.3 < inside.mean() * 1.3**3 < 0.9


def test_depth_of_the_ground_is_that_of_the_plane():
    cars = Cars(size=33, background="ground", fewest=0, most=0)
    scene = cars.scene(5)
    depth = cars.depth(scene)
    line = (np.arange(33) + 0.5) / 33 - 0.5
    for row in (20, 26, 32):
        for column in (0, 15, 31):
            ray = scene.camera.rotation.T @ (line[column], line[row], 1)
            exact = -scene.camera.position[1] / ray[1]
            assert abs(depth[row, column] - exact) < 0.01
    white = Cars(size=33, fewest=0, most=0)
    assert (white.depth(scene) == FAR).all()


def test_the_nearer_car_hides_the_other():
    cars = Cars(size=64)
    camera = Camera(0.0, 0.4)
    row = tuple(Car(0, k, x, 0.0, 1.2) for k, x in enumerate((-0.4, 0.1, 0.6)))
    scene = Scene(camera, BACKDROP, row)
    rendered, masks, depth = cars.render(scene), cars.masks(scene), cars.depth(scene)
    for back, front in ((0, 1), (1, 2)):
        both = masks[back] & masks[front]
        assert both.sum() > 10 and not (rendered.instance[both] == back + 1).any()
    assert np.array_equal(rendered.instance == 3, masks[2])
    assert depth[masks[2]].max() < depth[rendered.instance == 1].min()


# ------------------------------------------------------------------------------ the draws


def test_backgrounds_share_cameras_and_cars():
    kinds = [Cars(background=kind) for kind in ("white", "ground", "room")]
    assert len({kind.scene(4) for kind in kinds}) == 1
    empty = Cars(background="ground", fewest=0, most=0).scene(4)
    assert empty.camera == kinds[1].scene(4).camera
    assert empty.backdrop == kinds[1].scene(4).backdrop and empty.cars == ()
    assert (Cars(fewest=0, most=0).render(empty).image == 255).all()


def test_numbers_of_cars_and_paints_are_uniform():
    scenes = [Cars().scene(i) for i in range(400)]
    counts = np.bincount([len(scene.cars) for scene in scenes], minlength=4) / 400
    assert counts[0] == 0 and np.abs(counts[1:] - 1 / 3).max() < 0.08
    cars = [car for scene in scenes for car in scene.cars]
    for values, kinds in (([c.paint for c in cars], PAINTS), ([c.shape for c in cars], SHAPES)):
        share = np.bincount(values, minlength=len(kinds)) / len(cars) * len(kinds)
        assert share.min() > 0.6 and share.max() < 1.5
    assert max(np.hypot(car.x, car.z) for car in cars) <= 0.65
    assert np.abs(np.exp(1j * np.array([car.yaw for car in cars])).mean()) < 0.1


def test_cars_never_touch():
    def inside(car, points):
        own = (points - car.centre) @ car.rotation
        return (np.abs(own) <= car.extent).all(1)

    side = np.linspace(-1, 1, 25)
    square = np.stack(np.meshgrid(side, [0.0], side, indexing="ij"), -1).reshape(-1, 3)
    met = 0
    for i in range(60):
        cars = Cars().scene(i).cars
        for a, b in [(a, b) for a in cars for b in cars if a is not b]:
            points = square * a.extent @ a.rotation.T + a.centre
            points[:, 1] = b.centre[1]
            assert not inside(b, points).any() and apart(a, b)
            crossing = replace(b, x=a.x + 0.05, z=a.z)
            met += apart(a, crossing)
    assert met == 0


def test_every_class_is_seen():
    cars = Cars(size=64, background="ground")
    labels = np.stack([cars.render(cars.scene(i)).label for i in range(12)])
    area = [(labels == c).mean() for c in range(len(CLASSES))]
    assert min(area) > 0.0004 and area[BODY] > 0.02
    instance = cars.render(cars.scene(0)).instance
    assert np.array_equal(instance > 0, cars.render(cars.scene(0)).label >= BODY)


def test_boxes_bound_the_cars_in_sight():
    cars = Cars(size=40)
    for i in range(6):
        instance, boxes = cars.render(cars.scene(i)).instance, cars.boxes(cars.scene(i))
        assert len(boxes) == len(np.unique(instance)) - 1
        for number, (c, x0, y0, x1, y1) in zip(np.unique(instance)[1:], boxes):
            mask = instance == number
            assert c == BODY and mask[y0:y1, x0:x1].sum() == mask.sum()
            assert mask[y0].any() and mask[y1 - 1].any()
            assert mask[:, x0].any() and mask[:, x1 - 1].any()


def test_small_pictures_are_large_ones_reduced():
    scene = many(Cars())[0]
    small, large = (Cars(size=size).render(scene) for size in (32, 128))
    shrunk = large.image.reshape(32, 4, 32, 4, 3).mean((1, 3))
    assert np.abs(shrunk - small.image).mean() < 2
    assert (large.label[2::4, 2::4] == small.label).mean() > 0.95


def test_samples_are_gathered_as_a_loop_gathers_them():
    values = np.random.default_rng(0).integers(0, 3, 36 * 9).astype(np.uint8)
    picture = values.reshape(18, 18)
    gathered, common = blocks(values, 3), most_common(blocks(values, 3), 3)
    mean = means(np.stack([values] * 3).astype(np.float32), 3)
    for y in range(6):
        for x in range(6):
            block = picture[3 * y:3 * y + 3, 3 * x:3 * x + 3].ravel()
            assert sorted(gathered[:, y, x]) == sorted(block)
            assert common[y, x] == np.bincount(block, minlength=3).argmax()
            assert abs(mean[1, y, x] - block.mean()) < 1e-6


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("knobs, words", [
    ({"background": "sky"}, "unknown background 'sky': choose one of white, ground, room"),
    ({"fewest": 2, "most": 1}, "2 to 1 cars"), ({"most": 4}, "1 to 4 cars"),
    ({"shadow": 2}, "shadow 2 is out of range"), ({"size": 16}, "size 16"),
    ({"split": "dev"}, "unknown split 'dev'")])
def test_bad_knobs_are_refused_in_one_line(knobs, words):
    with pytest.raises(BookError, match=words) as error:
        Cars(**knobs)
    assert "\n" not in str(error.value)


def test_bad_requests_are_refused():
    cars = Cars(fewest=1, most=1)
    scene = cars.scene(0)
    for request, words in [
            (lambda: cars.with_car(scene, 1, x=0.0), "car 1 is not in a scene of 1"),
            (lambda: cars.with_car(replace(scene, cars=()), 0), "has no cars"),
            (lambda: cars.with_car(scene, 0, speed=3), "no such property"),
            (lambda: cars.with_car(scene, 0, paint=99), "paint 99 is out of range"),
            (lambda: cars.with_car(scene, 0, scale=0.0), "scale 0.0 is out of range"),
            (lambda: cars.with_camera(scene, elevation=2.0), "less than a right angle")]:
        with pytest.raises(BookError, match=words):
            request()
