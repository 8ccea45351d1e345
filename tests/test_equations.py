"""The table of equations: what it names exists, and every labelled equation is in it."""

import inspect
import json

import pytest
import yaml

from synthbook import claims, layers, losses
from synthbook.claims import deviations, equations
from synthbook.files import BookError

SLUGS = claims.slugs()
TEST = "tests/test_toy.py::TestToy::test_it"
ROW = {"label": "eq-toy-a", "says": "a", "where": "section 1",
       "code": ["synthbook.toy:Net.forward"], "tests": [TEST]}
MODULE = "x = 1\n\n\nclass Net:\n    @property\n    def forward(self):\n        return 1\n"


# ------------------------------------------------------------------------ the book's own table


@pytest.mark.parametrize("slug", SLUGS)
def test_every_equation_of_a_paper_has_its_code_and_its_tests(slug):
    listed = equations.equations_of(slug)
    assert len(listed) >= 6
    chapter = equations.CHECKOUT / "chapters" / f"{slug}.ipynb"
    assert not chapter.exists() or [e.label for e in listed] == equations.labels(chapter)
    assert all(e.slug == slug and e.says and e.where for e in listed)


def test_papers_with_claims_have_equations_and_deviations():
    assert SLUGS == equations.slugs() == sorted(deviations.DECLARED)
    rows = deviations.table()
    assert all(len(row) == 5 and all(row) for row in rows)
    assert {slug for slug, *_ in rows} == set(SLUGS)


@pytest.mark.parametrize("name", [
    "synthbook.losses:kl", "synthbook.layers:ConditionalGroupNorm.forward"])
def test_lines_are_those_that_python_knows(name):
    thing = {"synthbook.losses:kl": losses.kl}.get(name, layers.ConditionalGroupNorm.forward)
    found = equations.symbol(name)
    lines, first = inspect.getsourcelines(thing)
    assert (found.first, found.last) == (first, first + len(lines) - 1)
    text = (equations.CHECKOUT / found.file).read_text().splitlines()
    assert text[found.first - 1:found.last] == [line.rstrip("\n") for line in lines]


# ------------------------------------------------------------------------------- fabricated


@pytest.fixture
def root(tmp_path):
    """A repository of one paper with two equations."""
    for folder in ("chapters", "synthbook", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "synthbook" / "toy.py").write_text(MODULE)
    (tmp_path / "tests" / "test_toy.py").write_text(
        "class TestToy:\n    def test_it(self):\n        assert True\n")
    chapter(tmp_path, "$$ a = 1 $$ (eq-toy-a)\n", "```{math}\n:label: eq-toy-b\nb\n```\n$$ c $$")
    return tmp_path


def chapter(root, *texts):
    cells = [{"cell_type": "markdown", "source": text} for text in texts]
    code = {"cell_type": "code", "source": "# $$ x $$ (eq-toy-code)"}
    (root / "chapters" / "toy.ipynb").write_text(json.dumps({"cells": [*cells, code]}))


def table(root, *rows, slug="toy"):
    (root / "toy.yml").write_text(yaml.safe_dump({"slug": slug, "equations": list(rows)}))
    return equations.equations_of("toy", root, root)


def test_rows_come_in_the_chapters_order_with_files_and_lines(root):
    first, second = table(root, ROW | {"label": "eq-toy-b"}, ROW)
    assert (first.label, second.label) == ("eq-toy-a", "eq-toy-b")
    assert first.code == (equations.Place(ROW["code"][0], "synthbook/toy.py", 5, 7),)
    assert first.tests == (equations.Place(TEST, "tests/test_toy.py", 2, 3),)


@pytest.mark.parametrize(("change", "said"), [
    ({"code": ["synthbook.toy:Net.backward"]}, "synthbook.toy:Net.backward does not exist"),
    ({"code": ["synthbook.toy:x"]}, "synthbook.toy:x does not exist"),
    ({"code": ["synthbook.gone:Net"]}, "synthbook.gone:Net does not exist"),
    ({"code": ["synthbook.toy"]}, "synthbook.toy does not exist"),
    ({"tests": ["tests/test_toy.py::test_it"]}, "test_toy.py::test_it does not exist"),
    ({"tests": ["tests/test_gone.py::test_it"]}, "test_gone.py::test_it does not exist"),
    ({"label": "eq-toy-z"}, "chapters/toy.ipynb has no equation eq-toy-z"),
    ({"label": "eq-toy-code"}, "chapters/toy.ipynb has no equation eq-toy-code"),
    ({"code": []}, "lists no equations"), ({"tests": []}, "lists no equations"),
    ({"line": 3}, "lists no equations"), ({"label": "eq-toy-b"}, "lists no equations"),
])
def test_what_is_named_and_does_not_exist_is_an_error(root, change, said):
    with pytest.raises(BookError, match=said):
        table(root, ROW | {"label": "eq-toy-b"}, ROW | change)


def test_a_labelled_equation_without_a_row_is_an_error(root):
    with pytest.raises(BookError, match="equation eq-toy-b of .* has no row in toy.yml"):
        table(root, ROW)


def test_a_file_of_another_paper_or_no_file_is_an_error(root):
    with pytest.raises(BookError, match="lists no equations"):
        table(root, ROW, slug="other")
    (root / "toy.yml").unlink()
    with pytest.raises(BookError, match="lists no equations"):
        equations.equations_of("toy", root, root)
    with pytest.raises(BookError, match="lists no equations"):
        equations.equations_of("gone", root, root)


def test_a_ledger_may_be_older_than_its_chapter(root):
    (root / "chapters" / "toy.ipynb").unlink()
    found = table(root, ROW | {"label": "eq-toy-b"}, ROW)
    assert [e.label for e in found] == ["eq-toy-b", "eq-toy-a"]
