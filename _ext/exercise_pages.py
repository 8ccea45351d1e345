"""Exercises in the built page: task with stub, question, solution to unfold, notebook to download.

The chapter's text is rewritten between the file and the parser; what runs is the same code.
"""

import json
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from synthbook.checks import exercises
from synthbook.exercises import notebooks
from synthbook.files import BookError

QUESTION_SCRIPT = Path(__file__).with_name("question.js")


def rewrite(app: Sphinx, docname: str, content: list[str]) -> None:
    """Give the parser the page's form of a chapter that has exercises."""
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        return
    notebook, slug = json.loads(content[0]), Path(docname).name
    if notebooks.tagged(notebook, "exercise"):
        try:
            content[0] = json.dumps(page(notebook, slug))
        except BookError as error:
            raise ExtensionError(str(error)) from error


def page(notebook: dict, slug: str) -> dict:
    """The chapter with each task and its tagged cell replaced by what the page shows."""
    tasks, known = notebooks.tasks(notebook, slug), exercises(slug)
    cells = list(notebook["cells"])
    for task in reversed(tasks):
        if task.name not in known:
            raise BookError(f"chapters/{slug}.ipynb: there is no check called {task.name}")
        form = known[task.name].words.question.form(task.label)
        cells[task.position - 1:task.position + 1] = page_cells(task, form)
    return notebook | {"cells": cells}


def page_cells(task: notebooks.Task, form: str) -> list[dict]:
    """The cells of one exercise: the numbered box, and the solution, which runs, in a fold."""
    stub, question = f"```python\n{task.stub}\n```", f"```{{raw}} html\n{form}\n```"
    box = (f"`````{{exercise}} {task.title}\n:label: {task.label}\n\n"
           f"{task.text}\n\n{stub}\n\n{question}\n`````")
    start = (f"```{{solution-start}} {task.label}\n:label: {task.label}-solution\n"
             ":class: dropdown\n```")
    return [notebooks.markdown(f"{task.label}-task", box),
            notebooks.markdown(f"{task.label}-start", start),
            notebooks.code_cell(task.label, f"{task.solution}\n\n{task.check}"),
            notebooks.markdown(f"{task.label}-end", "```{solution-end}\n```")]


def add_notebooks(app: Sphinx, error: Exception | None) -> None:
    """Put the readers' notebooks beside the pages, where the chapters link to them."""
    if error or app.builder.format != "html":
        return
    for docname in sorted(app.env.found_docs):
        path = Path(app.env.doc2path(docname))
        notebook = json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".ipynb" else {}
        if notebook and notebooks.tagged(notebook, "exercise"):
            target = Path(app.outdir) / "exercises" / path.name
            target.parent.mkdir(exist_ok=True)
            made = notebooks.reader_notebook(notebook, path.stem)
            target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")


def add_script(app: Sphinx, config: Config) -> None:
    """The questions' script on every page; once, for there is no builder yet."""
    app.add_js_file(None, body=QUESTION_SCRIPT.read_text(encoding="utf-8"), priority=901)


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("config-inited", add_script)
    app.connect("source-read", rewrite)
    app.connect("build-finished", add_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
