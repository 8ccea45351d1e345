"""Cameras, poses, places and the background sphere; the datasets have the same camera."""

import math

import numpy as np
import pytest
import torch
from solids import F64, numbers, scene
from tiny_cars import model

from synthbook.controllable_3d import (
    cuboid,
    draw_cameras,
    from_extrinsics,
    intrinsics,
    jittered,
    of_cars,
    orbit,
    pose_of,
    prior,
    project,
    rays,
    render_background,
    upright,
    yaw,
)
from synthbook.controllable_3d.poses import rotation_of
from synthbook.controllable_3d.renderer import background_points
from synthbook.datasets import dataset
from synthbook.datasets.cars import Cars
from synthbook.files import BookError


# ---------------------------------------------------------------------------------- cameras


def test_the_camera_is_that_of_the_dataset():
    cars = Cars(size=32)
    for i in range(5):
        camera = cars.scene(i).camera
        ours = orbit(torch.tensor([camera.azimuth], dtype=F64),
                     torch.tensor([camera.elevation], dtype=F64), camera.radius)
        theirs = from_extrinsics(torch.from_numpy(camera.extrinsics)[None])
        for a, b in zip(ours, theirs):
            assert torch.allclose(a, b, atol=1e-12)
        assert np.allclose(ours.centre[0], camera.position)
        places = numbers(6, 3, seed=i) * 0.4
        seen = places @ ours.rotation[0].T + ours.translation[0]
        assert np.allclose(project(seen, 32), camera.project(places.numpy(), 32))
    assert np.allclose(intrinsics(32), cars.intrinsics)


def test_drawn_cameras_have_the_dataset_s_elevations():
    camera = draw_cameras(400, torch.Generator().manual_seed(0))
    height = torch.rad2deg(torch.asin(-camera.centre[:, 1] / 2))
    assert 14.9 < height.min() < 17 and 42 < height.max() < 44.5
    drawn = np.degrees([Cars().scene(i).camera.elevation for i in range(300)])
    assert abs(height.mean() - drawn.mean()) < 1.5 and abs(height.std() - drawn.std()) < 1
    assert torch.allclose(camera.rotation @ camera.rotation.mT, torch.eye(3), atol=1e-5)


def test_rays_pass_through_pixel_centres():
    ray = rays(6, like=numbers(1))
    assert torch.allclose(ray[..., 2], torch.ones(6, 6, dtype=F64))
    back = project(3.7 * ray, 6)
    assert torch.allclose(back[4, 1], torch.tensor([1.5, 4.5], dtype=F64))
    own = intrinsics(6).double() @ ray[4, 1]
    assert torch.allclose(own[:2], back[4, 1])


# ------------------------------------------------------------------------------------ poses


def test_six_numbers_make_a_rotation():
    given = numbers(50, 6)
    R = rotation_of(given)
    assert torch.allclose(R @ R.mT, torch.eye(3, dtype=F64).expand(50, 3, 3), atol=1e-10)
    assert torch.allclose(torch.linalg.det(R), torch.ones(50, dtype=F64))
    a = given.view(50, 3, 2)[..., 0]
    assert torch.allclose(R[..., 0] * a.norm(dim=1, keepdim=True), a)
    assert torch.allclose(rotation_of(given * 3), R)


def test_numbers_become_poses_in_range():
    pose = pose_of(numbers(4, 3, 12) * 5)
    assert pose.translation.abs().max() <= 1
    assert pose.scale.min() >= 0.1 and pose.scale.max() <= 0.6
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        pose_of(numbers(4, 3, 11))


def test_turning_moves_no_centre_and_goes_the_dataset_s_way():
    pose, _ = scene(3, 2)
    turned = pose.turned(torch.tensor(math.pi / 2, dtype=F64))
    assert torch.equal(turned.translation, pose.translation)
    x = torch.tensor([1.0, 0, 0], dtype=F64)
    assert torch.allclose(yaw(torch.tensor(math.pi / 2, dtype=F64)) @ x,
                          torch.tensor([0, 0, -1.0], dtype=F64), atol=1e-12)
    car = Cars().scene(0).cars[0]
    assert np.allclose(yaw(torch.tensor(car.yaw, dtype=F64)), car.rotation)


def test_jitter_turns_by_up_to_the_angle_given():
    pose = upright(*(torch.zeros(200, 2),) * 3, torch.ones(200, 2, 3))
    noisy = jittered(pose, 30, torch.Generator().manual_seed(0))
    angle = torch.rad2deg(torch.acos(noisy.rotation[..., 0, 0]))
    assert 0 <= angle.min() < 2 and 28 < angle.max() <= 30.01
    assert torch.allclose(noisy.rotation[..., 1, 1], torch.ones(200, 2))
    assert not torch.allclose(angle[:, 0], angle[:, 1])
    with pytest.raises(BookError, match="400 degrees is out of range"):
        jittered(pose, 400)


# -------------------------------------------------------------------------------- background


def test_every_ray_meets_the_background_sphere():
    camera = draw_cameras(6, torch.Generator().manual_seed(1))
    where = background_points(camera, 16)
    assert torch.allclose(where.norm(dim=-1), torch.full((6, 16, 16), 2.0), atol=1e-4)
    ahead = ((where - camera.centre[:, None, None]) * camera.rotation[:, None, None, 2]).sum(-1)
    assert ahead.min() > 0
    high = orbit(torch.tensor([0.3]), torch.tensor([math.radians(27.5)]))
    falls = background_points(high, 16) - high.centre[:, None, None]
    assert falls[..., 1].min() > 0  # above 27 degrees every ray goes down
    with pytest.raises(BookError, match="outside the background sphere of radius 1.5"):
        background_points(camera, 16, 1.5)


