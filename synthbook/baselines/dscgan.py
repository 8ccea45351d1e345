"""DSCGAN: "Diversity-Sensitive Conditional Generative Adversarial Networks" (Yang et al., 2019).

No encoder: latents of one layout are kept from giving one image by a term that rewards the
distance of two images over the distance of their latents. The generator is BicycleGAN's.

Not as published: one discriminator, the book's, and its terms, in place of a patch discriminator.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from synthbook import game
from synthbook.baselines.bicyclegan import WIDTHS, Config, UNet
from synthbook.layers import one_hot
from synthbook.training import Batch, Networks, Recipe


@dataclass(frozen=True)
class Weights(game.AtOnce):
    """The game's weights and the new term's.

    diversity : weight of the term, 8 in the published experiment with this generator.
    most      : the ratio of distances above which it asks for no more.
    """

    diversity: float = 8.0
    most: float = 1.0


def model(config: Config) -> game.LayoutModel:
    """The generator alone."""
    return game.LayoutModel(config, generator=UNet(config))


def sensitivity(fake: Tensor, other: Tensor, z: Tensor, another: Tensor, most: float) -> Tensor:
    """Mean distance of images (B, 3, H, W) over that of their latents (B, Z, 1, 1), clamped.

    Distances are mean absolute differences; the second image is held fixed, as in the release.
    """
    images = (fake - other.detach()).abs().mean((1, 2, 3))
    return (images / ((z - another).abs().mean((1, 2, 3)) + 1e-5)).clamp(max=most).mean()


def generator_loss(setting: game.Setting, nets: Networks, batch: Batch, scratch: dict):
    """Half of the batch's layouts, each with two latents; the first has the truth as its pair."""
    half = len(batch["image"]) // 2
    image, label = (batch[key][half:2 * half] for key in ("image", "label"))
    onehot = one_hot(label, setting.model.classes)
    z, another = torch.randn(2, half, *setting.model.latent_shape, device=image.device)
    fake = nets["generator"](onehot.repeat(2, 1, 1, 1), torch.cat([z, another]))
    terms = game.image_terms(nets, fake, label.repeat(2, 1, 1), image)
    terms["diversity"] = -sensitivity(*fake.chunk(2), z, another, setting.weights.most)
    scratch["fake"] = fake.detach()
    return game.total(setting.weights, terms)


def recipe(data: str, size: int, *, images: int, batch: int = 16, count: int | None = None,
           weights: Weights = Weights(), **knobs) -> Recipe:
    """The training recipe on a generated dataset."""
    config = Config(game.classes_of(data, size, knobs), (size, size), widths=WIDTHS[size])
    return game.play(game.Setting(config, data, knobs, weights),
                     {"generator": lambda: UNet(config)}, images=images, batch=batch,
                     count=count, loss=generator_loss)
