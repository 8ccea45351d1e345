"""Inverse rendering: gradients of pictures lead back to the scene that was drawn."""

import pytest
import torch

from synthbook.controllable_3d import inverse, orbit

CAMERA = orbit(torch.tensor([0.6]), torch.tensor([0.5]))
TRUE = torch.tensor([[[0.15, -0.1, 0.5, 0.35, 0.12, 0.17]]])
RED = torch.tensor([[[0.7, -0.6, -0.6]]])


def test_a_scene_is_found_again():
    target = inverse.shown(TRUE, RED, CAMERA, 32)
    start = torch.tensor([[[-0.1, 0.15, 0.1, 0.25, 0.2, 0.25]]])
    found = inverse.fit(target, start, RED, CAMERA, steps=120)
    assert found.numbers.shape == (121, 1, 1, 6) and found.losses.shape == (120,)
    assert torch.equal(found.numbers[0], start)
    end = found.numbers[-1, 0, 0]
    assert (end[:2] - TRUE[0, 0, :2]).norm() < 0.05
    before = (inverse.shown(start, RED, CAMERA, 32) - target).square().mean()
    after = (inverse.shown(found.numbers[-1], RED, CAMERA, 32) - target).square().mean()
    assert after < 0.05 * before


def test_the_gradient_points_away_from_the_target_and_is_that_of_differences():
    target = inverse.shown(TRUE, RED, CAMERA, 32)
    moved = TRUE.clone()
    moved[..., 0] += 0.05
    told = inverse.felt(moved, target, RED, CAMERA)
    assert told["x"] > 0 and set(told) == {"x", "z", "yaw", "half length", "half height",
                                           "half width"}
    step = 1e-2
    ends = []
    for sign in (1, -1):
        near = moved.clone()
        near[..., 0] += sign * step
        ends.append((inverse.shown(near, RED, CAMERA, 32) - target).square().mean())
    assert told["x"].item() == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=0.2)


def test_at_the_answer_nothing_is_felt():
    target = inverse.shown(TRUE, RED, CAMERA, 32)
    assert max(abs(g) for g in inverse.felt(TRUE, target, RED, CAMERA).values()) < 1e-6


def test_a_blur_keeps_the_mean_and_one_is_none():
    image = torch.rand(1, 3, 24, 24)
    flat = torch.full((1, 3, 24, 24), 0.3)
    assert torch.equal(inverse.blurred(image, 1.0), image)
    assert torch.allclose(inverse.blurred(flat, 3.0), flat, atol=1e-6)
    assert inverse.blurred(image, 3.0).std() < 0.5 * image.std()


def test_solids_are_upright_on_the_ground():
    pose = inverse.pose_of_numbers(TRUE)
    assert pose.translation[0, 0].tolist() == pytest.approx([0.15, -0.12, -0.1])
    small = inverse.pose_of_numbers(torch.zeros(1, 1, 6)).scale
    assert (small == inverse.SMALLEST).all()
