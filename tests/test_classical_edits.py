"""Edits without a generator: pastes, Poisson blending, fills, deep image prior, components."""

import importlib.util

import numpy as np
import pytest
import torch

from synthbook.baselines import classical_inpainting as fills
from synthbook.baselines import deep_image_prior as prior
from synthbook.baselines import pca
from synthbook.baselines.pasting import feathered, hard, laplacian, poisson
from synthbook.datasets.strangers import KINDS, strangers
from synthbook.files import BookError

SIZE = 12
LEFT = torch.zeros(1, 1, SIZE, SIZE)
LEFT[..., :SIZE // 2] = 1
SQUARE = torch.zeros(1, 1, SIZE, SIZE)
SQUARE[..., 4:8, 3:9] = 1


def images(count=2, seed=0, size=SIZE):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, generator=generator) * 2 - 1


def ramp(across, down, size=SIZE):
    """A picture whose colours rise evenly."""
    places = torch.arange(size) / size - 0.5
    plane = across * places + down * places[:, None]
    return torch.stack([plane, -plane, plane / 2])[None]


# ----------------------------------------------------------------------------------- pastes


def test_a_hard_paste_takes_every_pixel_from_one_of_both():
    a, b = images(), images(seed=1)
    made = hard(a, b, LEFT)
    assert torch.equal(made[..., :6], a[..., :6]) and torch.equal(made[..., 6:], b[..., 6:])


def test_a_feathered_paste_goes_evenly_from_one_to_the_other():
    one = torch.ones(1, 3, SIZE, SIZE)
    row = feathered(one, -one, LEFT, 1.0)[0, 0, 5]
    assert (row.diff() <= 0).all() and row[0] == pytest.approx(1) == -row[-1]
    assert torch.allclose(row, -row.flip(0), atol=1e-6)  # symmetric about the seam
    b = images(1)
    assert torch.allclose(feathered(b, b, LEFT), b)


def test_laplaces_operator_counts_neighbours():
    dense, x = laplacian(3, 4).toarray(), np.arange(12.0).reshape(3, 4) ** 2
    for i, j in np.ndindex(3, 4):
        near = [x[k, m] for k, m in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
                if 0 <= k < 3 and 0 <= m < 4]
        assert (dense @ x.flatten())[4 * i + j] == len(near) * x[i, j] - sum(near)


def test_poisson_blending_keeps_steps_inside_and_pixels_outside():
    a, b = 0.3 * images(), 0.3 * images(seed=1)
    made = poisson(a, b, SQUARE)
    outside = SQUARE == 0
    assert torch.equal(made * outside, b * outside)
    operator = laplacian(SIZE, SIZE)
    for x, y in zip(made, a):
        missed = operator @ (x - y).flatten(1).T.double().numpy()
        assert np.abs(missed[SQUARE.flatten() > 0]).max() < 1e-5


def test_poisson_blending_takes_over_another_brightness():
    a = 0.2 * images()
    made = poisson(a, a + 0.3, SQUARE)  # the same picture, brighter: nothing to see of a seam
    assert torch.allclose(made, a + 0.3, atol=1e-5)
    assert not torch.allclose(hard(a, a + 0.3, SQUARE), a + 0.3, atol=0.1)


def test_pastes_that_do_not_fit_are_told_what_would():
    a = images()
    with pytest.raises(BookError, match=r"mask is \(2 or 1, 1, 12, 12\); got \(1, 1, 6, 6\)"):
        hard(a, a, torch.ones(1, 1, 6, 6))
    with pytest.raises(BookError, match=r"mask has values in \[0, 1\]; got \[2, 2\]"):
        poisson(a, a, 2 * torch.ones(1, 1, SIZE, SIZE))
    with pytest.raises(BookError, match="pairs differ in shape"):
        feathered(a, a[:1], LEFT)
    with pytest.raises(BookError, match="sigma is above 0"):
        feathered(a, a, LEFT, 0)
    with pytest.raises(BookError, match="every pixel is unknown"):
        poisson(a, a, torch.ones(1, 1, SIZE, SIZE))


# ------------------------------------------------------------------------------------ fills


HERE = [*fills.available().items(),
        ("mean", lambda x, hole: fills.mean_fill(x, hole, images(5, 3))),
        ("nearest", lambda x, hole: fills.nearest(x, hole, images(5, 3)))]


@pytest.mark.parametrize("fill", [pytest.param(f, id=name) for name, f in HERE])
def test_known_pixels_stay_and_what_was_in_the_hole_has_no_influence(fill):
    x, inside = images(), SQUARE > 0
    made = fill(x, SQUARE)
    assert torch.equal(made * ~inside, x * ~inside) and made.isfinite().all()
    assert torch.equal(fill(torch.where(inside, -x, x), SQUARE), made)
    assert not torch.equal(made, x)
    assert torch.equal(fill(x, 0 * SQUARE), x)


def test_heat_is_even_along_a_ramp_and_between_its_edges():
    x = ramp(0.6, 0.8)
    assert torch.allclose(fills.harmonic(x, SQUARE), x, atol=1e-5)
    made = fills.harmonic(images(), SQUARE)
    for i, j in ((5, 4), (6, 7)):
        around = [made[..., i - 1, j], made[..., i + 1, j], made[..., i, j - 1],
                  made[..., i, j + 1]]
        assert torch.allclose(made[..., i, j], sum(around) / 4, atol=1e-5)


