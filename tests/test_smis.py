"""GroupDNet and its relatives: who sees what, shapes, sizes, refusals."""

from dataclasses import replace

import pytest
import torch
from layouts import FORMS, TINY, scene

from synthbook import losses
from synthbook.layers import one_hot
from synthbook.smis import (
    CITYSCAPES,
    DEEPFASHION,
    SMIS,
    Encoder,
    Generator,
    config,
    split_by_class,
)

VARIANTS = ("groupdnet", "groupnet", "groupenc", "vspade")


# ---------------------------------------------------------------------------- the encoder


@pytest.mark.parametrize("with_mask", [True, False])
def test_splitting_by_class_equals_a_double_loop(with_mask):
    image, label, onehot = scene()
    rows = []
    for b in range(len(image)):
        parts = []
        for c in range(4):
            mask = (label[b] == c).float()
            parts.append(torch.stack([image[b, k] * mask for k in range(3)]))
            if with_mask:
                parts.append(mask[None])
        rows.append(torch.cat(parts))
    assert torch.equal(split_by_class(image, onehot, with_mask), torch.stack(rows))


@pytest.mark.parametrize("form", FORMS)
def test_the_encoder_never_mixes_classes(form):
    model = FORMS[form]
    torch.manual_seed(0)
    encoder = Encoder(model).eval()
    image, label, onehot = scene()
    image.requires_grad_()
    for c in range(3):
        block = slice(c * model.latent, (c + 1) * model.latent)
        for output in encoder(image, onehot):
            mixed = (output[:, block] * torch.randn_like(output[:, block])).sum()
            (seen,) = torch.autograd.grad(mixed, image, retain_graph=True)
            seen = seen.abs().sum(1)
            assert (seen[label != c] == 0).all()
            assert (seen[label == c] > 0).all()


def test_one_latent_for_the_image_mixes_all_classes():
    encoder = Encoder(replace(TINY, split=False)).eval()
    image, label, onehot = scene()
    image.requires_grad_()
    for output in encoder(image, onehot):
        (seen,) = torch.autograd.grad(output[:, 0].sum(), image, retain_graph=True)
        assert (seen.abs().sum(1) > 0).float().mean() > 0.99
    with torch.no_grad():  # and the map has no part in it
        assert torch.equal(encoder(image, onehot)[0], encoder(image, onehot.flip(1))[0])


@pytest.mark.parametrize("form", FORMS)
def test_an_absent_class_has_the_prior_as_its_posterior(form):
    model = FORMS[form]
    image, _, onehot = scene()
    mu, logvar = (x.unflatten(1, (4, -1)) for x in Encoder(model)(image, onehot))
    assert not mu[:, 3].any() and not logvar[:, 3].any()
    assert losses.kl(mu[:, 3], logvar[:, 3]).item() == 0
    assert (mu[:, :3].flatten(2).abs().amax(2) > 0).all()
    present = sum(losses.kl(mu[:, c], logvar[:, c]) for c in range(3))
    assert losses.kl(mu, logvar).item() == pytest.approx(present.item(), rel=1e-5)


def test_a_vectors_code_does_not_depend_on_other_classes_shapes():
    encoder = Encoder(TINY).eval()
    image, label, onehot = scene()
    other = torch.where(label == 1, 2, label)  # class 1 becomes part of class 2
    before, after = (encoder(image, one_hot(y, 4))[0].unflatten(1, (4, -1))
                     for y in (label, other))
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.equal(before[:, 2], after[:, 2])


def test_wrong_shapes_are_refused():
    encoder, generator = Encoder(TINY), Generator(TINY)
    image, _, onehot = scene()
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        encoder(image[..., :16], onehot)
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        encoder(image, onehot[:, :3])
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        generator(onehot, torch.zeros(2, 5, 1, 1))


