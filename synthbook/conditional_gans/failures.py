"""One GAN that works and GANs that fail on purpose: the training time machine of the ring.

Every column is six runs of two small perceptrons that see the same points in the same order; its
pictures are those of the first run, its numbers the mean of all six.
`python data/make/time_machine.py conditional-gans` trains them.
"""

from dataclasses import dataclass

from torch import Tensor

from synthbook.attempts import Attempt
from synthbook.conditional_gans import ring
from synthbook.conditional_gans.drawing import pictures
from synthbook.training import Networks, Recipe

POINTS, BATCH, SIZE = 64_000, 64, 112
COUNTS = tuple(BATCH * steps for steps in (
    1, 10, 25, 50, 75, 100, 150, 200, 250, 300, 400, 500, 600, 700, 850, 1000))
ROWS = ("points",)
CHARTS = (  # label, probes, digits
    ("modes covered, of 8", ("modes",), 1),
    ("share near a mode", ("near",), 2),
    ("pull on a point", ("pull",), 2),
)


@dataclass(frozen=True)
class RingAttempt(Attempt):
    """One column: six GANs on the ring that play by `rules`."""

    rules: ring.Rules = ring.Rules()

    def recipe(self, points: int = POINTS) -> Recipe:
        """How it is trained."""
        return ring.recipe(ring.Setting(rules=self.rules), points=points, batch=BATCH)


ATTEMPTS = (
    RingAttempt("good", "It works", "the recipe of this chapter",
            "Points spread to all modes early, then bridges between them thin out."),
    RingAttempt("slow", "Collapse", "discriminator learns 10 times slower",
            "A clump that wanders. The plane stays pale: nobody learns in time where the clump is.",
            ring.Rules(rate_d=4e-4)),
    RingAttempt("momentum", "Swings", "Adam's first beta 0.9",
            "Clumps fly round the ring and past it: both sides still push where the other was.",
            ring.Rules(momentum=0.9)),
    RingAttempt("vanishing", "No pull", "discriminator 500 times faster, minimax loss",
            "Sharp islands of blue, and points that hardly find them: there is no pull.",
            ring.Rules(rate_g=2e-4, rate_d=0.1, saturating=True)),
    RingAttempt("rescued", "Pulled", "as before, but not saturating",
            "The same strong opponent, another loss: points move, into too few modes.",
            ring.Rules(rate_g=2e-4, rate_d=0.1)),
)


def frame(recipe: Recipe, networks: Networks) -> Tensor:
    """What a snapshot shows: (1, 1, 3, SIZE, SIZE)."""
    return pictures(networks, size=SIZE, points=160, fine=1)[None]


def probes(recipe: Recipe, networks: Networks) -> dict[str, float]:
    """Means over the runs: modes covered, share of points near one, the generator's gradient."""
    counts = ring.counted(networks)
    mean = lambda name: sum(getattr(one, name) for one in counts) / len(counts)
    pull = ring.pull(networks, recipe.config.rules.saturating)
    return {"modes": mean("modes"), "near": mean("near"), "pull": float(pull.mean())}
