"""The published setting: two steps on miniatures of both datasets, its numbers, its refusals."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from miniatures import message, photo, save, thin_discriminators
from torch import nn

from synthbook import catalogue, losses, models
from synthbook import perceptual as vgg
from synthbook.datasets.images import mirror_half
from synthbook.smis import CITYSCAPES, DEEPFASHION, published
from synthbook.training import schedule, train

SMALL = {
    "deepfashion": replace(
        DEEPFASHION, size=(32, 32), groups=(8, 4, 1), channels=(16, 16, 16, 8), hidden=(8, 8, 8),
        encoder=(2, 2)),
    "cityscapes": replace(
        CITYSCAPES, size=(16, 32), groups=(35, 7, 1), channels=(35, 35, 35, 35),
        hidden=(35, 35, 35), encoder=(2, 2)),
}


@pytest.fixture
def roots(tmp_path):
    """Miniatures of both official trees, eight training images each."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 2)):
        for k in range(count):
            save(tmp_path / f"deepfashion/{split}/{k}.jpg", photo(32, 32))
            mask = rng.integers(0, 20, (4, 4)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            save(tmp_path / f"deepfashion/cihp_{split}_mask/{k}.png", mask)
    for split, count in (("train", 8), ("val", 2)):
        for k in range(count):
            stem = f"{split}/bonn/bonn_{k:06d}_000019"
            label = rng.integers(0, 34, (2, 4)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            root = tmp_path / "cityscapes"
            save(root / f"leftImg8bit/{stem}_leftImg8bit.png", photo())
            save(root / f"gtFine/{stem}_gtFine_labelIds.png", label)
            save(root / f"gtFine/{stem}_gtFine_instanceIds.png", label.astype(np.uint16) * 1000)
    return tmp_path


@pytest.fixture
def thin(monkeypatch):
    thin_discriminators(monkeypatch, published)


def small(name, root, **changes):
    setting = replace(published.PUBLISHED[name], model=SMALL[name], epochs=2, flat=1)
    return published.published_recipe(name, root / name, perceptual=lambda: F.l1_loss,
                                      setting=setting, workers=0, **changes)


@pytest.mark.parametrize("name", SMALL)
def test_two_steps_of_both_settings(name, roots, thin, tmp_path):
    made = small(name, roots, images=2 * published.PUBLISHED[name].batch)
    made = replace(made, snapshots=1)
    run = train(made, out=tmp_path / "run", progress=False, device="cpu")
    assert run.step == 2 and not run.averaged
    assert set(run.terms) == {"g_adversarial", "g_feature_matching", "g_kl", "g_perceptual",
                              "d_adversarial"}
    assert len(list((tmp_path / "run/snapshots").glob("*.png"))) == 1
    full = models.parse(f"smis/groupdnet@{name}-256-s0")
    module = models.assembled(run, full)
    for part in ("generator", "encoder"):
        for key, value in run.networks[part].state_dict().items():
            assert torch.equal(value, getattr(module, part).state_dict()[key])


def test_a_resumed_run_equals_an_unbroken_one(roots, thin, tmp_path):
    def stop(run):
        if run.step == 1:
            raise KeyboardInterrupt

    runs = []
    for folder in ("whole", "broken"):
        made = small("deepfashion", roots, images=16)
        hooks = [stop] if folder == "broken" else []
        try:
            runs.append(train(made, out=tmp_path / folder, progress=False, device="cpu",
                              hooks=hooks, checkpoint_minutes=0))
        except KeyboardInterrupt:
            runs.append(train(made, out=tmp_path / folder, progress=False, device="cpu",
                              resume=True))
    states = [run.networks["generator"].state_dict() for run in runs]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_the_published_numbers(roots):
    for name, (batch, epochs, flat) in {
            "deepfashion": (8, 100, 60), "cityscapes": (4, 200, 100)}.items():
        setting = published.PUBLISHED[name]
        made = published.published_recipe(name, roots / name, perceptual=None, setting=replace(
            setting, model=SMALL[name]))
        assert made.batch == batch and made.images == epochs * 8 and made.ema == {}
        assert schedule(flat / epochs, made.decay_to, made.decay_from) == 1
        assert schedule(1.0, made.decay_to, made.decay_from) == 0
        middle = (flat / epochs + 1) / 2
        assert schedule(middle, made.decay_to, made.decay_from) == pytest.approx(0.5)
        generator, discriminator = made.players["generator"], made.players["discriminator"]
        assert (generator.lr, discriminator.lr) == (1e-4, 4e-4)
        assert generator.betas == discriminator.betas == (0.0, 0.9)
    assert published.PUBLISHED["deepfashion"].model is DEEPFASHION
    assert published.PUBLISHED["cityscapes"].model is CITYSCAPES


def first_batch(name, roots):
    made = small(name, roots)
    data = made.data()
    return made, torch.utils.data.default_collate([data[i] for i in range(made.batch)])


def test_the_generators_terms_by_hand(roots, thin, monkeypatch):
    made, batch = first_batch("deepfashion", roots)
    nets, setting = made.build(), made.config
    kept = {}

    def fixed(setting, nets, batch):
        kept.update(fake=batch["image"] * 0.5, mu=torch.ones(8, 64, 4, 4),
                    logvar=torch.zeros(8, 64, 4, 4))
        return kept["fake"], kept["mu"], kept["logvar"]

    monkeypatch.setattr(published, "rebuild", fixed)
    nets["discriminator"].eval()
    loss, terms = published.generator_loss(setting, F.l1_loss, nets, batch, {})
    onehot = F.one_hot(batch["label"], 8).movedim(-1, 1).float()
    matched, adversarial = 0, 0
    pairs = [nets["discriminator"](x, onehot) for x in (kept["fake"], batch["image"])]
    for scale in range(2):
        adversarial -= pairs[0][0][scale].mean() / 2
        for layer in range(4 * scale, 4 * scale + 4):
            matched += (pairs[0][1][layer] - pairs[1][1][layer]).abs().mean() * 10 / 2
    assert terms["g_adversarial"].item() == pytest.approx(adversarial.item(), abs=1e-5)
    assert terms["g_feature_matching"].item() == pytest.approx(matched.item(), rel=1e-3)
    # two images of each of four GPUs, 64 x 16 latents of half a nat
    assert terms["g_kl"].item() == pytest.approx(0.05 * 2 * 1024 * 0.5)
    error = (batch["image"] * 0.5).abs().mean().item()
    assert terms["g_perceptual"].item() == pytest.approx(10 * error, rel=1e-5)
    assert loss.item() == pytest.approx(sum(terms.values()).item())
    without, terms = published.generator_loss(setting, None, nets, batch, {})
    assert "g_perceptual" not in terms and without < loss


def test_the_discriminator_sees_new_samples_and_moves_alone(roots, thin):
    made, batch = first_batch("deepfashion", roots)
    nets = made.build()
    loss, terms = published.discriminator_loss(made.config, nets, batch, {})
    loss.backward()
    assert all(p.grad is None for k in ("generator", "encoder") for p in nets[k].parameters())
    assert all(p.grad is not None for p in nets["discriminator"].parameters())
    assert loss.item() == pytest.approx(2, abs=0.2)  # small first weights: scores near zero
    assert losses.hinge_d(torch.zeros(1), torch.zeros(1)).item() == 2


def test_borders_follow_every_mask_on_cityscapes(roots):
    made, batch = first_batch("cityscapes", roots)
    onehot, layout, condition = published.maps(made.config.model, batch)
    assert [x.shape[1] for x in (onehot, layout, condition)] == [35, 70, 36]
    for c in (0, 20, 34):
        assert torch.equal(layout[:, 2 * c], onehot[:, c])
        assert torch.equal(layout[:, 2 * c + 1], batch["edge"])
    assert torch.equal(condition[:, :35], onehot)
    assert torch.equal(condition[:, 35], batch["edge"]) and 0 < batch["edge"].mean() < 1


def test_first_weights_are_small_and_unbiased(roots):
    nets = published.build(small("deepfashion", roots).config)
    score = nets["discriminator"].scales[0].score
    assert score.weight.std().item() == pytest.approx(
        0.02 * (2 / (512 * 16 + 16)) ** 0.5, rel=0.05)
    biases = [m.bias for n in nets.values() for m in n.modules()
              if isinstance(m, nn.Conv2d) and m.bias is not None]
    assert len(biases) > 20 and not any(b.any() for b in biases)


def test_half_of_a_batch_is_mirrored_with_its_maps():
    torch.manual_seed(0)
    label = torch.arange(64 * 12).view(64, 3, 4)
    batch = {"image": label[:, None].expand(-1, 3, -1, -1).float(), "label": label,
             "index": torch.arange(64)}
    turned = mirror_half(batch)
    some = (turned["label"] == label.flip(-1)).flatten(1).all(1)
    kept = (turned["label"] == label).flatten(1).all(1)
    assert (some ^ kept).all() and 16 < some.sum() < 48
    assert torch.equal(turned["image"][:, 1].long(), turned["label"])
    assert torch.equal(turned["index"], batch["index"])


# ---------------------------------------------------------------------------- VGG-19 and names


def tiny_layers():
    """Thirty layers whose features are easily followed: each ReLU scales by two."""
    class Double(nn.Module):
        def forward(self, x):
            return 2 * x

    return nn.Sequential(*[Double() if i in vgg.RELUS else nn.Identity() for i in range(30)])


def test_the_perceptual_loss_weighs_five_layers():
    a, b = torch.full((1, 3, 4, 4), 0.5, requires_grad=True), torch.zeros(1, 3, 4, 4)
    loss = vgg.distance(tiny_layers())(a, b)
    assert loss.item() == pytest.approx(0.5 * (2 / 32 + 4 / 16 + 8 / 8 + 16 / 4 + 32))
    loss.backward()
    assert (a.grad > 0).all()


def test_the_layers_are_the_first_relu_after_each_pooling():
    from torchvision import models as vision

    with torch.device("meta"):
        layers = list(vision.vgg19(weights=None).features)
    first = [i + 2 for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)][:4]
    assert list(vgg.RELUS) == [1, *first]
    assert all(isinstance(layers[i], nn.ReLU) for i in vgg.RELUS)
    assert list(vgg.RELUS.values()) == [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1]


def test_vgg19_is_asked_for_and_never_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    line = message(vgg.vgg19)
    assert f"put torchvision's {vgg.VGG19} into {tmp_path}/checkpoints" in line
    assert "another setting" in line
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / vgg.VGG19).write_bytes(b"cut off")
    assert not hashlib.sha256(b"cut off").hexdigest().startswith("dcbb9e9d")
    assert "is damaged" in message(vgg.vgg19)


