"""Directions in W, on a made-up linear generator whose truth is known, and on a small StyleGAN2."""

import pytest
import torch

from synthbook.files import BookError
from synthbook.stylegan2 import Config, StyleGAN2
from synthbook.stylegan2.directions import (
    effects,
    find,
    fixed_noise,
    observed,
    others_change,
    own_change,
    ridge,
    steps,
)

NAMES = ("hat", "smile", "tone")
LATENT = 6


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


TRUTH = numbers(3, LATENT, seed=1)  # gradients of the readings
LEVEL = torch.tensor([0.5, -1.0, 2.0])
SHAPE = torch.diag(torch.tensor([3.0, 1.0, 0.3, 1.0, 2.0, 0.5])) + 0.3 * numbers(
    LATENT, LATENT, seed=2)


def styles(count=4_000, seed=3):
    """w with a covariance that is far from round."""
    return numbers(count, LATENT, seed=seed) @ SHAPE.T + 1


def render(w):
    """The linear generator: an image is w."""
    return w


def read(image):
    return LEVEL + image @ TRUTH.T


@pytest.fixture(scope="module")
def found():
    w = styles()
    return {kind: find(w, read(w), NAMES, conditional=kind == "conditional", penalty=1e-9)
            for kind in ("conditional", "plain")}


def test_ridge_finds_the_gradients_and_shrinks_them_when_asked():
    w = styles()
    assert torch.allclose(ridge(w, read(w), 1e-9), TRUTH, atol=1e-3)
    noisy = read(w) + 0.5 * numbers(len(w), 3, seed=5)
    assert torch.allclose(ridge(w, noisy, 1e-9), TRUTH, atol=0.15)
    assert ridge(w, read(w), 10.0).norm() < 0.5 * TRUTH.norm()


def test_a_conditional_step_moves_its_own_reading_alone(found):
    assert torch.allclose(TRUTH @ found["conditional"].steps.T, torch.eye(3), atol=1e-3)
    plain = TRUTH @ found["plain"].steps.T
    assert torch.allclose(plain.diagonal(), torch.ones(3), atol=1e-3)
    assert (plain - torch.diag(plain.diagonal())).abs().max() > 0.1


def test_steps_are_the_most_probable_that_do_so(found):
    precision = torch.linalg.inv(SHAPE @ SHAPE.T)
    surprise = lambda s: torch.einsum("tz,zy,ty->t", s, precision, s)
    flat = torch.linalg.pinv(TRUTH).T  # moves one reading alone as well
    assert (surprise(found["conditional"].steps) <= surprise(flat) + 0.05).all()
    assert (surprise(found["plain"].steps) <= surprise(found["conditional"].steps) + 0.05).all()
    assert (surprise(found["plain"].steps) < 0.9 * surprise(flat)).any()


def test_with_a_round_covariance_the_steps_are_the_projected_gradients():
    together = steps(TRUTH, torch.eye(LATENT))
    for t in range(3):
        others = TRUTH[[u for u in range(3) if u != t]]
        onto = torch.linalg.lstsq(others.T, TRUTH[t, :, None]).solution
        left = TRUTH[t] - (others.T @ onto)[:, 0]  # the gradient without what others share
        assert torch.allclose(together[t], left / left.square().sum(), atol=1e-4)
    alone = steps(TRUTH, torch.eye(LATENT), conditional=False)
    assert torch.allclose(alone, TRUTH / TRUTH.square().sum(1, keepdim=True), atol=1e-5)


def test_a_reading_is_brought_to_where_it_was_asked(found):
    w, directions = styles(5, seed=8), found["conditional"]
    assert torch.allclose(directions.predicted(w), read(w), atol=0.02)
    moved = directions.brought(w, 1, 0.25)
    assert torch.allclose(read(moved)[:, 1], torch.full((5,), 0.25), atol=0.02)
    assert torch.allclose(read(moved)[:, [0, 2]], read(w)[:, [0, 2]], atol=0.02)
    assert torch.allclose(directions.moved(w, 2, 0.0), w)


def test_effects_tell_control_from_leakage(found):
    w = styles(7, seed=9)
    moved = {kind: effects(render, read, one, w) for kind, one in found.items()}
    assert moved["plain"].shape == (3, 7, 3)
    for kind in moved:
        assert torch.allclose(own_change(moved[kind]), torch.full((3, 7), 2.0), atol=0.02)
    assert others_change(moved["conditional"]).max() < 0.02
    covariance = SHAPE @ SHAPE.T
    among = TRUTH @ covariance @ TRUTH.T
    wanted = 2 * (among / among.diagonal()[:, None]).abs()
    wanted = (wanted.sum(1) - 2) / 2
    assert torch.allclose(others_change(moved["plain"]).mean(1), wanted, rtol=0.2, atol=0.05)


def test_the_fit_is_judged_on_samples_that_were_kept():
    w = styles(400)
    readings = torch.stack([read(w)[:, 0], numbers(400, seed=11)], 1)
    fit = find(w, readings, ("line", "chance")).fit
    assert fit[0] > 0.98 and fit[1] < 0.1


def test_what_cannot_be_found_is_refused(found):
    w = styles(60)
    readings = read(w)
    for given, names, says in (
            (readings, ("one",), r"1 names take readings \(60, 1\)"),
            (readings[:50], NAMES, "60 styles"),
            (torch.cat([readings[:, :2], readings[:, :1] * 2], 1), NAMES, "change together"),
            (torch.cat([readings[:, :2], torch.ones(60, 1)], 1), NAMES, "trait 2 does not vary")):
        with pytest.raises(BookError, match=says):
            find(w, given, names)
    with pytest.raises(BookError, match="at least 8"):
        find(w[:5], readings[:5], NAMES)
    with pytest.raises(BookError, match="unknown trait 'nose': choose one of hat, smile, tone"):
        found["plain"].index("nose")
    assert found["plain"].index("tone") == 2
    with pytest.raises(BookError, match="two traits or more"):
        others_change(torch.zeros(1, 4, 1))


# --------------------------------------------------------------------------- on the network


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = StyleGAN2(Config(16, (12, 10, 8), latent=LATENT)).eval().requires_grad_(False)
    made.synthesis.strengths += 1
    return made


def colours(image):
    return image.mean((2, 3))


def test_samples_and_readings_are_the_same_for_the_same_seed(model):
    w, readings = observed(model, colours, 6, seed=4, batch=4)
    assert w.shape == (6, LATENT) and readings.shape == (6, 3)
    again, seen = observed(model, colours, 6, seed=4, batch=4)
    assert torch.equal(w, again) and torch.equal(readings, seen)
    assert torch.allclose(w, model.styles(model.latents(6, 4)), atol=1e-6)
    assert not torch.allclose(w, observed(model, colours, 6, seed=5)[0])


def test_edited_images_differ_in_w_alone(model):
    draw, w = fixed_noise(model, seed=2), model.styles(model.latents(5))
    assert torch.equal(draw(w), draw(w)) and draw(w).abs().max() <= 1
    assert torch.allclose(draw(w)[3:], draw(w[3:]), atol=1e-5)
    assert not torch.allclose(draw(w), fixed_noise(model, seed=3)(w))


def test_directions_of_a_network_move_what_they_name(model):
    w, readings = observed(model, colours, 600)
    directions = find(w, readings, ("red", "green", "blue"))
    moved = effects(fixed_noise(model), colours, directions, w[:16])
    own, others = own_change(moved).mean(1), others_change(moved).mean(1)
    assert (own > 0).all() and (others < own).all()
