"""What the chapter on StyleGAN2 shows is what it says."""

import pytest
import torch

from synthbook.stylegan2 import Config, StyleGAN2, showing
from synthbook.stylegan2.directions import Directions, fixed_noise

TINY = Config(16, (12, 10, 8), latent=6)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return StyleGAN2(TINY).eval().requires_grad_(False)


def test_demodulation_keeps_scales_together():
    free, held = (showing.growth(8, demodulate=flag, count=8) for flag in (False, True))
    assert free.shape == held.shape == (8, 8)
    assert free[-1].mean() > 3 * held[-1].mean() and free[-1].mean() > 2 * free[0].mean()
    assert (held.max(0).values / held.min(0).values < 3).all()
    assert free[-1].std() / free[-1].mean() > held[-1].std() / held[-1].mean()


def test_a_spike_shrinks_the_rest_by_instance_norm_alone():
    spikes = torch.tensor([0.0, 50.0, 200.0])
    found = showing.smuggled(spikes)
    normed, kept = found["instance norm"], found["demodulation"]
    pixels = 16 * 16
    wanted = (1 + spikes**2 / pixels).rsqrt()
    assert torch.allclose(normed, wanted, rtol=0.1)
    assert torch.allclose(kept, kept[:1].expand(3), rtol=1e-4)


def test_a_table_of_mixes_takes_the_rows_between_the_cuts(model):
    render = fixed_noise(model)
    rows, columns = model.styles(model.latents(2, 1)), model.styles(model.latents(3, 2))
    sheet = showing.table_of_mixes(model, render, rows, columns, (1, 3))
    assert sheet.shape == (6, 3, 16, 16)
    w = columns[2][None, None].repeat(1, TINY.rows, 1)
    w[:, 1:3] = rows[1]
    assert torch.allclose(sheet[5], render(w)[0], atol=1e-5)
    whole = showing.table_of_mixes(model, render, rows, columns, (0, TINY.rows))
    assert torch.allclose(whole[::3], render(rows), atol=1e-5)


@pytest.mark.parametrize("space", ["Z", "W"])
def test_walks_end_where_they_should(model, space):
    render, ends = fixed_noise(model), model.latents(2, 3)
    frames = showing.walk(model, render, ends, 5, space)
    assert frames.shape == (5, 3, 16, 16)
    assert torch.allclose(frames[[0, -1]], model(ends, 1.0, noise_of(model)).clamp(-1, 1),
                          atol=1e-4)
    other = showing.walk(model, render, ends, 5, "Z" if space == "W" else "W")
    assert not torch.allclose(frames[2], other[2], atol=1e-3)


def noise_of(model):
    return model.synthesis.draw_noise(1, torch.Generator().manual_seed(0))


def test_a_ladder_goes_where_the_direction_says(model):
    steps, w = torch.eye(TINY.latent)[:2], torch.zeros(1, TINY.latent)
    along = Directions(("a", "b"), torch.zeros(TINY.latent), torch.zeros(2), steps, steps,
                       torch.ones(2))
    seen = []
    frames = showing.ladder(along, lambda w: seen.append(w) or w, w, 1, (-1.0, 0.0, 2.0))
    assert torch.equal(frames, seen[0]) and frames[:, 1].tolist() == [-1, 0, 2]
    assert not frames[:, [0, 2, 3, 4, 5]].any()
