"""Image2StyleGAN++: edits of tensors and by embedding, and what they promise outside a mask."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny_generator import PIXELS, ROWS, SIZE, TINY, looking, made, soft_mask, tiny

from synthbook.files import BookError
from synthbook.image2stylegan_pp import (
    Copy,
    Pace,
    Settings,
    Weights,
    activations,
    between,
    crossover,
    embed,
    expression,
    inpaint,
    masks,
    morph,
    pasted,
    quality,
    reached,
    render,
    scribble,
    start,
    style_transfer,
    transfer_attribute,
    transferred,
)
from synthbook.image2stylegan_pp.energy import gram
from synthbook.image2stylegan_pp.tensors import mixed, warped

SHORT = Settings(PIXELS, Pace(30, 0.1), Pace(60, 0.1))
IDENTITY = torch.tensor([[1.0, 0, 0], [0, 1, 0]])


def pair(model, count=2):
    """A and B: two embeddings with noise of their own."""
    at = start(model, 2 * count, "random", seed=11)
    return at[:count], at[count:]


def error(a, b, mask):
    """Mean squared difference inside a mask, (B,)."""
    return (mask * (a - b)).square().sum((1, 2, 3)) / (3 * mask.square().sum((1, 2, 3)))


# ------------------------------------------------------------------------------ tensors, eq. 5


@pytest.mark.parametrize("amount, channels", [(1.0, None), (0.5, None), (1.0, (1, 3)),
                                              (0.25, (0, 1))])
def test_mixing_tensors_equals_a_slow_loop(amount, channels):
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 2, 4, 3, 3, generator=generator)
    mask = torch.rand(2, 1, 3, 3, generator=generator)
    found = mixed(a, b, mask, amount, channels)
    for n, c, i, j in np.ndindex(2, 4, 3, 3):
        share = amount * mask[n, 0, i, j] if channels is None or c in range(*channels) else 0
        wanted = share * a[n, c, i, j] + (1 - share) * b[n, c, i, j]
        assert found[n, c, i, j].item() == pytest.approx(wanted.item(), abs=1e-6)


def test_transferred_images_come_from_tensors_mixed_at_the_layers_size():
    model, mask = tiny(), soft_mask(2)
    a, b = pair(model)
    first = activations(model, a)
    assert {name: x.shape[-1] for name, x in first.items()} == dict(zip(TINY.layers, TINY.sizes))

    def by_hand(name, x):
        if name not in ("8.0", "16.0"):
            return x
        small = F.avg_pool2d(mask, SIZE // x.shape[-1])
        return small * first[name] + (1 - small) * x

    wanted = model.synthesis(b.w, b.added, scaled=True, edit=by_hand)
    found = transferred(model, a, b, mask, Copy(("8.0", "16.0")))
    assert torch.allclose(found, wanted, atol=1e-5)


def test_what_is_not_copied_is_the_second_image():
    model, full = tiny(), masks.everywhere(SIZE)
    a, b = pair(model)
    second = render(model, b)
    assert torch.equal(transferred(model, a, b, 0 * full, Copy(TINY.layers)), second)
    assert torch.equal(transferred(model, a, b, full, Copy(("8.1",), amount=0.0)), second)
    assert torch.allclose(transferred(model, b, b, full, Copy(TINY.layers)), second, atol=1e-6)
    whole = transferred(model, replace(a, w=b.w), b, full, Copy(TINY.layers))
    assert torch.allclose(whole, render(model, replace(a, w=b.w)), atol=1e-6)
    one = transferred(model, a[:1], b, full, Copy(("8.1",)))  # one A for all
    assert torch.allclose(one[:1], transferred(model, a[:1], b[:1], full, Copy(("8.1",))),
                          atol=1e-6)


@pytest.mark.parametrize("layer", ["8.0", "8.1", "16.0", "16.1"])
def test_an_edit_reaches_so_far_and_no_further(layer):
    model, mask = tiny(), masks.box(SIZE, 6, 8, 8, 10)
    a, b = pair(model)
    changed = (transferred(model, a, b, mask, Copy((layer,))) - render(model, b)).abs().amax(1)
    may = reached(mask, TINY, (layer,))[:, 0].expand_as(changed)
    assert changed[may == 0].numel() and changed[may == 0].max() < 1e-6
    assert (changed > 0).float().mean() > 0.7 * may.mean()  # and it is not far too wide
    assert reached(mask, TINY, ("16.1",)).sum() == 4


def test_an_edit_of_several_layers_reaches_as_far_as_the_first():
    model, mask = tiny(), masks.box(SIZE, 0, 0, 2, 2)
    both, first = (reached(mask, TINY, layers) for layers in (("8.1", "16.1"), ("8.1",)))
    assert torch.equal(both, first) and 0 < both.mean() < 1
    a, b = pair(model)
    found = transferred(model, a, b, mask, Copy(("8.1", "16.1")))
    outside = (both == 0).expand_as(found)
    assert torch.allclose(found[outside], render(model, b)[outside], atol=1e-6)


def test_channels_that_are_not_copied_stay():
    model, full = tiny(), masks.everywhere(SIZE)
    a, b = pair(model)
    first, second = activations(model, a), activations(model, b)
    found = mixed(first["8.1"], second["8.1"], masks.resized(full, 8), 1.0, (2, 5))
    assert torch.equal(found[:, :2], second["8.1"][:, :2])
    assert torch.allclose(found[:, 2:5], first["8.1"][:, 2:5], atol=1e-6)
    assert torch.equal(found[:, 5:], second["8.1"][:, 5:])
    parts = [transferred(model, a, b, full, Copy(("16.1",), channels=c)) - render(model, b)
             for c in ((0, 3), (3, 8))]
    whole = transferred(model, a, b, full, Copy(("16.1",))) - render(model, b)
    assert torch.allclose(sum(parts), whole, atol=1e-5)  # the last layer's colours are linear


def test_warps_read_elsewhere():
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(warped(x, IDENTITY), x, atol=1e-5)
    right = IDENTITY + torch.tensor([[0, 0, 2 / 8], [0, 0, 0]])
    assert torch.allclose(warped(x, right)[..., :-1], x[..., 1:], atol=1e-5)
    assert torch.allclose(warped(x, right)[..., -1], x[..., -1], atol=1e-5)  # the border goes on
    each = torch.stack([IDENTITY, right])
    assert torch.allclose(warped(x, each)[0], x[0], atol=1e-5)
    model, mask = tiny(), masks.centre(SIZE, 6)
    a, b = pair(model)
    still, moved = (transferred(model, a, b, mask, Copy(("16.0",), warp=warp))
                    for warp in (IDENTITY, right))
    assert torch.allclose(still, transferred(model, a, b, mask, Copy(("16.0",))), atol=1e-4)
    assert not torch.allclose(moved, still, atol=1e-3)


@pytest.mark.parametrize("copy, mask, told", [
    (Copy(("32.0",)), None, r"one or more of 4.1, 8.0, 8.1, 16.0, 16.1; got 32.0"),
    (Copy(()), None, "got none"),
    (Copy(("8.0",), amount=1.5), None, "from 0, B's own, to 1, A's; got 1.5"),
    (Copy(("8.0", "16.1"), channels=(0, 9)), None, r"last <= 8 at 8.0, 16.1; got \(0, 9\)"),
    (Copy(("8.0",), channels=(3, 3)), None, r"last <= 10 at 8.0; got \(3, 3\)"),
    (Copy(("4.1",), channels=(0, 13)), None, r"last <= 12 at 4.1"),
    (Copy(("8.0",), warp=torch.eye(3)), None, r"warp is \(2, 3\) or \(2, 2, 3\).*got \(3, 3\)"),
    (Copy(("8.0",)), torch.ones(1, 1, 8, 8), r"\(2 or 1, 1, 16, 16\).*got \(1, 1, 8, 8\)"),
    (Copy(("8.0",)), 2 * torch.ones(1, 1, SIZE, SIZE), r"values in \[0, 1\]"),
])
def test_copies_that_do_not_fit_are_told_what_would(copy, mask, told):
    model = tiny()
    with pytest.raises(BookError, match=told):
        transferred(model, *pair(model), masks.everywhere(SIZE) if mask is None else mask, copy)


def test_embeddings_in_other_numbers_are_refused():
    model, full = tiny(), masks.everywhere(SIZE)
    a, b = pair(model, 3)
    with pytest.raises(BookError, match="A has 3 images as B has, or 1; got 2"):
        transferred(model, a[:2], b, full, Copy(("8.0",)))
    with pytest.raises(BookError, match=r"second is \(2, 6, 6\) as first is; got \(3, 6, 6\)"):
        between(a[:2], b, 0.5)


# --------------------------------------------------------------------------------- inpainting


def test_what_an_image_shows_in_the_hole_has_no_influence():
    model, taps = tiny(), looking()
    x, hole = made(model), masks.centre(SIZE, 6)
    few = Settings(Weights(), Pace(5, 0.05), Pace(5, 0.1))
    one, other = (inpaint(model, image, hole, few, taps)
                  for image in (x, torch.where(hole > 0, -x, x)))
    assert torch.equal(one.w, other.w)
    assert all(torch.equal(a, b) for a, b in zip(one.added, other.added))


def test_inpainting_moves_its_rows_and_repairs_what_is_known():
    model = tiny()
    x, hole = made(model), masks.box(SIZE, 0, 0, 5, SIZE)
    at, rows = start(model, 2), masks.free_rows(TINY, "inpainting")
    done = inpaint(model, x, hole, SHORT, at=at)
    assert torch.equal(done.w[:, ~rows], at.w[:, ~rows]) and (~rows).any()
    w_out = render(model, done, "first")
    far, near = masks.box(SIZE, 8, 0, SIZE, SIZE), masks.box(SIZE, 0, 0, 3, SIZE)
    assert (error(render(model, done), x, far) < 0.2 * error(w_out, x, far)).all()
    # Deep in the hole noise keeps what w made; it is not drawn to the image, which is not known.
    made_here = error(render(model, done), w_out, near)
    assert (made_here < 0.2 * error(x, w_out, near)).all()


# ---------------------------------------------------------------------- crossover and scribbles


def test_a_crossover_shows_one_image_inside_and_the_other_outside():
    model = tiny()
    first, second = made(model, 4).split(2)
    mask = masks.halves(SIZE)
    image = render(model, crossover(model, first, second, mask, SHORT))
    left, right = masks.box(SIZE, 0, 0, 6, SIZE), masks.box(SIZE, 10, 0, SIZE, SIZE)
    for part, here, there in ((left, first, second), (right, second, first)):
        assert (error(image, here, part) < 0.1 * error(image, there, part)).all()
    with pytest.raises(BookError, match=r"second is \(2, 3, 16, 16\) as first is"):
        crossover(model, first, second[:1], mask, SHORT)


def test_scribbles_guide_the_coarse_rows_and_are_not_copied_by_noise():
    model = tiny()
    x, mask = made(model), masks.centre(SIZE, 6)
    at, rows = embed(model, x, "sequential", SHORT), masks.free_rows(TINY, "scribble")
    strokes = torch.where(mask > 0, torch.tensor([0.9, -0.9, -0.9]).view(3, 1, 1), x)
    done = scribble(model, strokes, mask, at, x, SHORT)
    assert torch.equal(done.w[:, ~rows], at.w[:, ~rows])
    assert not torch.equal(done.w[:, rows], at.w[:, rows])
    w_out, image = render(model, done, "first"), render(model, done)
    inner, far = masks.centre(SIZE, 2), 1 - masks.grown(mask, 2)
    assert (error(image, w_out, inner) < 0.2 * error(image, strokes, inner)).all()
    assert (error(image, x, far) < 0.2 * error(w_out, x, far)).all()
    held = scribble(model, strokes, mask, at, x, replace(SHORT, pull=100.0))
    moved = lambda e: (e.w - at.w)[:, rows].norm()
    assert moved(held) < 0.2 * moved(done)


# ------------------------------------------------------------------------------- style, features


def test_style_changes_inside_and_content_stays_outside():
    model, taps = tiny(), looking()
    content, style = made(model, 4).split(2)
    settings = replace(SHORT, weights=Weights(style=1e6, percept=0.0))
    mask = masks.box(SIZE, 0, 0, 7, SIZE)
    done = style_transfer(model, content, style, mask, settings, taps)

    def apart(image):
        return (gram(taps(image)[4], mask) - gram(taps(style)[4], mask)).square().sum((1, 2))

    image, far = render(model, done), masks.box(SIZE, 12, 0, SIZE, SIZE)
    assert apart(image).mean() < 0.5 * apart(content).mean()
    assert (error(image, content, far) < 0.2 * error(style, content, far)).all()
    with pytest.raises(BookError, match="give taps, such as"):
        style_transfer(model, content, style, mask, settings)


def test_a_feature_is_put_on_another_image_and_embedded():
    model = tiny()
    a, b = pair(model)
    mask, copy = masks.centre(SIZE, 6), Copy(("16.0", "16.1"))
    done = transfer_attribute(model, a, b, mask, copy, SHORT)
    wanted, before = transferred(model, a, b, mask, copy).clamp(-1, 1), render(model, b)
    image, inner = render(model, done), masks.centre(SIZE, 4)
    assert (error(image, wanted, inner) < 0.3 * error(before, wanted, inner)).all()
    far = 1 - masks.grown(mask, 4)
    assert (error(image, before.clamp(-1, 1), far) < 1e-3).all()


def test_pasting_leaves_the_image_exactly_outside():
    image, other = made(tiny()), made(tiny(), seed=8)
    mask = masks.centre(SIZE, 4)
    found = pasted(other, image, mask)
    assert torch.equal(found[(mask == 0).expand_as(found)], image[(mask == 0).expand_as(found)])
    assert torch.allclose(found[(mask > 0).expand_as(found)],
                          other[(mask > 0).expand_as(found)], atol=1e-6)
    soft = pasted(other, image, mask, 0.5)
    outside = (masks.blurred(mask, 0.5) == 0).expand_as(soft)
    assert outside.any() and torch.equal(soft[outside], image[outside])
    with pytest.raises(BookError, match=r"made is \(2, 3, 16, 16\)"):
        pasted(other[:1], image, mask)


# -------------------------------------------------------------------------- between embeddings


def test_a_morph_begins_and_ends_at_its_images():
    model = tiny()
    a, b = pair(model)
    found = morph(model, a, b, 5)
    assert found.shape == (5, 2, 3, SIZE, SIZE)
    assert torch.allclose(found[0], render(model, a)) and torch.allclose(found[-1],
                                                                         render(model, b))
    middle = between(a, b, 0.5)
    assert torch.allclose(middle.w, (a.w + b.w) / 2) and torch.allclose(
        middle.added[3], (a.added[3] + b.added[3]) / 2)
    assert torch.allclose(found[2], render(model, middle))
    with pytest.raises(BookError, match="2 images or more"):
        morph(model, a, b, 1)


def test_an_expression_is_a_difference_put_on_another():
    w, calm, moved = torch.randn(3, 2, ROWS, 6)
    assert torch.equal(expression(w, calm, moved, 0.0), w)
    assert torch.allclose(expression(calm, calm, moved), moved, atol=1e-6)
    assert torch.allclose(expression(w, calm, moved, 2.0) - w, 2 * (moved - calm), atol=1e-5)


@pytest.mark.parametrize("call, told", [
    (lambda m, x: inpaint(m, x, torch.ones(3, 1, SIZE, SIZE), SHORT),
     r"hole is \(2 or 1, 1, 16, 16\)"),
    (lambda m, x: inpaint(m, x[..., :8, :8], torch.ones(1, 1, 8, 8), SHORT),
     r"makes \(B, 3, 16, 16\); got \(2, 3, 8, 8\)"),
    (lambda m, x: inpaint(m, x, masks.halves(SIZE), SHORT, at=start(m, 1)),
     "has 1 images; 2 are edited"),
    (lambda m, x: crossover(m, x, x, torch.ones(SIZE, SIZE), SHORT),
     r"mask is \(2 or 1, 1, 16, 16\).*got \(16, 16\)"),
    (lambda m, x: scribble(m, x, torch.ones(2, 1, 4, 4), start(m, 2), x, SHORT),
     "the strokes' mask is"),
    (lambda m, x: style_transfer(m, x, x + 2, masks.halves(SIZE), SHORT, looking()),
     "style: values lie in"),
])
def test_edits_that_do_not_fit_are_told_what_would(call, told):
    model = tiny()
    with pytest.raises(BookError, match=told):
        call(model, made(model))


def test_quality_of_equal_images_is_infinite():
    x = made(tiny())
    assert quality(x, x).isinf().all()
