"""Layout2Im in the game of boxes: the data, the discriminator and the terms of BachGAN's variants.

The network is :mod:`synthbook.baselines.layout2im`'s. Half of a batch is reconstructed from the
posterior's latents and has its truth; the other half is sampled from the prior, and the
discriminator learns from it. Until the share `warm` of a run is over, all of it is reconstructed.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from synthbook import game
from synthbook.bachgan import recipe as with_boxes
from synthbook.bachgan.layout import rasterise, target
from synthbook.bachgan.memory import Remembering
from synthbook.bachgan.recipe import KNOBS, discriminator, discriminator_loss
from synthbook.baselines.layout2im import (
    SIZES,
    Config,
    Encoder,
    Generator,
    Weights,
    divergence,
    recovery,
)
from synthbook.datasets import dataset
from synthbook.datasets.cache import Cached, cached
from synthbook.datasets.things import things
from synthbook.game import Setting
from synthbook.layers import reparameterise
from synthbook.training import Batch, Networks, Recipe


def config(size: int, classes: int, named: Sequence[int]) -> Config:
    """The small config at 32 or 64 pixels for boxes of the classes in `named`."""
    return Config(classes, (size, size), tuple(named), **SIZES[size])


def generator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The loss of encoder and generator: reconstructions, and samples once the game begins."""
    w, model, image, boxes = setting.weights, setting.model, batch["image"], batch["boxes"]
    voice = min(1.0, max(0.0, (scratch["done"] - w.warm) / w.ramp)) if w.ramp else 1.0
    half = len(image) // 2 if voice else len(image)
    mu, logvar = nets["encoder"](image[:half], boxes[:half])
    z = reparameterise(mu, logvar)
    terms = {"kl": divergence(mu, logvar, boxes[:half])}
    if not voice:
        terms["l1"] = (nets["generator"](boxes, z) - image).abs().mean()
        return game.total(w, terms)
    drawn = torch.randn_like(z)
    fake = nets["generator"](boxes[:2 * half], torch.cat([z, drawn]))
    scratch["target"] = target(boxes, model.things, model.size)
    terms |= game.image_terms(nets, fake, scratch["target"][:2 * half], image[:half], voice)
    terms |= recovery(nets["encoder"], boxes[half:2 * half], drawn, fake[half:])
    scratch["fake"] = fake.detach()
    return game.total(w, terms)


def rival_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The discriminator's loss; it sits out while the generator only reconstructs."""
    return discriminator_loss(setting, nets, batch, scratch) if "fake" in scratch else None


# ---------------------------------------------------------------------- looks on the way


def noise(boxes: Tensor, latent: int, seed: int, count: int) -> Tensor:
    """`count` sets of latents of boxes (B, M, 5), (count, B, M, Z), the same at every look."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *boxes.shape[:2], latent, generator=generator).to(boxes.device)


@torch.no_grad()
def probe(setting: Setting, nets: Networks, held: Batch) -> dict[str, float]:
    """Errors of reconstructions in and outside the boxes, and how far new latents move pixels.

    All are mean absolute differences on the scale [0, 1].
    """
    model, image, boxes = setting.model, held["image"], held["boxes"]
    rebuilt = nets["generator"](boxes, nets["encoder"](image, boxes)[0])
    a, b = (nets["generator"](boxes, z) for z in noise(boxes, model.latent, 0, 2))
    inside = rasterise(boxes, model.classes, model.size).amax(1, keepdim=True)
    found = {}
    for name, mask in {"inside": inside, "outside": 1 - inside}.items():
        for what, pair in {"error": (rebuilt, image), "change": (a, b)}.items():
            change = (pair[0] - pair[1]).abs().mean(1, keepdim=True) / 2
            found[f"{what}_{name}"] = float((change * mask).sum() / mask.sum().clamp_min(1))
    return found


@torch.no_grad()
def sample(setting: Setting, nets: Networks, held: Batch) -> Tensor:
    """For each of N layouts: the real image, its reconstruction, six samples; (8N, 3, H, W)."""
    image, boxes = held["image"], held["boxes"]
    rows = [image, nets["generator"](boxes, nets["encoder"](image, boxes)[0])]
    rows += [nets["generator"](boxes, z) for z in noise(boxes, setting.model.latent, 1, 6)]
    return torch.stack(rows, 1).flatten(0, 1)


# ----------------------------------------------------------------------------- the recipe


def recipe(data: str, size: int, *, images: int, batch: int = 16, count: int | None = None,
           weights: game.Weights = Weights(l1=with_boxes.Weights.l1), **knobs: Any) -> Recipe:
    """The training recipe on a generated dataset with things."""
    knobs = {**(KNOBS if data == "places" else {}), **knobs}
    classes = game.classes_of(data, size, knobs)
    model = config(size, classes, things(dataset(data, size=size, **knobs)))
    setting = Setting(model, data, knobs, weights)

    def boxed(split: str, count: int | None) -> Remembering:
        drawn: Cached = cached(dataset(data, split, size=size, count=count, **knobs))
        return Remembering(drawn, drawn, m=0)

    @cache
    def held() -> Batch:
        items = boxed("val", 8)
        return default_collate([items[i] for i in range(len(items))])

    def at(nets: Networks) -> Batch:
        device = next(nets["generator"].parameters()).device
        return {key: value.to(device) for key, value in held().items()}

    parts = {"generator": lambda: Generator(model), "encoder": lambda: Encoder(model)}
    base = game.play(setting, parts, images=images, batch=batch, count=count, loss=generator_loss)
    rival = replace(base.players["discriminator"], loss=lambda nets, batch, scratch: rival_loss(
        setting, nets, batch, scratch))
    return replace(
        base, data=lambda: boxed("train", count),
        players={**base.players, "discriminator": rival},
        build=lambda: {**{name: make() for name, make in parts.items()},
                       "discriminator": discriminator(model)},
        sample=lambda nets: sample(setting, nets, at(nets)),
        probe=lambda nets: probe(setting, nets, at(nets)))
