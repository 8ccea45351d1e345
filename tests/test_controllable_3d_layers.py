"""Composition by depth, the warp between two poses, and the losses made of them."""

import math

import numpy as np
import pytest
import solids
import torch

from synthbook.controllable_3d import (
    Layer,
    Pose,
    compactness,
    compose,
    each_alone,
    ellipsoid,
    geometric_consistency,
    layer_of,
    orbit,
    pose_of,
    rays,
    some_dropped,
    visible,
    warp,
    yaw,
)
from synthbook.controllable_3d.cameras import project
from synthbook.controllable_3d.generator_3d import mlp
from synthbook.controllable_3d.losses import one_way, residuals
from synthbook.controllable_3d.warp import carried

F64 = torch.float64


def numbers(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def layers(b=2, n=3, size=6, seed=0):
    """Colours, alphas and depths of random layers, and a background."""
    return (numbers(b, n, 3, size, size, seed=seed), numbers(b, n, 1, size, size, seed=seed + 1),
            1 + numbers(b, n, 1, size, size, seed=seed + 2), numbers(b, 3, size, size, seed=9))


# ------------------------------------------------------------------------------- composition


def test_composition_matches_painting_from_the_back():
    rgb, alpha, depth, background = layers()
    image, share = compose(rgb, alpha, depth, background)
    for b in range(2):
        slow = solids.compose(*(x[b].numpy() for x in (rgb, alpha[:, :, 0], depth[:, :, 0])),
                              background[b].numpy())
        assert np.allclose(image[b], slow)
    let_through = (1 - alpha).prod(1)
    assert torch.allclose(1 - share.sum(1), let_through) and share.min() >= 0


def test_the_nearer_of_two_solid_layers_is_seen():
    rgb = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)])[None]
    alpha, background = torch.ones(1, 2, 1, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    depth = torch.stack([torch.full((1, 4, 4), 1.0), torch.full((1, 4, 4), 2.0)])[None]
    assert not compose(rgb, alpha, depth, background).image.any()
    assert (compose(rgb, alpha, depth.flip(1), background).image == 1).all()
    equal = torch.ones_like(depth)
    assert not compose(rgb, alpha, equal, background).image.any()


def test_the_order_is_that_of_exact_rays():
    size = 20
    ordered = together = 0
    for seed in range(4):
        drawn = torch.randn(1, 2, 12, generator=torch.Generator().manual_seed(seed)).double()
        pose = pose_of(drawn * 0.15)._replace(scale=torch.full((1, 2, 3), 0.4, dtype=F64))
        seen = pose.seen_by(orbit(drawn[0, :1, 0], torch.tensor([0.5], dtype=F64)))
        surface = ellipsoid(seen, size)
        exact = [solids.ellipsoid(*(x[0, n].numpy() for x in seen), size, 0.7) for n in (0, 1)]
        both = (exact[0][0] > 0.5) & (exact[1][0] > 0.5)
        share = visible((surface.alpha > 0.5).double()[:, :, None], surface.depth[:, :, None])
        first = share[0, 0, 0].numpy() == 1
        ordered += (first == (exact[0][1] < exact[1][1]))[both].sum()
        together += both.sum()
    assert together > 60 and ordered >= 0.99 * together


def test_the_range_of_colours_does_not_matter_nor_the_order_of_layers():
    rgb, alpha, depth, background = layers()
    image = compose(rgb, alpha, depth, background).image
    wide = compose(2 * rgb - 1, alpha, depth, 2 * background - 1).image
    assert torch.allclose(wide, 2 * image - 1)
    shuffled = compose(rgb[:, [2, 0, 1]], alpha[:, [2, 0, 1]], depth[:, [2, 0, 1]], background)
    assert torch.allclose(shuffled.image, image)


def test_a_dropped_layer_leaves_the_picture_of_the_others():
    rgb, alpha, depth, background = layers()
    keep = torch.tensor([[True, False, True], [False, False, False]])
    image, share = compose(rgb, alpha, depth, background, keep)
    two = compose(rgb[:1, ::2], alpha[:1, ::2], depth[:1, ::2], background[:1])
    assert torch.allclose(image[0], two.image[0]) and not share[0, 1].any()
    assert torch.equal(image[1], background[1])
    alone = each_alone(rgb, alpha, background)
    for n in range(3):
        only = torch.zeros(2, 3, dtype=torch.bool)
        only[:, n] = True
        assert torch.allclose(alone[:, n], compose(rgb, alpha, depth, background, only).image)


def test_gradients_of_a_composition_are_right_where_layers_are_solid():
    rgb, alpha, depth, background = layers(1, 3, 3)
    alpha = torch.where(alpha > 0.6, torch.ones_like(alpha), alpha).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, c, bg: compose(c, a, depth, bg).image,
        (alpha, rgb.requires_grad_(), background.requires_grad_()))