# ------------------------------------------------------------------- the decoder and its sizes


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_has_its_shapes(variant, size):
    model = SMIS(config(variant, size, 8)).eval()
    image, _, onehot = scene(1, 8, size)
    owners, latent = (1, 32) if variant == "vspade" else (8, 8)
    mu, logvar = model.encoder(image, onehot)
    assert mu.shape == logvar.shape == (1, owners * latent, 1, 1)
    assert model.prior(3).shape == (3, owners * latent, 1, 1)
    with torch.no_grad():
        made = model(onehot, mu)
    assert made.shape == image.shape and made.abs().max() <= 1
    assert len(set(model.config.groups)) > 1 if variant == "groupdnet" else True
    assert list(model.config.groups) == sorted(model.config.groups, reverse=True)


def test_the_latent_map_is_as_fine_as_the_encoders_output():
    assert replace(TINY, latent_map=True).latent_shape == (12, 4, 4)
    assert DEEPFASHION.latent_shape == (64, 4, 4) and CITYSCAPES.latent_shape == (280, 4, 8)


@pytest.mark.parametrize("form", FORMS)
def test_the_decoder_listens_to_every_present_class_and_to_the_map(form):
    torch.manual_seed(0)
    model = SMIS(FORMS[form]).eval()
    _, label, onehot = scene(1)
    z = model.prior(1)
    with torch.no_grad():
        before = model(onehot, z)
        for c in range(3):
            after = model(onehot, model.swap(z, model.prior(1), c))
            changed = (after - before).abs().amax(1)
            assert changed[label == c].max() > 1e-6
        assert (model(onehot.flip(-1), z) - before).abs().max() > 1e-6


def test_a_vector_of_an_absent_class_is_not_heard():
    model = SMIS(TINY).eval()
    _, _, onehot = scene(1)
    z = model.prior(1)
    with torch.no_grad():
        assert torch.equal(model(onehot, z), model(onehot, model.swap(z, model.prior(1), 3)))


def test_swapping_changes_one_block_of_a_copy():
    model = SMIS(TINY)
    z, other = model.prior(2), model.prior(2)
    kept = z.clone()
    for c in range(4):
        mixed = model.swap(z, other, c).unflatten(1, (4, -1))
        for k in range(4):
            source = other if k == c else z
            assert torch.equal(mixed[:, k], source.unflatten(1, (4, -1))[:, k])
    assert torch.equal(z, kept)
    whole = SMIS(replace(TINY, split=False))
    a, b = whole.prior(2), whole.prior(2)
    assert torch.equal(whole.swap(a, b, 2), b)


def test_the_prior_is_standard_normal_and_repeats_with_its_generator():
    model = SMIS(TINY)
    z = model.prior(2000, torch.Generator().manual_seed(3))
    assert z.mean().abs() < 0.03 and (z.std() - 1).abs() < 0.03
    assert torch.equal(z, model.prior(2000, torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("change", [
    {"channels": (16, 15, 16, 8, 8)}, {"channels": (18, 16, 16, 8, 8)}, {"hidden": (6, 8, 8, 8)},
    {"groups": (3, 4, 2, 1)},
    {"channels": (16, 16)}, {"hidden": (8,)}, {"classes": 6}, {"norm_groups": 3},
    {"classes": 32, "hidden": (32,) * 4, "norm_groups": 32}])
def test_a_config_refuses_what_its_groups_do_not_divide(change):
    with pytest.raises(ValueError, match="divide|one entry more"):
        replace(TINY, **change)


def million(module):
    return sum(p.numel() for p in module.parameters()) / 1e6


@pytest.mark.parametrize("model, generator, encoder", [
    (DEEPFASHION, 96.3, 12.8), (CITYSCAPES, 76.5, 5.8)])
def test_published_sizes(model, generator, encoder, monkeypatch):
    for room in ("layers", "smis.network"):  # has no parameter, and is slow to set up
        monkeypatch.setattr(f"synthbook.{room}.spectral_norm", lambda conv: conv)
    with torch.device("meta"):
        assert million(Generator(model)) == pytest.approx(generator, abs=0.06)
        assert million(Encoder(model)) == pytest.approx(encoder, abs=0.06)
