"""One run that works and runs that fail on purpose: the training time machine of SMIS.

Every run is the small recipe at 32 x 32 pixels, from one seed, on the same pictures in the same
order; each that fails differs in one thing. `python data/make/time_machine.py smis` trains them.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from synthbook import losses
from synthbook.attempts import Attempt
from synthbook.datasets import dataset
from synthbook.layers import one_hot
from synthbook.smis.network import SMIS
from synthbook.smis.recipe import Weights, latents_present, recipe
from synthbook.training import Networks, Recipe

DATA, SIZE, BATCH, IMAGES = "places", 32, 8, 6_400
COUNTS = (8, 40, 120, 200, 400, 600, 800, 1_000, 1_400, 2_000, 2_600, 3_200, 4_000, 4_800,
          5_600, IMAGES)
BASE = dict(rate_g=2e-3, warm=0.25, ramp=0.1)  # a short run: faster, and the game begins later
ROWS = ("real", "rebuilt", "draw 1", "draw 2", "draw 1, sky of 2")
LAYOUTS = (2, 5)  # of the eight held-out pictures
CHARTS = (  # label, probes, digits
    ("error of rebuilt", ("rebuilt_error",), 3),
    ("change inside / outside", ("change_inside", "change_outside"), 3),
    ("nats of a code's number", ("nats",), 2),
)


@dataclass(frozen=True)
class SmallAttempt(Attempt):
    """One column: a SMIS variant, trained with `weights`."""

    variant: str = "groupdnet"
    weights: Weights = Weights(**BASE)

    def recipe(self, images: int = IMAGES) -> Recipe:
        """How it is trained."""
        return recipe(self.variant, DATA, SIZE, images=images, batch=BATCH, weights=self.weights)


ATTEMPTS = (
    SmallAttempt("good", "It works", "the small recipe",
            "Colours first; with the discriminator, edges. In the last row only the sky changed."),
    SmallAttempt("no-game", "L1 alone", "no discriminator",
            "The smallest error and the dullest pictures: L1 paints the middle of all answers.",
            weights=Weights(**BASE | {"warm": 1.0})),
    SmallAttempt("no-kl", "No KL", "KL weight 0",
            "Hard to see. The lowest chart tells: codes leave the prior, where draws come from.",
            weights=Weights(**BASE | {"kl": 0.0})),
    SmallAttempt("no-rebuilding", "Collapse", "no reconstruction",
            "All draws are nearly one picture, and it drifts: no term rewards reading a latent.",
            weights=Weights(**BASE | {"l1": 0.0, "feature_matching": 0.0, "warm": 0.0})),
    SmallAttempt("one-latent", "One latent", "VSPADE",
            "Fine pictures, no control: asked for the sky of draw 2 it makes all of draw 2.",
            variant="vspade"),
)


@cache
def held() -> tuple[Tensor, Tensor, int]:
    """Eight held-out pictures (8, 3, 32, 32), their maps (8, 32, 32), and the class of the sky."""
    source = dataset(DATA, "val", size=SIZE, classes=16)
    items = [source[k] for k in range(8)]
    image, label = (torch.stack([item[key] for item in items]) for key in ("image", "label"))
    return image, label, source.class_names.index("sky")


def whole(attempt: Recipe, networks: Networks) -> SMIS:
    """Encoder and generator as the one module that can swap latents."""
    return SMIS(attempt.config.model, lambda _: networks["encoder"],
                lambda _: networks["generator"])


def draws(model: SMIS, count: int) -> tuple[Tensor, Tensor]:
    """Two fixed draws of all latents from N(0, 1), each the same for `count` layouts."""
    generator = torch.Generator().manual_seed(1)
    first, second = (model.prior(1, generator, fitted=False) for _ in range(2))
    return first.expand(count, -1, -1, -1), second.expand(count, -1, -1, -1)


@torch.no_grad()
def frame(attempt: Recipe, networks: Networks) -> Tensor:
    """What a snapshot shows: (rows, columns, 3, 32, 32), a column for each layout."""
    model, (image, label, sky) = whole(attempt, networks), held()
    image, label = image[list(LAYOUTS)], label[list(LAYOUTS)]
    onehot = one_hot(label, attempt.config.model.classes)
    first, second = draws(model, len(image))
    return torch.stack([image, model(onehot, model.encode(image, onehot)), model(onehot, first),
                        model(onehot, second), model(onehot, model.swap(first, second, sky))])


@torch.no_grad()
def probes(attempt: Recipe, networks: Networks) -> dict[str, float]:
    """The recipe's probes, and the nats of a code's number: how far codes are from N(0, 1)."""
    config, (image, label, _) = attempt.config.model, held()
    onehot = one_hot(label, config.classes)
    kl = losses.kl(*networks["encoder"](image, onehot))
    nats = kl / latents_present(config, onehot) / config.latent
    return {**attempt.probe(networks), "nats": float(nats)}
