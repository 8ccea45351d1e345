"""The quantities of embeddings by hand: bands, latents, seams, strokes, and least squares."""

import math
from dataclasses import replace

import pytest
import torch
from tiny_generator import SIZE, TINY, made, tiny

from synthbook.files import BookError
from synthbook.image2stylegan_pp import quantities, render, start
from synthbook.image2stylegan_pp.masks import box, everywhere, halves
from synthbook.image2stylegan_pp.reachable import Linear, Solve, joined, least_squares, reachable
from synthbook.stylegan2 import Config, StyleGAN2


def noise(count=2, seed=0, size=SIZE):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# ----------------------------------------------------------------------------- quantities


def test_psnr_under_a_mask_by_hand():
    x = -torch.ones(1, 3, SIZE, SIZE)
    y = x.clone()
    y[..., :8] += 51 / 127.5  # 0.4 of a range of 2, in the left half
    left = quantities.masked_psnr(y, x, halves(SIZE))
    assert left.item() == pytest.approx(10 * math.log10(4 / 0.4**2), abs=1e-3)
    assert quantities.masked_psnr(y, x, 1 - halves(SIZE)).item() == quantities.BEST
    assert quantities.masked_psnr(y, x, everywhere(SIZE)).item() == pytest.approx(
        left.item() + 10 * math.log10(2), abs=1e-3)
    assert quantities.near_psnr(x, x).item() == quantities.BEST
    with pytest.raises(BookError, match="a mask shows no pixel"):
        quantities.masked_psnr(y, x, 0 * halves(SIZE))


