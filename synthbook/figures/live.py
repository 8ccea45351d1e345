"""A figure's life in Jupyter: the widget sends what the reader set, the kernel's torch answers."""

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets
from torch import Tensor

from synthbook.figures.encode import from_bytes, to_bytes
from synthbook.figures.figure import Figure
from synthbook.figures.web import kernel_module, stylesheet
from synthbook.files import BookError


class LiveFigure(anywidget.AnyWidget):
    """The widget of a figure.

    A message `{kind: "run", id, names, shapes}` with one float32 buffer for each name is answered
    by `{id, names, shapes}` with the outputs' buffers, or by `{id, error}`, one plain sentence.
    Inputs that are not sent keep their first value.
    """

    description = traitlets.Dict().tag(sync=True)
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    def __init__(self, figure: Figure):
        super().__init__(description=figure.describe(), _esm=kernel_module(), _css=stylesheet())
        self._figure = figure
        self.on_msg(self._answer)

    def _answer(self, _: Any, content: Any, buffers: Sequence[memoryview]) -> None:
        """Run the model once and send what it returns."""
        if not isinstance(content, dict) or content.get("kind") != "run":
            return
        told = {"id": content.get("id")}
        try:
            outputs = answer(self._figure, content, buffers)
        except Exception as error:  # noqa: BLE001 - the reader sees a sentence, not silence
            self.send({**told, "error": sentence(error)})
            return
        shapes = [list(value.shape) for value in outputs.values()]
        self.send({**told, "names": list(outputs), "shapes": shapes},
                  [to_bytes(value) for value in outputs.values()])


def answer(figure: Figure, content: dict[str, Any], buffers: Sequence[memoryview]
           ) -> dict[str, Tensor]:
    """The model's outputs for a message's inputs; BookError or ValueError where they do not fit."""
    values, names, shapes = figure.values(), content.get("names", []), content.get("shapes", [])
    if not len(names) == len(shapes) == len(buffers):
        raise BookError("the message names other inputs than it holds")
    for name, shape, buffer in zip(names, shapes, buffers):
        if name not in values:
            raise BookError(f"the model has no input {name!r}")
        sent = from_bytes(buffer, shape)
        if sent.shape != values[name].shape:
            raise BookError(f"input {name!r} is {list(sent.shape)}, "
                            f"the model takes {list(values[name].shape)}")
        values[name] = sent
    return figure.render.run(values)


def sentence(error: Exception) -> str:
    """What went wrong, on one line."""
    words = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, (BookError, ValueError)):
        return words
    return f"The model could not run ({words})."
