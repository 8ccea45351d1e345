"""The Gaussian fitted to a class's codes, and sampling from it."""

import torch
from layouts import TINY, scene

from synthbook.smis import SMIS
from synthbook.smis.prior import fit_prior


def items(count=60):
    image, label, _ = scene(count)
    return [{"image": image[i], "label": label[i]} for i in range(count)]


def test_an_unfitted_prior_is_standard_normal():
    model = SMIS(TINY)
    draws = [model.prior(3, torch.Generator().manual_seed(2), fitted) for fitted in (True, False)]
    assert torch.equal(*draws) and draws[0].shape == (3, *TINY.latent_shape)
    expected = torch.randn(3, 12, generator=torch.Generator().manual_seed(2))
    assert torch.equal(draws[0].flatten(1), expected)


def test_the_fit_has_the_moments_of_the_aggregated_posterior():
    torch.manual_seed(0)
    model, data = SMIS(TINY).eval(), items()
    fit_prior(model, data)
    image, label, onehot = scene(60)
    with torch.no_grad():
        mu, logvar = (x.view(60, 4, 3) for x in model.encoder(image, onehot))
    draws = mu[:, None] + torch.randn(60, 400, 4, 3) * (logvar / 2).exp()[:, None]
    made = model.prior(20_000).view(-1, 4, 3)
    for c in range(3):
        cloud = draws[:, :, c].flatten(0, 1)
        assert torch.allclose(made[:, c].mean(0), cloud.mean(0), atol=0.05)
        assert torch.allclose(made[:, c].T.cov(), cloud.T.cov(), atol=0.05)


def test_a_class_that_is_rarely_there_keeps_the_standard_normal():
    model = SMIS(TINY).eval()
    fit_prior(model, items())
    assert torch.equal(model.centre[3], torch.zeros(3))
    assert torch.equal(model.spread[3], torch.eye(3))
    fit_prior(SMIS(TINY), [])
    few = SMIS(TINY)
    fit_prior(few, items(10))
    assert torch.equal(few.spread, SMIS(TINY).spread)
