"""A figure's life in a page without a kernel: frames that were drawn before, behind sliders.

The HTML holds the pictures and a few lines of JavaScript and asks for nothing else: it works from
a file, in print (the first frame) and without JavaScript (the first frame, no sliders).
"""

import base64
import html
import io
import json
import math
from collections.abc import Mapping, Sequence

from IPython.display import HTML
from PIL import Image
from torch import Tensor

from synthbook.files import BookError
from synthbook.plots import pixels

STYLE = """
.recorded { max-width: 34rem; margin: 0 auto; }
.recorded img { display: block; width: 100%; height: auto; margin: 0 auto;
  image-rendering: pixelated; }
.recorded .said { margin: .5rem 0; min-height: 1.5em; text-align: center; }
.recorded .sliders { display: grid; grid-template-columns: max-content 1fr minmax(5.5rem, auto);
  gap: .25rem .75rem; align-items: center; }
.recorded .sliders[hidden] { display: none; }
.recorded label { display: contents; }
.recorded input { width: 100%; min-width: 0; min-height: 1.75rem; margin: 0;
  accent-color: var(--pst-color-primary, var(--jp-brand-color1, auto)); }
.recorded output { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.recorded .origin { margin: .5rem 0 0; font-size: .85em; opacity: .8; text-align: center; }
html[data-theme="dark"] .bd-content div.cell_output .text_html:has(div.recorded) {
  background: none; color: inherit; padding: 0; }
html[data-theme="dark"] .bd-content div.cell_output .recorded img {
  background: none; border-radius: 0; padding: 0; }
@media print { .recorded .sliders { display: none; } }
"""

SCRIPT = """
for (const box of document.querySelectorAll(".recorded:not([data-live])")) {
  box.dataset.live = "";
  const data = JSON.parse(box.querySelector("[type='application/json']").textContent);
  const [image, said] = [box.querySelector("img"), box.querySelector(".said")];
  const sliders = [...box.querySelectorAll("input")];
  const show = () => {
    let frame = 0;
    sliders.forEach((slider, k) => {
      const value = data.sliders[k][slider.value];
      slider.setAttribute("aria-valuetext", value);
      slider.parentElement.querySelector("output").textContent = value;
      frame = frame * data.sliders[k].length + Number(slider.value);
    });
    image.src = "data:image/png;base64," + data.pictures[data.order[frame]];
    image.alt = data.title + ": " + data.captions[frame];
    said.textContent = data.captions[frame];
  };
  sliders.forEach((slider) => slider.addEventListener("input", show));
  box.querySelector(".sliders").hidden = false;
  show();
}
"""


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
    encoded = [png(frame) for frame in frames]
    pictures = list(dict.fromkeys(encoded))
    numbers = {picture: k for k, picture in enumerate(pictures)}
    data = {"title": title, "captions": list(captions), "sliders": list(values.values()),
            "order": [numbers[picture] for picture in encoded], "pictures": pictures}
    height, width = shapes.pop()[1:]
    first = html.escape(captions[0])
    return HTML(f"""<div class="recorded"><style>{STYLE}</style>
<img width="{width}" height="{height}" src="data:image/png;base64,{encoded[0]}"
 alt="{html.escape(title)}: {first}">
<p class="said" aria-live="polite">{first}</p>
<div class="sliders" role="group" aria-label="{html.escape(title)}" hidden>
{"".join(slider(name, names) for name, names in values.items())}</div>
<p class="origin">Recorded: {len(encoded)} frames. Run the chapter for every other value.</p>
<script type="application/json">{json.dumps(data).replace("<", chr(92) + "u003c")}</script>
<script>{SCRIPT}</script></div>""")


def slider(name: str, values: Sequence[str]) -> str:
    """One labelled slider with as many steps as it has values."""
    first = html.escape(values[0])
    return (f'<label><span>{html.escape(name)}</span><input type="range" min="0" '
            f'max="{len(values) - 1}" step="1" value="0" autocomplete="off" '
            f'aria-valuetext="{first}"><output aria-hidden="true">{first}</output></label>\n')


def png(frame: Tensor) -> str:
    """An image (3, H, W) in [-1, 1] as PNG in base64."""
    buffer = io.BytesIO()
    Image.fromarray(pixels(frame)).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
