"""Exercises: one solution in the chapter; stub, check, hints and question are made from it."""

from synthbook.exercises.marking import Check, Exercise, Verdict, mark
from synthbook.exercises.words import Choice, Question, Words, read_words

__all__ = ["Check", "Choice", "Exercise", "Question", "Verdict", "Words", "mark", "read_words"]
