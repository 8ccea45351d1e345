"""What the chapter on 3D control shows: maps, derivatives, corners, warps."""

import pytest
import torch

from synthbook.controllable_3d import from_extrinsics, inverse, orbit, showing
from synthbook.controllable_3d.losses import residuals
from synthbook.datasets import dataset

CAMERA = orbit(torch.tensor([0.6]), torch.tensor([0.5]))
ONE = torch.tensor([[[0.1, -0.1, 0.5, 0.4, 0.17, 0.2]]])
RED = torch.tensor([[[0.7, -0.6, -0.6]]])


def test_features_say_where_a_point_is():
    made = showing.maps(ONE, CAMERA, 32)
    inside = made.alpha[0, 0, 0] > 0.99
    point = (made.features / made.alpha)[0, 0][:, inside]
    assert point.abs().amax(0).min() > 0.8 and point.abs().max() < 1.05  # on a face of the cube
    assert all(p.shape == (3, 32, 32) and p.abs().max() <= 1 for p in showing.pictures(made))


@pytest.mark.parametrize("which", range(6))
def test_slopes_are_those_of_differences(which):
    told, step = showing.slope(ONE, CAMERA, 24, which, "ellipsoid"), 1e-3
    ends = []
    for sign in (1, -1):
        near = ONE.clone()
        near[..., which] += sign * step
        ends.append(showing.maps(near, CAMERA, 24, "ellipsoid").alpha[0, 0, 0])
    differences = (ends[0] - ends[1]) / (2 * step)
    assert torch.allclose(told["alpha"], differences, atol=0.02) and told["alpha"].abs().max() > 0.5


def test_signs_are_colours():
    image = showing.signed(torch.tensor([[-2.0, 0.0, 1.0]]))
    assert image[:, 0, 0].tolist() == [-1, -1, 1] and image[:, 0, 1].tolist() == [1, 1, 1]
    assert image[:, 0, 2].tolist() == [1, 0, 0]


def test_far_away_nothing_is_felt_and_a_blur_is_felt_farther():
    front = orbit(torch.tensor([-torch.pi / 2]), torch.tensor([0.5]))
    small = torch.tensor([[[0.0, 0.0, 0.0, 0.12, 0.12, 0.12]]])
    found = showing.from_afar(small, [0.1, 0.45], [1.0, 5.0], front, RED, 32)
    assert found.shape == (2, 2) and found[0, 0] > 0 and found[1, 0] > 0
    assert abs(found[0, 1]) < 0.15 * found[0, 0]
    assert found[1, 1] / found[1, 0] > abs(found[0, 1]) / found[0, 0]


def test_a_box_s_corners_surround_its_car():
    data = dataset("cars", "test", size=64, fewest=1, most=1)
    item = data[3]
    found = showing.corners(item["pose"][0, :3], item["extent"][0],
                            from_extrinsics(item["camera"][None]), 64)
    y, x = (item["instance"] == 1).nonzero(as_tuple=True)
    low, high = found.amin(0), found.amax(0)
    assert low[0] - 1 < x.min() and x.max() < high[0] + 1
    assert low[1] - 1 < y.min() and y.max() < high[1] + 1


def test_the_colour_of_a_picture_is_that_of_what_is_not_white():
    image = inverse.shown(ONE, RED, CAMERA, 32)[0]
    assert torch.allclose(showing.tint(image), RED, atol=0.3)


def test_a_turned_ellipsoid_is_found_again():
    first, second = showing.turned_layers(ONE, 0.3, CAMERA, 64)
    inside = (first.alpha > 0.9).float()
    _, colour = residuals(first, second)
    plain = (first.alpha * first.rgb - second.alpha * second.rgb).abs().mean(1, keepdim=True)
    assert (inside * colour).sum() < 0.6 * (inside * plain).sum()
