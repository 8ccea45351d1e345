"""One run and four that differ from it in one thing each: the training time machine of BachGAN.

Every run is the small recipe at 32 x 32 pixels, from one seed, on the same pictures in the same
order. `python data/make/time_machine.py bachgan` trains them.
"""

from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor
from torch.utils.data import default_collate

from synthbook.attempts import Attempt
from synthbook.bachgan.layout import rasterise
from synthbook.bachgan.memory import Remembering
from synthbook.bachgan.network import Config
from synthbook.bachgan.recipe import KNOBS, Weights, recipe, remembering
from synthbook.datasets import dataset
from synthbook.datasets.cache import Cached, cached
from synthbook.training import Batch, Networks, Recipe

DATA, SIZE, BATCH, IMAGES = "places", 32, 8, 6_400
COUNTS = (8, 40, 120, 200, 400, 600, 800, 1_000, 1_400, 2_000, 2_600, 3_200, 4_000, 4_800,
          5_600, IMAGES)
ROWS = ("real", "its maps", "other maps", "others again")
LAYOUTS = (2, 5)  # of the eight held-out pictures
CHARTS = (  # label, probes, digits
    ("error in boxes / elsewhere", ("error_inside", "error_outside"), 3),
    ("moved by memory, in boxes / elsewhere", ("memory_inside", "memory_outside"), 3),
)


class Unguarded(Remembering):
    """Memory that leaves every scene's own map in the bank, where it is the best of all."""

    def maps(self, i: int, label: Tensor) -> Tensor:
        """The item's own map and the best others, (m, H, W)."""
        return torch.cat([label[None], super().maps(i, label)])[:self.m]


@dataclass(frozen=True)
class SmallAttempt(Attempt):
    """One column: a variant, its training memory guarded or not, its first condition louder."""

    variant: str = "bachgan"
    guarded: bool = True
    loudness: float = 1.0

    def recipe(self, images: int = IMAGES) -> Recipe:
        """How it is trained."""
        made = recipe(self.variant, DATA, SIZE, images=images, batch=BATCH,
                      weights=Weights(rate_g=2e-3))
        return replace(made, data=made.data if self.guarded else unguarded,
                       build=lambda: self.louder(made.build()))

    @torch.no_grad()
    def louder(self, networks: Networks) -> Networks:
        """Networks with fusion's first layer `loudness` times as large as it begins."""
        if hasattr(networks["generator"], "fusion"):
            for parameter in networks["generator"].fusion.first.parameters():
                parameter *= self.loudness
        return networks


ATTEMPTS = (
    SmallAttempt("good", "BachGAN", "the small recipe",
                 "Memory is heard early: shores and hills of the lower rows are other scenes'."),
    SmallAttempt("own-map", "Answer in the bank", "own map not left out",
                 "The trap does not close: it trusts its maps more, and retrieved ones are good.",
                 guarded=False),
    SmallAttempt("loud", "Too loud", "condition begins twice as large",
                 "No harm in so short a run; a longer one, from this seed, spoiled the things.",
                 loudness=2.0),
    SmallAttempt("random", "Any memory", "random maps",
                 "What is rarely right is hardly heard: backgrounds are averages for long.",
                 variant="random-3"),
    SmallAttempt("boxes", "No memory", "SPADE from boxes",
                 "Nothing to hear: the three lower rows are one picture.",
                 variant="spade-boxes"),
)


def drawn(split: str, count: int | None = None) -> Cached:
    """The first pictures of a split, or all."""
    return cached(dataset(DATA, split, size=SIZE, count=count, **KNOBS), progress=False)


def unguarded() -> Unguarded:
    """The training pictures with unguarded memory."""
    train = drawn("train")
    return Unguarded(train, train)


@cache
def held(model: Config) -> Batch:
    """Eight held-out pictures with the maps that a model is given for them."""
    items = remembering(drawn("val", 8), drawn("train"), model)
    return default_collate([items[i] for i in range(len(items))])


@torch.no_grad()
def frame(attempt: Recipe, networks: Networks) -> Tensor:
    """What a snapshot shows: (rows, columns, 3, 32, 32), a column for each layout."""
    model = attempt.config.model
    batch = held(model)
    layout = rasterise(batch["boxes"], model.classes, model.size)
    shown = [batch["image"], *(networks["generator"](layout, batch["maps"].roll(k, 0))
                               for k in range(len(ROWS) - 1))]
    return torch.stack(shown)[:, list(LAYOUTS)]


def probes(attempt: Recipe, networks: Networks) -> dict[str, float]:
    """The recipe's probes: errors, and what other maps move, in boxes and elsewhere."""
    return attempt.probe(networks)
