"""Semantic Pyramid's losses against hand computations and slow loops; which pictures it takes."""

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_pyramid import KNOWN, TINY, batch, networks, pictures

from synthbook.files import BookError
from synthbook.semantic_pyramid import LEVELS, losses, nothing, only, prepare

SHAPES = TINY.shapes


# ------------------------------------------------------------------------------- the losses


def test_least_squares_worked_out_by_hand():
    real, fake = torch.tensor([1.0, 0.0]), torch.tensor([0.5, -1.0])
    assert losses.least_squares_d(real, fake).item() == pytest.approx(0.5 + 0.625)
    assert losses.least_squares_g(fake).item() == pytest.approx((0.25 + 4) / 2)


def slow_reconstruction(real, fake, masks, pool):
    """Equation 3 with full batch normalisation of the pair, cell by cell."""
    total = 0.0
    for f, g, mask in zip(real, fake, masks):
        if mask is None:
            continue
        f, g = (x.numpy().reshape(*x.shape[:2], *(x.shape[2:] or (1, 1))) for x in (f, g))
        m = mask.numpy().reshape(len(f), 1, *f.shape[2:])
        both = np.concatenate([f, g])
        mean = both.mean((0, 2, 3), keepdims=True)
        spread = both.std((0, 2, 3), keepdims=True)
        spread = np.maximum(spread, 0.1 * np.sqrt(np.mean(spread**2)))
        f, g = (f - mean) / spread, (g - mean) / spread
        step, gaps = 2 if pool and mask.dim() == 4 else 1, []
        for b in range(len(f)):
            for c in range(f.shape[1]):
                for i in range(0, f.shape[2], step):
                    for j in range(0, f.shape[3], step):
                        cell = np.s_[i:i + step, j:j + step]
                        gaps.append(m[b, 0][cell].max() * abs(f[b, c][cell].max()
                                                              - g[b, c][cell].max()))
        total += np.mean(gaps)
    return total


@pytest.mark.parametrize("pool", [True, False])
def test_reconstruction_equals_a_slow_loop_with_the_mean_subtracted(pool):
    torch.manual_seed(0)
    shapes = ((3, 7, 7), (4, 4, 4), (5,))
    real, fake = ([torch.randn(2, *s) * 3 + 1 for s in shapes] for _ in range(2))
    for features in (real, fake):
        features[2][:, 1] *= 1e-3  # a quiet one
    masks = [torch.zeros(2, 1, 7, 7), torch.ones(2, 1, 4, 4), torch.tensor([[1.0], [0.0]])]
    masks[0][0, :, 2:6, 1:7] = 1
    for given in (masks, [masks[0], None, masks[2]]):
        found = losses.reconstruction(real, fake, given, pool).item()
        assert found == pytest.approx(slow_reconstruction(real, fake, given, pool), rel=1e-4)


def test_emphasis_weighs_levels_one_by_one():
    torch.manual_seed(0)
    real, fake = ([torch.randn(2, *s) for s in SHAPES] for _ in range(2))
    masks = only(SHAPES, 2, *LEVELS)
    alone = [losses.reconstruction(real, fake, only(SHAPES, 2, name)).item() for name in LEVELS]
    found = losses.reconstruction(real, fake, masks, emphasis=(3, 3, 3, 1, 1, 0, 1)).item()
    assert found == pytest.approx(sum(alone) + 2 * sum(alone[:3]) - alone[5], rel=1e-5)


def test_levels_that_are_not_supplied_cost_nothing_and_get_no_gradient():
    torch.manual_seed(0)
    real = [torch.randn(3, *s) for s in SHAPES]
    fake = [torch.randn(3, *s, requires_grad=True) for s in SHAPES]
    assert losses.reconstruction(real, fake, nothing(SHAPES, 3)).item() == 0
    assert losses.reconstruction(real, fake, [None] * 7).item() == 0
    masks = only(SHAPES, 3, "conv3")
    masks[2][1] = 0
    losses.reconstruction(real, fake, masks).backward()
    for k, f in enumerate(fake):
        reached = f.grad is not None and f.grad.any()
        assert bool(reached) == (k == 2)
    assert not fake[2].grad[1].any() and fake[2].grad[0].any()
    assert losses.reconstruction(real, real, only(SHAPES, 3, *LEVELS)).item() == 0


def test_co_normalisation_makes_levels_of_any_scale_alike():
    torch.manual_seed(0)
    f, g, mask = torch.randn(4, 3, 6, 6), torch.randn(4, 3, 6, 6), [torch.ones(4, 1, 6, 6)]
    found = losses.reconstruction([f], [g], mask)
    assert torch.allclose(losses.reconstruction([1e3 * f], [1e3 * g], mask), found)
    dead = losses.reconstruction([0 * f], [0 * g], mask)
    assert dead.item() == 0
    scale = losses.joint_scale(f.requires_grad_(), g)
    assert not scale.requires_grad and scale.shape == (1, 3, 1, 1)


