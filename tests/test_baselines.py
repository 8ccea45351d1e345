"""The baselines: what each one listens to, what its own loss term does, equal terms for all."""

from dataclasses import replace

import pytest
import torch
from layouts import scene

from synthbook import game
from synthbook.baselines import bicyclegan, dscgan, pix2pixhd, spade
from synthbook.discriminators import SegmentationDiscriminator
from synthbook.layers import one_hot

CONFIGS = {
    bicyclegan: bicyclegan.Config(4, (32, 32), 3, (8, 12, 12), (6, 8)),
    dscgan: dscgan.Config(4, (32, 32), 3, (8, 12, 12)),
    pix2pixhd: pix2pixhd.Config(4, (32, 32), widths=(6, 8, 12), blocks=1),
    spade: spade.Config(4, (32, 32), channels=(12, 12, 8), hidden=(6, 6)),
}
MODULES = pytest.mark.parametrize("module", CONFIGS, ids=lambda m: m.__name__.rpartition(".")[2])


def networks(module):
    torch.manual_seed(0)
    model = module.model(CONFIGS[module])
    nets = {"generator": model.generator, "encoder": model.encoder,
            "discriminator": SegmentationDiscriminator(4, 4)}
    return {k: n for k, n in nets.items() if n is not None}


def setting(module, **weights):
    base = {bicyclegan: bicyclegan.Weights(), dscgan: dscgan.Weights()}.get(module, game.AtOnce())
    return game.Setting(CONFIGS[module], weights=replace(base, **weights))


def loss_of(module):
    return getattr(module, "generator_loss", game.paired_loss)


def batch_of(count=4):
    image, label, _ = scene(count)
    return {"image": image, "label": label}


# -------------------------------------------------------------------------- all of them


@MODULES
def test_a_baseline_does_what_samplers_ask(module):
    torch.manual_seed(0)
    model = module.model(CONFIGS[module]).eval()
    _, _, onehot = scene(2)
    z, other = model.prior(2), model.prior(2)
    assert z.shape == (2, model.config.latent, 1, 1)
    generator = torch.Generator().manual_seed(3)
    again = torch.Generator().manual_seed(3)
    assert torch.equal(model.prior(2, generator), model.prior(2, again))
    assert torch.equal(model.swap(z, other, 1), other)
    with torch.no_grad():
        made = model(onehot, z)
        assert made.shape == (2, 3, 32, 32) and made.abs().max() <= 1
        assert (model(onehot.flip(-1), z) - made).abs().max() > 1e-4


@MODULES
def test_the_loss_moves_all_of_the_model_and_leaves_images_to_the_discriminator(module):
    nets, scratch = networks(module), {"done": 0.9}
    nets["discriminator"].requires_grad_(False)
    loss, terms = loss_of(module)(setting(module), nets, batch_of(), scratch)
    expected = sum(getattr(setting(module).weights, k.removeprefix("g_")) * v
                   for k, v in terms.items())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    for key in set(nets) - {"discriminator"}:
        assert all(p.grad is not None and p.grad.any() for p in nets[key].parameters()), key
    assert not scratch["fake"].requires_grad and scratch["fake"].shape == (4, 3, 32, 32)
    nets["discriminator"].requires_grad_(True)
    loss, _ = game.discriminator_loss(setting(module), nets, batch_of(), scratch)
    loss.backward()
    assert all(p.grad is not None for p in nets["discriminator"].parameters())


@MODULES
def test_generated_images_meet_the_discriminator_in_their_own_layouts(module):
    nets, scratch, batch = networks(module), {"done": 0.9}, batch_of()
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, onehot, z):
            seen.append(onehot.argmax(1))
            return onehot[:, :3] + 0 * z.sum()

    nets["generator"] = Spy()
    loss_of(module)(setting(module), nets, batch, scratch)
    assert torch.equal(seen[0][2:], batch["label"][2:])
    assert torch.equal(scratch["fake"][2:], one_hot(batch["label"][2:], 4)[:, :3])


@pytest.mark.parametrize("module", [dscgan, pix2pixhd, spade],
                         ids=lambda m: m.__name__.rpartition(".")[2])
def test_without_codes_the_game_begins_at_once(module):
    scratch = {"done": 0.0}
    _, terms = loss_of(module)(setting(module), networks(module), batch_of(), scratch)
    assert {"g_patch", "g_segmentation", "g_feature_matching"} < set(terms) and "fake" in scratch


@MODULES
@pytest.mark.parametrize("data, classes", [("places", 16), ("faces", 8)])
def test_a_recipe_is_the_games_own(module, data, classes):
    recipe = module.recipe(data, 32, images=64)
    model = recipe.config.model
    assert (model.classes, model.size, recipe.config.dataset) == (classes, (32, 32), data)
    nets = {k: n.eval() for k, n in recipe.build().items()}
    assert isinstance(nets["discriminator"], SegmentationDiscriminator)
    assert set(recipe.ema) == set(nets) - {"discriminator"}
    assert recipe.players["generator"].networks == tuple(recipe.ema)
    rows = recipe.sample(nets).unflatten(0, (8, 8))
    assert not torch.equal(rows[:, 2], rows[:, 0])
    assert torch.equal(rows[:, 2], rows[:, 3]) == (model.latent == 0)
    moved = recipe.probe(nets)  # one latent for the whole image moves all of it
    assert {moved[f"change_{side}"] > 0 for side in ("inside", "outside")} == {model.latent > 0}


# ---------------------------------------------------------------------------- BicycleGAN


@pytest.mark.parametrize("module", [bicyclegan, dscgan],
                         ids=lambda m: m.__name__.rpartition(".")[2])
