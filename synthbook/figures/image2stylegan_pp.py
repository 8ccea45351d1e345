"""Image2StyleGAN++'s figures: turn the traits of an embedded picture, put part of one into another.

Both run one module, :class:`synthbook.image2stylegan_pp.held.Held`, around embeddings that ship:
held-out portraits, and two pictures that are none.
"""

import functools
from pathlib import Path

import torch
from torch import Tensor

from synthbook import models
from synthbook.datasets import dataset
from synthbook.datasets.strangers import strangers
from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.inputs import Choice, Mask, Pictures, Sliders
from synthbook.figures.outputs import Caption, Change, Image
from synthbook.figures.stylegan2 import READER, stored_directions
from synthbook.files import data_dir
from synthbook.image2stylegan_pp.held import Held, stored
from synthbook.image2stylegan_pp.masks import box
from synthbook.stylegan2 import StyleGAN2

MODEL = "image2stylegan-pp/embedding@faces-32-s0"
PORTRAITS = (0, 9, 22, 29, 35, 53)  # of the test split
STRANGERS = {"a car": ("cars", 2), "a harbour": ("places", 3),
             "Grace Hopper": ("photograph", 1)}  # by kind and number
NAMES = (*(f"portrait {k}" for k in range(1, len(PORTRAITS) + 1)), *STRANGERS)


def table() -> Path:
    """Where the embeddings are that ship."""
    return data_dir() / "results" / "image2stylegan-pp" / "embedded-32.safetensors"


@functools.cache
def subjects(size: int = 32) -> Tensor:
    """The pictures that are embedded, (N, 3, size, size) in [-1, 1], in the order of NAMES."""
    faces = dataset("faces", "test", size=size)
    others = strangers(size, 1 + max(k for _, k in STRANGERS.values()))
    return torch.stack([*(faces[k]["image"] for k in PORTRAITS),
                        *(others[kind][k] for kind, k in STRANGERS.values())])


def page_model(network: StyleGAN2, data: str = "faces") -> PageModel:
    """What the page runs of a network for `data`: every control of both figures to a picture."""
    at, _ = stored(table(), network.config)
    return around(Held(network, at, stored_directions(), models.load(READER)))


def around(module: Held) -> PageModel:
    """The page model of embeddings."""
    return PageModel(module.eval(), {name: one.random for name, one in controls(module).items()},
                     ("image", "readings"))


def controls(module: Held) -> dict[str, Pictures | Mask | Choice | Sliders]:
    """All that can be set, by name and in the module's order, as it is at first."""
    size, traits = module.model.config.size, module.reader.config.names
    shown, names = subjects(size)[:len(module.w)], NAMES[:len(module.w)]
    layers = [f"{name.partition('.')[0]} pixels" for name in module.places]
    first = torch.zeros(1, 1)
    eyes = box(size, size // 4, 3 * size // 8, 3 * size // 4, 9 * size // 16)[:, 0]
    return {one.name: one for one in (
        Pictures("picture", "Picture", first, shown, names),
        Pictures("other", "Copy features of", first + 1, shown, names),
        Mask("mask", "Here", eyes, over="image"),
        Choice("layer", "At the layer of", first + 1, layers),
        Sliders("share", "Fitted noise", torch.ones(1, 1), ("share",), step=0.05),
        Sliders("levels", "Traits", torch.zeros(1, len(traits)), traits, -2.0, 2.0, 0.25))}


@functools.cache
def shipped() -> PageModel:
    """The page model of the weights and embeddings that ship."""
    return page_model(models.load(MODEL))


def figure(name: str, shown: tuple[str, ...], title: str, alt: str, within: str | None = None,
           **fixed: Tensor) -> Figure:
    """A figure of these controls; the others stay as they are, or as `fixed` says."""
    model = shipped()
    have = controls(model.module)
    read_out = ", ".join(f"{trait} {{{t}}}" for t, trait in
                         enumerate(model.module.reader.config.names))
    return Figure(
        name, [have[key] for key in shown], model, MODEL,
        outputs=(Image("image", "Picture", caption=Caption(
                     "readings", f"A judge reads, in deviations: {read_out}", 1)),
                 Change("image", "What changed", within),
                 Image("image", "Picture before", small=True, before=True)),
        fixed={key: one.value for key, one in have.items() if key not in shown} | fixed,
        title=title, alt=alt)


def traits() -> Figure:
    """Turn the traits of an embedded picture, with as much of its fitted noise as wanted."""
    size = shipped().module.model.config.size
    return figure("embedded-traits", ("picture", "share", "levels"),
                  "Turn the traits of a picture that the generator did not make",
                  "An embedded portrait, as the generator shows it.",
                  mask=torch.zeros(1, size, size))


def paste() -> Figure:
    """Mark a region of one embedded picture and copy another's features into it."""
    return figure("embedded-paste", ("picture", "other", "mask", "layer", "share"),
                  "Put part of one picture into another",
                  "An embedded portrait with the eyes of another, as the generator shows it.",
                  "mask")
