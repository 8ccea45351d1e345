"""Choose a picture, or drop one in, and watch it being embedded: a widget that asks the kernel.

What a reader drops in is decoded by Pillow, scaled and kept in memory; nothing writes or sends it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthbook.datasets.generated import to_image
from synthbook.datasets.images import centre_box, read_image, resize_image
from synthbook.figures.encode import png
from synthbook.figures.live import sentence
from synthbook.files import BookError
from synthbook.image2stylegan_pp import (
    Settings,
    Taps,
    fit_noise,
    fit_w,
    mk_n,
    quality,
    render,
    start,
    w_l,
)
from synthbook.image2stylegan_pp.embedding import Pace, Variables
from synthbook.stylegan2 import StyleGAN2

MOST = 20_000_000  # bytes of a picture
ZOOM = 6  # screen pixels for one of the picture
NO_KERNEL = "This needs a kernel: open the chapter in JupyterLab, and run it up to here."


class Embedder:
    """Controls and pictures of one embedding at a time.

    Parameters
    ----------
    model    : the generator; `taps` the network of the perceptual term.
    pictures : images (3, H, W) in [-1, 1] of the generator's size to choose from, by name.
    settings : how w and noise are moved; the picture is shown every so many steps.

    While the book is built it is one sentence, as there is no kernel to ask.
    """

    def __init__(self, model: StyleGAN2, taps: Taps, pictures: Mapping[str, Tensor],
                 settings: Settings, every: int = 10):
        import ipywidgets

        self.model, self.taps, self.settings, self.every = model, taps, settings, every
        self.pictures, self.at = dict(pictures), None
        self.choice = ipywidgets.Dropdown(options=list(self.pictures), description="Picture")
        self.upload = ipywidgets.FileUpload(accept="image/*", multiple=False,
                                            description="Drop in your own")
        self.button = ipywidgets.Button(description="Embed")
        self.said = ipywidgets.Label()
        side = f"{ZOOM * model.config.size}px"
        self.wanted, self.made, self.fresh = (ipywidgets.Image(
            format="png", layout={"width": side, "height": side}) for _ in range(3))
        titles = ("asked for", "embedded", "its noise drawn anew")
        self.box = ipywidgets.VBox([
            ipywidgets.HBox([self.choice, self.upload, self.button]),
            ipywidgets.HBox([ipywidgets.VBox([ipywidgets.Label(title), picture]) for title, picture
                             in zip(titles, (self.wanted, self.made, self.fresh))]),
            self.said])
        self.choice.observe(lambda _: self.show(), "value")
        self.upload.observe(lambda change: self.dropped(change["new"]), "value")
        self.button.on_click(lambda _: self.embed())
        self.show()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if os.environ.get("SYNTHBOOK_STATIC"):
            return {"text/plain": NO_KERNEL, "text/html": f"<p><em>{NO_KERNEL}</em></p>"}
        return self.box._repr_mimebundle_()

    def show(self) -> None:
        """Put the chosen picture up, and the start of its embedding beside it."""
        self.wanted.value = png(self.pictures[self.choice.value])
        blank = png(torch.ones(3, 1, 1))
        self.made.value = self.fresh.value = blank

    def dropped(self, files: Any) -> None:
        """Add what was dropped in: its middle, scaled; or say in one line what is wrong with it."""
        for file in files:
            try:
                name, content = file["name"], bytes(file["content"])
                self.pictures[name] = picture(name, content, self.model.config.size)
            except BookError as error:
                self.said.value = sentence(error)
                continue
            self.choice.options = list(self.pictures)
            self.choice.value = name
            self.said.value = f"{name} is here; it stays in the memory of this kernel."

    def embed(self) -> None:
        """W+, then noise, and the picture as it becomes."""
        x = self.pictures[self.choice.value][None]
        weights = self.settings.weights
        self.button.disabled = True
        try:
            at = start(self.model, 1)
            at = fit_w(self.model, at, [w_l(x, None, None, weights, self.taps)], self.settings.w,
                       after=self.watch("w", self.settings.w, x))
            self.at = fit_noise(self.model, at, [mk_n(x, None, None, weights)],
                                self.settings.noise, plain=self.settings.plain,
                                after=self.watch("noise", self.settings.noise, x))
            self.fresh.value = png(render(self.model, self.at, "fresh", 1)[0])
        except BookError as error:
            self.said.value = sentence(error)
        finally:
            self.button.disabled = False

    def watch(self, stage: str, pace: Pace, x: Tensor):
        """What shows the picture (1, 3, H, W) on its way, every so many steps of a stage."""
        done = 0

        def after(variables: Variables) -> None:
            nonlocal done
            done += 1
            if done % self.every and done < pace.steps:
                return
            with torch.no_grad():
                made = variables.candidate().seen.image
            self.made.value = png(made[0])
            self.said.value = (f"{stage}: step {done} of {pace.steps}, "
                               f"{quality(made, x).item():.1f} dB")

        return after


def picture(name: str, content: bytes, size: int) -> Tensor:
    """The middle of a picture file, (3, size, size) in [-1, 1]; BookError where it is none."""
    if len(content) > MOST:
        raise BookError(f"{name} has {len(content) / 1e6:.0f} MB: choose a picture of at most "
                        f"{MOST / 1e6:.0f} MB")
    image = read_image(Path(name), content)
    box = centre_box(*image.size, (size, size))
    return to_image(torch.from_numpy(resize_image(image, (size, size), box)))
