"""Figures that readers manipulate: live in Jupyter, alive without a kernel in the page.

The modules by their use: `inputs` and `outputs` describe, `figure` holds a description and its
model together, `live` answers from a kernel, `export` writes the model that the page runs,
`recorded` is for frames drawn before. Nothing heavy is imported here.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["FIGURES", "PAGE_MODELS"]


def later(module: str, function: str) -> Callable[..., Any]:
    """`synthbook.figures.MODULE.FUNCTION`, imported when it is first called."""
    def call(*arguments: Any) -> Any:
        return getattr(import_module(f"{__name__}.{module}"), function)(*arguments)

    return call


# figures of Markdown pages by their name; each function takes nothing and makes a Figure
FIGURES: dict[str, Callable[..., Any]] = {
    "handles-boxes": later("handles", "boxes"),
    "handles-mask": later("handles", "mask"),
    "handles-ground": later("handles", "ground"),
    "smis-paint": later("smis", "paint"),
    "smis-borrow": later("smis", "borrow"),
    "smis-morph": later("smis", "morph"),
    "bachgan-boxes": later("bachgan", "boxes"),
    "bachgan-boxes-street": lambda: later("bachgan", "boxes")("street"),
    "stylegan2-traits": later("stylegan2", "traits"),
    "stylegan2-traits-56": lambda: later("stylegan2", "traits")(56),
    "embedded-traits": later("image2stylegan_pp", "traits"),
    "embedded-paste": later("image2stylegan_pp", "paste"),
    "pyramid-levels": later("semantic_pyramid", "levels"),
    "cars-ground": later("controllable_3d", "cars"),
    "cars-learned": later("controllable_3d", "learned"),
    "cars-marked": lambda: later("controllable_3d", "learned")("cars-marked"),
    "smis-paint-faces": lambda: later("smis", "paint")(None, "faces"),
}

# what the page runs, by slug: a loaded network and its dataset to a PageModel; by whole name:
# nothing to one
PAGE_MODELS: dict[str, Callable[..., Any]] = {
    "smis": later("smis", "page_model"),
    "bachgan": later("bachgan", "page_model"),
    "stylegan2": later("stylegan2", "page_model"),
    "image2stylegan-pp": later("image2stylegan_pp", "page_model"),
    "semantic-pyramid": later("semantic_pyramid", "page_model"),
    "controllable-3d": later("controllable_3d", "learned_page_model"),
    "figures/handles": later("handles", "page_model"),
    "figures/cars": later("controllable_3d", "page_model"),
}
