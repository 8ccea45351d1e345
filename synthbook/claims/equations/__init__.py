"""Equation, line, test: which code computes an equation of a chapter, and what holds it to it.

One `SLUG.yml` a paper names an equation's label, the code's symbols and its tests. Lines are looked
up in the sources whenever the table is made, so that they cannot be stale; whatever is named and
does not exist is an error.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from synthbook.files import BookError, read_record

FOLDER = Path(__file__).resolve().parent
CHECKOUT = FOLDER.parent.parent.parent
FIELDS = {"label", "says", "where", "code", "tests"}
LABEL = re.compile(r"\$\$ *\((eq-[a-z0-9-]+)\)|^:label: *(eq-[a-z0-9-]+)", re.M)


@dataclass(frozen=True)
class Place:
    """Where a function, a class or a test is: its name, file and first and last line."""

    name: str
    file: str  # from the repository's root, "synthbook/layers.py"
    first: int
    last: int


@dataclass(frozen=True)
class Equation:
    """An equation of a chapter, with the code that computes it and the tests of that code."""

    slug: str
    label: str
    says: str
    where: str  # in the paper, as far as it was verified
    code: tuple[Place, ...]
    tests: tuple[Place, ...]


def slugs() -> list[str]:
    """The papers whose equations are listed."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def equations_of(slug: str, root: Path = CHECKOUT, folder: Path = FOLDER) -> list[Equation]:
    """The equations of a paper's chapter, in the chapter's order; before it is written, the file's.

    slug   : the paper.
    root   : the repository; chapters and tests are in no wheel.
    folder : where `SLUG.yml` is.

    BookError where a symbol, a test or a label does not exist, or a labelled equation of the
    chapter has no row.
    """
    chapter = root / "chapters" / f"{slug}.ipynb"
    found = {row["label"]: equation(slug, row, root) for row in rows(folder / f"{slug}.yml")}
    stated = labels(chapter) if chapter.exists() else list(found)
    for label in found:
        if label not in stated:
            raise BookError(f"chapters/{slug}.ipynb has no equation {label}: label it, or remove "
                            f"the row of {slug}.yml")
    for label in stated:
        if label not in found:
            raise BookError(f"equation {label} of chapters/{slug}.ipynb has no row in {slug}.yml: "
                            "name its code and its tests")
    return [found[label] for label in stated]


def rows(path: Path) -> list[dict]:
    """The rows of a paper's file, each with all fields and at least one symbol and one test."""
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
        listed = stored["equations"]
        good = stored["slug"] == path.stem and all(
            set(row) == FIELDS and row["code"] and row["tests"] for row in listed)
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BookError(f"{path} lists no equations ({error!r}): restore it") from error
    names = [row.get("label") for row in listed]
    if not good or len(names) != len(set(names)):
        raise BookError(f"{path} lists no equations (slug, fields or labels): restore it")
    return listed


def equation(slug: str, row: dict, root: Path) -> Equation:
    """A row of the file with its code and tests found."""
    return Equation(slug, row["label"], row["says"], row["where"],
                    tuple(symbol(name, root) for name in row["code"]),
                    tuple(test(name, root) for name in row["tests"]))


def labels(chapter: Path) -> list[str]:
    """The labels of a chapter's equations, in order; `$$ ... $$ (eq-...)` or `:label: eq-...`."""
    cells = read_record(chapter, "cells")["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return [one or other for one, other in LABEL.findall(text)]


def symbol(name: str, root: Path = CHECKOUT) -> Place:
    """Where `package.module:Class.method` is defined."""
    module, _, path = name.partition(":")
    stem = root / module.replace(".", "/")
    file = next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()), None)
    return place(name, file, path, root)


def test(name: str, root: Path = CHECKOUT) -> Place:
    """Where the test `tests/test_x.py::test_y` is, or `...::TestClass::test_y`."""
    file, _, path = name.partition("::")
    return place(name, root / file if (root / file).is_file() else None,
                 path.replace("::", "."), root)


def place(name: str, file: Path | None, path: str, root: Path) -> Place:
    """The definition `path`, dotted, in a file; BookError where it is not."""
    nodes = dict(definitions(ast.parse(file.read_text(encoding="utf-8")))) if file else {}
    if path not in nodes:
        raise BookError(f"{name} does not exist: an equation needs code and tests that do")
    node = nodes[path]
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return Place(name, file.relative_to(root).as_posix(), first, node.end_lineno)


def definitions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Functions and classes of a module and of its classes, by dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield inside + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node, f"{inside}{node.name}.")