def test_the_first_stir_of_a_silent_channel_pulls_no_harder_than_others():
    torch.manual_seed(0)
    real, fake = torch.randn(8, 6), torch.randn(8, 6)
    real[:, 3], fake[:, 3] = 0, 0
    fake[2, 3] = 1e-3
    fake.requires_grad_()
    losses.reconstruction([real], [fake], [torch.ones(8, 1)]).backward()
    pull = fake.grad.abs()
    others = pull[:, [0, 1, 2, 4, 5]].amax()
    assert 0 < pull[2, 3] <= 1.01 * others / losses.QUIET


def test_a_shift_within_a_cell_costs_nothing_after_the_pool_and_something_without():
    f, g = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    f[..., 0, 0], g[..., 1, 1] = 1, 1
    mask = [torch.ones(1, 1, 4, 4)]
    assert losses.reconstruction([f], [g], mask).item() == 0
    assert losses.reconstruction([f], [g], mask, pool=False).item() > 0


@pytest.mark.parametrize("hard", [True, False])
def test_diversity_falls_with_difference_and_is_bounded(hard):
    z, other = torch.zeros(2, 4), torch.ones(2, 4)
    image = torch.zeros(2, 3, 4, 4)

    def loss(gap):
        again = torch.full_like(image, gap, requires_grad=True)
        value = losses.diversity(z, other, image, again, 10.0, hard)
        value.backward()
        return value.item(), bool(again.grad.any())

    assert loss(0.5)[0] == pytest.approx(2.0 if hard else 1 / 0.6, rel=1e-4)
    assert loss(1e-5)[0] <= 10 + 1e-4 and loss(1e-5)[0] > 9.9
    assert loss(0.5)[1] and loss(1e-5)[1] is not hard
    assert loss(1.0)[0] < loss(0.2)[0]
    with pytest.raises(ValueError, match="two latents and two images"):
        losses.diversity(z, other, image, image[:1])


def test_both_images_of_a_pair_are_of_one_reference():
    from synthbook.semantic_pyramid import recipe

    seen, nets = [], networks()
    made = nets["generator"]

    def spy(z, features, masks, category):
        seen.append((z, features, masks, category))
        return made(z, features, masks, category)

    setting = recipe.Setting(TINY, KNOWN, weights=recipe.Weights(pairs=1.0))
    recipe.generator_loss(setting, {**nets, "generator": spy}, batch(), {})
    (z, f, m, y), (other, f2, m2, y2) = seen
    assert not torch.equal(z, other) and torch.equal(y, y2)
    assert all(torch.equal(a, b) for a, b in zip([*f, *m], [*f2, *m2]))


# ----------------------------------------------------------------------------- the pictures


def test_pictures_of_any_mode_and_size_become_squares_of_one_size():
    colour = (10, 200, 90)
    rgb = Image.new("RGB", (70, 40), colour)
    expected = (torch.tensor(colour) / 127.5 - 1).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    bytes_ = np.array(rgb)
    for picture in (rgb, rgb.convert("RGBA"), bytes_, torch.from_numpy(bytes_),
                    expected[0, :, :, :20], expected.repeat(1, 1, 2, 3)):
        found = prepare(picture, 32)
        assert found.shape == (1, 3, 32, 32) and torch.allclose(found, expected, atol=1e-5)
    grey = prepare(Image.new("L", (9, 50), 51), 32)
    assert torch.allclose(grey, torch.tensor(51 / 127.5 - 1)) and grey.shape == (1, 3, 32, 32)
    assert prepare(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), 32).min() > 0.999  # white
    assert prepare(np.zeros((8, 8, 4), np.uint8), 32).min() > 0.999
    exact = pictures()
    assert torch.equal(prepare(exact, 32), exact)


@pytest.mark.parametrize("wrong, words", [
    (torch.full((3, 8, 8), 200.0), "run from 200 to 200"), (torch.zeros(5, 8, 8), "has shape"),
    (torch.full((3, 8, 8), float("nan")), "run from nan"), (torch.zeros(8), "has shape"),
    (np.zeros((8, 8, 3), np.int64), "int64"), (Image.new("I;16", (8, 8)), "more than 8 bits"),
    (np.zeros((2, 8, 8, 3), np.uint8), "uint8")])
def test_pictures_that_would_have_to_be_guessed_are_refused(wrong, words):
    with pytest.raises(BookError, match=words):
        prepare(wrong, 32)
