"""The judge of cars: what it is taught is what a picture shows, and it is held to the truth."""

import math
from dataclasses import asdict, replace

import pytest
import torch

from synthbook import headings, models
from synthbook.datasets import dataset
from synthbook.datasets.cache import Cached
from synthbook.headings import HeadingConfig, HeadingJudge

TINY = HeadingConfig(width=4)


def cars(**knobs):
    return dataset("cars", "val", size=32, count=3, **knobs)


def test_cars_that_look_alike_have_one_angle():
    """A camera that goes around a car by an angle sees what it sees if the car turns so far."""
    data = cars(most=1)
    scene = data.with_car(data.scene(0), 0, x=0.0, z=0.0, yaw=0.4)
    angles, pictures = [], []
    for by in (0.0, 0.7, 2.5):
        camera = replace(scene.camera, azimuth=scene.camera.azimuth + by)
        seen = data.with_car(replace(scene, camera=camera), 0, yaw=0.4 - by)
        item = data.tensors(seen)
        pose = item["pose"][None]
        angles.append(headings.seen_angles(pose[..., 2], pose[..., :2], item["camera"][None])[0, 0])
        pictures.append(item["instance"])
    for angle, picture in zip(angles[1:], pictures[1:]):
        assert headings.apart(angle, angles[0]) < 1e-4
        assert (picture != pictures[0]).float().mean() < 0.01


def test_a_turn_of_the_car_is_a_turn_of_its_angle():
    data = cars(most=1)
    one, other = (data.truth(data.with_car(data.scene(1), 0, yaw=yaw)) for yaw in (0.2, 1.5))
    told = [headings.seen_angles(*(torch.from_numpy(x)[None] for x in (
        t["pose"][:, 2], t["pose"][:, :2], t["camera"])))[0, 0] for t in (one, other)]
    assert float(told[1] - told[0]) == pytest.approx(1.3, abs=1e-5)


def test_bearings_point_from_the_camera():
    rotation = torch.eye(3)
    camera = torch.cat([rotation, -rotation @ torch.tensor([[1.0], [-2.0], [0.0]])], 1)[None]
    place = torch.tensor([[[3.0, 0.0], [1.0, 5.0], [0.0, 0.0]]])
    assert headings.bearings(place, camera)[0].tolist() == pytest.approx(
        [0.0, math.pi / 2, math.pi])


def test_angles_are_apart_by_the_shorter_way():
    one = torch.tensor([0.1, 3.0, 0.0, 7.0])
    other = torch.tensor([2 * math.pi - 0.1, -3.0, math.pi, 7.0 + 4 * math.pi])
    assert headings.apart(one, other).tolist() == pytest.approx(
        [0.2, 2 * math.pi - 6, math.pi, 0.0], abs=1e-5)


class Known(HeadingJudge):
    """A judge whose vectors are given."""

    def __init__(self, vectors):
        super().__init__(TINY)
        self.headings = torch.nn.Identity()
        self.vectors = vectors

    def angles(self, image, mask):
        return super().angles(self.vectors, mask)


def test_the_angle_is_that_of_the_pixels_in_the_mask():
    vectors = torch.zeros(1, 2, 4, 4)
    vectors[:, 0], vectors[:, 1, :2] = 0.1, 9.0
    vectors[:, 0, :2] = 0.0
    top, bottom = (torch.zeros(1, 4, 4) for _ in range(2))
    top[:, :2], bottom[:, 2:] = 1, 1
    judge = Known(vectors)
    assert judge.angles(None, top).item() == pytest.approx(math.pi / 2)
    assert judge.angles(None, bottom).item() == pytest.approx(0)
    assert judge.angles(None, top + bottom).item() == pytest.approx(math.pi / 4)


