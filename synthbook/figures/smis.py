"""SMIS's figures: paint a map and style each class, borrow styles from pictures, morph.

All of them run one module, :class:`synthbook.smis.styling.Styled`, with the controls that a figure
lacks held fixed. Layouts and pictures are held-out scenes of `places` or `faces`, each of another
kind; every class is in some layout and in some picture.
"""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthbook import models
from synthbook.datasets import dataset
from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.input import painted, whole
from synthbook.figures.inputs import Canvas, Pictures, Sliders, Styles
from synthbook.figures.outputs import Change, Image
from synthbook.files import BookError
from synthbook.layers import one_hot
from synthbook.smis import SMIS
from synthbook.smis.styling import Styled


@dataclass(frozen=True)
class Scenes:
    """Scenes of a dataset's test split by what readers call them; the first one is the default."""

    model: str
    layouts: dict[str, int]
    pictures: dict[str, int]


SCENES = {
    "places": Scenes(
        "smis/groupdnet@places-64-s0",
        {"meadow": 98, "farm": 13, "forest": 155, "park": 57, "lake": 252, "snow": 10,
         "desert": 256, "beach": 227, "harbour": 24, "street": 122},
        {"meadow": 98, "snow": 10, "lake": 138, "beach": 173, "forest": 155, "harbour": 24,
         "desert": 71, "city": 49}),
    "faces": Scenes(
        "smis/groupdnet@faces-64-s0",
        {"face with curls": 9, "face with a moustache": 4, "face with pigtails": 28,
         "face with long hair": 11, "face with a cap": 35, "face with sunglasses": 33,
         "face with a bun": 47},
        {"face with curls": 9, "face with long hair": 11, "face with a cap": 35,
         "face with a beanie": 13, "face with pigtails": 20, "face with sunglasses": 39,
         "face with a moustache": 42, "face with glasses": 10}),
}
AXES = 4  # of each class's wheel and sliders
RANGE = 2.5  # standard deviations from the middle of a wheel to its edge
STEPS = 9  # swatches from one edge of a wheel to the other
SEED = 6  # of the styles that a class has where nothing else gives it one


def page_model(network: SMIS, data: str = "places") -> PageModel:
    """What the page runs of a network for `data`: all controls of its figures to an image."""
    return Stage.around(network, data).model