def test_the_nearest_picture_is_found_by_its_known_pixels():
    seen = images(6, 3)
    x = torch.where(SQUARE > 0, torch.tensor(0.9), seen[[4, 1]])
    assert torch.allclose(fills.nearest(x, SQUARE, seen), seen[[4, 1]])
    assert torch.allclose(fills.mean_fill(x, SQUARE, seen)[0, :, 5, 5], seen[:, :, 5, 5].mean(0))


@pytest.mark.parametrize(("method", "package"), [
    ("telea", "cv2"), ("navier_stokes", "cv2"), ("biharmonic", "skimage")])
def test_a_fill_of_a_package_says_what_to_install(method, package, monkeypatch):
    monkeypatch.setattr(fills, "find_spec", lambda name: None)
    with pytest.raises(BookError, match=f"{method} is {package}'s: install .* harmonic"):
        fills.FILLS[method](images(), SQUARE)
    assert list(fills.available()) == ["harmonic"]


@pytest.mark.skipif(not importlib.util.find_spec("skimage"), reason="needs scikit-image")
def test_a_biharmonic_surface_goes_on_with_its_slope():
    x = ramp(0.6, 0.8)
    assert torch.allclose(fills.biharmonic(x, SQUARE), x, atol=1e-3)


@pytest.mark.skipif(not importlib.util.find_spec("cv2"), reason="needs OpenCV")
@pytest.mark.parametrize("fill", [fills.telea, fills.navier_stokes])
def test_opencvs_fills_take_the_colour_around_the_hole(fill):
    x = torch.full((1, 3, SIZE, SIZE), 0.5)
    x[:, 1] = -0.5
    assert torch.allclose(fill(torch.where(SQUARE > 0, -x, x), SQUARE), x, atol=0.02)


# ------------------------------------------------------------------------- deep image prior


SMALL = prior.Prior(levels=2, width=8, skip=4, inputs=8, steps=100)


def smooth(size=16):
    places = torch.linspace(-1, 1, size)
    return torch.stack([places.expand(size, size), places[:, None].expand(size, size),
                        (3 * places).sin().expand(size, size)])[None] * 0.7


def test_a_prior_rebuilds_and_fills_a_smooth_picture():
    x, hole = smooth(), torch.zeros(1, 1, 16, 16)
    hole[..., 6:10, 6:10] = 1
    spoilt = torch.where(hole > 0, torch.tensor(-1.0), x)
    made = prior.inpaint(spoilt, hole, SMALL)
    assert torch.equal(made * (1 - hole), x * (1 - hole))
    missed = ((made - x) * hole).abs().sum() / hole.sum() / 3
    assert missed < 0.5 * ((x.mean((2, 3), keepdim=True) - x) * hole).abs().sum() / hole.sum() / 3
    other = prior.inpaint(torch.where(hole > 0, torch.tensor(1.0), x), hole, SMALL)
    assert torch.equal(other, made)


def test_every_picture_has_a_network_of_its_own():
    x = torch.cat([smooth(), -smooth()])
    nets = prior.network(2, SMALL)
    z = torch.rand(2, 8, 16, 16, requires_grad=True)
    own = torch.autograd.grad(nets(z)[0].square().sum(), [z, *nets.parameters()])
    assert own[0][0].any() and not own[0][1].any()
    assert all(not g[1].any() for g in own[1:]) and sum(bool(g[0].any()) for g in own[1:]) > 10
    assert prior.fit(x, prior=prior.Prior(2, 8, 4, 8, steps=3)).shape == x.shape


def test_a_prior_that_cannot_be_is_refused():
    with pytest.raises(BookError, match="4 levels halve 16 pixels too often"):
        prior.fit(smooth())
    with pytest.raises(BookError, match="without a known pixel"):
        prior.fit(smooth(), torch.ones(1, 1, 16, 16), SMALL)


# ------------------------------------------------------------------------------- components


def test_components_are_those_of_the_covariance():
    x = 0.5 * images(30, size=3)
    found = pca.fitted(x, 5)
    flat = x.flatten(1).double()
    values, vectors = torch.linalg.eigh((flat - flat.mean(0)).T.cov())
    top = vectors[:, -5:].T.float()
    assert torch.allclose((found.directions @ top.T).abs(), torch.eye(5), atol=1e-3)
    away = (x.flatten(1) - found.mean) @ top.T @ top + found.mean
    assert torch.allclose(found.rebuilt(x), away.view_as(x).clamp(-1, 1), atol=1e-4)


def test_all_components_rebuild_what_they_were_fitted_to_and_more_are_refused():
    x = 0.5 * images(6)
    assert torch.allclose(pca.fitted(x, 5).rebuilt(x), x, atol=1e-4)
    few, many = (pca.fitted(x, n).rebuilt(x) - x for n in (1, 4))
    assert many.square().mean() < few.square().mean()
    with pytest.raises(BookError, match="6 pictures of 432 numbers have 1 to 5 components; 6"):
        pca.fitted(x, 6)


# -------------------------------------------------------------------------------- strangers


def test_strangers_are_pictures_of_three_kinds():
    found = strangers(32, 3)
    assert tuple(found) == KINDS
    assert [len(x) for x in found.values()] == [3, 3, 2]
    for x in found.values():
        assert x.shape[1:] == (3, 32, 32) and -1 <= x.min() < -0.2 and 0.2 < x.max() <= 1
        assert (x[0] - x[1]).abs().mean() > 0.1
    assert all(torch.equal(a, b) for a, b in zip(found.values(), strangers(32, 3).values()))
