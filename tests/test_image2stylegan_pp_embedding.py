"""Image2StyleGAN++: what an embedding moves and what it leaves, orders, paths, settings, traps."""

import math
from dataclasses import replace

import pytest
import torch
from tiny_generator import PIXELS, ROWS, TINY, looking, made, tiny

from synthbook.files import BookError
from synthbook.image2stylegan_pp import (
    Pace,
    Recording,
    Settings,
    Weights,
    embed,
    fit_noise,
    fit_w,
    minimise,
    mk_n,
    quality,
    render,
    start,
    w_l,
)
from synthbook.image2stylegan_pp import recipe
from synthbook.image2stylegan_pp.embedding import Turn, eight_bits
from synthbook.image2stylegan_pp.published import PUBLISHED
from synthbook.stylegan2 import every_row

FEW = Settings(PIXELS, Pace(6, 0.05), Pace(6, 0.1))


def alike(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def apart(a, b):
    return [float((x - y).abs().max()) for x, y in zip(a, b, strict=True)]


# ------------------------------------------------------------------------- start and rendering


def test_it_starts_at_the_mean_or_at_random():
    model = tiny()
    mean, drawn = start(model, 3), start(model, 3, "random", seed=4)
    assert torch.equal(mean.w, every_row(model.mean_w[None], TINY).expand(3, -1, -1))
    assert torch.equal(drawn.w[:, 0], model.styles(model.latents(3, 4)))
    assert (drawn.w == drawn.w[:, :1]).all() and alike(mean.added, mean.first)
    fewer = start(model, 2)
    assert alike(fewer.added, [a[:2] for a in mean.added])  # whatever the count
    assert not torch.equal(mean.added[2][0], mean.added[2][1])
    assert not any(a.any() for a in start(model, 2, noise="none").added)
    with pytest.raises(BookError, match="at the mean or at random"):
        start(model, 1, "zeros")


def test_noise_that_is_drawn_anew_makes_another_image():
    model = tiny()
    at = fit_noise(model, start(model, 2), [mk_n(made(model), None, None, PIXELS)], Pace(5, 0.1))
    own, first, fresh, other, none = (
        render(model, at, noise, seed) for noise, seed in
        (("own", 0), ("first", 0), ("fresh", 1), ("fresh", 2), ("none", 0)))
    assert torch.equal(fresh, render(model, at, "fresh", 1))
    images = [own, first, fresh, other, none]
    assert min(float((a - b).abs().max()) for k, a in enumerate(images) for b in images[:k]) > 1e-3
    assert torch.equal(first, render(model, at.without_noise()))
    assert torch.equal(first, render(model, start(model, 2)))
    with pytest.raises(BookError, match="choose own, first, fresh, none"):
        render(model, at, "old")


def test_quality_is_that_of_a_picture_file():
    x = torch.linspace(-1.5, 1.5, 3 * 256).view(1, 3, 16, 16)
    levels = (eight_bits(x) + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-4) and levels.unique().numel() == 256
    assert quality(x, x.clamp(-1, 1)).isinf().all()
    error = quality(torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.2)).item()
    assert error == pytest.approx(-10 * math.log10((26 / 255) ** 2), abs=0.4)  # about 0.1 of 1


# --------------------------------------------------------------------- what moves, what stays


def test_rows_that_are_not_free_and_the_noise_stay_exactly():
    model, x = tiny(), made(tiny())
    at, rows = start(model, 2), torch.tensor([True, False, True, True, False, False])
    moved = fit_w(model, at, [w_l(x, None, None, PIXELS, None)], Pace(5, 0.05), rows=rows)
    assert torch.equal(moved.w[:, ~rows], at.w[:, ~rows])
    assert (moved.w[:, rows] != at.w[:, rows]).all()
    assert moved.added is at.added and not moved.w.requires_grad
    none = fit_w(model, at, [w_l(x, None, None, PIXELS, None)], Pace(2, 0.05),
                 rows=torch.zeros(ROWS).bool())
    assert torch.equal(none.w, at.w)