@dataclass(frozen=True, eq=False)
class Stage:
    """What SMIS's figures share.

    network  : with a latent vector for each of its classes.
    model    : what kernel and page run of it.
    layouts  : items to start from, by name.
    pictures : items whose styles can be taken, by name.
    classes  : names of the K classes.
    palette  : (K, 3) bytes, their colours in a label map.
    """

    network: SMIS
    model: PageModel
    layouts: dict[str, dict[str, Tensor]]
    pictures: dict[str, dict[str, Tensor]]
    classes: tuple[str, ...]
    palette: np.ndarray

    @classmethod
    def around(cls, network: SMIS, data: str = "places") -> "Stage":
        """The stage of a network, in its size and classes; BookError where it has no wheels."""
        config, scenes = network.config, SCENES[data]
        if not config.split or config.latent_map:
            raise BookError("the page's figures style each class: choose a model with a latent "
                            "vector for every class, such as smis/groupdnet")
        knobs = {"classes": config.classes} if data == "places" else {}
        source = dataset(data, "test", size=config.size[0], **knobs)
        layouts, pictures = ({name: source[i] for name, i in chosen.items()}
                             for chosen in (scenes.layouts, scenes.pictures))
        stacked = (torch.stack([item[key] for item in pictures.values()])
                   for key in ("image", "label"))
        model = PageModel(Styled(network, *stacked, AXES), {
            "label": lambda n, g: painted(n, config.size, config.classes, g),
            "style": lambda n, g: within(torch.randn(n, config.classes, AXES, generator=g)),
            "picture": lambda n, g: whole((n, config.classes), len(pictures) + 1, g),
            "target": lambda n, g: whole((n, 1), len(pictures), g),
            "morph": lambda n, g: torch.rand(n, 1, generator=g),
        }, ("image",))
        return cls(network, model, layouts, pictures, source.class_names, source.palette)

    @property
    def module(self) -> Styled:
        """The module with all the mathematics."""
        return self.model.module

    @functools.cached_property
    def swatches(self) -> Tensor:
        """See :func:`swatches`; worked out once."""
        return swatches(self.module, STEPS, RANGE)

    def canvas(self, layout: str) -> Canvas:
        """The label map to paint on, at first `layout`."""
        labels = {name: item["label"] for name, item in self.layouts.items()}
        return Canvas("label", "Label map", labels[layout][None], self.classes, self.palette,
                      labels)

    def chooser(self, name: str, label: str, value: Tensor) -> Pictures:
        """The pictures to choose from: one for every class, or, where `value` is (1, 1), one."""
        each = value.shape[1] > 1
        return Pictures(name, label, value, [item["image"] for item in self.pictures.values()],
                        list(self.pictures), each, self.module.holds if each else None)

    def told(self, item: dict[str, Tensor]) -> str:
        """The classes that a scene holds, in words."""
        held = torch.bincount(item["label"].flatten(), minlength=len(self.classes))
        *most, last = (name for name, count in zip(self.classes, held) if count)
        return f"{', '.join(most)} and {last}" if most else last

    def drawn(self) -> Tensor:
        """A style (1, K, D) from the prior, the same each time."""
        generator = torch.Generator().manual_seed(SEED)
        return within(torch.randn(1, len(self.classes), AXES, generator=generator))

    def worn(self, layout: str) -> Tensor:
        """The styles (1, K, D) of a layout's own scene; drawn ones for classes that it lacks."""
        item, shape = self.layouts[layout], self.network.centre.shape
        onehot = one_hot(item["label"][None], len(self.classes))
        codes = self.network.encode(item["image"][None], onehot).view(1, *shape)
        own = within(self.module.places(codes))
        return torch.where(onehot.amax((2, 3))[..., None] > 0, own, self.drawn())

    def mixture(self) -> Tensor:
        """For every class a picture that holds it, (1, K); neighbours' from different ones."""
        chosen = torch.zeros(1, len(self.classes))
        for c, held in enumerate(self.module.holds.T):
            having = held.nonzero().flatten()
            chosen[0, c] = having[c % len(having)] + 1 if len(having) else 0
        return chosen


@functools.cache
def shipped(data: str = "places") -> Stage:
    """The stage of the weights that ship for a dataset."""
    return Stage.around(models.load(SCENES[known(data, SCENES, "data")].model), data)


def titled(name: str, data: str, *more: str) -> str:
    """A figure's name: what it does, then whatever is not the default."""
    return "-".join(("smis", name, *(() if data == "places" else (data,)), *more))


def known(name: str, among: Iterable[str], what: str = "scene") -> str:
    """`name`, or BookError where it is not `among` the scenes."""
    names = list(among)
    if name not in names:
        raise BookError(f"there is no {what} {name!r} here: choose one of {', '.join(names)}")
    return name


def within(style: Tensor) -> Tensor:
    """Styles (..., D) moved to the nearest places that a round wheel and sliders have."""
    wheel, rest = style.split([2, AXES - 2], -1)
    far = (wheel.norm(dim=-1, keepdim=True) / RANGE).clamp_min(1)
    return torch.cat([wheel / far, rest.clamp(-RANGE, RANGE)], -1)


def paint(layout: str | None = None, data: str = "places") -> Figure:
    """Paint a label map and turn the wheel of each class, from `layout` in its own styles."""
    stage = shipped(data)
    first = next(iter(stage.layouts))
    layout = known(layout or first, stage.layouts)
    wheels = Styles("style", "Style", stage.worn(layout), stage.swatches, RANGE,
                    ("third axis", "fourth axis"))
    more = () if layout == first else (layout.replace(" ", "-"),)
    return Figure(
        titled("paint", data, *more), (stage.canvas(layout), wheels), stage.model,
        SCENES[data].model,
        outputs=(Image("image", "Picture"), Change("image", "What changed", "label")),
        title="Paint a map, style each class",
        fixed={"picture": torch.zeros(1, len(stage.classes)), "target": torch.zeros(1, 1),
               "morph": torch.zeros(1, 1)},
        alt=f"A generated {layout}: {stage.told(stage.layouts[layout])}.")


