"""Exercises: solutions pass, stubs fail, known mistakes get their hints, nothing gives it away."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import exercise_pages
import nbformat
import numpy as np
import pytest
import torch

from synthbook.checks import CHAPTERS, check, exercises
from synthbook.cli import main
from synthbook.exercises import notebooks
from synthbook.files import BookError

ROOT = Path(__file__).resolve().parent.parent


def chapter(slug: str) -> dict:
    return json.loads((ROOT / "chapters" / f"{slug}.ipynb").read_text(encoding="utf-8"))


TASKS = {task.name: task for slug in CHAPTERS for task in notebooks.tasks(chapter(slug), slug)}
MISTAKES = [(name, mistake) for slug in CHAPTERS for name, one in exercises(slug).items()
            for mistake in one.check.mistakes]


def imported(path: Path, source: str) -> ModuleType:
    """The book's own code as a module, in the way Python loads any file."""
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", params=CHAPTERS)
def slug(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def answers(tmp_path_factory) -> dict[str, dict]:
    """For solutions and stubs, by exercise: the function, with the reader's imports only."""
    folder, found = tmp_path_factory.mktemp("answers"), {"solution": {}, "stub": {}}
    for kind, functions in found.items():
        for slug in CHAPTERS:
            setup = notebooks.setup(chapter(slug), slug)
            mine = [task for name, task in TASKS.items() if name.startswith(f"{slug}/")]
            code = "\n\n\n".join([setup, *(getattr(task, kind) for task in mine)])
            module = imported(folder / f"{kind}_{slug}.py", code)
            functions |= {task.name: getattr(module, task.function) for task in mine}
    return found


# ---------------------------------------------------------------------- the book's exercises


def test_every_chapter_has_at_least_six_and_each_has_its_check(slug):
    names = [name for name in TASKS if name.startswith(f"{slug}/")]
    assert len(names) >= 6
    assert sorted(names) == sorted(exercises(slug))
    assert all(one.check.mistakes for one in exercises(slug).values())


def test_every_chapter_with_exercises_is_known():
    assert notebooks.with_exercises() == sorted(CHAPTERS)


@pytest.mark.parametrize("name", TASKS)
def test_the_solution_passes(answers, name):
    verdict = check(name, answers["solution"][name])
    assert verdict.right, verdict
    assert str(verdict).startswith("Right. ") and len(verdict.says) > 20


@pytest.mark.parametrize("name", TASKS)
def test_the_stub_fails_and_says_that_nothing_is_written(answers, name):
    verdict = check(name, answers["stub"][name])
    assert not verdict.right and "nothing is written yet" in verdict.says


@pytest.mark.parametrize(("name", "mistake"), MISTAKES)
def test_a_known_mistake_gets_its_own_hint(name, mistake):
    exercise = exercises(name.partition("/")[0])[name]
    verdict = check(name, exercise.check.mistakes[mistake])
    assert not verdict.right
    assert verdict.says == exercise.words.hints[mistake]


@pytest.mark.parametrize("name", TASKS)
def test_hints_of_an_exercise_differ(name):
    hints = list(exercises(name.partition("/")[0])[name].words.hints.values())
    assert len(set(hints)) == len(hints)
    assert all("\n" not in hint and 15 < len(hint) < 260 for hint in hints)


BAD = [
    lambda *a: None, lambda *a: "seven", lambda *a: torch.zeros(7, 7, 7), lambda *a: 1 / 0,
    lambda *a: [], lambda *a: {}, lambda *a: float("nan"), lambda *a: np.zeros(3), lambda: 0,
    lambda *a: object(), lambda *a: torch.zeros(2, dtype=torch.complex64), 3, None,
    torch.zeros(3), lambda *a: 10**400, lambda *a: a[99], type]


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("name", TASKS)
def test_a_bad_answer_gets_one_clear_line(name):
    for answer in BAD:
        verdict = check(name, answer)
        assert not verdict.right
        assert "\n" not in str(verdict) and 10 < len(verdict.says) < 400


# ------------------------------------------------- answers as readers write them: other code


def kl_by_hand(mu, logvar):
    total = 0.0
    for m, v in zip(mu.flatten().tolist(), logvar.exp().flatten().tolist()):
        total += (m * m + v - np.log(v) - 1) / 2
    return total / len(mu)


def kl_of_torch(mu, logvar):
    normal = torch.distributions.Normal
    posterior = normal(mu, (0.5 * logvar).exp())
    return torch.distributions.kl_divergence(posterior, normal(0.0, 1.0)).sum() / mu.shape[0]


def boxes_by_pillow(instance):
    from PIL import Image

    masks = [instance == k for k in range(1, int(instance.max()) + 1)]
    found = [Image.fromarray(mask.byte().numpy()).getbbox() for mask in masks]
    return torch.tensor([box for box in found if box])


def split_in_a_loop(image, onehot):
    return torch.cat([image * onehot[:, c:c + 1] for c in range(onehot.shape[1])], 1)


def lamp_by_least_squares(plain, lit):
    kept = (lit < 0.99).all(0)
    x, y = ((image + 1)[:, kept] for image in (plain, lit))
    return (x * y).sum(1) / (x * x).sum(1)


@pytest.mark.parametrize(("name", "answer"), [
    ("data/lamp", lamp_by_least_squares), ("data/boxes", boxes_by_pillow),
    ("smis/kl", kl_by_hand), ("smis/kl", kl_of_torch),
    ("smis/split", split_in_a_loop)])
def test_another_right_answer_passes(name, answer):
    assert check(name, answer).right


def kl_forgets_log(mu, logvar):
    sigma = logvar.exp()
    return 0.5 * (mu**2 + sigma**2 - 1 - 2 * sigma.log()).sum() / len(mu)


def split_colour_by_colour(image, onehot):
    return torch.cat([image[:, k:k + 1] * onehot for k in range(3)], 1)


def iou_without_max(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    area = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return w * h / (sum(area) - w * h)


def border_by_numpy_roll(label):
    x = label.numpy()
    edge = np.zeros(x.shape, bool)
    for axis in (0, 1):
        for step in (1, -1):
            edge |= x != np.roll(x, step, axis)
    return torch.from_numpy(edge)


@pytest.mark.parametrize(("name", "answer", "mistake"), [
    ("smis/kl", kl_forgets_log, "deviation"), ("smis/split", split_colour_by_colour, "colours"),
    ("data/iou", iou_without_max, "negative"), ("data/border", border_by_numpy_roll, "rolled")])
def test_a_mistake_is_known_by_what_it_computes(name, answer, mistake):
    hints = exercises(name.partition("/")[0])[name].words.hints
    assert check(name, answer).says == hints[mistake]


# -------------------------------------------------------------------------- the questions


@pytest.mark.parametrize("name", TASKS)
def test_a_question_has_one_right_choice_and_a_word_for_each(name):
    question = exercises(name.partition("/")[0])[name].words.question
    assert sum(choice.right for choice in question.choices) == 1
    says = [choice.says for choice in question.choices]
    assert len(set(says)) == len(says) >= 3 and all(len(text) > 15 for text in says)
    form = question.form("q")
    assert form.count("<input") == form.count("<template>") == len(says)
    assert form.count("data-right") == 1 and "\n\n" not in form


def test_the_right_choice_is_not_always_in_one_place():
    places = [[choice.right for choice in one.words.question.choices].index(True)
              for slug in CHAPTERS for one in exercises(slug).values()]
    assert max(map(places.count, range(3))) <= 0.6 * len(places)


# -------------------------------------------------------------------------- the notebooks


def code_of(notebook: dict) -> str:
    return "\n".join(notebooks.source(cell) for cell in notebook["cells"])


def telling(task: notebooks.Task) -> list[str]:
    """The lines that only the solution has."""
    given = set(map(str.strip, (task.stub + task.text).splitlines()))
    return [line for line in map(str.strip, task.solution.splitlines())
            if len(line) > 12 and line not in given]


def test_the_readers_notebook_is_valid_and_holds_no_solution(slug):
    made = notebooks.reader_notebook(chapter(slug), slug)
    nbformat.validate(nbformat.reads(json.dumps(made), as_version=4))
    text = code_of(made)
    mine = [task for name, task in TASKS.items() if name.startswith(f"{slug}/")]
    for task in mine:
        assert telling(task)
        assert not [line for line in telling(task) if line in text]
        assert task.stub in text and task.check in text
    assert text.count(notebooks.STUB) == len(mine) + 1  # and once in the text above them
    assert "SOLUTION" not in text and "{term}" not in text


def test_the_chapter_folds_its_solutions_away(slug):
    cells = chapter(slug)["cells"]
    for i in notebooks.tagged(chapter(slug), "exercise"):
        assert cells[i]["metadata"]["jupyter"] == {"outputs_hidden": True, "source_hidden": True}
    assert f'href="../exercises/{slug}.ipynb"' in code_of(chapter(slug))


@pytest.mark.parametrize("name", TASKS)
def test_a_stub_fits_the_page_and_says_what_is_asked(name):
    stub = TASKS[name].stub
    assert max(map(len, stub.splitlines())) <= 72
    assert stub.startswith("def ") and '"""' in stub and stub.endswith(notebooks.STUB)
    assert not re.search(r"\{[a-z:]+\}`", TASKS[name].text)  # Jupyter knows no roles


def test_the_page_shows_stub_question_and_folded_solution(slug):
    made = exercise_pages.page(chapter(slug), slug)
    text = code_of(made)
    mine = [task for name, task in TASKS.items() if name.startswith(f"{slug}/")]
    for task in mine:
        assert text.index(task.stub) < text.index(f"{{solution-start}} {task.label}\n")
        assert text.index(f"{{solution-start}} {task.label}\n") < text.index(task.solution)
    assert text.count('<form class="question">') == text.count("{solution-end}") == len(mine)
    assert "### BEGIN" not in text and "### END" not in text
    rest = [c for c in chapter(slug)["cells"] if c["id"] in {d["id"] for d in made["cells"]}]
    assert all(cell in made["cells"] for cell in rest)


def cell(source: str, *tags: str, kind: str = "code") -> dict:
    return {"cell_type": kind, "id": "x", "metadata": {"tags": list(tags)}, "source": source}


GOOD = ('def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION\n\n'
        'check("a/f", f)')


@pytest.mark.parametrize(("above", "code", "said"), [
    ("### T\n\nDo it.", GOOD.replace("check", "chek"), "ends in the line"),
    ("### T\n\nDo it.", GOOD.replace("a/f", "b/f"), "ends in the line"),
    ("### T\n\nDo it.", GOOD.replace("    ### END SOLUTION\n", ""), "between the lines"),
    ("### T\n\nDo it.", GOOD.replace("    ### END", "  ### END"), "between the lines"),
    ("Do it.", GOOD, "begins with ###")])
def test_a_malformed_exercise_is_refused(above, code, said):
    notebook = {"cells": [cell(above, kind="markdown"), cell(code, "exercise")]}
    with pytest.raises(BookError, match=said):
        notebooks.tasks(notebook, "a")


def test_what_is_given_beside_the_solution_stays_in_the_stub():
    code = GOOD.replace("def f(x):\n", "def f(x):\n    x = x + 1\n")
    notebook = {"cells": [cell("### T\n\nDo it.", kind="markdown"), cell(code, "exercise")]}
    (task,) = notebooks.tasks(notebook, "a")
    assert task.stub == "def f(x):\n    x = x + 1\n    raise NotImplementedError"
    assert task.solution == "def f(x):\n    x = x + 1\n    y = x\n    return y"


# ---------------------------------------------------------------------------- the command


def test_the_command_writes_notebooks_and_never_replaces_a_readers(tmp_path, capsys):
    command = ["exercises", "--out", str(tmp_path)]
    assert main(command) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{s}.ipynb" for s in sorted(CHAPTERS)]
    mine = tmp_path / "smis.ipynb"
    mine.write_text(mine.read_text().replace(notebooks.STUB, "return 'my work'"))
    before = mine.read_bytes()
    assert main([*command, "smis"]) == 0
    assert mine.read_bytes() == before
    assert "kept with what you wrote" in capsys.readouterr().out


def test_a_reader_hears_of_newer_exercises(tmp_path):
    notebooks.write("smis", tmp_path)
    old = json.loads((tmp_path / "smis.ipynb").read_text())
    old["metadata"]["synthbook"]["exercises"] = "another"
    (tmp_path / "smis.ipynb").write_text(json.dumps(old))
    assert "newer" in notebooks.write("smis", tmp_path)


def test_a_chapter_without_exercises_is_refused(tmp_path, capsys):
    assert main(["exercises", "nowhere", "--out", str(tmp_path)]) == 2
    assert f"choose one of {', '.join(sorted(CHAPTERS))}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