def test_names_of_the_published_models():
    for text in ("smis/groupdnet@deepfashion-256-s3", "smis/groupdnet@cityscapes-256-s0"):
        assert str(models.parse(text, "paper")) == text
    assert "unknown dataset" in message(lambda: models.parse("smis/vspade@cityscapes-256-s0"))
    assert "no size 64" in message(lambda: models.parse("smis/groupdnet@cityscapes-64-s0"))
    assert "no size 256" in message(lambda: models.parse("smis/groupdnet@places-256-s0"))


def test_what_paper_scale_needs(roots, tmp_path, monkeypatch):
    real = models.parse("smis/groupdnet@deepfashion-256-s0")
    drawn = models.parse("smis", "paper")
    line = message(lambda: models.recipe(drawn, "paper"))
    assert "smis/groupdnet@deepfashion-256-s0" in line and "cityscapes-256" in line
    assert "--data DIR" in line
    assert "--data DIR, the folder of deepfashion" in message(lambda: models.recipe(real, "paper"))
    assert "--scale paper" in message(lambda: models.recipe(real, "ship"))
    assert "not trained at scale 'paper'" in message(
        lambda: models.recipe(models.parse("smis/vspade"), "paper"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert "expected: ROOT/train/NAME.jpg" in message(  # the folder first, then VGG-19
        lambda: models.recipe(real, "paper", root=roots / "cityscapes"))
    assert vgg.VGG19 in message(
        lambda: models.recipe(real, "paper", root=roots / "deepfashion"))
    monkeypatch.setattr(catalogue, "vgg19", lambda: F.l1_loss)
    made = models.recipe(real, "paper", root=roots / "deepfashion")
    assert made.config == published.PUBLISHED["deepfashion"] and made.workers == 8
    term = made.players["generator"].loss.args[1]
    assert term is F.l1_loss
    assert "no published setting for 'places'" in message(
        lambda: published.published_recipe("places", roots, perceptual=None))
