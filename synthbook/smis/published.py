"""The published setting of GroupDNet, for those who have the data and the machines.

Losses, sizes, optimiser and schedule are the released code's. Not so: pictures of single classes
stay in place, as in the paper (the code enlarges each); label maps are averaged down, not picked;
an absent class has the prior; the rate falls every step; steps on a GPU are in bfloat16.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from synthbook import losses
from synthbook import published as shared
from synthbook.datasets import dataset
from synthbook.datasets.images import mirror_half
from synthbook.discriminators import MultiScaleDiscriminator
from synthbook.layers import one_hot, reparameterise, xavier
from synthbook.perceptual import Perceptual
from synthbook.smis.network import CITYSCAPES, DEEPFASHION, Config, Encoder, Generator
from synthbook.training import Batch, Networks, Recipe

GPUS = 4  # of the release, which sums the KL term over the images of one GPU


@dataclass(frozen=True)
class Published(shared.Published):
    """What all published settings have, and the weight of the KL term."""

    model: Config
    kl: float = 0.05  # for each nat of all latents, summed over batch / 4 images


PUBLISHED = {
    "deepfashion": Published(DEEPFASHION, "deepfashion", "test", batch=8, epochs=100, flat=60),
    "cityscapes": Published(CITYSCAPES, "cityscapes", "val", batch=4, epochs=200, flat=100),
}


def maps(model: Config, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """What encoder, generator and discriminator see of the layouts: (B, K or 2K or K+1, H, W).

    On Cityscapes a map of borders follows each mask in the generator, all in the discriminator.
    """
    onehot = one_hot(batch["label"], model.classes)
    if model.map_channels == 1:
        return onehot, onehot, onehot
    edge = batch["edge"].unsqueeze(1)
    each = torch.stack([onehot, edge.expand_as(onehot)], 2).flatten(1, 2)
    return onehot, each, torch.cat([onehot, edge], 1)


def rebuild(setting: Published, nets: Networks, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Every image of the batch, encoded, drawn from its posterior, decoded; with mu, logvar."""
    onehot, layout, _ = maps(setting.model, batch)
    mu, logvar = nets["encoder"](batch["image"], onehot)
    return nets["generator"](layout, reparameterise(mu, logvar)), mu, logvar


def generator_loss(setting: Published, perceptual: Perceptual | None, nets: Networks,
                   batch: Batch, scratch: dict):
    """Hinge, feature matching, perceptual and KL terms of generator and encoder."""
    fake, mu, logvar = rebuild(setting, nets, batch)
    terms = shared.image_terms(setting, perceptual, nets["discriminator"], fake, batch["image"],
                               maps(setting.model, batch)[2])
    terms["kl"] = setting.kl * max(1, setting.batch // GPUS) * losses.kl(mu, logvar)
    return shared.total(terms)


def discriminator_loss(setting: Published, nets: Networks, batch: Batch, scratch: dict):
    """Hinge loss against images rebuilt once more, from new samples of the posteriors."""
    with torch.no_grad():
        fake = rebuild(setting, nets, batch)[0]
    return shared.rival_loss(nets["discriminator"], fake, batch["image"],
                             maps(setting.model, batch)[2])


def build(setting: Published) -> Networks:
    """Generator, encoder and discriminator: Xavier-normal weights of gain 0.02, biases of zero."""
    model = setting.model
    nets = {"generator": Generator(model), "encoder": Encoder(model),
            "discriminator": MultiScaleDiscriminator(model.classes + model.map_channels - 1)}
    return {key: xavier(network, 0.02) for key, network in nets.items()}


@torch.no_grad()
def sample(setting: Published, held: Batch, nets: Networks) -> Tensor:
    """For each of N held-out items: the image, rebuilt, four samples; (6N, 3, H, W)."""
    model = setting.model
    device = next(nets["generator"].parameters()).device
    held = {k: v.to(device) for k, v in held.items()}
    onehot, layout, _ = maps(model, held)
    generator = torch.Generator().manual_seed(1)
    codes = [torch.randn(len(onehot), *model.latent_shape, generator=generator).to(device)
             for _ in range(4)]
    codes.insert(0, nets["encoder"](held["image"], onehot)[0])
    rows = [held["image"], *(nets["generator"](layout, z) for z in codes)]
    return torch.stack(rows, 1).flatten(0, 1)


def published_recipe(name: str, root: str | Path, *,
                     perceptual: Callable[[], Perceptual] | None, images: int | None = None,
                     setting: Published | None = None, workers: int = 8) -> Recipe:
    """The paper's recipe for `deepfashion` or `cityscapes` in the folder `root`.

    perceptual : makes the loss once the folder has been read; the published one is
                 :func:`synthbook.perceptual.vgg19`; None: no term.
    images     : length of the run; the published number of epochs unless given.
    setting    : another of the same form, for tests; `workers`: processes that read files.
    """
    setting = shared.chosen(name, PUBLISHED, setting)
    borders = {"edges": True} if setting.model.map_channels == 2 else {}
    read = partial(dataset, name, root=root, size=setting.model.size, **borders)
    data, shown = read("train"), read(setting.held_out, count=4)
    held = torch.utils.data.default_collate([shown[i] for i in range(len(shown))])
    term = perceptual() if perceptual is not None else None
    return shared.recipe(
        setting, data, lambda: build(setting), ("generator", "encoder"),
        partial(generator_loss, setting, term), partial(discriminator_loss, setting),
        sample=partial(sample, setting, held), augment=mirror_half, images=images,
        workers=workers)
