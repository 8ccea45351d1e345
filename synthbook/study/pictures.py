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
from synthbook.semantic_pyramid.classifier import KNOBS
from synthbook.semantic_pyramid.network import SemanticPyramid

BATCH = 32
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
                      for maps, z in zip(label.split(BATCH), latents.split(BATCH))])
    rng = np.random.default_rng(seed)
    drawn = torch.stack([restyled(data, i, rng) for i in scenes])
    variant = known.model.partition("/")[2]
    return torch.stack([item["image"] for item in items]), {variant: made, ORACLE: drawn}


@torch.no_grad()
def of_levels(name: str, scenes: Sequence[int], levels: Sequence[str], split: str = "test",
              seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    """Pictures of `scenes` and what a pyramid's generator makes of single levels of them.

    name   : a Semantic Pyramid of `places`.
    scenes : N numbers of items of the split.
    levels : names of levels, conv1 to fc8; each is supplied alone, with the picture's category.
    seed   : of the latents.

    Returns the real pictures (N, 3, H, W) in [-1, 1], and for each level as many generated ones.
    BookError where the model is none of this kind or has no such level.
    """
    known = models.resolve(name)
    model = models.load(name)
    if not isinstance(model, SemanticPyramid) or known.dataset != "places":
        raise BookError(f"{known} makes no pictures of places from levels of a classifier: choose "
                        "one that does, such as semantic-pyramid")
    data = dataset("places", split, size=model.config.size, **KNOBS)
    items = [data[i] for i in scenes]
    real, category = (torch.stack([item[key] for item in items]) for key in ("image", "category"))
    latents = model.latents(len(items), seed)
    made = {level: torch.cat([
        model(z, model.features(x), model.masks(len(x), level), y)
        for x, z, y in zip(real.split(BATCH), latents.split(BATCH), category.split(BATCH))])
        for level in levels}
    return real, made


def restyled(data: Places, i: int, rng: np.random.Generator) -> Tensor:
    """Scene `i` with a new style for every class, (3, H, W) in [-1, 1]."""
    scene = data.scene(i)
    for c in range(len(data.class_names)):
        scene = data.redraw(scene, c, rng)
    return data.tensors(scene)["image"]
