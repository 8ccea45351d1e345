"""What an exercise says: why it is right, hints, and a question for the page without a kernel."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from synthbook.files import BookError


@dataclass(frozen=True)
class Choice:
    """An answer that can be chosen, and what is then said: why it is right, or a hint."""

    text: str
    says: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with one right choice; texts may hold `code` and *stress*.

    Raises ValueError unless exactly one choice of at least three is right, all differ and each
    has something to say.
    """

    text: str
    choices: tuple[Choice, ...]

    def __post_init__(self):
        texts = {choice.text for choice in self.choices}
        if len(self.choices) < 3 or len(texts) < len(self.choices):
            raise ValueError(f"{self.text!r} needs at least three different choices")
        if sum(choice.right for choice in self.choices) != 1:
            raise ValueError(f"{self.text!r} needs exactly one right choice")
        if not all(choice.says.strip() for choice in self.choices):
            raise ValueError(f"{self.text!r} has a choice that says nothing")

    def form(self, name: str) -> str:
        """The question as an HTML form without blank lines; `name` is unique on the page.

        The page's script shows the text of the chosen answer; without it the form says nothing.
        """
        lines = ['<form class="question">', "<fieldset>", f"<legend>{inline(self.text)}</legend>"]
        for choice in self.choices:
            right = " data-right" if choice.right else ""
            lines.append(f'<label><input type="radio" name="{html.escape(name)}"{right}>'
                         f"<span>{inline(choice.text)}</span>"
                         f"<template>{inline(choice.says)}</template></label>")
        return "\n".join([*lines, "</fieldset>", '<button type="submit" hidden>Check</button>',
                          '<p class="said" role="status"></p>', "</form>"])


@dataclass(frozen=True)
class Words:
    """The words of one exercise.

    why      : what there is to see once the answer is right.
    hints    : what is said to a known mistake, by its name.
    question : the question of the page.
    """

    why: str
    hints: Mapping[str, str]
    question: Question


def read_words(path: Path) -> dict[str, Words]:
    """The words of every exercise in a YAML file, by the exercise's name."""
    try:
        return {name: words(**entry)
                for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items()}
    except (AttributeError, OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise BookError(f"{path} is damaged: {error}; restore it") from error


def words(why: str, hints: dict, question: str, choices: list[dict]) -> Words:
    """One entry of the file."""
    return Words(why, hints, Question(question, tuple(Choice(**choice) for choice in choices)))


def inline(text: str) -> str:
    """Plain text as HTML; what stands in backticks is code, in asterisks stressed."""
    parts = re.split(r"`([^`]+)`", text)
    for i, part in enumerate(parts):
        escaped = html.escape(part)
        stressed = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", escaped)
        parts[i] = f"<code>{escaped}</code>" if i % 2 else stressed
    return "".join(parts)
