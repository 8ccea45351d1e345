"""Machines that take part in a study: they see the same trials and leave the same rows.

A stand-in says how real a picture looks to it. Of the two pictures of a trial it calls the one real
that scores higher. Stand-ins never replace people; they say what a given set of features could
know, and they test the study itself.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.metrics.estimate import check_count
from synthbook.metrics.features import Extractor, alexnet
from synthbook.metrics.manifold import logistic
from synthbook.study.answers import PERSON, Answer
from synthbook.study.trials import Study

# pictures (N, 3, H, W) and the name of their condition to scores (N,): larger looks more real
Realness = Callable[[Tensor, str], Tensor]
LEAST = 8  # pictures to practise on


def classifier(real: Tensor, generated: Mapping[str, Tensor], seed: int = 0,
               extractor: Extractor | None = None) -> Realness:
    """A classifier two-sample test (Lopez-Paz and Oquab 2017) that answers trial by trial.

    real      : (M, 3, H, W) in [-1, 1], real pictures to practise on, none of them in the study.
    generated : the same for each condition, (M', 3, H, W).
    seed      : each seed practises on another half of them, so that stand-ins differ.

    Logistic regression on features, AlexNet's by default, one for each condition. It practises on
    pictures with their answers, which people do not.
    """
    extractor = extractor or alexnet()
    generator = torch.Generator().manual_seed(seed)

    def half(pictures: Tensor) -> Tensor:
        check_count(len(pictures), LEAST, "practice")
        chosen = torch.randperm(len(pictures), generator=generator)[:len(pictures) // 2]
        return extractor(pictures)[chosen].double()

    known, practice = half(real), {name: half(pictures) for name, pictures in generated.items()}

    def realness(pictures: Tensor, condition: str) -> Tensor:
        if condition not in practice:
            raise BookError(f"the classifier has not practised on {condition!r}")
        made = practice[condition]
        label = torch.cat([torch.ones(len(known)), torch.zeros(len(made))]).double()
        return logistic(torch.cat([known, made]), label, extractor(pictures).double())

    return realness


def nearest(real: Tensor, seed: int = 0, extractor: Extractor | None = None) -> Realness:
    """It calls real what lies nearer to real pictures (M, 3, H, W) that it has seen before.

    The distance is Euclidean, to the nearest neighbour in the space of the extractor, AlexNet's
    by default. It knows no generated picture. Each seed has seen another half.
    """
    extractor = extractor or alexnet()
    check_count(len(real), LEAST, "practice")
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))
    known = extractor(real)[order[:len(real) // 2]]
    return lambda pictures, _: -torch.cdist(extractor(pictures), known).amin(1)


def coin(seed: int = 0) -> Realness:
    """It guesses: the rate that a study must give when pictures say nothing."""
    generator = torch.Generator().manual_seed(seed)
    return lambda pictures, _: torch.rand(len(pictures), generator=generator)


def answered(study: Study, participant: int, who: str, realness: Realness) -> list[Answer]:
    """A stand-in's answers to the trials of participant 1, 2, ...; BookError if it is a `person`.

    Every picture is scored by itself, as it is shown: rounded to bytes. Of equal scores the left
    one is called real.
    """
    if who == PERSON:
        raise BookError(f"a stand-in cannot be called {PERSON!r}: give the kind of machine")
    trials = study.trials(participant)
    scores: dict[str, tuple[Tensor, Tensor]] = {}
    for condition, generated in study.generated.items():
        both = torch.cat([study.real, generated])
        shown = ((both + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
        scores[condition] = realness(shown, condition).chunk(2)
    answers = []
    for number, trial in enumerate(trials, 1):
        real, generated = scores[trial.condition]
        margin = (real[trial.real] - generated[trial.generated]).item()
        left = margin if trial.real_side == "left" else -margin
        answers.append(Answer(study.name, who, participant, number, trial.test, trial.condition,
                              trial.real, trial.generated, trial.real_side,
                              "left" if left >= 0 else "right", 0.0, 0.0))
    return answers