def test_w_stays_exactly_while_noise_moves_and_the_generator_always():
    model, x = tiny(), made(tiny())
    before, at = [p.clone() for p in model.parameters()], start(model, 2)
    moved = fit_noise(model, at, [mk_n(x, None, None, PIXELS)], Pace(5, 0.1))
    fit_w(model, at, [w_l(x, None, None, PIXELS, None)], Pace(2, 0.1))
    assert moved.w is at.w and min(apart(moved.added, at.added)) > 0.05
    assert alike(moved.first, at.added)
    assert alike(before, model.parameters()) and all(p.grad is None for p in model.parameters())


def test_a_point_of_w_has_equal_rows_and_starts_at_their_mean():
    model, x = tiny(), made(tiny())
    at = start(model, 2, "random")
    mixed = replace(at, w=at.w + torch.arange(ROWS).view(1, -1, 1))
    moved = fit_w(model, mixed, [w_l(x, None, None, PIXELS, None)], Pace(1, 0.01, decay=0),
                  shared=True)
    assert (moved.w == moved.w[:, :1]).all()
    assert torch.allclose((moved.w - mixed.w.mean(1, keepdim=True)).abs(),
                          torch.full_like(moved.w, 0.01), rtol=1e-2)


def test_the_wider_the_space_the_nearer_the_image():
    model = tiny()
    far = {"W": {"shared": True}, "coarse": {"rows": torch.arange(ROWS) < 2}, "W+": {}}
    at = start(model, 3)
    # Rows of its own for every layer of an image that was made so.
    w = start(model, 18, "random", 8).w[:, 0].view(3, ROWS, -1)
    x = render(model, replace(at, w=w)).clamp(-1, 1)
    loss = w_l(x, None, None, PIXELS, None)
    found = {name: quality(render(model, fit_w(model, at, [loss], Pace(40, 0.1), **free)), x).mean()
             for name, free in far.items()}
    assert found["W+"] > found["W"] + 1 and found["W+"] > found["coarse"] + 1


# ------------------------------------------------------------------------------------ batches


def test_a_batch_is_embedded_as_each_image_would_be_alone():
    x, model, taps = made(tiny(), 3).double(), tiny().double(), looking()
    taps.layers.double()
    at = start(model, 3)
    settings = replace(FEW, weights=Weights(percept=0.5))
    for order in ("sequential", "joint", "alternating"):
        together = embed(model, x, order, settings, taps, at=at)
        for i in range(3):
            alone = embed(model, x[i:i + 1], order, settings, taps, at=at[i:i + 1])
            assert torch.allclose(together.w[i:i + 1], alone.w, atol=1e-8)
            assert max(apart([a[i:i + 1] for a in together.added], alone.added)) < 1e-8


def test_losses_are_added_over_images_since_a_mean_would_change_adams_steps():
    x, model = made(tiny(), 4).double(), tiny().double()
    at = start(model, 4)
    loss, pace = w_l(x, None, None, PIXELS, None), Pace(3, 0.05, decay=0, eps=1e-2)
    together = fit_w(model, at, [loss], pace)
    alone = fit_w(model, at[:1], [w_l(x[:1], None, None, PIXELS, None)], pace)
    assert torch.allclose(together.w[:1], alone.w, atol=1e-9)
    averaged = fit_w(model, at, [lambda c: loss(c) / 4], pace)
    moved = lambda w: (w - at.w).abs().mean().item()
    assert moved(averaged.w) < 0.6 * moved(together.w)


# ----------------------------------------------------------------- rates and scales of the loss


@pytest.mark.parametrize("weight, rate, low, high", [
    (1.0, 5.0, 4.9, 5.1),  # the published rate without the published weight: five units a step
    (1e-12, 0.01, 0.0, 1e-4),  # a usual rate with tiny weights: nothing moves
    (1e-12, 5.0, 1e-6, 0.1),  # both together
    (1.0, 0.03, 0.029, 0.031),
])
def test_the_rate_of_the_noise_belongs_to_the_scale_of_the_loss(weight, rate, low, high):
    model = tiny()
    at = start(model, 2)
    loss = mk_n(made(model), None, None, Weights(inside=weight))
    moved = fit_noise(model, at, [loss], Pace(1, rate, decay=0))
    assert low <= max(apart(moved.added, at.added)) <= high