def test_the_latent_is_heard_everywhere(module):
    torch.manual_seed(0)
    model = module.model(CONFIGS[module]).eval()
    _, _, onehot = scene(1)
    z = model.prior(1).requires_grad_()
    made = model(onehot, z)
    for y, x in ((0, 0), (13, 20), (31, 31)):
        (heard,) = torch.autograd.grad(made[0, :, y, x].sum(), z, retain_graph=True)
        assert (heard.abs() > 0).all()


def test_bicyclegans_encoder_sees_the_image_alone():
    encoder = networks(bicyclegan)["encoder"]
    image, _, onehot = scene(2)
    mu, logvar = encoder(image, onehot)
    assert mu.shape == logvar.shape == (2, 3, 1, 1)
    assert torch.equal(mu, encoder(image, onehot.flip(1))[0])
    assert not torch.equal(mu, encoder(image * 0.5, onehot)[0])


def test_recovering_a_latent_moves_the_generator_alone():
    nets = networks(bicyclegan)
    _, _, onehot = scene(2)
    z = torch.randn(2, 3, 1, 1)
    term = bicyclegan.recovery(nets["encoder"], onehot, z, nets["generator"](onehot, z))["latent"]
    term.backward()
    assert all(p.grad is None for p in nets["encoder"].parameters())
    assert all(p.grad.any() for p in nets["generator"].parameters())
    assert all(p.requires_grad for p in nets["encoder"].parameters())


def test_a_latent_that_is_read_back_costs_nothing():
    class Reader(torch.nn.Module):
        def forward(self, image, onehot):
            return image, image

    z = torch.randn(2, 3, 1, 1)
    assert bicyclegan.recovery(Reader(), None, z, z)["latent"] == 0
    assert bicyclegan.recovery(Reader(), None, z, z + 0.25)["latent"].item() == pytest.approx(0.25)


def test_bicyclegan_recovers_the_half_that_is_drawn_from_the_prior():
    nets, drawn, read = networks(bicyclegan), [], []
    generator, encoder = nets["generator"], nets["encoder"]
    generator.register_forward_pre_hook(lambda m, inputs: drawn.append(inputs))
    encoder.register_forward_pre_hook(lambda m, inputs: read.append(inputs))
    scratch = {"done": 0.9}
    _, terms = bicyclegan.generator_loss(setting(bicyclegan), nets, batch_of(), scratch)
    assert torch.equal(read[0][0], batch_of()["image"][:2])
    assert torch.equal(read[1][0].detach(), scratch["fake"][2:])
    expected = (encoder(scratch["fake"][2:], None)[0] - drawn[0][1][2:]).abs().mean()
    assert terms["g_latent"].item() == pytest.approx(expected.item(), rel=1e-5)


# -------------------------------------------------------------------------------- DSCGAN


def test_sensitivity_is_the_ratio_of_distances():
    fake, other = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    z, another = torch.zeros(2, 4, 1, 1), torch.full((2, 4, 1, 1), 2.0)
    assert dscgan.sensitivity(fake, other, z, another, 1.0).item() == pytest.approx(0.25, rel=1e-4)
    assert dscgan.sensitivity(fake, other, z, another, 0.1).item() == pytest.approx(0.1)
    other[1] = 0
    assert dscgan.sensitivity(fake, other, z, another, 1.0).item() == pytest.approx(0.125, rel=1e-4)


def test_sensitivity_pushes_one_image_away_from_the_other_until_it_is_enough():
    fake, other = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    z, another = torch.zeros(1, 4, 1, 1), torch.ones(1, 4, 1, 1)
    for most, moved in ((10.0, True), (0.01, False)):
        a, b = fake.clone().requires_grad_(), other.clone().requires_grad_()
        dscgan.sensitivity(a, b, z, another, most).backward()
        assert a.grad.any() == moved and b.grad is None


def test_dscgan_draws_two_images_of_each_layout():
    nets, drawn, batch = networks(dscgan), [], batch_of()
    nets["generator"].register_forward_pre_hook(lambda m, inputs: drawn.append(inputs))
    _, terms = dscgan.generator_loss(setting(dscgan), nets, batch, {})
    (onehot, z), = drawn
    assert torch.equal(onehot[:2], onehot[2:])
    assert torch.equal(onehot.argmax(1)[:2], batch["label"][2:])
    assert not torch.equal(z[:2], z[2:])
    assert terms["g_diversity"] < 0


# --------------------------------------------------------------------- SPADE and pix2pixHD


def test_a_model_without_latents_is_compared_with_the_truth_of_every_image():
    class Grey(torch.nn.Module):
        def forward(self, onehot, z):
            assert z.shape[1:] == (0, 1, 1)
            return 0 * onehot[:, :3]

    nets = networks(spade) | {"generator": Grey()}
    batch = batch_of()
    _, terms = game.paired_loss(setting(spade), nets, batch, {})
    assert terms["g_l1"].item() == pytest.approx(batch["image"].abs().mean().item())


def test_a_uniform_map_is_washed_out_by_pix2pixhd_and_not_by_spade():
    uniform = one_hot(torch.stack([torch.full((32, 32), c) for c in (0, 1)]), 4).double()
    change = {}
    for module in (pix2pixhd, spade):
        torch.manual_seed(0)
        model = module.model(CONFIGS[module]).double()  # rounding is not to be normalised
        a, b = model(uniform, model.prior(2).double()).detach()
        change[module] = (a - b).abs().mean().item()
    assert 20 * change[pix2pixhd] < change[spade] and change[spade] > 1e-2
