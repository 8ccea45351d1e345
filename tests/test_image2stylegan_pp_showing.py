"""What the chapter on Image2StyleGAN++ shows is what it says."""

import pytest
import torch

from synthbook.image2stylegan_pp import (
    Pace,
    Settings,
    Weights,
    embed,
    quality,
    render,
    showing,
    start,
)
from synthbook.image2stylegan_pp.masks import box
from synthbook.image2stylegan_pp.quantities import octaves
from synthbook.stylegan2 import Config, StyleGAN2

PLAIN = Settings(weights=Weights(percept=0.0), w=Pace(4, 0.05), noise=Pace(4, 0.1))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    net = StyleGAN2(Config(16, (12, 10, 8), latent=6)).eval().requires_grad_(False)
    net.synthesis.strengths += 0.3
    return net


@pytest.fixture(scope="module")
def x(model):
    return render(model, start(model, 2, "random", seed=1)).clamp(-1, 1)


@pytest.fixture(scope="module")
def at(model, x):
    return embed(model, x, "sequential", PLAIN, every=2, frames=True)


def test_a_curve_has_a_point_for_every_moment(model, x, at):
    steps, values = showing.curve(at)
    assert steps[0] == 0 and steps[-1] == 8 and len(steps) == len(values)
    assert values[-1] == pytest.approx(quality(render(model, at), x).mean().item(), abs=1e-3)


def test_frames_are_the_pictures_on_the_way(model, x, at):
    found, moments = showing.frames(at), showing.moments(at)
    assert found.shape == (2, len(moments), 3, 16, 16)
    assert moments[0] == ("w", 0) and moments[-1] == ("noise", 8)
    assert len({step for _, step in moments}) == len(moments)
    torch.testing.assert_close(found[:, -1], render(model, at).clamp(-1, 1), atol=1 / 127, rtol=0)


def test_rates_belong_to_the_weight_of_the_loss(model, x, at):
    found = showing.rates(model, at.without_noise(), x, (1.0, 1e-9), (0.03, 1e6), 6)
    before = quality(render(model, at.without_noise()), x).mean()
    assert found.shape == (2, 2)
    assert found[0, 0] > before + 0.1 > found[0, 1]  # a rate that destroys
    assert abs(found[1, 0] - before) < 0.1 * (found[0, 0] - before)  # and one that stalls


def test_the_residue_is_less_with_noise_and_has_all_octaves(model, x, at):
    left = showing.residue(model, at, x)
    assert all(len(values) == len(octaves(16)) for values in left.values())
    total = (x - render(model, at)).square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(left["w and noise"].sum().float(), total)
    assert left["w and noise"].sum() < left["w alone"].sum()


def test_copies_are_made_layer_by_layer(model, at):
    found = showing.copies(model, at[[0]], at[[1]], box(16, 4, 4, 12, 12), ("8.1", "16.1"))
    assert found.shape == (2, 3, 16, 16) and (found[0] - found[1]).abs().max() > 0
    whole = showing.copies(model, at[[0]], at[[0]], box(16, 4, 4, 12, 12), ("8.1",))
    torch.testing.assert_close(whole, render(model, at[[0]]).clamp(-1, 1))
