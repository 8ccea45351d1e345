"""From a chapter's tagged cells to what readers get: stubs, solutions, a notebook to work in.

An exercise is two cells of the chapter: a text that begins with `### Title`, and below it a code
cell with the tag `exercise`, which holds a function, its solution between two marks, and the
check as its last line:

    def twice(x):
        "Twice x."
        ### BEGIN SOLUTION
        return 2 * x
        ### END SOLUTION

    check("data/twice", twice)

The code cell with the tag `exercise-setup` holds the imports that all of a chapter's exercises
need. Nothing here runs any of it.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthbook.files import BookError, read_record, replacing

BEGIN, END, STUB = "### BEGIN SOLUTION", "### END SOLUTION", "raise NotImplementedError"
CELL = re.compile(r'(?P<code>.*\n)\s*(?P<check>check\("(?P<name>[a-z0-9-]+/[a-z0-9-]+)", '
                  r"(?P<function>\w+)\))\s*", re.S)
BLOCK = re.compile(rf"^([ \t]+){BEGIN}\n(.*\n)\1{END}(?:\n|$)", re.M | re.S)
HOW = """\
# Exercises: {title}

Write your answer in the place of `raise NotImplementedError`, run the cell, and run the check below
it. A check is instant, needs no server, and may be repeated as often as you like. The exercises
belong to the chapter [{title}](../chapters/{slug}.ipynb); on its published page each of them has a
question with choices and a solution to unfold."""


@dataclass(frozen=True)
class Task:
    """An exercise as the chapter has it; `position` is the tagged cell's place there."""

    name: str  # "smis/kl"
    function: str
    title: str
    text: str  # Markdown, without the title
    stub: str
    solution: str
    check: str
    position: int

    @property
    def label(self) -> str:
        """The exercise's label in the page."""
        return "ex-" + self.name.replace("/", "-")


def source(cell: dict) -> str:
    """A cell's text; notebooks hold it as a string or as lines."""
    return "".join(cell["source"])


def tagged(notebook: dict, tag: str) -> list[int]:
    """Where the code cells with a tag are."""
    return [i for i, cell in enumerate(notebook["cells"])
            if cell["cell_type"] == "code" and tag in cell["metadata"].get("tags", [])]


def tasks(notebook: dict, slug: str) -> list[Task]:
    """The exercises of a chapter, in order; BookError where one is not in the form above."""
    return [task(notebook, slug, i) for i in tagged(notebook, "exercise")]


def task(notebook: dict, slug: str, position: int) -> Task:
    """The exercise whose tagged cell is at `position`."""
    cells = notebook["cells"]
    code, above = CELL.fullmatch(source(cells[position])), cells[position - 1]
    where = f"chapters/{slug}.ipynb, cell {cells[position].get('id', position)}"
    if not code or not code["name"].startswith(slug + "/"):
        raise BookError(f'{where}: an exercise ends in the line check("{slug}/NAME", FUNCTION)')
    if len(BLOCK.findall(code["code"])) != 1 or code["code"].count(BEGIN) != 1:
        raise BookError(f"{where}: an exercise holds its solution once, between the lines "
                        f"{BEGIN} and {END} of one indentation")
    title, _, text = source(above).partition("\n")
    if above["cell_type"] != "markdown" or not title.startswith("### "):
        raise BookError(f"{where}: above an exercise is a text that begins with ### and its title")
    stub = BLOCK.sub(rf"\1{STUB}\n", code["code"])
    solution = BLOCK.sub(r"\2", code["code"])
    return Task(code["name"], code["function"], title[4:].strip(), text.strip(), stub.strip(),
                solution.strip(), code["check"], position)


def setup(notebook: dict, slug: str) -> str:
    """The imports that the exercises of a chapter need."""
    found = tagged(notebook, "exercise-setup")
    if len(found) != 1:
        raise BookError(f"chapters/{slug}.ipynb: one cell is tagged exercise-setup, not "
                        f"{len(found)}")
    return source(notebook["cells"][found[0]])


def reader_notebook(notebook: dict, slug: str) -> dict[str, Any]:
    """The notebook in which a reader does a chapter's exercises: stubs and checks, no solution."""
    heading = source(notebook["cells"][0]).partition("\n")[0].removeprefix("# ")
    cells = [markdown("how", HOW.format(title=heading, slug=slug)),
             code_cell("setup", setup(notebook, slug))]
    for one in tasks(notebook, slug):
        cells += [markdown(f"{one.label}-task", f"## {one.title}\n\n{one.text}"),
                  code_cell(one.label, one.stub), code_cell(f"{one.label}-check", one.check)]
    digest = hashlib.sha256(json.dumps(cells).encode()).hexdigest()
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"},
                "synthbook": {"exercises": digest}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def markdown(name: str, text: str) -> dict[str, Any]:
    """A text cell."""
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def code_cell(name: str, text: str, **metadata: Any) -> dict[str, Any]:
    """A code cell that has not run."""
    return {"cell_type": "code", "execution_count": None, "id": name, "metadata": metadata,
            "outputs": [], "source": text}


def chapters_dir() -> Path:
    """The folder of the chapters; only a checkout has them."""
    folder = Path(__file__).resolve().parent.parent.parent / "chapters"
    if not folder.is_dir():
        raise BookError("the installed package has no chapters: run this in a checkout of the "
                        "book, or take the notebook from the chapter's page")
    return folder


def with_exercises() -> list[str]:
    """Slugs of the chapters that have exercises."""
    found = sorted(chapters_dir().glob("*.ipynb"))
    return [path.stem for path in found if tagged(read_record(path, "cells"), "exercise")]


def write(slug: str, folder: str | Path) -> str:
    """Write FOLDER/SLUG.ipynb unless it is there, and say in one line what was done.

    A notebook that is there may hold a reader's work: it is never replaced.
    """
    chapter = chapters_dir() / f"{slug}.ipynb"
    if slug not in with_exercises():
        raise BookError(f"no exercises of {slug!r}: choose one of {', '.join(with_exercises())}")
    made, path = reader_notebook(read_record(chapter, "cells"), slug), Path(folder) / chapter.name
    if path.exists():
        known = read_record(path).get("metadata", {}).get("synthbook", {})
        if known.get("exercises") == made["metadata"]["synthbook"]["exercises"]:
            return f"{path} kept with what you wrote in it"
        return f"{path} kept, but the chapter has newer ones: rename it and run this again"
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return f"{path} written: {len(tasks(read_record(chapter, 'cells'), slug))} exercises"
