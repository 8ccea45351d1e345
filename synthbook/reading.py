"""What chapters show besides pictures: the package's source, tables, numbers for the text."""

import html
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from IPython.display import HTML, Code, display


def show_source(thing: Callable | type) -> Code:
    """The source of a function or class of the package, as the package has it."""
    return Code(inspect.getsource(thing).rstrip(), language="python")


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "",
          kind: str = "control-card", marked: Sequence[int] = ()) -> HTML:
    """An HTML table; rows whose index is in `marked` are drawn as references.

    Columns of numbers are set flush right, those with a cell of words flush left.
    """
    cell = lambda value: html.escape(value if isinstance(value, str) else f"{value:.3g}")
    words = [any(isinstance(v, str) and v[:1].isalpha() for v in column) for column in zip(*rows)]
    side = [' class="words"' if w else "" for w in words] or [""] * len(head)
    lines = [f'<table class="{kind}">']
    if caption:
        lines.append(f"<caption>{html.escape(caption)}</caption>")
    lines.append("<thead><tr>" + "".join(f'<th scope="col"{c}>{cell(h)}</th>'
                                         for h, c in zip(head, side)) + "</tr></thead><tbody>")
    for k, row in enumerate(rows):
        first, *rest = (cell(value) for value in row)
        lines.append(f'<tr{" class=oracle" if k in marked else ""}><th scope="row">{first}</th>'
                     + "".join(f"<td{c}>{v}</td>" for v, c in zip(rest, side[1:])) + "</tr>")
    return HTML("\n".join([*lines, "</tbody></table>"]))


def interval(estimate: dict, digits: int = 3) -> str:
    """`value [low, high]` of a stored estimate; a narrow table breaks it before the bracket."""
    return (f"{estimate['value']:.{digits}f} [{estimate['low']:.{digits}f},\N{NO-BREAK SPACE}"
            f"{estimate['high']:.{digits}f}]")


def glue(name: str, value: float) -> None:
    """Keep a number for the text, which prints it by ``{glue:text}`name:.1f` ``.

    Emits what `myst_nb.glue(name, value, display=False)` does, without importing Sphinx.
    """
    prefix = "application/papermill.record/"
    display({prefix + "text/plain": repr(float(value))}, raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": prefix}})
