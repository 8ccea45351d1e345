"""How SMIS is trained at small scale: what each loss sees and moves, and what is declared."""

from dataclasses import replace

import pytest
import torch
from layouts import TINY, layout, scene

from synthbook.discriminators import SegmentationDiscriminator
from synthbook.layers import one_hot
from synthbook.smis import Encoder, Generator, recipe


def networks(model=TINY):
    torch.manual_seed(0)
    return {"generator": Generator(model), "encoder": Encoder(model),
            "discriminator": SegmentationDiscriminator(model.classes, 4)}


def batch_of(count=4):
    image, label, _ = scene(count)
    return {"image": image, "label": label}


@pytest.mark.parametrize("model", [TINY, replace(TINY, split=False)])
def test_the_generators_loss_reaches_both_networks(model):
    setting, nets, scratch = recipe.Setting(model), networks(model), {"done": 0.9}
    nets["discriminator"].requires_grad_(False)
    loss, terms = recipe.generator_loss(setting, nets, batch_of(), scratch)
    loss.backward()
    expected = sum(getattr(setting.weights, k.removeprefix("g_")) * v for k, v in terms.items())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert set(terms) == {"g_l1", "g_kl", "g_feature_matching", "g_segmentation", "g_patch"}
    for key in ("generator", "encoder"):
        assert all(p.grad is not None for p in nets[key].parameters()), key
    assert scratch["fake"].shape == (4, 3, 32, 32) and not scratch["fake"].requires_grad


def test_the_discriminator_learns_from_samples_of_the_prior_alone():
    setting, nets, scratch = recipe.Setting(TINY), networks(), {"done": 0.9}
    nets["discriminator"].eval()  # spectral norms stay as they are
    recipe.generator_loss(setting, nets, batch_of(), scratch)
    nets["encoder"] = nets["generator"] = None  # it needs neither any more
    loss, terms = recipe.discriminator_loss(setting, nets, batch_of(), scratch)
    scratch["fake"][:2] += 5  # rebuilt images do not count
    again, _ = recipe.discriminator_loss(setting, nets, batch_of(), scratch)
    assert loss.item() == pytest.approx(again.item(), rel=1e-4)
    loss.backward()
    assert all(p.grad is not None for p in nets["discriminator"].parameters())
    assert set(terms) == {"d_segmentation", "d_patch"}


def test_the_game_begins_after_the_codes_are_learned():
    setting = recipe.Setting(TINY, weights=recipe.Weights(warm=0.2, ramp=0.2))
    quiet = {"done": 0.1}
    _, terms = recipe.generator_loss(setting, networks(), batch_of(), quiet)
    assert set(terms) == {"g_l1", "g_kl"}
    assert recipe.discriminator_loss(setting, networks(), batch_of(), quiet) is None
    patch = {}
    for done in (0.3, 0.9):
        torch.manual_seed(1)
        nets = networks()
        patch[done] = recipe.generator_loss(
            setting, nets, batch_of(), {"done": done})[1]["g_patch"].item()
    assert patch[0.3] == pytest.approx(patch[0.9] / 2, rel=1e-4)


def test_kl_counts_the_latents_in_use():
    onehot = one_hot(torch.tensor([[[0, 1]], [[2, 2]]]), 4)
    assert recipe.latents_present(TINY, onehot).item() == 1.5
    assert recipe.latents_present(replace(TINY, split=False), onehot).item() == 1


def test_probe_and_sample_look_at_held_out_scenes():
    setting = recipe.Setting(TINY)
    nets = {k: n.eval() for k, n in networks().items()}
    image, label, _ = scene(3)
    values = recipe.probe(setting, nets, image, label)
    assert values == recipe.probe(setting, nets, image, label)
    assert values["change_inside"] > 0 and values["rebuilt_error"] > 0
    rows = recipe.sample(setting, nets, image, label).unflatten(0, (3, 8))
    assert torch.equal(rows[:, 0], image)
    assert not torch.equal(rows[:, 2], rows[:, 3])


def test_a_small_network_learns_four_images():
    torch.manual_seed(0)
    label = layout(4)
    colours = torch.rand(4, 4, 3) * 1.6 - 0.8
    image = torch.stack([colours[b][label[b]].movedim(-1, 0) for b in range(4)])
    onehot, nets = one_hot(label, 4), networks()
    optimiser = torch.optim.Adam(
        [p for k in ("generator", "encoder") for p in nets[k].parameters()], 5e-3)
    errors = []
    for _ in range(60):
        made = nets["generator"](onehot, nets["encoder"](image, onehot)[0])
        errors.append((made - image).abs().mean())
        optimiser.zero_grad()
        errors[-1].backward()
        optimiser.step()
    assert errors[-1] < 0.4 * errors[0]


def test_deviations_are_told_with_the_weights_in_use():
    rows = recipe.deviations(recipe.Weights(l1=3.25, kl=0.125))
    assert all(len(row) == 4 and all(text.strip() for text in row) for row in rows)
    assert len({part for part, *_ in rows}) == len(rows) == len(recipe.DEVIATIONS)
    here = {part: text for part, _, text, _ in rows}
    assert "3.25" in here["perceptual loss"] and "0.125" in here["KL"]
