"""What published recipes share: patch discriminators at two scales, their terms, the schedule.

pix2pixHD's objective as SPADE and the papers after it have it: hinge, feature matching, and the
distance of VGG-19's features. Every paper's room adds its networks and what else it says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthbook import losses
from synthbook.files import BookError
from synthbook.perceptual import Perceptual
from synthbook.training import Batch, Loss, Networks, Player, Recipe


@dataclass(frozen=True)
class Published:
    """Model, data, schedule and loss weights of a published run."""

    model: Any
    dataset: str
    held_out: str
    batch: int  # images in a step, over all GPUs
    epochs: int
    flat: int  # epochs after which learning rates fall to zero
    feature_matching: float = 10.0
    perceptual: float = 10.0
    rate_g: float = 1e-4
    rate_d: float = 4e-4
    betas: tuple[float, float] = (0.0, 0.9)


def chosen(name: str, known: Mapping[str, Published], other: Published | None) -> Published:
    """`other`, if it is given, else the setting of a dataset; BookError if it has none."""
    if name not in known:
        raise BookError(f"no published setting for {name!r}: choose {' or '.join(known)}")
    return other or known[name]


def image_terms(setting: Published, perceptual: Perceptual | None, discriminator: nn.Module,
                fake: Tensor, image: Tensor, condition: Tensor) -> dict[str, Tensor]:
    """What generated images (B, 3, H, W) and their truths are compared by, weighted.

    perceptual : distance of images, or None for no such term.
    condition  : (B, K, H, W) what the discriminator sees beside them.
    """
    n = len(image)
    scores, features = discriminator(torch.cat([fake, image]), torch.cat([condition] * 2))
    layers = len(features) // len(scores)  # summed; scales are averaged
    terms = {
        "adversarial": sum(losses.hinge_g(s[:n]) for s in scores) / len(scores),
        "feature_matching": setting.feature_matching * layers * losses.feature_matching(
            [f[:n] for f in features], [f[n:] for f in features]),
    }
    if perceptual is not None:
        terms["perceptual"] = setting.perceptual * perceptual(fake, image)
    return terms


def total(terms: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of a generator's weighted terms, and the terms as they are logged."""
    return sum(terms.values()), {f"g_{name}": value for name, value in terms.items()}


def rival_loss(discriminator: nn.Module, fake: Tensor, image: Tensor,
               condition: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Hinge loss of a multi-scale discriminator on generated and true images (B, 3, H, W)."""
    n = len(image)
    scores, _ = discriminator(torch.cat([fake, image]), torch.cat([condition] * 2))
    loss = sum(losses.hinge_d(s[n:], s[:n]) for s in scores) / len(scores)
    return loss, {"d_adversarial": loss}


def recipe(setting: Published, data: Dataset, build: Callable[[], Networks],
           moved: tuple[str, ...], generator: Loss, discriminator: Loss, *,
           sample: Callable[[Networks], Tensor], augment: Callable[[Batch], Batch],
           images: int | None, workers: int) -> Recipe:
    """The recipe of a published setting.

    moved  : networks that the generator's loss trains.
    images : length of the run; the published number of epochs where None.
    """
    return Recipe(
        config=setting, data=lambda: data, build=build,
        players={
            "generator": Player(moved, generator, setting.rate_g, setting.betas),
            "discriminator": Player(("discriminator",), discriminator, setting.rate_d,
                                    setting.betas),
        },
        images=images or setting.epochs * len(data), batch=setting.batch, decay_to=0.0,
        decay_from=setting.flat / setting.epochs, augment=augment, workers=workers,
        sample=sample, snapshots=setting.epochs)
