"""The figure of the chapter on 3D controllable synthesis: cars on the ground, and a camera.

Behind its controls is the data's own renderer, the perfect model: it shows what every handle should
do. A trained generator can take its place: a module with the same inputs and outputs.
"""

import functools
import math

import torch
from torch import Tensor, nn

from synthbook.controllable_3d.caster import BEHIND, Caster, Kind
from synthbook.datasets.cars.scene import Backdrop
from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.input import Input
from synthbook.figures.inputs import Choice, Ground, Sliders
from synthbook.figures.outputs import Caption, Change, Image

MODEL = "figures/cars"
CARS = {"red": Kind(0, 2), "cyan": Kind(5, 1), "yellow": Kind(7, 0)}  # a saloon, a van, a mini
BACKDROP = Backdrop((0.3, 0.2), 0.7, 0.1, 2)
REACH = 0.8  # scene units from the origin to the border of the pad
PLACES = ((-0.45, 0.45, 55.0), (0.35, 0.1, -20.0), (-0.3, -0.5, -70.0))


class Told(nn.Module):
    """What readers set, in the units of the pad and in degrees, to what a renderer takes.

    On the pad x is to the right and z away from the first camera; a thing's direction is a
    compass's, 0 away from the reader and clockwise. The camera's orbit counts from there.
    """

    def __init__(self, renderer: nn.Module):
        super().__init__()
        self.renderer = renderer

    def forward(self, ground: Tensor, orbit: Tensor, height: Tensor, solid: Tensor,
                behind: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ground (B, N, 3), solid (B, N), the others (B, 1), to what the renderer returns.

        Shares are per cent of the picture.
        """
        degree = math.pi / 180
        yaw = (ground[..., 2:] - 90) * degree
        pose = torch.cat([REACH * ground[..., :2], yaw], -1)
        camera = torch.cat([orbit - 90, height], -1) * degree
        image, depth, shares = self.renderer(pose, camera, solid, behind)
        return image, depth, 100 * shares


def controls() -> dict[str, Input]:
    """All that can be set, by name, in the order of the model."""
    names = tuple(CARS)
    return {one.name: one for one in (
        Ground("ground", "The ground from above", torch.tensor([PLACES]), names),
        Sliders("orbit", "Camera around them, degrees", torch.zeros(1, 1), ("orbit",),
                low=-180, high=180, step=5),
        Sliders("height", "Camera above the ground, degrees", torch.full((1, 1), 30.0),
                ("elevation",), low=15, high=45, step=1),
        Sliders("solid", "Alpha", torch.ones(1, len(names)), names, step=0.25),
        Choice("behind", "Behind them", torch.ones(1, 1), BEHIND))}


@functools.cache
def page_model() -> PageModel:
    """The data's renderer with random examples of its inputs."""
    module = Told(Caster(tuple(CARS.values()), BACKDROP)).eval()
    return PageModel(module, {name: one.random for name, one in controls().items()},
                     ("image", "depth", "shares"))


def cars() -> Figure:
    """Cars to move, turn, fade and take away, seen by a camera that goes around them."""
    said = ", ".join(f"{name} {{{k}}}" for k, name in enumerate(CARS))
    return Figure("cars-ground", list(controls().values()), page_model(), MODEL,
                  outputs=(Image("image", "Picture", pixelated=False,
                                 caption=Caption("shares", f"Per cent of the picture: {said}", 1)),
                           Change("image", "What changed"),
                           Image("depth", "Depth, near is bright", small=True, pixelated=False),
                           Image("image", "Picture before", small=True, before=True,
                                 pixelated=False)),
                  title="Move cars on the ground, and the camera around them",
                  alt="A red, a cyan and a yellow car on a ground of two pastel tones.")
