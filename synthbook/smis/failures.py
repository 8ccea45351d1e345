"""One run that works and runs that fail on purpose: the training time machine of SMIS.

Every run is the small recipe at 32 x 32 pixels with other loss weights, from one seed, on the
same pictures in the same order. `python data/make/time_machine.py smis` trains them.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from synthbook import losses
from synthbook.datasets import dataset
from synthbook.layers import one_hot
from synthbook.smis.recipe import Weights, latents_present, recipe
from synthbook.training import Networks, Recipe

DATA, SIZE, BATCH, IMAGES = "places", 32, 8, 6_400
COUNTS = (8, 40, 120, 200, 400, 600, 800, 1_000, 1_400, 2_000, 2_600, 3_200, 4_000, 4_800,
          5_600, 6_400)
BASE = dict(rate_g=2e-3, warm=0.25, ramp=0.1)  # a short run: faster, and the game begins later
ROWS = ("real", "rebuilt", "draw 1", "draw 2", "draw 3")
LAYOUTS = (4, 5)  # of the eight held-out pictures that the recipe samples
CHARTS = (  # label, probes, digits
    ("error of rebuilt", ("rebuilt_error",), 3),
    ("change inside / outside", ("change_inside", "change_outside"), 3),
    ("nats of a latent", ("nats",), 1),
)


@dataclass(frozen=True)
class Attempt:
    """One run of the time machine.

    Parameters
    ----------
    name    : of its files and in the command.
    title   : over its pictures.
    changed : what differs from the run that works.
    notice  : how to recognise it.
    """

    name: str
    title: str
    changed: str
    notice: str
    variant: str = "groupdnet"
    weights: Weights = Weights(**BASE)

    def recipe(self, images: int = IMAGES) -> Recipe:
        """How it is trained."""
        return recipe(self.variant, DATA, SIZE, images=images, batch=BATCH, weights=self.weights)


ATTEMPTS = (
    Attempt("good", "It works", "", ""),
    Attempt("no-kl", "No KL", "", "", weights=Weights(**BASE | {"kl": 0.0})),
    Attempt("no-game", "Only L1", "", "", weights=Weights(**BASE | {"warm": 1.0})),
    Attempt("no-rebuilding", "Collapse", "", "",
            weights=Weights(**BASE | {"l1": 0.0, "feature_matching": 0.0, "warm": 0.0})),
    Attempt("heavy-kl", "KL too heavy", "", "", weights=Weights(**BASE | {"kl": 10.0})),
    Attempt("one-latent", "One latent", "", "", variant="vspade"),
)


def frame(attempt: Recipe, networks: Networks) -> Tensor:
    """What a snapshot shows: (rows, columns, 3, 32, 32), a column for each layout."""
    sampled = attempt.sample(networks).unflatten(0, (-1, 8)).cpu()
    return sampled[list(LAYOUTS), :len(ROWS)].transpose(0, 1)


@cache
def held(classes: int) -> tuple[Tensor, Tensor]:
    """The eight held-out pictures (8, 3, 32, 32) of the probes, and their maps (8, 32, 32)."""
    source = dataset(DATA, "val", size=SIZE, classes=classes)
    items = [source[k] for k in range(8)]
    return tuple(torch.stack([item[key] for item in items]) for key in ("image", "label"))


@torch.no_grad()
def probes(attempt: Recipe, networks: Networks) -> dict[str, float]:
    """The recipe's probes, and the nats of a latent in use: how far its codes are from N(0, 1)."""
    model = attempt.config.model
    image, label = held(model.classes)
    onehot = one_hot(label, model.classes)
    nats = losses.kl(*networks["encoder"](image, onehot)) / latents_present(model, onehot)
    return {**attempt.probe(networks), "nats": float(nats)}
