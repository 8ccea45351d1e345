"""Measures of obedience: right on a model that obeys, and they catch one that does not."""

import math

import pytest
import torch
from tiny_cars import model, scene

from synthbook.controllable_3d import measure
from synthbook.controllable_3d.measure import Motion


def painted(made):
    """A judge that knows white: it takes all else for a car."""
    def judge(image):
        car = (image < 0.9).any(1).float() * 20 - 10
        logits = torch.full((len(image), 6, *image.shape[-2:]), -30.0)
        logits[:, 0], logits[:, measure.PARTS] = 0.0, car
        return logits
    return judge


class Deaf:
    """A model whose objects stay, and stay as they are, whatever is asked for."""

    def __init__(self, made, start):
        self.made, self.config, self.start = made, made.config, start

    def render(self, asked):
        return self.made.render(self.start._replace(keep=asked.keep))


@torch.no_grad()
def test_objects_that_go_where_they_are_told_have_slope_one():
    made = model(channels=8)
    start = scene(made, 6)
    rendered = measure.motion(Solid(made), start, measure.shifted(start))
    rows = measure.obedience(rendered, 6)
    assert rows["slope"].value == pytest.approx(1, abs=0.15) and rows["r2"].value > 0.9
    assert rows["slope"].low <= rows["slope"].value <= rows["slope"].high
    assert rows["error"].value < 0.6


class Solid:
    """A model whose objects fill their primitives."""

    def __init__(self, made):
        self.made, self.config = made, made.config

    def render(self, asked):
        picture = self.made.render(asked)
        return picture._replace(layers=picture.layers._replace(alpha=picture.rendered.alpha))


@torch.no_grad()
def test_objects_that_stay_have_slope_zero():
    made = model()
    start = scene(made, 4)
    moves = measure.motion(Deaf(made, start), start, measure.shifted(start))
    rows = measure.obedience(moves, 4)
    assert rows["slope"].value == pytest.approx(0, abs=1e-6)
    assert rows["error"].value == pytest.approx(float(moves.told.norm(dim=1).mean()), rel=0.2)


def test_slope_and_fit_are_those_of_least_squares():
    torch.manual_seed(0)
    told = torch.randn(40, 2)
    seen = 0.8 * told + 0.05 * torch.randn(40, 2)
    moves = Motion(told, seen, torch.arange(40) % 8)
    rows = measure.obedience(moves, 8)
    a, b = told.flatten().double(), seen.flatten().double()
    slope = (a * b).sum() / (a * a).sum()
    assert rows["slope"].value == pytest.approx(slope.item(), rel=1e-6)
    assert rows["r2"].value == pytest.approx(
        1 - ((b - slope * a).square().sum() / b.square().sum()).item(), abs=1e-6)


@torch.no_grad()
def test_nothing_leaks_outside_a_primitive_and_a_leak_is_caught():
    made = model()
    start = scene(made)
    assert measure.leaks(made, start).max() < 1e-6

    class Leaky(Deaf):
        def render(self, asked):
            picture = made.render(asked)
            return picture._replace(
                image=picture.image + asked.pose.translation[:, 0, 0, None, None, None])

    assert measure.leaks(Leaky(made, start), start).min() > 0.05


@torch.no_grad()
def test_an_object_beside_its_primitive_has_an_offset():
    made = model()
    start = scene(made, 6)
    near, _ = measure.offsets(Solid(made), start)

    class Beside(Deaf):
        def render(self, asked):
            picture = made.render(asked)
            alpha = picture.rendered.alpha.roll(3, -1)
            return picture._replace(layers=picture.layers._replace(alpha=alpha))

    beside, wander = measure.offsets(Beside(made, start), start)
    assert near.mean() < 0.7 and beside.mean() > 2 and wander.mean() < 1


def test_blobs_are_counted():
    mask = torch.zeros(3, 12, 12)
    mask[0, 1:4, 1:4] = 1
    mask[0, 4:6, 4:6] = 1  # touches at a corner
    mask[1, 1:4, 1:4] = 1
    mask[1, 8:11, 2:11] = 1
    mask[1, 6, 6] = 1  # too small for a share of 2 %
    assert measure.blobs(mask, 0.02).tolist() == [1, 2, 0]
    snake = torch.zeros(1, 9, 9)
    snake[0, ::2] = 1
    snake[0, 1::4, 8] = snake[0, 3::4, 0] = 1
    assert measure.blobs(snake).tolist() == [1]


@torch.no_grad()
def test_a_judge_sees_objects_that_are_there_alone():
    made = model()
    start = scene(made, 3)
    found = measure.silhouettes(made, start, painted(made))
    assert found.shape == (3, 3, 1, 16, 16) and found.min() >= 0 and found.max() <= 1
    alpha = made.render(start).layers.alpha
    assert found[alpha < 0.02].max() < 0.1
    gone = measure.only(start, 1)
    assert gone.keep.tolist() == [[False, True, False]] * 3 and start.keep.all()


def test_the_warp_leaves_little_where_depth_is_true():
    made = model()
    start = scene(made, 3)

    class True3D(type(made)):
        def refine(self, rendered, look, keep=None):
            return super().refine(rendered, look, keep)._replace(
                alpha=rendered.alpha, depth=rendered.depth)

    true = True3D(made.config).eval()
    true.load_state_dict(made.state_dict())
    with torch.no_grad():
        depth, _ = measure.consistency(true, start)
        other, _ = measure.consistency(made, start)
    assert depth.shape == (3,) and depth.mean() < other.mean()


def test_all_rows_of_a_model():
    rows = measure.rows(model(), count=4)
    assert set(rows) == {"move_slope", "move_r2", "move_error", "orbit_slope", "orbit_r2",
                         "orbit_error", "outside", "offset", "wander", "one_object",
                         "warp_depth", "warp_colour"}
    assert rows["outside"].value < 1e-6 and all(
        math.isfinite(row.value) and row.low <= row.value <= row.high for row in rows.values())
