"""Layout2Im: crops, masks, what each box moves, its two ways, its game, storing and loading."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from few_boxes import CLASSES, THINGS, random_boxes
from test_variants import multiplications
from torch.utils.data import default_collate

from synthbook import game, losses, models
from synthbook.bachgan import layout2im as boxed
from synthbook.bachgan.layout import pack, rasterise, target
from synthbook.baselines import layout2im
from synthbook.discriminators import SegmentationDiscriminator
from synthbook.training import train

SIZE = (16, 16)
TINY = layout2im.Config(CLASSES, SIZE, THINGS, latent=3, embedding=4, crop=8, encoder=(6, 8),
                        objects=(6, 8), memory=(8, 6), blocks=1, decoder=(8, 8, 6))
ONE = torch.tensor([[[2, 1, 2, 7, 9], [5, 8, 8, 14, 15], [-1, 0, 0, 0, 0]]])


def batch_of(count=4):
    """A batch as training has it, the last picture without boxes."""
    rng = np.random.default_rng(0)
    rows = [random_boxes(rng, SIZE) for _ in range(count - 1)] + [np.zeros((0, 5))]
    image = torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return {"image": image, "boxes": pack(rows), "label": torch.zeros(count, *SIZE).long()}


def networks():
    torch.manual_seed(0)
    model = layout2im.model(TINY)
    return {"generator": model.generator, "encoder": model.encoder,
            "discriminator": SegmentationDiscriminator(len(THINGS) + 1, 4)}


SETTING = game.Setting(TINY, weights=layout2im.Weights())


# ------------------------------------------------------------------------ crops and masks


def test_a_crop_of_its_own_size_is_the_pixels_of_the_box():
    image = torch.rand(2, 3, 10, 14)
    boxes = torch.tensor([[2, 3, 1, 9, 7], [3, 8, 4, 14, 10]])
    made = layout2im.crops(image, boxes, 6)
    assert torch.allclose(made[0], image[0, :, 1:7, 3:9], atol=1e-5)
    assert torch.allclose(made[1], image[1, :, 4:10, 8:14], atol=1e-5)
    whole = layout2im.crops(image, torch.tensor([[2, 0, 0, 14, 10]] * 2), 5)
    ramp = torch.arange(14.0).expand(1, 3, 10, 14)
    across = layout2im.crops(ramp, torch.tensor([[2, 2, 0, 10, 10]]), 4)
    assert torch.allclose(across[0, 0, 0], torch.tensor([2.5, 4.5, 6.5, 8.5]))
    assert whole.shape == (2, 3, 5, 5)


def test_a_crop_leads_the_gradient_to_its_box_alone():
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    layout2im.crops(image, torch.tensor([[2, 4, 4, 10, 12]]), 6).sum().backward()
    touched = image.grad[0].abs().sum(0) > 0
    assert touched[5:11, 5:9].all()
    touched[3:13, 3:11] = False
    assert not touched.any()


def test_masks_are_the_layouts():
    boxes = batch_of()["boxes"]
    here = layout2im.present(boxes)
    maps = torch.zeros(*here.shape, 1, *SIZE)
    maps[here] = layout2im.masks(boxes[here], SIZE)
    union = rasterise(boxes, CLASSES, SIZE).amax(1)
    assert torch.equal(maps[:, :, 0].amax(1), union) and union[:3].any() and not union[3].any()


# ---------------------------------------------------------------------------- the networks


def test_every_latent_is_heard_but_that_of_no_box():
    torch.manual_seed(0)
    model = layout2im.model(TINY).eval()
    z = torch.randn(1, 3, 3, requires_grad=True)
    image = model(ONE, z)
    assert image.shape == (1, 3, *SIZE) and image.abs().max() <= 1
    (heard,) = torch.autograd.grad((image * torch.randn_like(image)).sum(), z)
    assert heard[0, :2].abs().min() > 0 and not heard[0, 2].any()


def test_rows_without_a_box_change_nothing():
    torch.manual_seed(0)
    model, z = layout2im.model(TINY).eval(), torch.randn(1, 3, 3)
    spread = ONE[:, [0, 2, 1, 2]]
    with torch.no_grad():
        assert torch.allclose(model(ONE, z), model(spread, z[:, [0, 2, 1, 2]]), atol=1e-6)
        other = model(ONE[:, :1], z[:, :1])
        assert (model(ONE, z) - other).abs().max() > 1e-4
        assert (model(ONE[:, [1, 0, 2]], z[:, [1, 0, 2]]) - model(ONE, z)).abs().max() > 1e-6


def test_class_place_and_size_of_a_box_are_heard():
    torch.manual_seed(0)
    model, z = layout2im.model(TINY).eval(), torch.zeros(1, 1, 3)
    rows = ([2, 1, 2, 7, 9], [3, 1, 2, 7, 9], [2, 5, 2, 11, 9], [2, 1, 2, 12, 9])
    with torch.no_grad():
        made = [model(torch.tensor([[row]]), z) for row in rows]
    assert all((made[0] - one).abs().max() > 1e-5 for one in made[1:])


@pytest.mark.parametrize("training", [True, False])
def test_pictures_without_any_box_are_made_and_read(training):
    model, none = layout2im.model(TINY).train(training), pack([np.zeros((0, 5))] * 2)
    image = model(none, model.prior(none))
    assert image.isfinite().all() and torch.equal(image[0], image[1])
    mu, logvar = model.encoder(image, none)
    assert not mu.any() and not logvar.any()
    assert layout2im.divergence(mu, logvar, none) == 0
    assert layout2im.recovery(model.encoder, none, mu, image)["latent"] == 0


def test_the_posterior_is_read_from_the_crop_and_is_the_prior_for_no_box():
    torch.manual_seed(0)
    encoder = layout2im.Encoder(TINY).eval()
    image = torch.rand(1, 3, *SIZE)
    changed = image.clone()
    changed[..., 8:15, 8:14] = 0  # the second box
    mu, logvar = encoder(image, ONE)
    other = encoder(changed, ONE)[0]
    assert mu.shape == logvar.shape == (1, 3, 3)
    assert torch.allclose(mu[0, 0], other[0, 0]) and not torch.allclose(mu[0, 1], other[0, 1])
    assert not mu[0, 2].any() and not logvar[0, 2].any()


def test_samples_follow_their_generator():
    model = layout2im.model(TINY).eval()
    first, again = (model.prior(ONE, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (1, 3, 3) and torch.equal(first, again)
    assert model.encode(torch.rand(1, 3, *SIZE), ONE).shape == (1, 3, 3)


@pytest.mark.parametrize("size, most", [(32, 0.12), (64, 0.7)])
def test_it_stays_within_the_budget_of_its_scale(size, most):
    made = boxed.config(size, 16, range(8, 16))
    network = layout2im.Generator(made)
    rows = torch.tensor([[8, 2, 2, 20, 24]]).repeat(1, 6, 1)
    assert multiplications(network, rows, torch.zeros(1, 6, made.latent)) <= most
    assert sum(p.numel() for p in network.parameters()) <= 3e6


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="one entry more"):
        replace(TINY, decoder=(8, 8))
    for boxes, z in ((ONE[..., :4], torch.zeros(1, 3, 3)), (ONE, torch.zeros(1, 2, 3))):
        with pytest.raises(ValueError, match="expected a tensor of shape"):
            layout2im.Generator(TINY)(boxes, z)


# -------------------------------------------------------------------------------- its terms


def test_divergence_is_the_mean_over_boxes():
    mu, logvar = torch.randn(1, 3, 3), torch.randn(1, 3, 3)
    mu[:, 2], logvar[:, 2] = 0, 0
    expected = sum(losses.kl(mu[:, m], logvar[:, m]) for m in (0, 1)) / 2
    assert layout2im.divergence(mu, logvar, ONE).item() == pytest.approx(expected.item())


def test_recovery_counts_boxes_and_moves_both_networks():
    class Reader(torch.nn.Module):
        def forward(self, image, boxes):
            return image, image

    z = torch.randn(1, 3, 3)
    off = z + torch.tensor([0.5, 0.25, 9.0])[:, None]  # the third row holds no box
    found = layout2im.recovery(Reader(), ONE, z, off)["latent"]
    assert found.item() == pytest.approx(0.375, rel=1e-5)
    nets = networks()
    fake = nets["generator"](ONE, z)
    layout2im.recovery(nets["encoder"], ONE, z, fake)["latent"].backward()
    assert all(p.grad is not None for p in nets["generator"].parameters())
    assert nets["encoder"].mu.weight.grad.any()


def test_both_ways_are_taken_and_the_loss_moves_all_of_the_model():
    nets, scratch, batch, read = networks(), {"done": 0.9}, batch_of(), []
    nets["encoder"].register_forward_pre_hook(lambda m, inputs: read.append(inputs))
    nets["discriminator"].requires_grad_(False)
    loss, terms = boxed.generator_loss(SETTING, nets, batch, scratch)
    assert set(terms) == {f"g_{k}" for k in (
        "kl", "l1", "feature_matching", "segmentation", "patch", "latent")}
    expected = sum(getattr(SETTING.weights, k.removeprefix("g_")) * v for k, v in terms.items())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.equal(read[0][0], batch["image"][:2])  # the posterior's half
    assert torch.equal(read[1][0].detach(), scratch["fake"][2:])  # the prior's, read again
    assert torch.equal(scratch["target"], target(batch["boxes"], THINGS, SIZE))
    loss.backward()
    for key in ("generator", "encoder"):
        assert all(p.grad is not None and p.grad.any() for p in nets[key].parameters()), key
    nets["discriminator"].requires_grad_(True)
    loss, _ = boxed.rival_loss(SETTING, nets, batch, scratch)
    loss.backward()
    assert all(p.grad is not None for p in nets["discriminator"].parameters())


def test_it_first_learns_to_rebuild():
    nets, scratch = networks(), {"done": 0.0}
    _, terms = boxed.generator_loss(SETTING, nets, batch_of(), scratch)
    assert set(terms) == {"g_kl", "g_l1"}
    assert boxed.rival_loss(SETTING, nets, batch_of(), scratch) is None


def test_it_learns_eight_images_by_their_objects():
    torch.manual_seed(0)
    model, batch = layout2im.model(replace(TINY, latent=8)), batch_of(8)
    batch["boxes"][7] = batch["boxes"][6]
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    colours = torch.rand(8, 3, 1, 1) * 2 - 1
    image = colours.expand(-1, -1, *SIZE).clone()  # only the posterior tells them apart
    errors = []
    for _ in range(40):
        errors.append((model(batch["boxes"], model.encode(image, batch["boxes"])) - image)
                      .abs().mean())
        optimiser.zero_grad()
        errors[-1].backward()
        optimiser.step()
    assert errors[-1] < 0.5 * errors[0]


# ------------------------------------------------------------------------------- the recipe


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_it_is_trained_stored_and_loaded(tmp_path):
    name = models.parse("bachgan/layout2im@places-32-s0")
    made = replace(models.recipe(name, "smoke"), images=16, snapshots=1)
    run = train(made, progress=False, device="cpu")
    assert run.step == 2 and run.log[-1]["change_inside"] > 0
    assert {"error_inside", "error_outside", "g_latent", "d_patch"} < set(run.log[-1])
    path = models.write_weights(run, name, tmp_path, "by hand", "smoke")
    module = models.load(str(name), weights=path)
    assert isinstance(module, layout2im.Layout2Im)
    assert asdict(module.config) == asdict(made.config.model)
    held = default_collate([made.data()[i] for i in range(2)])
    image = module(held["boxes"], module.prior(held["boxes"]))
    assert image.shape == (2, 3, 32, 32) and image.isfinite().all()
    assert made.sample({k: n.eval() for k, n in run.best.items()}).shape == (64, 3, 32, 32)


def test_it_plays_the_game_of_bachgan():
    name = "bachgan/layout2im@places-32-s0"
    ours, theirs = (models.recipe(models.parse(n), "ablation")
                    for n in (name, "bachgan/bachgan@places-32-s0"))
    for key in ("images", "batch", "decay_to", "decay_from"):
        assert getattr(ours, key) == getattr(theirs, key)
    assert ours.config.knobs == theirs.config.knobs
    for side, player in ours.players.items():
        assert player.lr == theirs.players[side].lr
    weights = [r.build()["discriminator"].state_dict() for r in (ours, theirs)]
    assert [v.shape for v in weights[0].values()] == [v.shape for v in weights[1].values()]
    same = set(vars(game.Weights())) - {"warm", "ramp"}
    assert all(getattr(ours.config.weights, k) == getattr(theirs.config.weights, k) for k in same)
