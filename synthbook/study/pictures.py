"""Real and generated pictures of the same scenes, from a model's name."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synthbook import models
from synthbook.datasets import dataset
from synthbook.datasets.places import Places
from synthbook.files import BookError
from synthbook.game import LayoutModel
from synthbook.layers import one_hot

ORACLE = "oracle"  # the condition whose pictures the data's renderer has drawn


@torch.no_grad()
def of_layouts(name: str, scenes: Sequence[int], split: str = "test", seed: int = 0
               ) -> tuple[Tensor, dict[str, Tensor]]:
    """Pictures of `scenes` and what a model makes of their label maps.

    name   : a model from label maps to pictures of `places`, such as `smis`.
    scenes : N numbers of items of the split.
    seed   : of the latents and of the oracle's styles.

    Returns the real pictures (N, 3, H, W) in [-1, 1], and by condition as many generated ones:
    those of the model under its variant's name, and those of the `oracle`, the data's renderer,
    which has drawn every class of the map anew. BookError where the model is none of this kind.
    """
    known = models.resolve(name)
    model = models.load(name)
    if not isinstance(model, LayoutModel) or known.dataset != "places":
        raise BookError(f"{known} makes no pictures of places from label maps: choose one that "
                        "does, such as smis")
    config = model.config
    data = dataset("places", split, size=config.size[0], classes=config.classes)
    items = [data[i] for i in scenes]
    label = torch.stack([item["label"] for item in items])
    latents = model.prior(len(items), torch.Generator().manual_seed(seed))
    made = torch.cat([model(one_hot(maps, config.classes), z)
                      for maps, z in zip(label.split(32), latents.split(32))])
    rng = np.random.default_rng(seed)
    drawn = torch.stack([restyled(data, i, rng) for i in scenes])
    variant = known.model.partition("/")[2]
    return torch.stack([item["image"] for item in items]), {variant: made, ORACLE: drawn}


def restyled(data: Places, i: int, rng: np.random.Generator) -> Tensor:
    """Scene `i` with a new style for every class, (3, H, W) in [-1, 1]."""
    scene = data.scene(i)
    for c in range(len(data.class_names)):
        scene = data.redraw(scene, c, rng)
    return data.tensors(scene)["image"]