def test_the_loss_is_least_where_headings_are_true_and_counts_cars_alone():
    items = [cars()[i] for i in range(3)]
    source = cars()
    batch = {key: torch.stack([item[key] for item in items])
             for key in ("image", "label", "instance")}
    batch["angle"] = headings.angles_of(source)
    wanted = batch["angle"].gather(1, batch["instance"].flatten(1)).view_as(batch["instance"])
    true = torch.stack([wanted.cos(), wanted.sin()], 1)
    judge = HeadingJudge(TINY)

    def turned(vectors):
        judge.headings = lambda image: vectors
        return float(headings.heading_loss({"judge": judge}, batch, {})[1]["headings"])

    del judge._modules["headings"]
    assert turned(true) == pytest.approx(0, abs=1e-6)
    assert turned(-true) == pytest.approx(2, abs=1e-5)
    elsewhere = torch.where((batch["instance"] > 0)[:, None], true, -true)
    assert turned(elsewhere) == pytest.approx(0, abs=1e-6)


def test_items_carry_their_cars_angles():
    source = cars()
    angle = headings.angles_of(source)
    assert angle.shape == (3, 4) and (angle[:, 0] == 0).all()
    stored = {key: torch.stack([source[i][key] for i in range(3)])
              for key in ("label", "instance")}
    stored["image"] = torch.zeros(3, 32, 32, 3, dtype=torch.uint8)
    data = headings.WithHeadings(Cached(source, stored), angle)
    assert len(data) == 3 and set(data[1]) == {"image", "label", "instance", "angle"}
    assert torch.equal(data[2]["angle"], angle[2])


def test_held_out_headings_are_measured_in_degrees():
    items = [cars(most=1)[i] for i in range(3)]
    rows = headings.heading_rows(HeadingJudge(TINY).eval(), items)
    assert set(rows) == {"heading_error", "heading_right", "heading_flips"}
    assert 0 <= rows["heading_error"].value <= 180

    class Sure(HeadingJudge):
        def angles(self, image, mask):
            pose, camera = (torch.stack([i[key] for i in items]) for key in ("pose", "camera"))
            return headings.seen_angles(pose[..., 2], pose[..., :2], camera)[:, 0]

    told = headings.heading_rows(Sure(TINY).eval(), items)
    assert told["heading_error"].value < 1e-3 and told["heading_right"].value == 1


@pytest.mark.parametrize("name", ["furniture", "fruit"])
def test_of_what_has_no_front_labels_alone_are_learnt_and_told(name):
    items = [dataset(name, "val", size=32, count=2)[i] for i in range(2)]
    batch = {key: torch.stack([item[key] for item in items]) for key in ("image", "label")}
    judge = HeadingJudge(HeadingConfig(7, width=4, dataset=name, headed=False))
    loss, terms = headings.heading_loss({"judge": judge}, batch, {})
    assert set(terms) == {"labels"} and torch.equal(loss, terms["labels"])
    loss.backward()
    assert all(p.grad is not None for p in judge.parameters())
    assert judge.features(batch["image"]).shape[0] == 2
    rows = headings.label_rows(judge.eval(), items)
    told = (judge(batch["image"]).argmax(1) == batch["label"]).float().mean().item()
    assert rows["held_out_accuracy"].value == pytest.approx(told, abs=1e-6)


@pytest.mark.parametrize("name, data, background", [
    ("pose", "cars", "white"), ("pose-ground", "cars", "ground"),
    ("pose-room", "furniture", "room"), ("pose-table", "fruit", "table")])
def test_the_catalogue_trains_and_rebuilds_it(name, data, background):
    made = models.recipe(models.parse(f"judges/{name}@{data}-32-s0"), "smoke").config
    assert made.knobs.get("background", "white") == background
    assert made.headed == (data == "cars")
    rebuilt = models.MODELS[f"judges/{name}"].assemble(asdict(made))
    rebuilt.load_state_dict(HeadingJudge(made).state_dict())
    assert hasattr(rebuilt, "headings") == made.headed


def test_judges_from_before_tell_headings():
    stored = {"classes": 6, "width": 4, "dataset": "cars", "size": 32, "knobs": {}}
    models.MODELS["judges/pose"].assemble(stored).load_state_dict(
        HeadingJudge(TINY).state_dict())