def test_as_many_scenes_have_each_number_of_objects():
    keep = some_dropped(3000, 3, torch.Generator().manual_seed(0))
    count = keep.sum(1).bincount(minlength=4) / 3000
    assert count[0] == 0 and (count[1:] - 1 / 3).abs().max() < 0.04
    assert (keep.float().mean(0) - 2 / 3).abs().max() < 0.04
    assert some_dropped(5, 1).all()


# ---------------------------------------------------------------------------------- the warp


def ellipsoid_layer(degrees, size=64):
    """A patterned ellipsoid, turned about its own upright axis, with its exact depth."""
    turn = yaw(torch.tensor(math.radians(30 + degrees), dtype=F64))
    pose = Pose(turn[None, None], torch.tensor([[[0.1, -0.2, 0.05]]], dtype=F64),
                torch.tensor([[[0.45, 0.2, 0.2]]], dtype=F64))
    seen = pose.seen_by(orbit(torch.tensor([1.2], dtype=F64), torch.tensor([0.4], dtype=F64)))
    surface = ellipsoid(seen, size)
    pattern = 0.5 + 0.4 * torch.sin(7 * surface.point + torch.arange(3))
    return layer_of(pattern.movedim(-1, 2), (surface.alpha[:, :, None] > 0.5).double(),
                    surface.depth[:, :, None], seen)


@pytest.mark.parametrize("degrees, most", [(5, 0.012), (15, 0.018), (30, 0.03)])
def test_a_turned_object_is_found_again_by_the_warp(degrees, most):
    first, second = ellipsoid_layer(0), ellipsoid_layer(degrees)
    inside = first.alpha > 0.4
    depth, colour = residuals(first, second)
    still = (first.alpha * first.rgb - second.alpha * second.rgb).abs().mean(1, keepdim=True)
    assert depth[inside].mean() < most and depth[inside].median() < 0.004
    assert colour[inside].mean() < 0.6 * still[inside].mean()
    assert colour[inside].median() < 0.5 * still[inside].median()
    wrong = second._replace(rotation=second.rotation.mT)
    assert residuals(first, wrong)[0][inside].mean() > 3 * depth[inside].mean()


def test_a_still_object_is_warped_onto_itself():
    first = ellipsoid_layer(0, 24)
    seen = warp(first, first)
    assert torch.allclose(seen.rgb, first.alpha * first.rgb, atol=1e-9)
    assert torch.allclose(seen.depth, first.depth, atol=1e-9)
    assert torch.allclose(seen.expected, first.depth, atol=1e-9)
    loss = geometric_consistency(first, first)
    assert loss.depth < 1e-9 and loss.colour < 1e-9


@pytest.mark.parametrize("axis", [0, 1])
def test_a_flat_object_that_moves_by_whole_pixels_is_found_exactly(axis):
    size, by, depth = 16, 3, 2.0
    rgb, flat = numbers(1, 3, size, size), torch.full((1, 1, size, size), depth, dtype=F64)
    eye = torch.eye(3, dtype=F64)[None]
    shift = torch.zeros(1, 3, dtype=F64)
    shift[0, axis] = by * depth / size
    first = Layer(rgb, torch.ones_like(flat), flat, eye, torch.zeros_like(shift))
    second = first._replace(rgb=rgb.roll(by, 3 - axis), translation=shift)
    seen = warp(first, second).rgb.movedim(3 - axis, 0)[:-by]
    assert torch.allclose(seen, rgb.movedim(3 - axis, 0)[:-by], atol=1e-9)
    assert torch.allclose(warp(first, second).expected, flat)


