"""A figure's life in a page without a kernel: frames that were drawn before, behind sliders.

The HTML holds the pictures and a few lines of JavaScript and asks for nothing else: it works from
a file, in print and without JavaScript (one frame, no sliders).
"""

import html
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.display import HTML
from torch import Tensor

from synthbook.figures.encode import png, to_base64
from synthbook.figures.web import source
from synthbook.files import BookError

KEYS = "data-lm-suppress-shortcuts"  # JupyterLab leaves this element its keys


def recorded(frames: Tensor | Sequence[Tensor], captions: Sequence[str], title: str,
             sliders: Mapping[str, Sequence[str]]) -> HTML:
    """Frames that the reader chooses among by sliders, as self-contained HTML.

    Parameters
    ----------
    frames   : (N, 3, H, W) in [-1, 1], or N images (3, H, W) of one size.
    captions : N texts, one for each frame; with the title they are the picture's alt text.
    title    : what the frames show.
    sliders  : for each slider its name and the names of its values. N is the product of their
               numbers, and the frames run through the last slider first (row-major order).

    Raises BookError where the numbers or the sizes do not agree.
    """
    values = {name: [str(v) for v in names] for name, names in sliders.items()}
    expected = math.prod(len(names) for names in values.values())
    if not values or not expected:
        raise BookError("a recorded figure needs a slider, and every slider a value")
    if len(frames) != expected or len(captions) != expected:
        raise BookError(f"the sliders make {expected} frames, but there are {len(frames)} frames "
                        f"and {len(captions)} captions")
    shapes = {tuple(frame.shape) for frame in frames}
    if len(shapes) > 1 or len(next(iter(shapes))) != 3:
        raise BookError(f"frames must be images (3, H, W) of one size, not {sorted(shapes)}")
    encoded = [to_base64(png(frame)) for frame in frames]
    pictures = list(dict.fromkeys(encoded))
    numbers = {picture: k for k, picture in enumerate(pictures)}
    height, width = shapes.pop()[1:]
    first = html.escape(captions[0])
    body = f"""<img width="{width}" height="{height}" src="data:image/png;base64,{encoded[0]}"
 alt="{html.escape(title)}: {first}">
<p class="said" aria-live="polite" data-texts="0">{first}</p>
{controls(title, values)}"""
    data = {"title": title, "texts": [list(captions)], "sliders": list(values.values()),
            "order": [numbers[picture] for picture in encoded], "pictures": pictures}
    origin = f"Recorded: {len(encoded)} frames. Run the chapter for every other value."
    return page(body, origin, data)


def page(body: str, origin: str, data: Mapping[str, Any], kind: str = "", style: str = "") -> HTML:
    """A recorded figure around `body`, with the look and the script that all of them share.

    Parameters
    ----------
    body   : HTML with the controls of :func:`controls`; an element with `data-texts="K"` shows
             the text of the frame in the K-th list of `data["texts"]`. The script sets the CSS
             variable `--frame`, the number of the frame.
    origin : says that this was recorded, and when or how.
    data   : `sliders` and `texts`; optionally `title`, `pictures` and `order` for an image that
             is exchanged, and `printed`, the value of the first slider that is printed.
    kind   : further classes; `style`: the CSS variables that the figure starts with.
    """
    return HTML(f"""<div class="recorded {kind}" style="{style}">
<style>{source("recorded.css")}</style>
{body}
<p class="origin">{html.escape(origin)}</p>
<script type="application/json">{json.dumps(data).replace("<", chr(92) + "u003c")}</script>
<script>{source("recorded.js")}</script></div>""")


def controls(title: str, sliders: Mapping[str, Sequence[str]], start: int = 0,
             play: bool = False) -> str:
    """The sliders, hidden until the script runs; `play` puts a button before them."""
    button = f'<button type="button" {KEYS}>▶ play</button>' if play else ""
    rows = "".join(slider(name, names, start) for name, names in sliders.items())
    return (f'<div class="controls" role="group" aria-label="{html.escape(title)}" hidden>'
            f'{button}<div class="sliders">\n{rows}</div></div>')


def slider(name: str, values: Sequence[str], start: int = 0) -> str:
    """One labelled slider with as many steps as it has values."""
    said = html.escape(values[start])
    return (f'<label><span>{html.escape(name)}</span><input type="range" {KEYS} min="0" '
            f'max="{len(values) - 1}" step="1" value="{start}" autocomplete="off" '
            f'aria-valuetext="{said}"><output aria-hidden="true">{said}</output></label>\n')
