"""One training and four that lack one part each: the training time machine of the 3D chapter.

A second one has a ground behind the cars, with and without the flag c; a third cars with marked
fronts, whose 2D generator is told which end is which or is not, and held to it or not. Every run
is a recipe of the chapter at 32 x 32 pixels, from one seed, on the same pictures in the same order:
`python data/make/time_machine.py controllable-3d` trains them, and with `--finished FOLDER` takes
one from what `synthbook train` has left there.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from synthbook.attempts import Attempt
from synthbook.controllable_3d.looks import SHOWN
from synthbook.controllable_3d.recipe import recipe
from synthbook.training import Networks, Recipe

DATA, SIZE, BATCH, IMAGES = "cars", 32, 16, 60_000
SIXTEENTHS = (1, 2, 3, 4, 6, 8, 12, 16)  # of the run, after which the trainer keeps a snapshot
COUNTS = tuple(BATCH * round(k * IMAGES / BATCH / 16) for k in SIXTEENTHS)
ROWS = ("picture", "one moved", "one turned", "camera moved")
EDITS = (0, 4, 5, 7)  # of the eight pictures that a snapshot has of each scene
SCENES = (1, 7)  # of its eight scenes
PROBES = ("colour", "depth", "spread", "behind")
CHARTS = (  # label, probes, digits
    ("left by the warp, colour / depth", ("colour", "depth"), 3),
    ("spread of pictures, real ones are 1", ("spread",), 2),
)
GROUND_CHARTS = (
    ("spread of pictures / of grounds", ("spread", "behind"), 2),
    ("left by the warp, colour / depth", ("colour", "depth"), 3),
)


@dataclass(frozen=True)
class SmallAttempt(Attempt):
    """One column: a variant of the model or of its losses."""

    variant: str = "controllable-3d"
    background: str = "white"
    mark: float = 0.0

    @property
    def knobs(self) -> dict[str, Any]:
        """Those of the dataset that are set."""
        return {"background": self.background, **({"mark": self.mark} if self.mark else {})}

    def recipe(self, images: int = IMAGES) -> Recipe:
        """How it is trained."""
        return recipe(self.variant, DATA, SIZE, images=images, batch=BATCH, **self.knobs)


ATTEMPTS = (
    SmallAttempt("good", "The model", "the small recipe",
                 "Bodies with edges and paint of their own, which they keep as they turn."),
    SmallAttempt("no-consistency", "No L_geo", "no consistency loss",
                 "Blobs: any outline will do for any angle. Paint lasts all the same.",
                 variant="no-consistency"),
    SmallAttempt("no-compactness", "No L_com", "no compactness loss",
                 "Hardly another picture: boxes stay about as large without it.",
                 variant="no-compactness"),
    SmallAttempt("no-rotation", "No rotation", "boxes stand parallel; no L_geo",
                 "What never turned while it learned turns all the same. Outlines are loose.",
                 variant="no-rotation"),
    SmallAttempt("no-2d", "No 2D generator", "boxes show their own paint; no L_geo",
                 "Stripes in the shape of boxes. A turn shows other paint.",
                 variant="no-2d"),
)
GROUNDED = (
    SmallAttempt("ground", "With the flag", "backgrounds are judged alone, too",
                 "The ground comes first, and without cars. When the camera goes on, it turns.",
                 background="ground"),
    SmallAttempt("no-condition", "Without it", "only whole pictures are judged",
                 "First the background draws dark blots, like cars. Then it leaves cars to boxes.",
                 variant="no-condition", background="ground"),
)
MARKED = (
    SmallAttempt("marked", "As it is", "the model, on marked cars",
                 "Pink comes first, then paints. A quarter of a turn shows the other end of a car.",
                 mark=1.0),
    SmallAttempt("anchored", "Told which end", "the place on the primitive is seen, too",
                 "It knows the ends of a box, and turns cars twice as far as the box all the same.",
                 variant="anchored", mark=1.0),
    SmallAttempt("held", "And held to it", "the consistency loss weighs ten times as much",
                 "Paints come later. A quarter of a turn is one, and pink stays at its end.",
                 variant="held", mark=1.0),
)


def chosen(pictures: Tensor) -> Tensor:
    """Of a snapshot (64, 3, H, W) the pictures that are shown, (rows, columns, 3, H, W)."""
    return pictures.unflatten(0, (SHOWN, -1))[list(SCENES)][:, list(EDITS)].transpose(0, 1)


@torch.no_grad()
def frame(attempt: Recipe, networks: Networks) -> Tensor:
    """What a snapshot shows: (rows, columns, 3, 32, 32), a column for each scene."""
    return chosen(attempt.sample(networks))


def probes(attempt: Recipe, networks: Networks) -> dict[str, float]:
    """The recipe's probes that are charted."""
    return charted(attempt.probe(networks))


def charted(row: dict) -> dict[str, float]:
    """Those of a row of the log, or of all probes."""
    return {name: row[name] for name in PROBES}