def borrow(layout: str | None = "lake", data: str = "places") -> Figure:
    """Give each class of a map the style that it has in a picture."""
    stage = shipped(data)
    layout = known(layout or next(iter(stage.layouts)), stage.layouts)
    return Figure(
        titled("borrow", data), (stage.canvas(layout),
                                 stage.chooser("picture", "Take the style from",
                                               stage.mixture())),
        stage.model, SCENES[data].model,
        outputs=(Image("image", "Picture"), Change("image", "What changed", "label")),
        title="Borrow styles from pictures, class by class",
        fixed={"style": stage.drawn(), "target": torch.zeros(1, 1), "morph": torch.zeros(1, 1)},
        alt=f"A generated {layout}: {stage.told(stage.layouts[layout])}, in the colours of "
            "several other pictures.")


def morph(start: str | None = "meadow", goal: str | None = "forest",
          data: str = "places") -> Figure:
    """Walk from the styles of one picture to those of another, in the map of the first."""
    stage = shipped(data)
    names = list(stage.pictures)
    start, goal = known(start or names[0], names), known(goal or names[1], names)
    first, last = names.index(start), names.index(goal)
    own = stage.module.holds[first:first + 1] * (first + 1)
    return Figure(
        titled("morph", data),
        (stage.chooser("target", "Walk towards", torch.full((1, 1), float(last))),
         Sliders("morph", "Morph", torch.full((1, 1), 0.5), ("how far",), step=0.05,
                 ticks=[f"{5 * k} %" for k in range(21)])),
        stage.model, SCENES[data].model,
        outputs=(Image("image", "Picture"), Change("image", "What changed")),
        title=f"From the styles of a {start} to those of another picture",
        fixed={"label": stage.pictures[start]["label"][None], "style": stage.drawn(),
               "picture": own},
        alt=f"A generated {start}: {stage.told(stage.pictures[start])}, its colours half way "
            f"to those of a {goal}.")


@torch.no_grad()
def swatches(module: Styled, steps: int, span: float) -> Tensor:
    """The colour of every class all over its wheel, (K, steps, steps, 3), 0 to 255.

    One map holds all classes as tiles, and one picture shows each at one place of its wheel; a
    colour is the mean of the middle of a tile. The swatches are the cells of a square from -span to
    span: dimension 0 grows from left to right, dimension 1 from the last row to the first.
    """
    (height, width), classes = module.config.size, module.config.classes
    columns = math.ceil(math.sqrt(classes))
    rows = -(-classes // columns)
    y = (torch.arange(height) + 0.5) * rows / height
    x = (torch.arange(width) + 0.5) * columns / width
    tile = (y.long()[:, None] * columns + x.long()).clamp(max=classes - 1)
    middle = ((y % 1 - 0.5).abs() < 0.25)[:, None] & ((x % 1 - 0.5).abs() < 0.25)
    weight = torch.stack([middle & (tile == k) for k in range(classes)]).float()
    weight /= weight.sum((1, 2), keepdim=True)
    at, out = ((torch.arange(steps) + 0.5) / steps * 2 - 1) * span, []
    for up in at.flip(0):
        style = torch.zeros(steps, *module.axes.shape[::2])
        style[:, :, 0], style[:, :, 1] = at[:, None], up
        image = module(tile.float().expand(steps, -1, -1), style, torch.zeros(steps, classes),
                       torch.zeros(steps, 1), torch.zeros(steps, 1))
        out.append(torch.einsum("nchw,khw->knc", image, weight))
    return ((torch.stack(out, 1) + 1) * 127.5).round().clamp(0, 255)
