"""People take part in a study: in a page without a kernel, and in Jupyter.

Both lives run the same JavaScript, because only the browser knows when a picture is seen: a widget
whose kernel hides the pictures would show them for as long as the kernel is slow. In the page the
answers become a file that the browser saves; in Jupyter the kernel writes it.
"""

import html
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from synthbook.figures.encode import to_base64
from synthbook.figures.live import sentence
from synthbook.figures.web import script, source
from synthbook.files import BookError
from synthbook.plots import grid
from synthbook.study.answers import COLUMNS, PERSON, parsed, write_answers
from synthbook.study.trials import SIDES, TESTS, Study, Trial

TITLE = "Which picture is real?"
COLUMNS_OF_SPRITE = 16
PAGE_NOTE = ("Nothing leaves this machine: answers stay in this page until you save them as a "
             "file.")
NO_SCRIPT = "This test needs JavaScript and a screen: it shows two pictures for a moment."


class Activity:
    """A study as something to take part in; shown at the end of a cell.

    study  : what participants see.
    title  : a visible heading.
    folder : where the kernel writes each participant's CSV file; the page has its reader save it.
    """

    def __init__(self, study: Study, title: str = TITLE, folder: str | Path = "answers"):
        self.study, self.title, self.folder = study, title, Path(folder)

    def describe(self, note: str = PAGE_NOTE) -> dict[str, Any]:
        """All that the browser needs to know, as JSON; `note` says where answers go."""
        study = self.study
        conditions = list(study.generated)

        def row(trial: Trial) -> list[int]:
            return [TESTS.index(trial.test), conditions.index(trial.condition), trial.real,
                    trial.generated, SIDES.index(trial.real_side)]

        return {
            "name": study.name, "title": self.title, "words": words(study), "note": note,
            "exposure": study.exposure, "seats": study.seats, "tests": list(TESTS),
            "conditions": conditions, "fields": list(COLUMNS), "scenes": len(study.real),
            "size": list(study.real.shape[-2:]), "columns": COLUMNS_OF_SPRITE,
            "sprite": to_base64(sprite(study)),
            # rows of numbers: test, condition, real scene, generated scene, real picture's side
            "trials": [[row(one) for one in study.trials(seat)]
                       for seat in range(1, study.seats + 1)]}

    def html(self) -> str:
        """The study as a page has it: one piece that holds its pictures and asks for nothing."""
        told = json.dumps(self.describe(), separators=(",", ":")).replace("<", "\\u003c")
        return (f'<div class="study"><style>{source("figures.css")}{source("study.css")}</style>'
                f'<p class="nojs">{html.escape(NO_SCRIPT)}</p>'
                f'<script type="application/json">{told}</script>'
                f'<script>(() => {{\n"use strict";\n{script("study_page.js")}}})();</script></div>')

    def save(self, text: str) -> str:
        """Write what a participant answered, as the browser's CSV text; where it is, in words.

        Raises BookError where the rows are not the trials of this study, and where that
        participant's file is there already.
        """
        answers = parsed(text, "these answers")
        one = answers[0]
        asked = [Trial(a.test, a.condition, a.real, a.generated, a.real_side) for a in answers]
        if (one.study, one.who) != (self.study.name, PERSON) or (
                asked != self.study.trials(one.participant)):
            raise BookError("these answers are not to the trials of this study: run its cell again")
        path = self.folder / f"{self.study.name.replace(' ', '-')}-{PERSON}-{one.participant}.csv"
        if path.exists():
            raise BookError(f"{path} is there already: take another number, or move that file")
        write_answers(path, answers)
        return f"Saved as {path}."

    def widget(self) -> Any:
        """The widget that Jupyter shows."""
        import anywidget
        import traitlets

        class LiveStudy(anywidget.AnyWidget):
            description = traitlets.Dict().tag(sync=True)
            _esm = traitlets.Unicode().tag(sync=True)
            _css = traitlets.Unicode().tag(sync=True)

        note = f"Answers go to this notebook's kernel, which writes them to {self.folder}."
        live = LiveStudy(description=self.describe(note),
                         _esm=f"{script('study_kernel.js')}\nexport default {{ render }};\n",
                         _css=source("figures.css") + source("study.css"))
        live.add_class("study")
        live.on_msg(lambda _, content, __: self.heard(live, content))
        return live

    def heard(self, live: Any, content: Any) -> None:
        """Answer the widget's message `{kind: "save", id, text}` by `{id, said}`."""
        if not isinstance(content, Mapping) or content.get("kind") != "save":
            return
        try:
            said = self.save(str(content.get("text", "")))
        except BookError as error:
            said = sentence(error)
        live.send({"id": content.get("id"), "said": said})

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """HTML for a page, where `SYNTHBOOK_STATIC` is set; else the widget."""
        page = {"text/html": self.html()}
        if os.environ.get("SYNTHBOOK_STATIC"):
            return page
        bundle = self.widget()._repr_mimebundle_()
        return {**page, **(bundle[0] if isinstance(bundle, tuple) else bundle)}


def words(study: Study) -> str:
    """What a participant is told before the first trial."""
    count = len(study.trials(1))
    seconds = f"{study.exposure:g} second{'' if study.exposure == 1 else 's'}"
    return (f"Two pictures appear side by side for {seconds}; one is real, the other was "
            f"generated. Say which is real, by ← or → or by a tap. There are {count} trials, and "
            "none tells you whether you were right.")


def sprite(study: Study) -> bytes:
    """All pictures in one PNG file: the real ones, then those of each condition, row by row."""
    pictures = torch.cat([study.real, *study.generated.values()])
    buffer = io.BytesIO()
    sheet = Image.fromarray(grid(pictures, COLUMNS_OF_SPRITE, gap=0))
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
