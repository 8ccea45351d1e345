"""StyleGAN2's figure: draw a portrait and turn its traits, and see what else turns.

It runs one module, :class:`synthbook.stylegan2.turning.Turned`, with directions that ship. They
were found by one network of the reader; what the caption tells is read by its other one.
"""

import functools

import torch

from synthbook import models
from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.inputs import Draw, Sliders
from synthbook.figures.outputs import Caption, Change, Image
from synthbook.files import data_dir
from synthbook.judges import Reader
from synthbook.streams import stream
from synthbook.stylegan2 import StyleGAN2
from synthbook.stylegan2.directions import Directions, read
from synthbook.stylegan2.turning import Turned

MODEL = "stylegan2/stylegan2@faces-32-s0"
READER = "judges/reader@faces-32-s0"
SITTER = 37  # seed of the portrait that a reader sees first
TRUNCATION = 0.8


def stored_directions() -> Directions:
    """The directions that ship; BookError where there are none."""
    return read(data_dir() / "results" / "stylegan2" / "directions-32.safetensors")[0]


def page_model(network: StyleGAN2, data: str = "faces") -> PageModel:
    """What the page runs of a network for `data`: its controls to a portrait and readings."""
    return around(network, stored_directions(), models.load(READER))


def around(network: StyleGAN2, directions: Directions, reader: Reader) -> PageModel:
    """The page model of a network, directions in its W and the reader that judges them."""
    module = Turned(network, directions, reader).eval()
    return PageModel(module, {one.name: one.random for one in controls(module, SITTER)},
                     ("image", "readings"))


def controls(module: Turned, sitter: int) -> tuple[Draw, Draw, Sliders, Sliders]:
    """Latent and noise of a seed, truncation and traits, as they are at first."""
    names = module.reader.config.names
    noise = torch.randn(1, sum(module.areas), generator=stream("figure", sitter))
    return (Draw("z", "Another person", module.model.latents(1, sitter)),
            Draw("noise", "Other noise", noise),
            Sliders("truncation", "Truncation", torch.full((1, 1), TRUNCATION), ("psi",),
                    step=0.05),
            Sliders("levels", "Traits", torch.zeros(1, len(names)), names, -2.0, 2.0, 0.25))


@functools.cache
def shipped() -> PageModel:
    """The page model of the weights that ship."""
    return page_model(models.load(MODEL))


def traits(sitter: int = SITTER) -> Figure:
    """Draw a portrait, turn its traits; the judge's readings of all of them stand below it.

    `sitter` is the seed of the portrait that stands there first.
    """
    model = shipped()
    read_out = ", ".join(f"{name} {{{t}}}" for t, name in
                         enumerate(model.module.reader.config.names))
    return Figure(
        "stylegan2-traits" + ("" if sitter == SITTER else f"-{sitter}"),
        controls(model.module, sitter), model, MODEL,
        outputs=(Image("image", "Portrait", caption=Caption(
                     "readings", f"A judge reads, in deviations: {read_out}", 1)),
                 Change("image", "What changed"),
                 Image("image", "Portrait before", small=True, before=True)),
        title="Turn one trait, and watch the others",
        alt="A generated portrait: a drawn face with hair and clothes before a plain ground.")
