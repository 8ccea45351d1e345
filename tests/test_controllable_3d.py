"""Primitives as soft pictures: closed forms, slow loops, invariances, gradients."""

import math

import numpy as np
import pytest
import solids
import torch
from solids import F64, numbers, scene

from synthbook.controllable_3d import (
    Camera,
    Pose,
    cuboid,
    ellipsoid,
    intrinsics,
    orbit,
    pose_of,
    project,
    rays,
    render_background,
    render_points,
    render_solids,
    yaw,
)
from synthbook.controllable_3d.poses import rotation_of
from synthbook.controllable_3d.primitives import FAR, NEAR, lines, solid
from synthbook.files import BookError


def one(t, s, R=None):
    """A single primitive, B = N = 1."""
    R = torch.eye(3, dtype=F64) if R is None else R
    return Pose(*(torch.as_tensor(x, dtype=F64)[None, None] for x in (R, t, s)))


def centroid(alpha):
    """Mean place (x, y) of a picture's mass, pixels."""
    line = torch.arange(alpha.shape[-1], dtype=alpha.dtype) + 0.5
    total = alpha.sum()
    return torch.stack([(alpha.sum(0) * line).sum(), (alpha.sum(1) * line).sum()]) / total


# ------------------------------------------------------------------- primitives, one by one


@pytest.mark.parametrize("kind", ["ellipsoid", "cuboid"])
def test_solids_match_a_loop_over_pixels(kind):
    size, sharpness = 9, 0.8
    pose, camera = scene(2, 2, seed=3)
    seen = pose.seen_by(camera)
    surface = solid(kind, seen, size, sharpness)
    for b in range(2):
        for n in range(2):
            alpha, depth = getattr(solids, kind)(
                *(x[b, n].numpy() for x in seen), size, sharpness)
            assert np.allclose(surface.alpha[b, n], alpha, atol=2e-5)
            hit = alpha > 0.52
            assert hit.any()
            assert np.allclose(surface.depth[b, n][hit], depth[hit], atol=1e-5)
            point = surface.point[b, n][torch.from_numpy(hit)]
            length = point.norm(dim=-1) if kind == "ellipsoid" else point.abs().amax(-1)
            assert torch.allclose(length, torch.ones_like(length), atol=1e-4)
            own = seen.rotation[b, n] @ (seen.scale[b, n] * point)[..., None]
            place = own[..., 0] + seen.translation[b, n]
            assert np.allclose(place[:, 2], depth[hit], atol=1e-5)


def test_an_ellipsoid_s_outline_is_the_closed_form_s():
    size = 48
    pose, camera = scene(1, 4, seed=8)
    seen = pose.seen_by(camera)
    alpha = ellipsoid(seen, size).alpha[0]
    K = intrinsics(size).double()
    u = torch.cat([project(rays(size, like=K), size), torch.ones(size, size, 1)], -1).double()
    for n in range(4):
        R, t, s = (x[0, n] for x in seen)
        dual = K @ (R @ torch.diag(s**2) @ R.T - t[:, None] * t) @ K.T
        conic = torch.linalg.inv(dual)
        q = (u @ conic * u).sum(-1)
        clear = q.abs() > 1e-3
        assert torch.equal((alpha[n] > 0.5)[clear], (q < 0)[clear])
        assert 20 < (q < 0).sum() and clear.float().mean() > 0.99


@pytest.mark.parametrize("hide", [False, True])
def test_points_match_a_loop_over_points_and_pixels(hide):
    size = 8
    pose, camera = scene(1, 2, seed=5)
    places, features = numbers(1, 2, 4, 3, seed=6).tanh(), numbers(1, 2, 4, 3, seed=7)
    ours = render_points(pose, places, features, camera, size, hide=hide, splat=1 / 6)
    seen = pose.seen_by(camera)
    for n in range(2):
        slow = solids.points(*(x[0, n].numpy() for x in seen), places[0, n].numpy(),
                             features[0, n].numpy(), size, size / 6, 0.1 if hide else None)
        assert np.allclose(ours.features[0, n], slow, atol=1e-9)
    assert torch.equal(ours.alpha[:, :, 0], cuboid(seen, size).alpha)
    assert torch.equal(ours.centre, seen.translation[..., 2])


