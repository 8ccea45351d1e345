"""The published setting of BachGAN, for those who have the data and the machines.

Losses, sizes, optimiser and schedule are the released code's, and so is what counts as salient.
Not so: the memory bank is the whole training set, not a part of it; candidates are compared by
class numbers, not by parts of their digits; a layout has no channel for the background; groups of
Cityscapes without instances have no box; ADE20K's pictures are stretched to their size, not
cropped from larger ones; label maps are averaged down, not picked; the rate falls every step;
steps on a GPU are in bfloat16.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from synthbook import published as shared
from synthbook.bachgan import recipe as small
from synthbook.bachgan.layout import NOBODY, rasterise
from synthbook.bachgan.network import Config, Network
from synthbook.bachgan.photographs import Recalled
from synthbook.datasets import dataset
from synthbook.datasets.ade20k import THINGS
from synthbook.discriminators import MultiScaleDiscriminator
from synthbook.layers import xavier
from synthbook.perceptual import Perceptual
from synthbook.published import Published
from synthbook.training import Batch, Networks, Recipe

CHANNELS = (1024, 1024, 1024, 1024, 512, 256, 128, 64)
SPADE = dict(channels=CHANNELS, hidden=(128,) * 7, spectral=True)
CITYSCAPES = Config(35, (256, 512), things=tuple(range(24, 34)), **SPADE)
ADE20K = Config(151, (256, 256), things=THINGS, still=(2,), **SPADE)

PUBLISHED = {
    "cityscapes": Published(CITYSCAPES, "cityscapes", "val", batch=6, epochs=200, flat=100),
    "ade20k": Published(ADE20K, "ade20k", "val", batch=16, epochs=200, flat=100),
}


def layout_for(setting: Published, batch: Batch) -> Tensor:
    """The layouts (B, C, H, W) of a batch, which the discriminator sees, too."""
    return rasterise(batch["boxes"], setting.model.classes, setting.model.size)


def generator_loss(setting: Published, perceptual: Perceptual | None, nets: Networks,
                   batch: Batch, scratch: dict):
    """Hinge, feature matching and perceptual terms; every image has its truth."""
    layout = layout_for(setting, batch)
    fake = nets["generator"](layout, batch["maps"])
    return shared.total(shared.image_terms(
        setting, perceptual, nets["discriminator"], fake, batch["image"], layout))


def discriminator_loss(setting: Published, nets: Networks, batch: Batch, scratch: dict):
    """Hinge loss against images that the moved generator makes of the same boxes and maps."""
    layout = layout_for(setting, batch)
    with torch.no_grad():
        fake = nets["generator"](layout, batch["maps"])
    return shared.rival_loss(nets["discriminator"], fake, batch["image"], layout)


def build(setting: Published) -> Networks:
    """Generator and discriminator: Xavier-normal weights of gain 0.02, biases of zero."""
    nets = {"generator": Network(setting.model),
            "discriminator": MultiScaleDiscriminator(setting.model.classes)}
    return {key: xavier(network, 0.02) for key, network in nets.items()}


def mirror(width: int, batch: Batch) -> Batch:
    """A batch with about half of its items mirrored: images, label maps, memory and boxes."""
    image, boxes = batch["image"], batch["boxes"]
    some = torch.rand(len(image), device=image.device) < 0.5

    def turned(x: Tensor, other: Tensor) -> Tensor:
        return torch.where(some.view(-1, *[1] * (x.dim() - 1)), other, x)

    c, x0, y0, x1, y1 = boxes.unbind(-1)
    flipped = torch.stack([c, width - x1, y0, width - x0, y1], -1)
    flipped = torch.where(c[..., None] == NOBODY, boxes, flipped)
    maps = {key: turned(batch[key], batch[key].flip(-1)) for key in ("image", "label", "maps")}
    return {**batch, **maps, "boxes": turned(boxes, flipped)}


def sample(setting: Published, held: Batch, nets: Networks) -> Tensor:
    """For each of N held-out items: the image, from its own memory, from two others'; (4N, ...)."""
    device = next(nets["generator"].parameters()).device
    at = {key: value.to(device) for key, value in held.items()}
    return small.sample(setting, nets, at, memories=3)


def published_recipe(name: str, root: str | Path, *,
                     perceptual: Callable[[], Perceptual] | None, images: int | None = None,
                     setting: Published | None = None, workers: int = 8) -> Recipe:
    """The paper's recipe for `cityscapes` or `ade20k` in the folder `root`.

    The memory bank is searched first, once for all training items, and the result is kept.

    perceptual : makes the loss once the folder has been read; the published one is
                 :func:`synthbook.perceptual.vgg19`; None: no term.
    images     : length of the run; the published number of epochs unless given.
    setting    : another of the same form, for tests; `workers`: processes that read files.
    """
    setting = shared.chosen(name, PUBLISHED, setting)
    model = setting.model
    read = partial(dataset, name, root=root, size=model.size)
    train, shown = read("train"), read(setting.held_out, count=4)
    term = perceptual() if perceptual is not None else None
    data = Recalled(train, train, model.maps, workers)
    few = Recalled(shown, train, model.maps, workers)
    held = torch.utils.data.default_collate([few[i] for i in range(len(few))])
    return shared.recipe(
        setting, data, lambda: build(setting), ("generator",),
        partial(generator_loss, setting, term), partial(discriminator_loss, setting),
        sample=partial(sample, setting, held), augment=partial(mirror, model.size[1]),
        images=images, workers=workers)
