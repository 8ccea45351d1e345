"""BachGAN as published: two steps on miniatures of both datasets, its numbers, its memory."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from miniatures import message, photo, save, thin_discriminators
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from synthbook import catalogue, models
from synthbook.bachgan import Network, published, rasterise
from synthbook.bachgan.layout import NOBODY, boxes_of
from synthbook.bachgan.photographs import Recalled
from synthbook.baselines import spade
from synthbook.datasets import dataset
from synthbook.datasets.things import things
from synthbook.discriminators import MultiScaleDiscriminator
from synthbook.layers import one_hot
from synthbook.metrics import layout_similarity
from synthbook.training import schedule, train

SMALL = {  # as many blocks, fewer channels, smaller pictures
    "cityscapes": replace(published.CITYSCAPES, size=(64, 128), channels=(4,) * 8, hidden=(4,) * 7),
    "ade20k": replace(published.ADE20K, size=(64, 64), channels=(4,) * 8, hidden=(4,) * 7),
}
COUNT = 16  # training items, a batch of ADE20K


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """Miniatures of both official trees, two things in each picture, one at its own place."""
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for split, folder, count in (("train", "training", COUNT), ("val", "validation", 2)):
        for k in range(count):
            x = int(rng.integers(2, 30))
            stem, root = f"{split}/bonn/bonn_{k:06d}_000019", tmp_path / "cityscapes"
            label = np.full((32, 64), 7, np.uint8)
            label[4:20, x:x + 12], label[20:30, 40:60] = 26, 24
            instance = label.astype(np.uint16)
            instance[label == 26], instance[label == 24] = 26_001, 24_000
            save(root / f"leftImg8bit/{stem}_leftImg8bit.png", photo(32, 64))
            save(root / f"gtFine/{stem}_gtFine_labelIds.png", label)
            save(root / f"gtFine/{stem}_gtFine_instanceIds.png", instance)
            name, root = f"{folder}/ADE_{split}_{k + 1:08d}", tmp_path / "ade20k"
            label = np.full((64, 64), 3, np.uint8)
            label[10:30, x:x + 16], label[40:60, 30:50] = 21, 13
            save(root / f"images/{name}.jpg", photo(64, 64))
            save(root / f"annotations/{name}.png", label)
    return tmp_path


@pytest.fixture
def thin(monkeypatch):
    thin_discriminators(monkeypatch, published)


def small(name, roots, **changes):
    setting = replace(published.PUBLISHED[name], model=SMALL[name], batch=4, epochs=2,
                      flat=1)
    return published.published_recipe(name, roots / name, perceptual=lambda: F.l1_loss,
                                      setting=setting, workers=0, **changes)


# ------------------------------------------------------------------------------- training


@pytest.mark.parametrize("name", SMALL)
def test_two_steps_of_both_settings(name, roots, thin, tmp_path):
    made = replace(small(name, roots, images=8), snapshots=1)
    run = train(made, out=tmp_path / "run", progress=False, device="cpu")
    assert run.step == 2 and not run.averaged
    assert set(run.terms) == {"g_adversarial", "g_feature_matching", "g_perceptual",
                              "d_adversarial"}
    assert len(list((tmp_path / "run/snapshots").glob("*.png"))) == 1
    module = models.assembled(run, models.parse(f"bachgan/bachgan@{name}-256-s0"))
    for key, value in run.networks["generator"].state_dict().items():
        assert torch.equal(value, module.generator.state_dict()[key])


def first_batch(name, roots):
    made = small(name, roots)
    data = made.data()
    return made, torch.utils.data.default_collate([data[i] for i in range(made.batch)])


def test_the_discriminator_sees_boxes_and_never_memory(roots, thin):
    made, batch = first_batch("cityscapes", roots)
    nets, seen = made.build(), []
    nets["discriminator"].register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    loss, terms = published.generator_loss(made.config, None, nets, batch, {})
    loss.backward()
    assert set(terms) == {"g_adversarial", "g_feature_matching"}
    assert nets["generator"].fusion.first.weight.grad.any()
    nets["generator"].zero_grad()
    loss, _ = published.discriminator_loss(made.config, nets, batch, {})
    loss.backward()
    assert loss.item() == pytest.approx(2, abs=0.2)  # small first weights: scores near zero
    assert not any(p.grad is not None and p.grad.any() for p in nets["generator"].parameters())
    layout = rasterise(batch["boxes"], 35, (64, 128))
    assert len(seen) == 2 and all(torch.equal(x, torch.cat([layout] * 2)) for x in seen)
    changed = {**batch, "maps": batch["maps"].roll(1, 0)}
    published.generator_loss(made.config, None, nets, changed, {})
    assert torch.equal(seen[2], seen[0])


@pytest.mark.parametrize("name", SMALL)
def test_mirrored_items_are_those_of_a_mirrored_dataset(name, roots):
    _, batch = first_batch(name, roots)
    torch.manual_seed(0)
    turned = published.mirror(SMALL[name].size[1], batch)
    count = set()
    for before, after, boxes, label, maps, other in zip(
            batch["image"], turned["image"], turned["boxes"], turned["label"], turned["maps"],
            batch["maps"]):
        flipped = not torch.equal(before, after)
        count.add(flipped)
        assert torch.equal(after, before.flip(-1) if flipped else before)
        assert torch.equal(maps, other.flip(-1) if flipped else other)
        for c, x0, y0, x1, y1 in boxes[boxes[:, 0] != NOBODY].tolist():
            mask = label == c
            assert mask[y0:y1, x0:x1].sum() == mask.sum() > 0
    assert count == {True, False}
    assert torch.equal(turned["index"], batch["index"])


# -------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("name", SMALL)
def test_memory_is_the_best_maps_but_the_own(name, roots):
    train_data = dataset(name, "train", root=roots / name, size=SMALL[name].size)
    data = Recalled(train_data, train_data, 3)
    classes, named = train_data.num_classes, things(train_data)
    labels = torch.stack([item["label"] for item in train_data])
    for i in range(4):
        item = data[i]
        boxes = boxes_of(item["label"].numpy(), train_data[i]["instance"].numpy(), named)
        assert len(boxes) == 2 and item["boxes"][:2].tolist() == boxes.tolist()
        layout = rasterise(item["boxes"][None], classes, SMALL[name].size)
        score = layout_similarity(layout.expand(COUNT, -1, -1, -1), labels, named)
        score[i] = -1
        best = score.argsort(descending=True, stable=True)[:3]
        assert torch.equal(data.index[i], best) and torch.equal(item["maps"], labels[best])
    held = dataset(name, "val", root=roots / name, size=SMALL[name].size)
    assert Recalled(held, train_data, COUNT)[0]["maps"].shape[0] == COUNT


def test_memory_is_searched_once_and_anew_for_other_files(roots, monkeypatch):
    read = lambda: dataset("cityscapes", "train", root=roots / "cityscapes", size=(64, 128))
    first = Recalled(read(), read(), 3)
    with monkeypatch.context() as patch:
        patch.setattr("synthbook.bachgan.photographs.search", None)
        patch.setattr("synthbook.bachgan.photographs.Maps", None)
        assert torch.equal(Recalled(read(), read(), 3).index, first.index)
    path = read().files[0].label
    save(path, np.full((32, 64), 7, np.uint8))
    changed = Recalled(read(), read(), 3)
    assert (changed.boxes[0, :, 0] != NOBODY).sum() < (first.boxes[0, :, 0] != NOBODY).sum()


def test_what_memory_refuses(roots):
    read = lambda **more: dataset("ade20k", "train", root=roots / "ade20k", size=64, **more)
    assert "cannot retrieve 16 of 15 label maps" in message(lambda: Recalled(read(), read(), 16))
    assert "flip=False" in message(lambda: Recalled(read(flip=True), read(), 3))


# ------------------------------------------------------------------- the published numbers


def test_the_published_numbers(roots):
    for name, batch in {"cityscapes": 6, "ade20k": 16}.items():
        setting = published.PUBLISHED[name]
        made = published.published_recipe(name, roots / name, perceptual=None, workers=0,
                                          setting=replace(setting, model=SMALL[name]))
        assert made.batch == batch and made.images == 200 * COUNT and made.ema == {}
        assert schedule(0.5, made.decay_to, made.decay_from) == 1
        assert schedule(1.0, made.decay_to, made.decay_from) == 0
        generator, discriminator = made.players["generator"], made.players["discriminator"]
        assert (generator.lr, discriminator.lr) == (1e-4, 4e-4)
        assert generator.betas == discriminator.betas == (0.0, 0.9)
        assert (setting.feature_matching, setting.perceptual) == (10, 10)
        assert (setting.model.maps, setting.model.source) == (3, "top")
    assert (published.CITYSCAPES.classes, published.CITYSCAPES.size) == (35, (256, 512))
    assert published.CITYSCAPES.things == tuple(range(24, 34))
    assert (published.ADE20K.classes, published.ADE20K.size) == (151, (256, 256))
    assert len(published.ADE20K.things) == 115


def by_hand(classes):
    """Numbers of SPADE's seven blocks, its first and last convolution, and the fusion."""
    norm = lambda c: 9 * classes * 128 + 128 + 2 * (9 * 128 * c + c)
    widths = [(1024, 1024)] * 3 + [(1024, 512), (512, 256), (256, 128), (128, 64)]
    total = 9 * classes * 1024 + 1024 + 9 * 64 * 3 + 3 + 2 * (9 * classes**2 + classes)
    for a, b in widths:
        total += norm(a) + 9 * a * b + b + norm(b) + 9 * b * b + b
        total += norm(a) + a * b if a != b else 0
    return total


