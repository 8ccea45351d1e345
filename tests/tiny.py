"""The smallest figure: a map and a style to a picture and its mean."""

import torch
from torch import nn

from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.inputs import Canvas, Sliders, Styles
from synthbook.figures.outputs import Caption, Change, Image

NAME = "figures/tiny"
CLASSES, SIZE = ("sky", "ground"), 8


class Tiny(nn.Module):
    """Class numbers (N, 8, 8), colours (N, 2, 3) and light (N, 1) to images and their mean."""

    def __init__(self, width: int = 4):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = nn.Conv2d(3, width, 3, 1, 1), nn.Conv2d(width, 3, 1)

    def forward(self, label, colour, light):
        image = torch.where(label[:, None] > 0, colour[:, 1, :, None, None],
                            colour[:, 0, :, None, None])
        image = torch.tanh(self.last(self.first(image).relu()) + light[:, :, None, None])
        return image, image.mean((1, 2, 3))[:, None]


def inputs() -> tuple:
    """The three inputs, described."""
    half = torch.arange(SIZE)[:, None].expand(SIZE, SIZE).ge(SIZE // 2)
    palette = torch.tensor([[90, 160, 220], [110, 170, 80]])
    return (
        Canvas("label", "Map <b>", half[None], classes=CLASSES, palette=palette,
               layouts={"all sky": torch.zeros(SIZE, SIZE)}),
        Styles("colour", "Colours", torch.zeros(1, 2, 3), axes=("blue",),
               swatches=torch.full((2, 5, 5, 3), 7)),
        Sliders("light", "Light", torch.zeros(1, 1), names=("light",), low=-1, high=1, step=0.5))


def page_model(width: int = 4) -> PageModel:
    """The tiny page model; `width` channels make it as heavy as a test needs."""
    return PageModel(Tiny(width).eval().requires_grad_(False),
                     {one.name: one.random for one in inputs()}, ("image", "mean"))


def figure(name: str = "tiny", **changed) -> Figure:
    """The tiny figure, its settings changed where given."""
    settings = {
        "inputs": inputs(), "render": page_model(), "export": NAME,
        "outputs": (Image("image", "Picture"), Change("image", "Change", within="label"),
                    Caption("mean", "The mean is {0}.")),
        "title": 'A "tiny" <figure>', "alt": "Sky above ground, </script> & more"}
    return Figure(name, **settings | changed)
