"""Semantic Pyramid's figure: give one level of a picture, and paint a part of it anew.

It runs :class:`synthbook.semantic_pyramid.chosen.Chosen` around held-out pictures.
"""

import functools

import torch
from torch import Tensor

from synthbook import models
from synthbook.datasets import dataset
from synthbook.datasets.places import MOODS
from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.inputs import Choice, Draw, Mask, Pictures
from synthbook.figures.outputs import Caption, Change, Image
from synthbook.semantic_pyramid import LEVELS, SemanticPyramid
from synthbook.semantic_pyramid.chosen import Chosen
from synthbook.semantic_pyramid.classifier import KNOBS

MODEL = "semantic-pyramid/semantic-pyramid@places-32-s0"
JUDGE = "judges/classifier-residual@places-32-s0"
SCENES = (1, 4, 6, 9, 13, 16)  # of the test split


@functools.cache
def subjects(size: int = 32) -> tuple[Tensor, Tensor]:
    """Pictures to choose from (N, 3, size, size) in [-1, 1], and their categories (N,)."""
    data = dataset("places", "test", size=size, **KNOBS)
    items = [data[k] for k in SCENES]
    return tuple(torch.stack([item[key] for item in items]) for key in ("image", "category"))


def page_model(network: SemanticPyramid, data: str = "places") -> PageModel:
    """What the page runs of a network: a picture, a level and the rest to an answer."""
    return around(Chosen(network, models.load(JUDGE), *subjects(network.config.size), len(MOODS)))


def around(module: Chosen) -> PageModel:
    """The page model of pictures and their features."""
    return PageModel(module.eval(), {name: one.random for name, one in controls(module).items()},
                     ("image", "seen"))


def controls(module: Chosen) -> dict[str, Pictures | Choice | Mask | Draw]:
    """All that can be set, by name and in the module's order, as it is at first."""
    size, zero = module.config.size, torch.zeros(1, 1)
    pictures = subjects(size)[0][:len(module.category)]
    names = [f"scene {k}" for k in range(1, len(pictures) + 1)]
    z = torch.randn(1, module.config.latent, generator=torch.Generator().manual_seed(1))
    return {one.name: one for one in (
        Pictures("picture", "Picture", zero, pictures, names),
        Choice("level", "Give its level", zero + LEVELS.index("conv5"), LEVELS),
        Mask("hole", "Paint anew here", torch.zeros(1, size, size), over="image"),
        Choice("mood", "Told that it is", zero, ("as it is", *MOODS)),
        Draw("z", "Another latent", z))}


@functools.cache
def shipped() -> PageModel:
    """The page model of the weights that ship."""
    return page_model(models.load(MODEL))


def levels() -> Figure:
    """Choose a picture and the level that the generator is given of it."""
    model = shipped()
    return Figure(
        "pyramid-levels", list(controls(model.module).values()), model, MODEL,
        outputs=(Image("image", "Answer", caption=Caption(
                     "seen", "A judge is sure of the kind of place by {0}, of the mood by {1}", 2)),
                 Change("image", "What changed", "hole"),
                 Image("image", "Answer before", small=True, before=True)),
        title="Give one level of a picture, and paint a part of it anew",
        alt="A small scene that a generator made from one level of a picture's features.")