@pytest.mark.parametrize("config", [published.CITYSCAPES, published.ADE20K],
                         ids=["cityscapes", "ade20k"])
def test_the_published_generators_size(config):
    with torch.device("meta"):
        network = Network(config)
        assert sum(p.numel() for p in network.parameters()) == by_hand(config.classes)
        discriminator = MultiScaleDiscriminator(config.classes)
    assert discriminator.scales[0].layers[0].weight.shape[1] == config.classes + 3
    normed = [m for b in network.blocks for key, m in b.named_children() if key[:4] == "conv"]
    assert len(normed) == 7 * 2 + 4 and all(is_parametrized(m, "weight") for m in normed)
    assert not is_parametrized(network.output) and not is_parametrized(network.input)


@pytest.mark.parametrize("name, first", [("cityscapes", (1, 2)), ("ade20k", (2, 2))])
def test_where_the_size_is_doubled(name, first):
    network, sizes = Network(SMALL[name]).eval(), []
    for block in network.blocks:
        block.register_forward_hook(lambda _, given, out: sizes.append(tuple(out.shape[2:])))
    layout = torch.zeros(1, SMALL[name].classes, *SMALL[name].size)
    image = network(layout, torch.zeros(1, 3, *SMALL[name].size, dtype=torch.long))
    assert image.shape == (1, 3, *SMALL[name].size)
    times = (1, 2, 2 if name == "ade20k" else 4)
    assert sizes[:3] == [(first[0] * k, first[1] * k) for k in times]
    assert sizes[3:] == [tuple(n // 2**k for n in SMALL[name].size) for k in (3, 2, 1, 0)]


def test_still_blocks_and_spectral_norm_change_nothing_else():
    torch.manual_seed(0)
    plain = spade.Config(4, (16, 16), channels=(6, 6, 6, 6), hidden=(4, 4, 4))
    usual, slow = spade.Generator(plain), spade.Generator(replace(plain, still=(1,)))
    onehot = one_hot(torch.randint(0, 4, (2, 16, 16)), 4)
    z = torch.zeros(2, 0, 1, 1)
    assert usual(onehot, z).shape == slow(onehot, z).shape == (2, 3, 16, 16)
    assert {k: v.shape for k, v in usual.state_dict().items()} == {
        k: v.shape for k, v in slow.state_dict().items()}
    normed = spade.Generator(replace(plain, spectral=True)).blocks[0].conv_0
    assert torch.linalg.matrix_norm(normed.weight.flatten(1), 2) < 1.5
    assert isinstance(normed, nn.Conv2d)


# --------------------------------------------------------------------------- names, refusals


def test_names_and_what_paper_scale_needs(roots, monkeypatch):
    for text in ("bachgan/bachgan@cityscapes-256-s0", "bachgan/bachgan@ade20k-256-s2"):
        assert str(models.parse(text, "paper")) == text
    assert "unknown dataset 'deepfashion'" in message(
        lambda: models.parse("bachgan/bachgan@deepfashion-256-s0"))
    assert "unknown dataset 'ade20k'" in message(
        lambda: models.parse("smis/groupdnet@ade20k-256-s0"))
    assert "unknown dataset" in message(lambda: models.parse("bachgan/random-3@ade20k-256-s0"))
    line = message(lambda: models.recipe(models.parse("bachgan", "paper"), "paper"))
    assert "bachgan/bachgan@cityscapes-256-s0 or bachgan/bachgan@ade20k-256-s0" in line
    real = models.parse("bachgan/bachgan@ade20k-256-s0")
    assert "--data DIR, the folder of ade20k" in message(lambda: models.recipe(real, "paper"))
    monkeypatch.setattr(catalogue, "vgg19", lambda: F.l1_loss)
    assert "expected: ROOT/images/training/ADE_train_*.jpg" in message(
        lambda: models.recipe(real, "paper", root=roots / "cityscapes"))
    assert "no published setting for 'places'" in message(
        lambda: published.published_recipe("places", roots, perceptual=None))
