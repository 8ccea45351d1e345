"""Marking: what agrees, how a difference is said, whose mistake it is."""

import numpy as np
import pytest
import torch

from synthbook.checks import check
from synthbook.exercises import Check, Choice, Exercise, Question, Words, mark

QUESTION = Question("Which?", (Choice("a", "No."), Choice("b", "Yes.", True), Choice("c", "No.")))


def exercise(right, *cases, mistakes=None, tolerance=1e-4) -> Exercise:
    mistakes = mistakes or {}
    words = Words("Well done.", {name: f"hint {name}" for name in mistakes}, QUESTION)
    return Exercise(Check(right, lambda: list(cases), mistakes, tolerance=tolerance), words)


@pytest.mark.parametrize(("want", "got", "said"), [
    (torch.zeros(2), None, "returns nothing"), (torch.zeros(2), np.zeros(2), "a NumPy array"),
    (torch.zeros(2), torch.zeros(2, 1), "(2, 1)"), (torch.zeros(2) > 1, torch.zeros(2), "booleans"),
    (torch.zeros(2), torch.tensor([0, torch.inf]), "not finite"),
    (torch.zeros(4), torch.tensor([0, 0, 0, 0.5]), "25% of the values are wrong; the first at [3]"),
    (1.5, 2.5, "2.5 instead of 1.5"), (1.5, "a", "one number is asked for"), (1, True, "number"),
    (True, 1, "True or False is asked for"), (True, False, "False instead of True"),
    ({1, 2}, {1, 3}, "3 should not be in it; 2 is missing"),
    ({1}, [1], "a set is asked for"), ({"a": 1}, {"b": 1}, "the key 'a' is missing"),
    ({"a": 1}, {"a": 2}, "at 'a': 2 instead of 1"), ((1, 2), (1, 3), "result 2: 3 instead of 2"),
    ((1, 2), 1, "2 results are asked for"), ((1, 2), (1,), "1 results"), ("x", "y", "'y'")])
def test_a_difference_is_said_in_words(want, got, said):
    verdict = mark(exercise(lambda: want, ()), lambda: got)
    assert not verdict.right
    assert said in verdict.says


@pytest.mark.parametrize(("want", "got"), [
    (1.0, torch.tensor(1.0)), (1.0, np.float32(1)), (torch.tensor(2.0), 2), (2, np.int64(2)),
    ((1, 2.0), [1, torch.tensor(2.0)]), (torch.ones(2), torch.ones(2, dtype=torch.float64)),
    (True, np.bool_(True)), (torch.tensor([1.0]), torch.tensor([1], dtype=torch.long))])
def test_equal_values_of_other_types_are_right(want, got):
    assert mark(exercise(lambda: want, ()), lambda: got).right


def test_an_argument_that_is_changed_is_found():
    def spoils(x):
        x += 1
        return x

    verdict = mark(exercise(lambda x: x + 1, (torch.zeros(3),)), spoils)
    assert not verdict.right and "changes its argument" in verdict.says


def test_an_error_names_the_readers_line():
    def stops(x):
        y = x.missing
        return y

    says = mark(exercise(lambda x: x, (1,)), stops).says
    assert "AttributeError" in says and "`y = x.missing`" in says


def test_the_first_mistake_that_fits_gives_the_hint_and_another_wrong_answer_does_not():
    one = exercise(lambda x: 2 * x, (1.0,), (3.0,),
                   mistakes={"square": lambda x: x**2, "half": lambda x: x / 2})
    assert mark(one, lambda x: x * x).says == "hint square"
    assert mark(one, lambda x: x / 2).says == "hint half"
    assert "instead of" in mark(one, lambda x: x).says


def test_a_mistake_without_a_hint_is_refused():
    words = Words("", {}, QUESTION)
    with pytest.raises(ValueError, match="half"):
        Exercise(Check(abs, list, {"half": abs}), words)


@pytest.mark.parametrize("name", ["smis/none", "nowhere/kl", "", 3])
def test_an_unknown_name_is_said(name):
    verdict = check(name, abs)
    assert not verdict.right and "there is no exercise" in verdict.says


def test_a_verdict_is_drawn_without_foreign_markup():
    verdict = mark(exercise(lambda: "a", ()), lambda: "<script>")
    assert "<script>" not in verdict._repr_html_() and "&lt;script&gt;" in verdict._repr_html_()


@pytest.mark.parametrize("rights", [(), ("a", "b")])
def test_a_question_without_exactly_one_right_choice_is_refused(rights):
    choices = tuple(Choice(text, "Because.", text in rights) for text in "abc")
    with pytest.raises(ValueError, match="exactly one"):
        Question("Which?", choices)
