"""StyleGAN2's projector: its rates, its noise, and that it stays in W."""

import pytest
import torch
from tiny_generator import SIZE, looking, made, tiny

from synthbook.baselines.projector import Projection, agreement, project, white
from synthbook.files import BookError
from synthbook.image2stylegan_pp import render, start
from synthbook.image2stylegan_pp.energy import percept
from synthbook.image2stylegan_pp.masks import everywhere


def test_rates_rise_and_fall():
    own = Projection(steps=1000)
    assert own.at(0) == 0 and own.at(25) == pytest.approx(0.05)
    assert own.at(50) == own.at(700) == pytest.approx(0.1)
    assert own.at(875) == pytest.approx(0.05) and own.at(999) < 1e-4


def test_noise_that_repeats_itself_agrees_at_every_size():
    flat = torch.ones(1, 1, 16, 16)
    assert agreement(flat).item() == pytest.approx(4)  # two sizes, two axes
    assert agreement(torch.ones(1, 1, 4, 4)).item() == pytest.approx(2)
    drawn = torch.randn(64, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert agreement(drawn).mean() < 0.05
    n = drawn[:1].clone().requires_grad_()
    stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 1, 16, 16)
    assert agreement(stripes).item() == pytest.approx(2)  # gone once averaged
    alone = agreement(n)
    assert torch.allclose(alone, agreement(drawn)[:1])
    assert torch.autograd.grad(alone.sum(), n)[0].any()


def test_whitened_noise_has_mean_0_and_mean_square_1():
    found = white(3 * torch.randn(2, 1, 8, 8) + 1)
    assert found.mean((2, 3)).abs().max() < 1e-5
    assert torch.allclose(found.square().mean((2, 3)), torch.ones(2, 1), atol=1e-4)


def test_it_stays_in_w_keeps_noise_white_and_comes_nearer():
    model, taps = tiny(), looking()
    x = made(model)
    w, noises = project(model, x, taps, taps.percept, Projection(steps=60, regulated=10.0))
    assert (w == w[:, :1]).all() and not w.requires_grad
    for added, strength in zip(noises, model.synthesis.strengths):
        n = added / strength
        assert n.mean((2, 3)).abs().max() < 1e-3
        assert torch.allclose(n.square().mean((2, 3)), torch.ones(2, 1), atol=1e-2)

    def distance(image):
        seen = [[taps(one)[k] for k in taps.percept] for one in (image, x)]
        return percept(everywhere(SIZE), *seen)

    done = distance(model.synthesis(w, noises, scaled=True))
    assert (done < 0.7 * distance(render(model, start(model, 2)))).all()
    with pytest.raises(BookError, match="this generator makes"):
        project(model, x[..., :8, :8], taps, taps.percept)
