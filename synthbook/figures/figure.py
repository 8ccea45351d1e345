"""One figure, two lives: a description of what readers set and see, and the model behind it."""

import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from synthbook.figures.encode import data_url, packed
from synthbook.figures.input import Input
from synthbook.figures.inputs import Boxes, Canvas, Mask
from synthbook.figures.outputs import Caption, Change, Image, Output
from synthbook.files import BookError

if TYPE_CHECKING:
    from synthbook.figures.export import PageModel

NO_SCRIPT = "This figure can be changed where JavaScript runs; the picture is how it starts."


@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """A picture that readers make themselves.

    name    : lower case, digits and hyphens; one in the whole book.
    inputs  : what can be set, in the order shown.
    render  : the model; the kernel calls it with torch.
    export  : the same model's name, as `python -m synthbook export` takes it.
    outputs : what is shown, in order.
    title   : what the figure shows, a visible heading.
    size    : pixels of the page that one picture is wide at most; the style sheet's where None.
    fixed   : values (1, ...) of the model's inputs that readers do not set, by name.
    alt     : what the first picture shows, for those who cannot see it; the title where empty.

    Shown at the end of a cell, it is a widget that asks the kernel; while the book is built it
    is HTML that asks the exported model. Raises BookError where the parts do not fit.
    """

    name: str
    inputs: Sequence[Input]
    render: "PageModel"
    export: str
    outputs: Sequence[Output] = field(kw_only=True)
    title: str = field(kw_only=True)
    size: int | None = field(default=None, kw_only=True)
    fixed: Mapping[str, Tensor] = field(default_factory=dict, kw_only=True)
    alt: str = field(default="", kw_only=True)

    def __post_init__(self):
        self.require(bool(re.fullmatch(r"[a-z][a-z0-9-]*", self.name)),
                     "its name must be lower case letters, digits and hyphens")
        self.require(bool(self.title.strip()), "it needs a title")
        self.require(self.size is None or self.size > 0, "its size must be above 0")
        names = [*(one.name for one in self.inputs), *self.fixed]
        self.require(sorted(names) == sorted(self.render.inputs),
                     f"it sets {', '.join(sorted(names))}, the model takes "
                     f"{', '.join(sorted(self.render.inputs))}")
        generator = torch.Generator().manual_seed(0)
        for name, value in self.values().items():
            takes = self.render.inputs[name](1, generator).shape
            self.require(value.shape == takes, f"input {name!r} is {list(value.shape)}, the model "
                                               f"takes {list(takes)}")
        self.require_outputs()

    def __repr__(self) -> str:
        return f"Figure({self.name!r}: {self.title})"

    def require(self, condition: bool, words: str) -> None:
        """Raise BookError about this figure unless `condition`."""
        if not condition:
            raise BookError(f"figure {self.name!r}: {words}")

    def require_outputs(self) -> None:
        """Raise BookError where an output shows what the model does not return."""
        known = self.render.outputs
        images = {one.name for one in self.outputs if isinstance(one, Image)}
        regions = {one.name for one in self.inputs if isinstance(one, (Boxes, Canvas, Mask))}
        self.require(bool(images), "it shows no image")
        for one in self.outputs:
            if isinstance(one, Change):
                self.require(one.of in images, f"it shows the change of {one.of!r}, but no image "
                                               "of that name")
                self.require(one.within in {None, *regions}, f"{one.within!r} is no canvas, "
                                                             "mask or boxes of it")
            else:
                name = one.of if isinstance(one, Caption) else one.name
                self.require(name in known, f"the model returns {', '.join(known)}, not {name!r}")
            told = getattr(one, "caption", None)
            self.require(told is None or told.of in known,
                         f"the model returns {', '.join(known)}, no numbers for {told}")

    def values(self) -> dict[str, Tensor]:
        """The first value (1, ...) of every input of the model, in its order."""
        first = {one.name: one.value for one in self.inputs} | {
            name: torch.as_tensor(value).float() for name, value in self.fixed.items()}
        return {name: first[name] for name in self.render.inputs}

    def render_defaults(self) -> dict[str, Tensor]:
        """What the model returns for the first values, by name."""
        return self.render.run(self.values())

    @property
    def model(self) -> str:
        """The full name of the exported model."""
        from synthbook.figures.export import full_name

        return full_name(self.export)

    def describe(self) -> dict[str, Any]:
        """All that the page needs to know, as JSON."""
        described = {
            "name": self.name, "title": self.title, "model": self.model,
            "fixed": {name: packed(torch.as_tensor(v)) for name, v in self.fixed.items()},
            "inputs": [one.describe() for one in self.inputs],
            "outputs": [one.describe() for one in self.outputs]}
        return described | ({"size": self.size} if self.size else {})

    def html(self) -> str:
        """The figure as the page has it: its description, and its first picture as a poster."""
        from synthbook.figures.export import key

        image = next(one for one in self.outputs if isinstance(one, Image))
        first = self.render_defaults()[image.name][0]
        described = json.dumps(self.describe()).replace("<", "\\u003c")
        said = lambda text: html.escape(text, quote=True)
        return (f'<synthbook-figure name="{self.name}" model="{said(self.model)}" '
                f'key="{key(self.model)}">'
                f'<script type="application/json">{described}</script>'
                f'<img class="poster" alt="{said(self.alt or self.title)}" '
                f'width="{first.shape[2]}" height="{first.shape[1]}" src="{data_url(first)}">'
                f'<p class="nojs">{NO_SCRIPT}</p></synthbook-figure>')

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """HTML for a page, where `SYNTHBOOK_STATIC` is set; else the widget."""
        page = {"text/html": self.html()}
        if os.environ.get("SYNTHBOOK_STATIC"):
            return page
        from synthbook.figures.live import LiveFigure

        bundle = LiveFigure(self)._repr_mimebundle_()
        return {**page, **(bundle[0] if isinstance(bundle, tuple) else bundle)}