def test_points_are_carried_as_a_loop_carries_them():
    first, second = ellipsoid_layer(0, 6), ellipsoid_layer(40, 6)
    ray, found = rays(6, like=first.depth), carried(first, second)
    for v in range(6):
        for u in range(6):
            point = first.depth[0, 0, v, u] * ray[v, u]
            own = first.rotation[0].T @ (point - first.translation[0])
            there = second.rotation[0] @ own + second.translation[0]
            assert torch.allclose(found[0, v, u], there)
    assert torch.allclose(project(carried(first, first), 6)[0, 2, 4],
                          torch.tensor([4.5, 2.5], dtype=F64))


# --------------------------------------------------------------------------------- the losses


def test_consistency_is_symmetric_and_sees_what_was_changed():
    first, second = ellipsoid_layer(0, 24), ellipsoid_layer(20, 24)
    there, back = geometric_consistency(first, second), geometric_consistency(second, first)
    assert all(torch.allclose(a, b) for a, b in zip(there, back))
    assert torch.allclose(there.total(), there.depth + 5 * there.colour)
    painted = first._replace(rgb=first.rgb.flip(1))
    assert geometric_consistency(painted, second).colour > 2 * there.colour
    assert torch.allclose(geometric_consistency(painted, second).depth, there.depth)
    deeper = first._replace(depth=first.depth + 0.1)
    assert geometric_consistency(deeper, second).depth > there.depth


def test_consistency_counts_the_object_s_pixels_only():
    first, second = ellipsoid_layer(0, 24), ellipsoid_layer(20, 24)
    outside = first.alpha < 0.4
    loud = first._replace(depth=torch.where(outside, first.depth + 1, first.depth))
    assert torch.allclose(one_way(loud, second).depth, one_way(first, second).depth)
    faint = first._replace(alpha=0.3 * first.alpha)
    assert one_way(faint, second).depth == 0
    assert torch.allclose(one_way(faint, second, soft=True).depth,
                          0.3 * one_way(first, second, soft=True).depth)


def test_consistency_teaches_both_layers():
    made = [layer._replace(rgb=layer.rgb.clone().requires_grad_(),
                           depth=layer.depth.clone().requires_grad_())
            for layer in (ellipsoid_layer(0, 16), ellipsoid_layer(20, 16))]
    geometric_consistency(*made).total().backward()
    for layer in made:
        for grad in (layer.rgb.grad, layer.depth.grad):
            assert torch.isfinite(grad).all() and grad.any()


def test_compactness_is_the_sum_of_areas_above_the_least():
    alpha = torch.zeros(1, 3, 1, 10, 10)
    alpha[0, 0, 0, :5] = 1
    alpha[0, 1, 0, 0, :5] = 1
    alpha.requires_grad_()
    loss = compactness(alpha)
    assert torch.allclose(loss, torch.tensor(0.5 + 0.1 + 0.1))
    loss.backward()
    assert (alpha.grad[0, 0] == 0.01).all() and not alpha.grad[0, 1:].any()


def test_compactness_does_not_care_where_a_primitive_is():
    def loss(x):
        pose = Pose(torch.eye(3)[None, None], torch.tensor([[[x, 0.0, 2.0]]]),
                    torch.full((1, 1, 3), 0.4))
        return compactness(ellipsoid(pose, 32).alpha[:, :, None])

    assert abs(loss(0.4) / loss(-0.4) - 1) < 1e-4 and loss(0.0) > 0.11
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        compactness(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ValueError, match="colours=3"):
        compose(torch.zeros(1, 2, 4, 8, 8), *(torch.zeros(1, 2, 1, 8, 8),) * 2,
                torch.zeros(1, 3, 8, 8))


def test_latents_that_differ_make_looks_that_differ_from_the_first_step_on():
    torch.manual_seed(0)
    looks = mlp(32, 128, 256, 100)(torch.randn(2_000, 32)).detach()
    assert 0.7 < looks.std(0).mean() < 1.4