def test_textures_are_read_where_the_surface_is():
    line = (torch.arange(8, dtype=F64) + 0.5) / 4 - 1
    z, y, x = torch.meshgrid(line, line, line, indexing="ij")
    texture = torch.stack([x, y, z])[None, None]
    pose, camera = scene(1, 1, seed=2)
    for kind in ("ellipsoid", "cuboid"):
        drawn = render_solids(kind, pose, texture, camera, 40)
        surface = solid(kind, pose.seen_by(camera), 40)
        inside = (surface.alpha > 0.9)[0, 0] & (surface.point.abs().amax(-1) < 0.87)[0, 0]
        expected = surface.point[0, 0] * surface.alpha[0, 0, ..., None]
        if kind == "ellipsoid":
            assert inside.sum() > 3
        assert torch.allclose(drawn.features[0, 0].movedim(0, -1)[inside], expected[inside],
                              atol=1e-9)


# --------------------------------------------------------------------- what must not change


@pytest.mark.parametrize("kind", ["ellipsoid", "cuboid"])
def test_moving_objects_and_camera_together_changes_nothing(kind):
    pose, camera = scene(2, 3, seed=4)
    texture = numbers(2, 3, 2, 4, 4, 4)
    Q, shift = rotation_of(numbers(6, seed=9)), numbers(3, seed=10)
    moved = Pose(Q @ pose.rotation, (Q @ pose.translation[..., None])[..., 0] + shift, pose.scale)
    turn = camera.rotation @ Q.T
    follows = Camera(turn, camera.translation - turn @ shift)
    for a, b in zip(render_solids(kind, pose, texture, camera, 12),
                    render_solids(kind, moved, texture, follows, 12)):
        assert torch.allclose(a, b, atol=1e-8)


def test_an_orbit_is_the_turn_of_all_objects_the_other_way():
    pose, _ = scene(1, 3, seed=4)
    angle, up = torch.tensor([0.4], dtype=F64), torch.tensor([0.5], dtype=F64)
    turn = yaw(torch.tensor(-0.9, dtype=F64))
    turned = Pose(turn @ pose.rotation, pose.translation @ turn.T, pose.scale)
    places, features = numbers(1, 3, 5, 3).tanh(), numbers(1, 3, 5, 2)
    for a, b in zip(render_points(pose, places, features, orbit(angle, up), 12),
                    render_points(turned, places, features, orbit(angle + 0.9, up), 12)):
        assert torch.allclose(a, b, atol=1e-8)


def test_a_small_ball_moves_as_its_centre_projects():
    _, camera = scene()
    ball = one((0.1, -0.1, 0.2), (0.07, 0.05, 0.06))
    for by in ((0.0, 0, 0), (0.2, 0, 0), (0, 0, -0.3), (-0.3, -0.2, 0.2)):
        seen = ball.moved(torch.tensor(by, dtype=F64)).seen_by(camera)
        found = centroid(ellipsoid(seen, 64).alpha[0, 0])
        assert (found - project(seen.translation[0, 0], 64)).abs().max() < 0.3


def test_area_goes_with_the_square_of_scale_over_depth():
    def area(scale, depth):
        return ellipsoid(one((0.0, 0, depth), (scale,) * 3), 64, 0.3).alpha.mean().log()

    by_scale = (area(0.16, 2.5) - area(0.08, 2.5)) / math.log(2)
    by_depth = (area(0.12, 3.2) - area(0.12, 1.6)) / math.log(2)
    assert abs(by_scale - 2) < 0.1 and abs(by_depth + 2) < 0.1


