"""How StyleGAN2 is trained: discriminator, losses, their turns and precision, what ships."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from synthbook import losses, models
from synthbook.discriminators import ResidualDiscriminator, minibatch_stddev
from synthbook.files import BookError
from synthbook.stylegan2 import (
    Config,
    Mapping,
    StyleGAN2,
    Synthesis,
    config,
    recipe,
    sample,
)
from synthbook.training import Run, train

TINY = Config(16, (12, 10, 8), latent=6)
ROWS = TINY.rows

# -------------------------------------------------------------------------- discriminator


@pytest.mark.parametrize("count, group, used", [(8, 4, 4), (4, 4, 4), (6, 4, 2), (3, 4, 1)])
def test_the_minibatch_deviation_equals_a_slow_loop(count, group, used):
    x = torch.randn(count, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    out, plain = minibatch_stddev(x, group), x.numpy()
    assert out.shape == (count, 4, 2, 2) and torch.equal(out[:, :3], x)
    for first in range(0, count, used):
        found = [math.sqrt(np.mean((v - v.mean()) ** 2) + 1e-8)
                 for c, i, j in np.ndindex(3, 2, 2)
                 for v in [plain[first:first + used, c, i, j]]]
        wanted = torch.full((used, 2, 2), float(np.mean(found)))
        assert torch.allclose(out[first:first + used, 3], wanted, atol=1e-5)


def test_equal_images_have_no_deviation_and_a_finite_gradient():
    x = torch.ones(4, 3, 2, 2, requires_grad=True)
    out = minibatch_stddev(x, 4)
    out.sum().backward()
    assert out[:, 3].max() < 1e-3 and x.grad.isfinite().all()


def test_scores_depend_on_their_group_alone():
    torch.manual_seed(0)
    critic, images = ResidualDiscriminator(TINY.channels, TINY.group), torch.randn(8, 3, 16, 16)
    scores = critic(images)
    assert scores.shape == (8,)
    assert torch.allclose(scores[:4], critic(images[:4]), atol=1e-5)
    assert not torch.allclose(scores[:2], critic(images[:2]), atol=1e-5)
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        critic(images[..., :8])


# ---------------------------------------------------------------------------------- losses


def test_r1_of_a_critic_whose_gradient_is_known():
    x = torch.randn(5, 3, 4, 4, requires_grad=True)
    weight = torch.randn(3, 4, 4)
    score = (weight * x.square()).sum((1, 2, 3))
    expected = (2 * weight * x).square().sum((1, 2, 3)).mean()
    assert losses.r1(score, x).item() == pytest.approx(expected.item(), rel=1e-5)


def in_bfloat16(network):
    """As the loop sets a network's precision: around the instance's own `forward`."""
    network.forward = torch.autocast("cpu", torch.bfloat16)(network.forward)
    return network


def test_regularisers_are_float32_though_the_loop_is_in_bfloat16():
    found, batch, fake = [], batch_of(), torch.randn(8, 3, 16, 16)
    for mixed in (False, True):
        nets, aim = networks(), setting(path_length=1.0, mixing=0.0)
        if mixed:
            nets |= {k: in_bfloat16(nets[k]) for k in ("synthesis", "discriminator")}
            assert nets["discriminator"](fake).dtype == torch.bfloat16
        terms = recipe.discriminator_loss(aim, nets, batch, {"step": 15, "fake": fake})[1]
        torch.manual_seed(0)
        terms["path"] = recipe.path_term(aim, nets, 4, torch.device("cpu"))
        (terms["d_r1"] + terms["path"]).backward()
        found.append([terms["d_r1"], terms["path"], *(p.grad for net in nets.values()
                                                      for p in net.parameters()
                                                      if p.grad is not None)])
    assert len(found[0]) > 20
    for exact, got in zip(*found, strict=True):
        assert torch.allclose(exact, got, rtol=1e-4, atol=1e-6)


def test_a_lazy_term_has_weight_one_on_average():
    factors = [recipe.lazy(step, 16) for step in range(64)]
    assert sum(factors) / 64 == 1 and set(factors) == {0, 16} and factors[15] == 16
    assert [recipe.lazy(step, 1) for step in range(3)] == [1, 1, 1]


def test_path_lengths_of_a_linear_generator():
    torch.manual_seed(0)
    rows, latent = 3, 5
    w = torch.randn(4, rows, latent, requires_grad=True)
    jacobian, y = torch.randn(rows, latent, 3 * 8 * 8), torch.randn(4, 3, 8, 8)
    image = torch.einsum("blz,lzp->bp", w, jacobian).view(4, 3, 8, 8)
    lengths = losses.path_lengths(image, w, y)
    for b in range(4):
        pulled = jacobian @ (y[b].flatten() / 8)  # J^T y, (L, Z)
        assert lengths[b].item() == pytest.approx(
            pulled.square().sum(1).mean().sqrt().item(), rel=1e-4)
    assert losses.path_length(torch.tensor([1.0, 4.0]), torch.tensor(2.0)).item() == 2.5


# -------------------------------------------------------------------------------- the game


def networks(seed=0):
    torch.manual_seed(seed)
    return {"mapping": Mapping(TINY), "synthesis": Synthesis(TINY),
            "discriminator": ResidualDiscriminator(TINY.channels, TINY.group)}


def batch_of(count=8):
    return {"image": torch.rand(count, 3, 16, 16) * 2 - 1}


def setting(**changed):
    return recipe.Setting(TINY, objective=recipe.Objective(**changed))


def test_the_generators_loss_moves_mapping_and_synthesis():
    nets, scratch = networks(), {"step": 0, "done": 0.0}
    nets["discriminator"].requires_grad_(False)
    loss, terms = recipe.generator_loss(setting(), nets, batch_of(), scratch)
    assert set(terms) == {"g_logistic"} and scratch["fake"].shape == (8, 3, 16, 16)
    assert not scratch["fake"].requires_grad
    loss.backward()
    for name in ("mapping", "synthesis"):
        assert all(p.grad is not None and p.grad.any() for p in nets[name].parameters()), name


@pytest.mark.parametrize("step", [0, 14, 15])
def test_the_discriminators_loss_adds_r1_once_in_sixteen_steps(step):
    nets, batch = networks(), batch_of()
    fake = torch.randn(8, 3, 16, 16)
    aim = setting(r1=3.0)
    loss, terms = recipe.discriminator_loss(aim, nets, batch, {"step": step, "fake": fake})
    critic = nets["discriminator"]
    real = batch["image"].clone().requires_grad_()
    score = critic(real)
    expected = (F.softplus(-score) + F.softplus(critic(fake))).mean()
    assert ("d_r1" in terms) == (step == 15)
    if step == 15:
        gradient, = torch.autograd.grad(score.sum(), real, create_graph=True)
        expected = expected + 16 * 1.5 * gradient.square().sum((1, 2, 3)).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    loss.backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in critic.parameters())


def test_path_lengths_are_regularised_when_asked_for():
    nets, aim = networks(), setting(path_length=2.0)
    _, without = recipe.generator_loss(aim, nets, batch_of(), {"step": 0, "done": 0.0})
    assert set(without) == {"g_logistic"} and not nets["synthesis"].path_length
    loss, terms = recipe.generator_loss(aim, nets, batch_of(), {"step": 3, "done": 0.0})
    assert loss.item() == pytest.approx(
        (terms["g_logistic"] + 8 * terms["g_path_length"]).item(), rel=1e-5)
    assert nets["synthesis"].path_length > 0
    loss.backward()
    assert nets["synthesis"].layers[0].conv.weight.grad.isfinite().all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_images_has_two_latents(share):
    torch.manual_seed(0)
    w = recipe.mixed_styles(setting(mixing=share), networks(), 32, torch.device("cpu"))
    assert w.shape == (32, ROWS, TINY.latent)
    mixed = (w != w[:, :1]).any(2)
    assert mixed.any(1).float().mean() == share
    if share:
        cuts = (~mixed).sum(1)
        assert cuts.min() == 1 and cuts.max() == ROWS - 1
        assert all((mixed[i] == (torch.arange(ROWS) >= cut)).all() for i, cut in enumerate(cuts))


def test_a_batch_that_cannot_be_grouped_is_refused():
    with pytest.raises(BookError, match="batch 6 is no multiple of 4"):
        recipe.recipe("faces", 32, images=12, batch=6)


def test_deviations_are_told_with_the_numbers_in_use():
    rows = recipe.deviations(recipe.Objective(r1=0.125, path_length=1.5), TINY)
    assert all(len(row) == 4 and all(text.strip() for text in row) for row in rows)
    told = {part: text for part, _, text, _ in rows}
    assert len(told) == len(rows) == len(recipe.DEVIATIONS)
    assert told["gamma of R1"] == "0.125" and told["channels"].startswith("12, 10, 8")
    assert told["path length regulariser"].startswith("weight 1.5")


# ------------------------------------------------------------------------------ what ships


class Faces(torch.utils.data.Dataset):
    """Sixteen fixed images in place of the portraits."""

    def __len__(self):
        return 16

    def __getitem__(self, i):
        generator = torch.Generator().manual_seed(i)
        return {"image": torch.rand(3, 1, 1, generator=generator).expand(3, 32, 32) * 2 - 1}


def test_it_is_trained_stored_and_loaded_with_its_mean(tmp_path):
    name = models.parse("stylegan2", "laptop")
    assert str(name) == "stylegan2/stylegan2@faces-32-s0"
    assert str(models.parse("stylegan2")) == "stylegan2/stylegan2@faces-64-s0"
    made = replace(models.recipe(name, "smoke"), data=Faces)
    assert made.images / made.batch >= 16  # so that R1 has its turn
    run = train(made, out=tmp_path / "run", progress=False)
    assert run.terms["d_r1"] >= 0 and {"spread", "strength_32.1"} < set(run.log[-1])
    assert list((tmp_path / "run" / "snapshots").glob("*.png"))
    path = models.write_weights(run, name, tmp_path, "by hand", "smoke")
    model = models.load(str(name), weights=path)
    assert isinstance(model, StyleGAN2) and model.config == config(32) and model.mean_w.any()
    assert torch.allclose(model.mean_w, run.best["mapping"].mean, atol=1e-3)
    assert sample(model, 2).shape == (2, 3, 32, 32)


def test_what_ships_is_the_average():
    nets = networks()
    averaged = {k: copy.deepcopy(nets[k]) for k in ("mapping", "synthesis")}
    with torch.no_grad():
        averaged["synthesis"].constant += 1
    run = Run(recipe.Recipe(recipe.Setting(TINY), list, dict, {}, 1, 1), nets, averaged)
    module = models.assembled(run, models.parse("stylegan2"))
    assert torch.equal(module.synthesis.constant, averaged["synthesis"].constant)