def test_turning_the_texture_is_turning_the_camera():
    texture = numbers(1, 3, 8, 16)
    up = torch.tensor([0.5], dtype=F64)
    here = render_background(texture, orbit(up, up), 12)
    around = render_background(texture, orbit(up + 2 * math.pi, up), 12)
    assert torch.allclose(here, around, atol=1e-9)
    turned = orbit(up + 2 * math.pi * 5 / 16, up)
    assert torch.allclose(here, render_background(texture.roll(5, 3), turned, 12), atol=1e-8)
    assert not torch.allclose(here, render_background(texture, turned, 12), atol=0.1)


def test_the_background_has_no_seam_and_its_last_row_is_below():
    row = torch.linspace(-1, 1, 8, dtype=F64).view(1, 1, 8, 1).expand(1, 1, 8, 16)
    camera = orbit(torch.zeros(1, dtype=F64), torch.full((1,), 1.5, dtype=F64))  # looks down
    seen = render_background(row, camera, 11)
    assert seen[0, 0, 5, 5] > 0.95
    level = render_background(torch.ones(1, 1, 8, 16, dtype=F64), camera, 11)
    assert torch.allclose(level, torch.ones_like(level))


# ------------------------------------------------------------------------------- the dataset


def test_boxes_of_cars_hold_their_masks():
    cars = Cars(size=48)
    for i in range(3):
        scene = cars.scene(i)
        item = cars.tensors(scene)
        camera = from_extrinsics(item["camera"][None])
        pose = of_cars(item["pose"][None], item["extent"][None])
        surface = cuboid(pose.seen_by(camera), 48)
        view = cars.view(scene)  # at pixel centres, as the renderer
        instance = torch.from_numpy(view.instance).view(48, 48)
        depth = torch.from_numpy(view.depth).view(48, 48)
        for k, mask in enumerate(torch.from_numpy(cars.masks(scene))):
            box = surface.alpha[0, k] > 0.5
            inside = (mask & box).sum() / mask.sum()
            assert inside > 0.985 and mask.sum() > 0.55 * box.sum()
            own = (instance == k + 1) & box
            assert (depth - surface.depth[0, k])[own].min() > -1e-3
            assert (depth - surface.depth[0, k])[own].median() < 0.2
        assert torch.allclose(pose.translation[0, :len(scene.cars)].double(), torch.from_numpy(
            np.stack([car.centre for car in scene.cars])), atol=1e-6)


# ------------------------------------------------------------------- places by the prior


PAIRS = (0, 1), (0, 2), (1, 2)


def between(place, keep):
    """Distances of all pairs of primitives that are kept, one after the other."""
    return torch.cat([(place[:, a, :2] - place[:, b, :2]).norm(dim=-1)[keep[:, a] & keep[:, b]]
                      for a, b in PAIRS])


@pytest.mark.parametrize("name", ["cars", "furniture", "fruit"])
def test_places_are_those_of_the_data(name):
    data = dataset(name, count=300, size=32)
    scenes = [data.scene(i) for i in range(300)]
    keep = torch.tensor([[k < len(s.objects) for k in range(3)] for s in scenes])
    true = torch.zeros(300, 3, 2)
    for row, one in zip(true, scenes):
        for k, placed in enumerate(one.objects):
            row[k] = torch.tensor([placed.x, placed.z])
    size = data.footprint
    place = prior.draw_places(keep, torch.Generator().manual_seed(0), size)
    for drawn, wanted in ((place[keep][:, :2].norm(dim=-1), true[keep].norm(dim=-1)),
                          (between(place, keep), between(true, keep))):
        for share in (0.25, 0.5, 0.75):
            assert drawn.quantile(share).item() == pytest.approx(wanted.quantile(share).item(),
                                                                 abs=0.05)
    there = [keep[:, a] & keep[:, b] for a, b in PAIRS]
    clear = torch.cat([prior.apart(place[m, a], place[m, b], size)
                       for m, (a, b) in zip(there, PAIRS)])
    assert clear.float().mean() > 0.995
    assert not prior.apart(place[:, 0], place[:, 0], size).any()


def test_a_model_draws_with_the_footprint_of_its_data():
    small = model(footprint=(0.1, 0.1)).draw(200, torch.Generator().manual_seed(0))
    large = model(footprint=(0.3, 0.3)).draw(200, torch.Generator().manual_seed(0))
    nearest = [between(drawn.place, drawn.keep).min() for drawn in (small, large)]
    assert 0.23 <= nearest[0] < 0.4 and nearest[1] >= 0.63


def test_two_cars_are_apart_where_an_axis_separates_them():
    one = torch.tensor([0.0, 0.0, 0.0])
    side, end = torch.tensor([0.0, 0.38, 0.0]), torch.tensor([0.5, 0.0, 0.0])
    assert prior.apart(one, side) and not prior.apart(one, end)
    upright = torch.tensor([0.0, 0.38, torch.pi / 2])
    assert not prior.apart(one, upright)
    assert prior.apart(one, torch.tensor([0.62, 0.0, torch.pi / 2]))
