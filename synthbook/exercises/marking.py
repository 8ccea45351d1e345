"""Marking an answer: a function is tried on cases and compared with what is right.

A known mistake is recognised by what it computes, not by how it is written: an answer that gives
on every case what the mistake gives gets the mistake's hint.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthbook.exercises.agreement import complaint, fresh
from synthbook.exercises.words import Words, inline

COLOURS = {True: "#2e8b57", False: "#d08700"}  # read on white and on black


@dataclass(frozen=True)
class Check:
    """What an answer is tried on.

    Parameters
    ----------
    right     : a function that answers rightly; the package's own where it has one.
    cases     : makes the arguments, one tuple for each call.
    mistakes  : typical wrong answers by name; the first that fits an answer gives its hint.
    observe   : what is compared, from the function and a case; what it returns unless given.
    tolerance : largest error of a number that counts as right, relative or absolute.
    """

    right: Callable[..., Any]
    cases: Callable[[], Sequence[tuple]]
    mistakes: Mapping[str, Callable[..., Any]]
    observe: Callable[..., Any] = lambda answer, *arguments: answer(*arguments)
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Exercise:
    """A check and the words that belong to it; ValueError unless each mistake has its hint."""

    check: Check
    words: Words

    def __post_init__(self):
        if set(self.check.mistakes) != set(self.words.hints):
            odd = set(self.check.mistakes) ^ set(self.words.hints)
            raise ValueError(f"mistakes and hints do not go together: {', '.join(sorted(odd))}")


@dataclass(frozen=True, repr=False)
class Verdict:
    """Whether an answer is right, and one line to the reader."""

    right: bool
    says: str

    @property
    def head(self) -> str:
        """The verdict without its reason."""
        return "Right." if self.right else "Not yet:"

    def __repr__(self) -> str:
        return f"{self.head} {self.says}"

    def _repr_html_(self) -> str:
        style = f"border-left: .25rem solid {COLOURS[self.right]}; padding: .2rem .8rem; margin: 0"
        return (f'<p class="verdict" style="{style}"><strong>{self.head}</strong> '
                f"{inline(self.says)}</p>")


def mark(exercise: Exercise, answer: Any) -> Verdict:
    """Try `answer` on every case of `exercise`. Whatever it is or does, a verdict comes back."""
    if not callable(answer):
        return Verdict(False, "hand over the function itself, not what it returns: its name, "
                              "without parentheses after it")
    check, results = exercise.check, []
    cases = check.cases()
    for case in cases:
        given = fresh(case)
        try:
            results.append(check.observe(answer, *given))
        except NotImplementedError:
            return Verdict(False, "nothing is written yet: put your lines in the place of "
                                  "`raise NotImplementedError`")
        except Exception as error:
            return Verdict(False, raised(error, answer))
        if complaint(given, case, 0):
            return Verdict(False, "your function changes its argument, which whoever called it "
                                  "still needs: work on a copy (`x = x.clone()`)")
    wrong = differ(results, outcomes(check, check.right, cases), check.tolerance)
    if not wrong:
        return Verdict(True, exercise.words.why)
    for name, mistake in check.mistakes.items():
        if not differ(results, outcomes(check, mistake, cases), check.tolerance):
            return Verdict(False, exercise.words.hints[name])
    return Verdict(False, wrong)


def outcomes(check: Check, answer: Callable[..., Any], cases: Sequence[tuple]) -> list:
    """What is observed of a function of the book's own on each case."""
    return [check.observe(answer, *fresh(case)) for case in cases]


def differ(results: Sequence[Any], wanted: Sequence[Any], tolerance: float) -> str:
    """How the first result that is not the wanted one differs, in words; empty where all agree."""
    try:
        said = (complaint(a, b, tolerance) for a, b in zip(results, wanted, strict=True))
        return next(filter(None, said), "")
    except (ArithmeticError, RuntimeError, TypeError, ValueError):
        return "what it gives cannot be compared with what is asked for"


def raised(error: Exception, answer: Callable[..., Any]) -> str:
    """An error of the reader's function in one line, with the line of theirs that it came from."""
    file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    theirs = [frame.line for frame in traceback.extract_tb(error.__traceback__)
              if frame.filename == file and frame.line]
    text = " ".join(str(error).split())
    text = text if len(text) <= 200 else text[:200] + " ..."
    return (f"your function stopped with {type(error).__name__}" + (f" ({text})" if text else "")
            + (f" at the line `{theirs[-1]}`" if theirs else ""))
