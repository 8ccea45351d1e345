"""The design of a study: which pictures a participant sees, in which order, and on which side."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from synthbook.files import BookError
from synthbook.metrics.estimate import check_images

TESTS = ("paired", "unpaired")
SIDES = ("left", "right")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,39}")  # of a study, a condition, who answers
SCENES = {"paired": 1, "unpaired": 2}  # scenes that a trial of a test uses up


def check_name(name: str, what: str) -> str:
    """`name` itself, if it is short, plain and can stand in a file; else BookError."""
    if not NAME.fullmatch(name):
        raise BookError(f"{what} {name!r}: take up to 40 letters, digits, spaces and any of _ . -, "
                        "a letter or digit first")
    return name


@dataclass(frozen=True)
class Trial:
    """One question: two pictures side by side, one of them real.

    test      : `paired` or `unpaired`.
    condition : which set the generated picture is from.
    real      : number of the scene whose real picture is shown.
    generated : number of the scene whose generated picture is shown; in a paired trial the same.
    real_side : where the real picture stands, `left` or `right`.
    """

    test: str
    condition: str
    real: int
    generated: int
    real_side: str


@dataclass(frozen=True, eq=False)
class Study:
    """Pictures and the rules by which participants see them.

    name      : of the study; it is in every row of answers, so that no two studies are mixed.
    real      : (N, 3, H, W) in [-1, 1], the real pictures of N scenes.
    generated : for each condition (a model, a level of its features) pictures (N, 3, H, W) in
                [-1, 1]; row i was made from what the generator is told of scene i.
    each      : trials of every test and condition for one participant.
    exposure  : seconds for which the two pictures are seen.
    seats     : participants; they are numbered from 1.
    seed      : of the order, the scenes and the sides.

    A participant meets no scene twice: having seen one of its pictures would give the other away.
    A paired trial takes one scene, an unpaired one two. Within a test and a condition the real
    picture is on the left as often as on the right, or once more. Raises BookError where pictures
    do not fit or are too few.
    """

    name: str
    real: Tensor
    generated: Mapping[str, Tensor]
    each: int = 6
    exposure: float = 1.0
    seats: int = 40
    seed: int = 0

    def __post_init__(self):
        check_name(self.name, "a study's name")
        check_images(self.real, "real pictures")
        if not self.generated:
            raise BookError(f"study {self.name!r}: it needs generated pictures")
        for condition, pictures in self.generated.items():
            check_name(condition, "a condition's name")
            check_images(pictures, condition)
            if pictures.shape != self.real.shape:
                raise BookError(f"study {self.name!r}: {condition} has pictures "
                                f"{tuple(pictures.shape)}, the real ones are "
                                f"{tuple(self.real.shape)}: give one for each scene")
        if min(self.each, self.seats) < 1 or not 0.05 <= self.exposure <= 60 or self.seed < 0:
            raise BookError(f"study {self.name!r}: each and seats are at least 1, exposure is 0.05 "
                            "to 60 seconds, seed is not negative")
        if len(self.real) < self.needed:
            raise BookError(f"study {self.name!r}: {self.each} trials of every kind need "
                            f"{self.needed} scenes, there are {len(self.real)}: give more "
                            "pictures or a smaller `each`")

    @property
    def needed(self) -> int:
        """Scenes that one participant uses up."""
        return self.each * len(self.generated) * sum(SCENES.values())

    def trials(self, participant: int) -> list[Trial]:
        """What participant 1, 2, ... sees, in order; always the same for one seed."""
        if not 1 <= participant <= self.seats:
            raise BookError(f"study {self.name!r}: participants are numbered 1 to {self.seats}, "
                            f"there is no {participant}")
        rng = np.random.default_rng([self.seed, participant])
        scenes = iter(rng.permutation(len(self.real)).tolist())
        trials = []
        for condition in self.generated:
            for test in TESTS:
                sides = (rng.permutation(self.each) + rng.integers(2)) % 2
                for side in sides.tolist():
                    real = next(scenes)
                    generated = real if test == "paired" else next(scenes)
                    trials.append(Trial(test, condition, real, generated, SIDES[side]))
        return [trials[k] for k in rng.permutation(len(trials))]