def test_noise_with_strength_zero_can_be_moved_only_as_strength_times_noise():
    model = tiny()
    with torch.no_grad():
        model.synthesis.strengths.zero_()
    at, x = start(model, 2), made(tiny())
    loss, pace = [mk_n(x, None, None, PIXELS)], Pace(4, 0.1)
    assert alike(fit_noise(model, at, loss, pace, plain=True).added, at.added)
    moved = fit_noise(model, at, loss, pace)
    assert min(apart(moved.added, at.added)) > 0.05
    assert (quality(render(model, moved), x) > quality(render(model, at), x) + 0.5).all()


def test_plain_noise_moves_by_the_rate_times_the_strength():
    model, x = tiny(), made(tiny())
    at = start(model, 2)
    moved = fit_noise(model, at, [mk_n(x, None, None, PIXELS)], Pace(1, 0.1, decay=0), plain=True)
    for found, strength in zip(apart(moved.added, at.added), model.synthesis.strengths):
        assert found == pytest.approx(0.1 * strength.item(), rel=1e-2)


def test_rates_fall_by_half_a_cosine_at_the_end():
    pace = Pace(100, 0.2, decay=0.4)
    assert [pace.at(k) for k in (0, 30, 60)] == pytest.approx([0.2] * 3)
    assert pace.at(80) == pytest.approx(0.1) and pace.at(100) == pytest.approx(0)
    assert all(a >= b for a, b in zip(map(pace.at, range(99)), map(pace.at, range(1, 100))))
    assert {Pace(50, 0.3, decay=0).at(k) for k in range(51)} == {0.3}


# ------------------------------------------------------------------------------- orders, paths


@pytest.mark.parametrize("order, stages, moves", [
    ("sequential", ["w", "noise"], (True, True)), ("reverse", ["noise", "w"], (True, True)),
    ("joint", ["joint"], (True, True)), ("alternating", ["alternating"], (True, True)),
    ("w", ["w"], (True, False)), ("noise", ["noise"], (False, True))])
def test_orders_take_equal_steps_and_tell_their_path(order, stages, moves):
    model, x = tiny(), made(tiny())
    at = start(model, 2)
    done = embed(model, x, order, FEW, at=at, every=3, frames=True)
    assert (not torch.equal(done.w, at.w), not alike(done.added, at.added)) == moves
    assert list(dict.fromkeys(m.stage for m in done.path)) == stages
    steps = [m.step for m in done.path]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 12
    last = done.path[-1]
    assert last.loss.shape == last.psnr.shape == (2,)
    assert torch.allclose(last.psnr, quality(render(model, done), x), atol=1e-3)
    assert torch.equal(last.frame, ((eight_bits(render(model, done)) + 1) * 127.5).round().byte())
    assert (last.psnr > done.path[0].psnr).all()
    assert not embed(model, x, order, FEW, at=at).path


def test_orders_move_one_thing_at_a_time_when_they_take_turns():
    model, x = tiny(), made(tiny())
    at, loss = start(model, 2), w_l(x, None, None, PIXELS, None)
    turns = [Turn((loss,), w=Pace(2, 0.05, 0)), Turn((loss,), noise=Pace(2, 0.1, 0))]
    one, two = (minimise(model, at, turns, steps) for steps in (1, 2))
    assert not torch.equal(one.w, at.w) and alike(one.added, at.added)
    assert torch.equal(one.w, two.w) and min(apart(two.added, at.added)) > 0.05
    other = replace(turns[1], losses=(lambda c: 7 + loss(c),))
    path = minimise(model, at, [turns[0], other], 3, recording=Recording(1)).path
    assert [m.step for m in path] == [0, 1, 2, 3] and all((m.loss < 7).all() for m in path)


