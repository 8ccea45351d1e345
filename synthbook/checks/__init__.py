"""The checks of the chapters' exercises: a room and a file of words for each chapter."""

import functools
import importlib
from pathlib import Path
from typing import Any

from synthbook.exercises import Exercise, Verdict, mark, read_words

CHAPTERS = ("data", "conditional-gans", "measuring", "smis", "bachgan", "semantic-pyramid",
            "controllable-3d", "stylegan2", "image2stylegan-pp", "claims")


@functools.cache
def exercises(slug: str) -> dict[str, Exercise]:
    """The exercises of a chapter, by full name (`smis/kl`)."""
    room = slug.replace("-", "_")
    checks = importlib.import_module(f"synthbook.checks.{room}").CHECKS
    words = read_words(Path(__file__).with_name(f"{room}.yml"))
    return {f"{slug}/{name}": Exercise(check, words[name]) for name, check in checks.items()}


def check(name: str, answer: Any) -> Verdict:
    """Mark `answer`, a function of the reader's, as exercise `name`; a wrong name is said, too."""
    slug = str(name).partition("/")[0]
    known = exercises(slug) if slug in CHAPTERS else {}
    if name not in known:
        choice = ", ".join(known or CHAPTERS)
        return Verdict(False, f"there is no exercise {name!r}: choose one of {choice}")
    return mark(known[name], answer)