def test_octaves_add_up_and_waves_are_in_theirs():
    x = noise().double()
    assert torch.allclose(quantities.bands(x).sum(1), x.square().sum((1, 2, 3)))
    assert quantities.octaves(16) == [(0, 1), (1, 2), (2, 4), (4, 16)]
    places = 2 * math.pi * torch.arange(SIZE) / SIZE
    for cycles, band in ((0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (8, 3)):
        wave = (cycles * places).cos().expand(1, 3, SIZE, SIZE)
        found = quantities.bands(wave)[0]
        assert found.argmax() == band and found[band] > 0.999 * found.sum()


def test_white_noise_is_high_and_a_shade_is_not():
    size = 32
    white = torch.randn(16, 3, size, size, generator=torch.Generator().manual_seed(0))
    assert quantities.high_share(quantities.bands(white)).mean().item() == pytest.approx(
        0.95, abs=0.01)
    shade = torch.linspace(-1, 1, size).expand(1, 3, size, size)
    assert quantities.high_share(quantities.bands(shade)).item() < 0.25
    assert quantities.high_share(torch.zeros(1, 5)).item() == 0


def test_what_noise_repairs_is_not_its_own_spectrum():
    size = 32
    places = 2 * math.pi * torch.arange(size) / size
    wanted = 0.5 * places.cos().expand(1, 3, size, size)
    grain = 0.05 * torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    bare = torch.zeros_like(wanted)
    repaired = quantities.removed(wanted, bare, wanted + grain)
    assert quantities.high_share(repaired).item() < 0  # it repairs a slow wave and adds grain
    assert repaired[0, 1].item() == pytest.approx(float(wanted.square().sum()), rel=0.05)


def test_the_distance_to_w_is_1_for_latents_and_grows_with_every_row_that_leaves():
    model = tiny()
    styles = quantities.styles_of(model, 4_000)
    w = model.mapping(model.latents(500, 9))[:, None].expand(-1, TINY.rows, -1)
    mean = styles.distance(w).square().mean().sqrt().item()
    assert mean == pytest.approx(1, abs=0.1)
    away = w + 3 * (w - model.mean_w)
    some = torch.cat([w[:, :3], away[:, 3:]], 1)
    near, half, far = (styles.distance(x).mean() for x in (w, some, away))
    assert near < half < far and far > 2.5 * near
    assert torch.allclose(quantities.to_mean(model.mean_w.expand(2, TINY.rows, -1), model.mean_w),
                          torch.zeros(2), atol=1e-5)


def test_a_seam_is_the_step_across_the_masks_edge():
    x = torch.full((1, 3, SIZE, SIZE), -0.5)
    x[..., 8:] = 0.3
    assert quantities.seam(x, halves(SIZE)).item() == pytest.approx(0.4)
    assert quantities.seam(x, box(SIZE, 0, 0, 4, SIZE)).item() == 0
    assert torch.equal(quantities.strip(x, 4), x[..., 6:10])
    with pytest.raises(BookError, match="without an edge has no seam"):
        quantities.seam(x, everywhere(SIZE))


def test_the_colour_under_a_stroke_by_hand():
    x, mask = torch.zeros(1, 3, SIZE, SIZE), box(SIZE, 2, 2, 4, 4)
    x[:, 0, 2:4, 2:4] = 0.5
    colour = torch.tensor([[1.0, 0.0, 0.0]])
    assert quantities.mean_colour(x, mask).tolist() == [[0.5, 0.0, 0.0]]
    assert quantities.colour_error(x, colour, mask).item() == pytest.approx(0.5 / 3 / 2)


# ---------------------------------------------------------------------------- least squares


def test_conjugate_gradients_find_the_least_squares_solution():
    torch.manual_seed(0)
    model = StyleGAN2(Config(8, (6, 5), latent=4)).eval()
    at, x = start(model, 2), noise(size=8)
    linear = Linear(model, at.w, at.added)
    count = joined(at.added).shape[1]
    jacobian = torch.stack([linear.forward(row.expand(2, -1)).flatten(1)
                            for row in torch.eye(count)], 2)  # (B, 3 H W, N)
    r = x - linear.image.detach()
    turned = torch.einsum("bpn,bp->bn", jacobian, r.flatten(1))
    assert torch.allclose(linear.transposed(r), turned, atol=1e-3)
    damping = 1e-3
    found = least_squares(linear, r, Solve(1, 300, damping))
    scale = (jacobian @ turned[..., None]).square().sum((1, 2)) / turned.square().sum(1)
    normal = jacobian.mT @ jacobian + (damping * scale).view(-1, 1, 1) * torch.eye(count)
    exact = torch.linalg.solve(normal.double(), turned.double()).float()

    def energy(d):
        missed = r.flatten(1) - (jacobian @ d[..., None])[..., 0]
        return missed.square().sum(1) + damping * scale * d.square().sum(1)

    least, nothing = energy(exact), energy(torch.zeros_like(exact))
    assert (nothing > 1.5 * least).all()
    assert (energy(found) <= least + 1e-3 * (nothing - least)).all()
    early = least_squares(linear, r, Solve(1, 2, damping))
    assert (energy(early) > least + 1e-3 * (nothing - least)).all()


def test_what_noise_can_reach_is_what_was_made_with_noise():
    model = tiny()
    at = start(model, 2, "random", 3)
    with torch.no_grad():
        x = render(model, at, "fresh", 8).clamp(-1, 1)  # the same w, other noise
    begun = replace(at, added=tuple(map(torch.zeros_like, at.added)))
    done = reachable(model, begun, x, Solve(4, 40))
    first, last = (quantities.near_psnr(render(model, e), x) for e in (begun, done))
    assert (last > first + 10).all() and torch.equal(done.w, at.w)
    assert not any(a.requires_grad for a in done.added)
    still = reachable(model, at, x, Solve(0, 5))
    assert all(torch.equal(a, b) for a, b in zip(still.added, at.added))


def test_images_do_not_influence_one_another_in_the_solve():
    model = tiny()
    at, x = start(model, 2), made(model)
    both, one = (reachable(model, e, y, Solve(2, 8)) for e, y in ((at, x), (at[:1], x[:1])))
    assert torch.allclose(render(model, both)[:1], render(model, one), atol=1e-3)