def test_noise_after_w_reaches_what_w_alone_does_not():
    model = tiny()
    x = made(model, 3)
    settings = Settings(PIXELS, Pace(40, 0.1), Pace(80, 0.1))
    done = embed(model, x, "sequential", settings)
    alone = quality(render(model, embed(model, x, "w", settings)), x)
    found = {noise: quality(render(model, done, noise), x)
             for noise in ("own", "first", "fresh")}
    assert (found["own"] > alone + 5).all() and (found["own"] > found["fresh"] + 5).all()


def test_an_embedding_of_its_own_image_is_found_again():
    model = tiny()
    at = start(model, 2, "random", seed=7)
    x = render(model, at).clamp(-1, 1)
    near = replace(at, w=at.w + 0.05 * torch.randn(at.w.shape))
    done = embed(model, x, "w", Settings(PIXELS, Pace(40, 0.02), Pace(40, 0.1)), at=near)
    assert (quality(render(model, done), x) > 40).all()
    assert (quality(render(model, done), x) > quality(render(model, near), x) + 5).all()


def test_the_sum_of_two_blocks_is_one_optimisation():
    model, x = tiny(), made(tiny(), 4)
    at, (a, b) = start(model, 2), x.split(2)
    both = fit_w(model, at, [w_l(y, None, None, PIXELS, None) for y in (a, b)], Pace(30, 0.1))
    between = fit_w(model, at, [w_l((a + b) / 2, None, None, replace(PIXELS, inside=2.0), None)],
                    Pace(30, 0.1))
    assert torch.allclose(both.w, between.w, atol=1e-3)  # their objectives differ by a constant


# --------------------------------------------------------------------------- refusals, settings


def test_what_does_not_fit_is_refused():
    model, x = tiny(), made(tiny())
    cases = (
        (lambda: embed(model, x, "both"), "choose sequential, reverse, joint"),
        (lambda: embed(model, x[..., :8]), r"makes \(B, 3, 16, 16\); got \(2, 3, 16, 8\)"),
        (lambda: embed(model, 3 * x + 3, settings=FEW), r"expected \[-1, 1\]"),
        (lambda: embed(model, x, settings=FEW, at=start(model, 3)), "has 3 images, x has 2"),
        (lambda: embed(model, x), "'percept' needs a network"),
        (lambda: embed(model, x, settings=FEW, rows=torch.ones(9).bool()), r"rows is \(6,\) bool"),
        (lambda: fit_w(model, start(model, 2), [lambda c: c.w.sum((1, 2)) / 0], Pace(3, 0.1)),
         "not finite after 0 steps: lower the rates"))
    for call, told in cases:
        with pytest.raises(BookError, match=told):
            call()


def test_a_recording_without_target_notes_the_loss_alone():
    model = tiny()
    at = fit_w(model, start(model, 2), [w_l(made(model), None, None, PIXELS, None)],
               Pace(4, 0.1), recording=Recording(2))
    assert [m.step for m in at.path] == [0, 2, 4]
    assert all(m.psnr is None and m.frame is None for m in at.path)
    assert (at.path[-1].loss < at.path[0].loss).all()


def test_deviations_are_told_with_the_numbers_in_use():
    rows = recipe.deviations(Settings(Weights(percept=0.375), Pace(123, 0.07), Pace(45, 0.6)))
    assert all(len(row) == 4 and all(text.strip() for text in row) for row in rows)
    told = {part: text for part, _, text, _ in rows}
    assert len(told) == len(rows) == len(recipe.DEVIATIONS)
    assert "0.375 for features" in told["weights"] and told["steps"] == "123 and 45"
    assert told["rate of the noise"] == "0.6" and told["rate of w"].startswith("0.07")


def test_the_published_setting_has_1024_pixels_and_18_rows_and_runs_at_any_size():
    assert (PUBLISHED.generator.size, PUBLISHED.generator.rows) == (1024, 18)
    settings = PUBLISHED.settings
    assert (settings.w.steps, settings.noise.steps) == (5000, 3000) and settings.plain
    few = replace(settings, w=replace(settings.w, steps=2), noise=replace(settings.noise, steps=2))
    model = tiny()
    done = embed(model, made(model), settings=few, taps=looking())
    assert done.w.isfinite().all() and all(a.isfinite().all() for a in done.added)
