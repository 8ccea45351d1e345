"""The figures of the chapter on 3D controllable synthesis: cars on the ground, and a camera.

Behind the controls of `cars` is the data's own renderer, the perfect model: it shows what every
handle should do. Behind the same controls of `learned` is a trained generator.
"""

import functools
import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from synthbook import models
from synthbook.controllable_3d.caster import BEHIND, Caster, Kind
from synthbook.controllable_3d.handled import Handled
from synthbook.controllable_3d.network import Controllable3D
from synthbook.datasets.cars.scene import Backdrop
from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.input import Input
from synthbook.figures.inputs import Choice, Draw, Ground, Sliders
from synthbook.figures.outputs import Caption, Change, Image

MODEL = "figures/cars"
LEARNED = {  # figure: generator, title, and the words for who cannot see it
    "cars-learned": ("controllable-3d/point@cars-32-s0", "Move what a generator has learned",
                     "Three small cars on white, drawn by a trained generator."),
    "cars-marked": ("controllable-3d/held-marked@cars-32-s0", "Turn what has a front",
                    "Three small cars on white with pink fronts, drawn by a trained generator."),
}
OBJECTS = ("first", "second", "third")
SEED = 4  # of the objects that readers meet first: of three colours
CARS = {"red": Kind(0, 2), "cyan": Kind(5, 1), "yellow": Kind(7, 0)}  # a saloon, a van, a mini
BACKDROP = Backdrop((0.3, 0.2), 0.7, 0.1, 2)
REACH = 0.8  # scene units from the origin to the border of the pad
PLACES = ((-0.45, 0.45, 55.0), (0.35, 0.1, -20.0), (-0.3, -0.5, -70.0))


class Told(nn.Module):
    """What readers set, in the units of the pad and in degrees, to what a renderer takes.

    renderer : takes poses, cameras and alphas in radians and scene units, and one thing more.

    On the pad x is to the right and z away from the first camera; a thing's direction is a
    compass's, 0 away from the reader and clockwise. The camera's orbit counts from there.
    """

    def __init__(self, renderer: nn.Module):
        super().__init__()
        self.renderer = renderer

    def forward(self, ground: Tensor, orbit: Tensor, height: Tensor, solid: Tensor,
                more: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ground (B, N, 3), solid (B, N), orbit and height (B, 1), to what the renderer returns.

        more : (B, ...), the renderer's own, such as what is behind. Shares are per cent of the
        picture.
        """
        degree = math.pi / 180
        yaw = (ground[..., 2:] - 90) * degree
        pose = torch.cat([REACH * ground[..., :2], yaw], -1)
        camera = torch.cat([orbit - 90, height], -1) * degree
        image, depth, shares = self.renderer(pose, camera, solid, more)
        return image, depth, 100 * shares


def controls(names: tuple[str, ...], more: Input) -> dict[str, Input]:
    """All that can be set, by name, in the order of the model; `more` is the renderer's own."""
    return {one.name: one for one in (
        Ground("ground", "The ground from above", torch.tensor([PLACES]), names),
        Sliders("orbit", "Camera around them, degrees", torch.zeros(1, 1), ("orbit",),
                low=-180, high=180, step=5),
        Sliders("height", "Camera above the ground, degrees", torch.full((1, 1), 30.0),
                ("elevation",), low=15, high=45, step=1),
        Sliders("solid", "Alpha", torch.ones(1, len(names)), names, step=0.25), more)}


def cast_controls() -> dict[str, Input]:
    """The controls of the data's renderer."""
    return controls(tuple(CARS), Choice("behind", "Behind them", torch.ones(1, 1), BEHIND))


def learned_controls(latent: int) -> dict[str, Input]:
    """The controls of a trained generator with so many numbers in a latent."""
    generator = torch.Generator().manual_seed(SEED)
    look = torch.randn(1, len(OBJECTS), latent, generator=generator)
    return controls(OBJECTS, Draw("look", "Other objects", look))


def shown(renderer: nn.Module, controls: dict[str, Input]) -> PageModel:
    """A renderer behind controls."""
    return PageModel(Told(renderer).eval(), {name: one.random for name, one in controls.items()},
                     ("image", "depth", "shares"))


@functools.cache
def page_model() -> PageModel:
    """The data's renderer with random examples of its inputs."""
    return shown(Caster(tuple(CARS.values()), BACKDROP), cast_controls())


def learned_page_model(network: Controllable3D, data: str = "cars") -> PageModel:
    """A trained generator with random examples of its inputs.

    In pictures that are mostly white its norms magnify what int8 loses of some objects.
    """
    told = shown(Handled(network), learned_controls(network.config.latent))
    return replace(told, stored=("fp16",))


def outputs(names: tuple[str, ...], sharp: bool) -> tuple[Image | Change, ...]:
    """The panels of both figures; `sharp` shows pixels as they are."""
    said = ", ".join(f"{name} {{{k}}}" for k, name in enumerate(names))
    return (Image("image", "Picture", pixelated=sharp,
                  caption=Caption("shares", f"Per cent of the picture: {said}", 1)),
            Change("image", "What changed"),
            Image("depth", "Depth, near is bright", small=True, pixelated=sharp),
            Image("image", "Picture before", small=True, before=True, pixelated=sharp))


def cars() -> Figure:
    """Cars to move, turn, fade and take away, seen by a camera that goes around them."""
    return Figure("cars-ground", list(cast_controls().values()), page_model(), MODEL,
                  outputs=outputs(tuple(CARS), False),
                  title="Move cars on the ground, and the camera around them",
                  alt="A red, a cyan and a yellow car on a ground of two pastel tones.")


@functools.cache
def learned(figure: str = "cars-learned") -> Figure:
    """The same handles on what a generator has learned from pictures alone."""
    name, title, alt = LEARNED[figure]
    network = models.load(name)
    return Figure(figure, list(learned_controls(network.config.latent).values()),
                  learned_page_model(network), name, outputs=outputs(OBJECTS, True),
                  title=title, alt=alt)
