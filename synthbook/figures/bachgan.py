"""BachGAN's figure: draw boxes, see what memory finds for them, and what the generator makes of it.

It runs one module, :class:`synthbook.bachgan.recalling.Recalling`, with a bank that ships: the
first training scenes, the same in kernel and page. Layouts to start from are boxes of held-out
scenes.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from synthbook import models
from synthbook.bachgan import BachGAN
from synthbook.bachgan.layout import boxes_of
from synthbook.bachgan.recalling import MEMORIES, Recalling, read_bank
from synthbook.bachgan.recipe import KNOBS
from synthbook.datasets import dataset
from synthbook.datasets.things import things
from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.inputs import Boxes, Choice
from synthbook.figures.outputs import Caption, Change, Image
from synthbook.files import BookError, data_dir

MODEL = "bachgan/bachgan@places-32-s0"
MOST = 8  # boxes
LAYOUTS = {"harbour": 24, "street": 9, "farm": 13, "forest": 15, "beach": 61, "snow": 10,
           "city": 23}  # scenes of the test split by their kind; the first one is the default
EMPTY = "no boxes"
SHOWN = ("first", "second", "third")


def page_model(network: BachGAN, data: str = "places") -> PageModel:
    """What the page runs of a network for `data`: boxes and a choice of memory to all it shows."""
    return Stage.around(network).model


@dataclass(frozen=True, eq=False)
class Stage:
    """What the figures of a network share.

    model   : what kernel and page run of it.
    boxes   : the boxes to set, at first those of the first layout.
    memory  : the choice of where maps come from.
    """

    model: PageModel
    boxes: Boxes
    memory: Choice

    @classmethod
    def around(cls, network: BachGAN) -> "Stage":
        """The stage of a network for `places` that fuses three maps; BookError for another."""
        config = network.config
        if config.condition != "fusion" or config.maps != len(SHOWN):
            raise BookError("the page's figure fuses three maps: choose bachgan/bachgan")
        size = config.size[0]
        source = dataset("places", "test", size=size, **KNOBS | {"classes": config.classes})
        named = things(source)
        layouts = {name: set_boxes(source, i) for name, i in LAYOUTS.items()}
        layouts[EMPTY] = torch.zeros(MOST, 6)
        boxes = Boxes("boxes", "Boxes", next(iter(layouts.values()))[None],
                      [source.class_names[c] for c in named], source.palette[list(named)],
                      cells=size, layouts=layouts)
        memory = Choice("memory", "Memory gives", torch.zeros(1, 1), MEMORIES)
        bank = read_bank(data_dir() / "results" / "bachgan" / f"bank-{size}.png")
        model = PageModel(Recalling(network, bank, source.palette),
                          {"boxes": boxes.random, "memory": memory.random},
                          ("image", *SHOWN, "scores"))
        return cls(model, boxes, memory)


def set_boxes(source, i: int) -> Tensor:
    """The boxes of scene `i` as a figure has them, (MOST, 6)."""
    drawn, named = source.render(source.scene(i)), things(source)
    boxes = torch.zeros(MOST, 6)
    for k, (c, *corners) in enumerate(boxes_of(drawn.label, drawn.instance, named).tolist()):
        boxes[k] = torch.tensor([1, named.index(c), *(v / source.size for v in corners)])
    return boxes


@functools.cache
def shipped() -> Stage:
    """The stage of the weights that ship."""
    return Stage.around(models.load(MODEL))


def boxes(layout: str | None = None) -> Figure:
    """Draw boxes, from `layout` on: retrieved maps, the picture, and what a gesture changed."""
    stage = shipped()
    starts = stage.boxes.layouts
    first = next(iter(starts))
    layout = layout or first
    if layout not in starts:
        raise BookError(f"there is no layout {layout!r} here: choose one of {', '.join(starts)}")
    given = Boxes("boxes", "Boxes", starts[layout][None], stage.boxes.classes,
                  stage.boxes.palette, stage.boxes.cells, starts)
    name = "-".join(["bachgan-boxes"] + ([layout.replace(" ", "-")] if layout != first else []))
    classes = [stage.boxes.classes[int(c)] for there, c, *_ in starts[layout] if there]
    maps = [Image(output, f"Remembered {k}", small=True,
                  caption=Caption("scores", f"layout similarity {{{k - 1}}}"))
            for k, output in enumerate(SHOWN, 1)]
    return Figure(
        name, (given, stage.memory), stage.model, MODEL,
        outputs=(Image("image", "Picture"), Change("image", "What changed", "boxes"), *maps,
                 Image("image", "Picture before", small=True, before=True)),
        title="Place boxes, and memory fills in the rest",
        alt=f"A generated picture from boxes of {', '.join(classes) or 'nothing'}; "
            "behind them a background that memory suggested.")