# --------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("kind", ["ellipsoid", "cuboid", "points"])
def test_gradients_are_those_of_finite_differences(kind):
    camera = scene()[1]
    start = numbers(1, 2, 12, seed=11) * 0.5
    texture, places = numbers(1, 2, 3, 4, 4, 4, seed=12), numbers(1, 2, 5, 3, seed=13).tanh()
    features = numbers(1, 2, 5, 3, seed=14)

    def means(x):
        pose = pose_of(x)
        drawn = (render_points(pose, places, features, camera, 12) if kind == "points"
                 else render_solids(kind, pose, texture, camera, 12))
        return torch.stack([part.mean() for part in drawn[:3]])

    jacobian = torch.autograd.functional.jacobian(means, start).flatten(1)
    step = 1e-6
    for k in range(start.numel()):
        by = torch.zeros(start.numel(), dtype=F64)
        by[k] = step
        slope = (means(start + by.view_as(start)) - means(start - by.view_as(start))) / (2 * step)
        assert torch.allclose(jacobian[:, k], slope, rtol=1e-2, atol=1e-5)
    assert (jacobian.abs().amax(1) > 1e-3).all()


@pytest.mark.parametrize("kind", ["ellipsoid", "cuboid"])
@pytest.mark.parametrize("depth, seen", [
    (2.0, True), (0.3, True), (0.0, True), (-0.5, False), (-3.0, False)])
def test_nothing_breaks_near_the_camera_or_behind_it(kind, depth, seen):
    start = torch.tensor([0.0, 0.0, depth], requires_grad=True)
    scale = torch.tensor([0.4, 0.3, 0.35], requires_grad=True)
    pose = Pose(torch.eye(3)[None, None], start[None, None], scale[None, None])
    surface = solid(kind, pose, 9)  # the ray in the middle runs along an axis
    assert all(torch.isfinite(part).all() for part in surface)
    assert NEAR <= surface.depth.min() and surface.depth.max() <= FAR
    assert bool(surface.alpha.max() > 0.5) == seen
    (surface.alpha.mean() + surface.depth.mean() + surface.point.mean()).backward()
    assert torch.isfinite(start.grad).all() and torch.isfinite(scale.grad).all()


def test_points_behind_the_camera_are_not_drawn():
    pose = one((0.0, 0, -1.0), (0.2, 0.2, 0.2))
    camera = Camera(torch.eye(3, dtype=F64)[None], torch.zeros(1, 3, dtype=F64))
    places = numbers(1, 1, 4, 3).tanh()
    for hide in (False, True):
        drawn = render_points(pose, places, torch.ones_like(places), camera, 8, hide=hide)
        assert not drawn.features.any() and not drawn.alpha.any()


def test_a_solid_is_as_deep_as_its_rays():
    pose, camera = scene(1, 1, seed=3)
    seen = pose.seen_by(camera)
    line = lines(seen, 7)
    back = (seen.rotation @ (seen.scale[..., None] * line.origin[:, :, 0, 0, :, None]))[..., 0]
    assert torch.allclose(back, -seen.translation)


# -------------------------------------------------------------------------------- refusals


def test_what_does_not_fit_is_refused():
    pose, camera = scene(1, 2)
    with pytest.raises(BookError, match="unknown solid 'cone': choose one of ellipsoid, cuboid"):
        render_solids("cone", pose, numbers(1, 2, 3, 4, 4, 4), camera, 8)
    with pytest.raises(ValueError, match="N=2"):
        render_solids("cuboid", pose, numbers(1, 3, 3, 4, 4, 4), camera, 8)
    with pytest.raises(ValueError, match="P=5"):
        render_points(pose, numbers(1, 2, 5, 3), numbers(1, 2, 4, 3), camera, 8)
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        render_background(numbers(3, 3, 4, 8), camera, 8)
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        ellipsoid(pose._replace(translation=pose.translation[:, :1]), 8)
