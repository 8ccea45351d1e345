"""Image2StyleGAN++: masks, the energy's terms and their gradients, the three blocks."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny_generator import ROWS, SIZE, TINY, looking, made, soft_mask, tiny

from synthbook.files import BookError
from synthbook.image2stylegan_pp import (
    Masks,
    Taps,
    Weights,
    alexnet_taps,
    energy,
    m_st,
    mk_n,
    near,
    start,
    w_l,
)
from synthbook.image2stylegan_pp import masks
from synthbook.image2stylegan_pp.blocks import Candidate
from synthbook.image2stylegan_pp.energy import gram, percept, pixel, style
from synthbook.image2stylegan_pp.features import Seen, fitted
from synthbook.stylegan2 import Config, config

ONLY = dict(style=0.0, inside=0.0, outside=0.0, percept=0.0)


def images(count=2, seed=1, size=SIZE):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, generator=generator) * 2 - 1


# ------------------------------------------------------------------------------------ masks


def test_the_blur_is_a_gaussian_window_in_both_directions():
    point = torch.zeros(1, 1, 31, 31)
    point[..., 15, 15] = 1
    found = masks.blurred(point, 2.0)
    assert found.sum().item() == pytest.approx(1, abs=1e-5)
    for dx, dy in ((0, 1), (2, 0), (3, 4), (5, 5)):
        share = (found[0, 0, 15 + dy, 15 + dx] / found[0, 0, 15, 15]).item()
        assert share == pytest.approx(math.exp(-(dx**2 + dy**2) / 8), rel=1e-4)
    assert torch.equal(found, found.mT) and torch.equal(masks.blurred(point, 0), point)


def test_a_blurred_mask_and_its_complement_stay_one():
    half = masks.halves(SIZE)
    both = masks.blurred(half, 3.0) + masks.blurred(1 - half, 3.0)
    assert torch.allclose(both, torch.ones_like(both), atol=1e-6)
    full = masks.blurred(masks.everywhere(SIZE), 9.0)  # a window wider than the image
    assert torch.allclose(full, torch.ones_like(full), atol=1e-6)
    assert masks.blurred(half, 3.0).aminmax().min >= 0


@pytest.mark.parametrize("size", [8, 7, 3])
def test_resized_masks_are_area_means(size):
    mask, small = soft_mask(2), masks.resized(soft_mask(2), size)
    for i, j in np.ndindex(size, size):
        rows = slice(i * SIZE // size, -(-(i + 1) * SIZE // size))
        columns = slice(j * SIZE // size, -(-(j + 1) * SIZE // size))
        assert torch.allclose(small[:, 0, i, j], mask[:, 0, rows, columns].mean((1, 2)))
    assert masks.resized(mask, SIZE) is mask


def test_boxes_halves_and_centres():
    assert masks.box(SIZE, 2, 3, 5, 4).nonzero()[:, 2:].tolist() == [[3, 2], [3, 3], [3, 4]]
    assert masks.halves(SIZE)[0, 0, 0].tolist() == [1.0] * 8 + [0.0] * 8
    square = masks.centre(SIZE, 6)
    assert square.sum() == 36 and torch.equal(square, square.flip(2, 3))
    assert masks.grown(masks.box(SIZE, 4, 4, 5, 5), 2).sum() == 25
    for wrong in ((0, 0, 17, 4), (4, 0, 4, 8), (-1, 0, 3, 3)):
        with pytest.raises(BookError, match=r"0 <= x0 < x1 <= 16"):
            masks.box(SIZE, *wrong)


def test_the_lists_of_rows_are_the_papers_at_1024_pixels_and_mapped_below():
    paper = Config(1024, (4,) * 9)
    number = lambda model, kind: (masks.free_rows(model, kind).nonzero()[:, 0] + 1).tolist()
    assert paper.rows == 18
    assert number(paper, "inpainting") == [*range(1, 10), 17, 18]
    assert number(paper, "scribble") == [1, 2, 3, 4, 5, 6]
    assert number(config(64), "inpainting") == [1, 2, 3, 4, 5, 10]
    assert number(config(64), "scribble") == [1, 2, 3]
    assert number(config(32), "inpainting") == [1, 2, 3, 4, 8]
    for model in (paper, config(64), config(32), TINY):
        assert masks.free_rows(model, "all").all() and not masks.free_rows(model, "none").any()
        assert torch.equal(masks.free_rows(model, "coarse"), ~masks.free_rows(model, "fine"))
    with pytest.raises(BookError, match="choose all, none, inpainting"):
        masks.free_rows(TINY, "some")


@pytest.mark.parametrize("mask, told", [
    (torch.ones(3, 1, SIZE, SIZE), r"\(2 or 1, 1, 16, 16\) .* got \(3, 1, 16, 16\)"),
    (torch.ones(1, SIZE, SIZE), r"got \(1, 16, 16\)"),
    (torch.ones(2, 1, 8, 8), r"got \(2, 1, 8, 8\)"),
    (torch.ones(2, 3, SIZE, SIZE), r"got \(2, 3, 16, 16\)"),
    (torch.ones(2, 1, SIZE, SIZE, dtype=torch.bool), "got torch.bool: call .float"),
    (np.ones((2, 1, SIZE, SIZE)), "got ndarray"),
    (torch.full((2, 1, SIZE, SIZE), 1.5), r"values in \[0, 1\]; .* \[1.5, 1.5\]"),
    (torch.full((1, 1, SIZE, SIZE), math.nan), "nan"),
])
def test_masks_that_do_not_fit_are_told_what_would(mask, told):
    with pytest.raises(BookError, match=told):
        masks.checked(mask, 2, SIZE)


@pytest.mark.parametrize("rows", [torch.ones(ROWS), torch.ones(ROWS + 1).bool(), [True] * ROWS])
def test_rows_that_do_not_fit_are_told_what_would(rows):
    with pytest.raises(BookError, match=r"rows is \(6,\) bool"):
        masks.checked_rows(rows, TINY)


# ---------------------------------------------------------------------------- the energy's terms


def test_pixels_and_their_gradient_by_hand():
    x, y, mask = images().requires_grad_(), images(seed=2), soft_mask(2)
    loss, gap, seen = pixel(mask, x, y), (x - y).detach().numpy(), mask.numpy()
    slow = [sum((seen[b, 0, i, j] * gap[b, c, i, j]) ** 2
                for c, i, j in np.ndindex(3, SIZE, SIZE)) / (3 * SIZE * SIZE) for b in range(2)]
    assert loss.tolist() == pytest.approx(slow, rel=1e-4)
    gradient, = torch.autograd.grad(loss.sum(), x)
    by_hand = 2 * mask.square() * (x - y).detach() / (3 * SIZE * SIZE)
    assert torch.allclose(gradient, by_hand, atol=1e-8)


def test_features_are_masked_at_their_size_and_their_gradient_is_known():
    f = [torch.randn(2, 4, 16, 16, requires_grad=True), torch.randn(2, 5, 8, 8, requires_grad=True)]
    g, mask = [torch.randn_like(layer) for layer in f], soft_mask(1)
    loss = percept(mask, f, g)
    slow = 0
    for a, b, size in zip(f, g, (16, 8)):
        small = F.avg_pool2d(mask, 16 // size)
        slow = slow + (small * (a - b)).square().mean((1, 2, 3))
        gradient, = torch.autograd.grad(loss.sum(), a, retain_graph=True)
        assert torch.allclose(gradient, 2 * small**2 * (a - b).detach() / a[0].numel(), atol=1e-7)
    assert torch.allclose(loss, slow)


def test_gram_matrices_equal_a_slow_loop():
    features, mask = torch.randn(2, 3, 4, 4), soft_mask(2)
    found, small = gram(features, mask), F.avg_pool2d(mask, 4)
    for b, c, d in np.ndindex(2, 3, 3):
        products = sum(float(small[b, 0, i, j] ** 2 * features[b, c, i, j] * features[b, d, i, j])
                       for i, j in np.ndindex(4, 4))
        assert found[b, c, d].item() == pytest.approx(
            products / float(small[b].square().sum()), rel=1e-4, abs=1e-5)


def test_a_gram_matrix_is_a_mean_over_what_the_mask_shows():
    features = torch.randn(1, 3, 8, 8)
    left = masks.halves(SIZE)
    other = torch.cat([features[..., :4], torch.randn(1, 3, 8, 4)], 3)
    assert torch.allclose(gram(features, left), gram(other, left), atol=1e-6)
    twice = torch.cat([features[..., :4], features[..., :4]], 3)
    assert torch.allclose(gram(features, left), gram(twice, masks.everywhere(SIZE)), atol=1e-6)
    assert not gram(features, 0 * left).any()


def test_style_and_its_gradient_by_hand():
    f = torch.randn(2, 5, 8, 8, requires_grad=True)
    g, mask = torch.randn(2, 5, 8, 8), soft_mask(1)
    loss = style(mask, [f], [g])
    difference = gram(f, mask).detach() - gram(g, mask)
    by_loop = [sum(float(difference[b, i, j]) ** 2 for i, j in np.ndindex(5, 5)) / (4 * 25)
               for b in range(2)]
    assert loss.tolist() == pytest.approx(by_loop, rel=1e-4)
    gradient, = torch.autograd.grad(loss.sum(), f)
    small = F.avg_pool2d(mask, 2)
    masked = (small * f.detach()).flatten(2)
    by_hand = 4 * difference @ masked / small.square().sum() / (4 * 25)
    assert torch.allclose(gradient, small * by_hand.view_as(f), atol=1e-7)


def test_style_does_not_care_where_things_are():
    features, mask = torch.randn(2, 5, 8, 8), masks.everywhere(SIZE)
    shuffled = features.flatten(2)[..., torch.randperm(64)].view_as(features)
    assert style(mask, [features], [shuffled]).max() < 1e-10
    assert percept(mask, [features], [shuffled]).min() > 0.5


def test_the_energy_is_the_sum_of_its_weighted_terms():
    taps, image, x, y = looking(), images(), images(seed=2), images(seed=3)
    shown = Masks(soft_mask(2, 1), soft_mask(1, 2), soft_mask(2, 3))
    seen, of_x, of_y = (taps(i) for i in (image, x, y))
    expected = (
        0.5 * style(shown.style, [seen[4]], [of_y[4]]) + 2 * pixel(shown.pixel, image, x)
        + 3 * pixel(1 - shown.pixel, image, y)
        + 0.25 * percept(shown.percept, [seen[1], seen[4]], [of_x[1], of_x[4]]))
    found = energy(Weights(0.5, 2.0, 3.0, 0.25), shown, image, x, y, taps)
    assert found.shape == (2,) and torch.allclose(found, expected)
    assert not energy(Weights(**ONLY), shown, image).any()
    full = Masks(*[masks.everywhere(SIZE)] * 3)
    assert torch.equal(energy(Weights(), Masks(), image, x, y, taps),
                       energy(Weights(), full, image, x, y, taps))


@pytest.mark.parametrize("term", ["style", "inside", "percept"])
def test_where_masks_are_zero_there_is_no_gradient(term):
    image, zero = images().requires_grad_(), 0 * masks.everywhere(SIZE)
    loss = energy(Weights(**{**ONLY, term: 1.0}), Masks(zero, zero, zero), image,
                  images(seed=2), images(seed=3), looking())
    assert not loss.any() and not torch.autograd.grad(loss.sum(), image)[0].any()


def test_inside_and_outside_share_the_image():
    image, mask = images().requires_grad_(), masks.halves(SIZE)
    for term, here in (("inside", mask), ("outside", 1 - mask)):
        loss = energy(Weights(**{**ONLY, term: 1.0}), Masks(pixel=mask), image, images(seed=2),
                      images(seed=3))
        moved = torch.autograd.grad(loss.sum(), image)[0].abs().amax((0, 1)) > 0
        assert torch.equal(moved, here[0, 0] > 0)


def test_an_energy_without_its_guides_networks_or_masks_says_what_is_missing():
    image = images()
    with pytest.raises(BookError, match=r"'inside' needs the guide x, \(2 or 1, 3, 16, 16\)"):
        energy(Weights(**{**ONLY, "inside": 1.0}), Masks(), image)
    with pytest.raises(BookError, match="'percept' needs a network"):
        energy(Weights(**{**ONLY, "percept": 1.0}), Masks(), image, image)
    with pytest.raises(BookError, match=r"guide y is \(2 or 1, 3, 16, 16\); got \(3, 3, 16, 16\)"):
        energy(Weights(**{**ONLY, "outside": 1.0}), Masks(), image, None, images(3))
    with pytest.raises(BookError, match=r"mask of pixel is .* got \(1, 1, 8, 8\)"):
        energy(Weights(percept=0, style=0), Masks(pixel=torch.ones(1, 1, 8, 8)), image, image,
               image)
    with pytest.raises(BookError, match=r"mask of style has values in \[0, 1\]"):
        Masks(style=-masks.everywhere(SIZE))


# ------------------------------------------------------------------------------ the network


def test_alexnet_sees_images_of_any_size_and_gradients_flow():
    taps, image = alexnet_taps(), images(1).requires_grad_()
    seen = taps(image)
    assert {k: tuple(v.shape) for k, v in seen.items()} == {
        1: (1, 64, 15, 15), 4: (1, 192, 7, 7), 7: (1, 384, 3, 3)}
    assert all(v.min() == 0 for v in seen.values())  # after the activation
    assert torch.autograd.grad(seen[7].sum(), image)[0].any()
    assert not any(p.requires_grad for p in taps.layers.parameters())


def test_what_is_tapped_is_not_overwritten_by_the_next_layer():
    taps, image = alexnet_taps(), images(1)
    before = Taps(taps.layers, (0,), (0,))(image)[0]
    assert before.min() < 0
    both = Taps(taps.layers, (0, 1), (1,))(image)
    assert torch.equal(both[0], before) and torch.equal(both[1], before.relu())


def test_images_are_seen_once_for_each_network():
    calls, taps = [], looking()
    taps.layers[0].register_forward_hook(lambda *_: calls.append(1))
    seen = Seen(images())
    assert seen.through(taps) is seen.through(taps) and len(calls) == 1
    seen.through(looking(1))
    assert len(calls) == 1


def test_large_images_are_averaged_on_their_way_down():
    checks = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1
    small = fitted(checks.expand(1, 3, 32, 32), 8)
    assert small.shape[-1] == 8 and small[..., 1:-1, 1:-1].abs().max() < 1e-5
    assert fitted(images(), SIZE).shape[-1] == SIZE and fitted(images(), 64).shape[-1] == 64


def test_taps_that_a_network_does_not_have_are_refused():
    with pytest.raises(BookError, match="from 0 to 4; got"):
        Taps(looking().layers, (1, 5), (1,))


# -------------------------------------------------------------------------------- the blocks


def candidate(image, w=None):
    return Candidate(Seen(image), torch.zeros(len(image), ROWS, 6) if w is None else w, ())


def test_the_blocks_are_the_energy_with_the_other_terms_left_out():
    taps, image, x, y, mask = looking(), images(), images(seed=2), images(seed=3), soft_mask()
    weights, at = Weights(0.5, 2.0, 3.0, 0.25), candidate(image)
    of = lambda terms, shown: energy(Weights(**{**ONLY, **terms}), shown, image, x, y, taps)
    assert torch.allclose(w_l(x, mask, 1 - mask, weights, taps)(at), of(
        {"inside": 2.0, "percept": 0.25}, Masks(pixel=1 - mask, percept=mask)))
    assert torch.allclose(m_st(y, mask, weights, taps)(at), of({"style": 0.5}, Masks(style=mask)))
    assert torch.allclose(mk_n(x, y, mask, weights)(at), of(
        {"inside": 2.0, "outside": 3.0}, Masks(pixel=mask)))
    assert torch.allclose(mk_n(x, None, mask, weights)(at), of(
        {"inside": 2.0}, Masks(pixel=mask)))


def test_no_gradient_flows_to_a_guide():
    model = tiny()
    w = start(model, 2, "random").w.requires_grad_()
    guide = model.synthesis(w, start(model, 2).added, scaled=True)  # G(w_out), graph and all
    image = images().requires_grad_()
    for loss in (mk_n(images(seed=2), guide, soft_mask(), Weights()),
                 w_l(guide, None, None, Weights(), looking()),
                 w_l(guide, None, soft_mask(), Weights(), looking(), fill=True),
                 m_st(guide, None, Weights(), looking())):
        found = torch.autograd.grad(loss(candidate(image)).sum(), (image, w), allow_unused=True)
        assert found[0].any() and found[1] is None


def test_what_an_image_shows_where_it_is_undefined_matters_only_without_filling():
    taps, image, known = looking(), images(), 1 - masks.centre(SIZE, 6)
    x = images(seed=2)
    other = torch.where(known > 0, x, torch.tensor(math.nan))
    changed = torch.where(known > 0, x, -x)
    weights = Weights(inside=0.0, percept=1.0)
    of = lambda x, fill: w_l(x, known, known, weights, taps, fill=fill)(candidate(image))
    assert torch.equal(of(x, True), of(changed, True)) and torch.equal(of(x, True), of(other, True))
    assert not torch.allclose(of(x, False), of(changed, False), rtol=1e-3)
    full = masks.everywhere(SIZE)  # nothing to fill
    filled, plain = (w_l(x, full, full, Weights(), taps, fill=fill) for fill in (True, False))
    assert torch.equal(filled(candidate(image)), plain(candidate(image)))


def test_the_pull_is_a_mean_square_of_what_moved():
    w = torch.randn(3, ROWS, 6)
    assert not near(w, 2.0)(candidate(images(3), w)).any()
    moved = w + torch.tensor([0.0, 1.0, -2.0]).view(3, 1, 1)
    assert near(w, 2.0)(candidate(images(3), moved)).tolist() == pytest.approx([0, 2, 8])


def test_the_weight_of_one_image_is_not_the_others_business():
    taps, x = looking(), made(tiny(), 3)
    image = images(3).requires_grad_()
    loss = w_l(x, None, None, Weights(), taps)
    together = torch.autograd.grad(loss(candidate(image)).sum(), image)[0]
    alone = images(3)[1:2].requires_grad_()
    single = w_l(x[1:2], None, None, Weights(), taps)(candidate(alone)).sum()
    assert torch.allclose(together[1:2], torch.autograd.grad(single, alone)[0], atol=1e-9)
