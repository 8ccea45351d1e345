"""The dataset `faces`: head-and-shoulders portraits with parts, styles, attributes and detail."""

from dataclasses import replace

import numpy as np

from synthbook.datasets.faces.paint import CLASSES, STYLES, colour_name, colour_names
from synthbook.datasets.faces.render import SLOT_CLASS, Amounts, detailed, flat
from synthbook.datasets.faces.scene import (CHOICES, FAMILIES, Scene, draw_scene, draw_style,
                                            family, restyled)
from synthbook.datasets.generated import Generated, Rendered
from synthbook.files import BookError

_COLOURS = {"skin_tone": 1, "hair_colour": 2, "beard_colour": 3, "eye_colour": 4, "lip_colour": 5,
            "accessory_colour": 6, "clothing_colour": 7, "backdrop_colour": 0}
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    **{name: tuple(weights) for name, weights in CHOICES.items()},
    **{name: colour_names(c) for name, c in _COLOURS.items()},
}


class Faces(Generated):
    """Aligned portraits made of the parts of *Personas by Draftbit* (CC BY 4.0).

    Parameters
    ----------
    split, size, count, seed : as in `Generated`.
    grain    : film grain in [0, 1], up to 14 grey levels (standard deviation), 0.25 to 0.5
               cycles per pixel of the image.
    strands  : strands of hair and beard, in [0, 1], 0.15 to 0.45 cycles per pixel across them.
    freckles : random dots on the cheeks, in [0, 1].
    weave    : threads of the clothes, in [0, 1], about 0.2 to 0.45 cycles per pixel.
    jitter   : pose (shift, scale, turn of the head), in [0, 1].
    variety  : proportions of face and shoulders, in [0, 1].
    styles   : `independent` draws every class's style for itself; `matched` gives the beard the
               hair's.

    The styles of the eight classes are five numbers each (`paint` says what they mean).
    `category` is the family of the hair style. Raises BookError for a knob out of range.
    """

    name = "faces"
    class_names = CLASSES
    style_names = STYLES
    category_names = tuple(FAMILIES)
    attribute_names = tuple(ATTRIBUTES)
    attribute_values = ATTRIBUTES
    palette = np.array([[214, 223, 232], [240, 190, 150], [94, 60, 42], [152, 98, 52],
                        [32, 104, 178], [214, 58, 92], [247, 200, 55], [60, 152, 128]], np.uint8)

    def __init__(self, split: str = "train", *, size: int = 64, count: int | None = None,
                 seed: int = 0, grain: float = 0.3, strands: float = 0.6, freckles: float = 0.6,
                 weave: float = 0.5, jitter: float = 0.5, variety: float = 0.6,
                 styles: str = "independent"):
        super().__init__(split, size=size, count=count, seed=seed)
        knobs = {"grain": grain, "strands": strands, "freckles": freckles, "weave": weave,
                 "jitter": jitter, "variety": variety}
        for knob, value in knobs.items():
            if not 0 <= value <= 1:
                raise BookError(f"{knob} {value} is out of range: choose 0 to 1")
        if styles not in ("independent", "matched"):
            raise BookError(f"unknown styles {styles!r}: choose independent or matched")
        self.grain, self.strands, self.freckles, self.weave = grain, strands, freckles, weave
        self.jitter, self.variety, self.styles = jitter, variety, styles

    def scene(self, i: int) -> Scene:
        """Every random draw of item `i`."""
        return draw_scene(self.rng(i), self.jitter, self.variety, self.styles == "matched")

    def render(self, scene: Scene) -> Rendered:
        """The pixels of a scene and their truth; instance is the slot (0 = background)."""
        drawn = flat(scene, self.size)
        amounts = Amounts(self.grain, self.strands, self.freckles, self.weave)
        image = np.clip(np.rint(detailed(scene, drawn, amounts)), 0, 255).astype(np.uint8)
        return Rendered(np.ascontiguousarray(image.transpose(1, 2, 0)), drawn.label, drawn.slot)

    def redraw(self, scene: Scene, c: int, rng: np.random.Generator) -> Scene:
        """The same scene with the style of class `c` drawn anew; nothing else changes."""
        return restyled(scene, self._class(c), draw_style(rng))

    def with_style(self, scene: Scene, c: int, vector: np.ndarray) -> Scene:
        """The same scene with `vector` (S,) in [0, 1] as the style of class `c`."""
        style = tuple(float(v) for v in vector)
        if len(style) != len(STYLES) or not all(0 <= v <= 1 for v in style):
            raise BookError(f"a style is {len(STYLES)} numbers in [0, 1], not {style}")
        return restyled(scene, self._class(c), style)

    def renoise(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The same portrait with other stochastic detail: other grain, strands, freckles, weave."""
        return replace(scene, noise=int(rng.integers(2**32)))

    def style(self, scene: Scene) -> np.ndarray:
        """The style drawn for every class, (K, S) float32 in [0, 1]; also of absent classes."""
        return np.array(scene.styles, np.float32)

    def boxes(self, scene: Scene) -> np.ndarray:
        """(N, 5) integers: class, x0, y0, x1, y1 (ends exclusive) of the visible parts."""
        instance = flat(scene, self.size).slot
        found = []
        for slot in np.unique(instance[instance > 0]):
            y, x = np.nonzero(instance == slot)
            found.append((SLOT_CLASS[slot], x.min(), y.min(), x.max() + 1, y.max() + 1))
        return np.array(found, int).reshape(-1, 5)

    def category(self, scene: Scene) -> int:
        """Index in `category_names` of the family of the hair style."""
        return self.category_names.index(family(scene.hair))

    def attributes(self, scene: Scene) -> dict[str, str]:
        """The value of every attribute, by `attribute_names`; values are in `attribute_values`."""
        shapes = {name: getattr(scene, name) for name in CHOICES}
        return shapes | {name: colour_name(c, scene.styles[c][0]) for name, c in _COLOURS.items()}

    def attribute_indices(self, scene: Scene) -> np.ndarray:
        """The attributes as indices into `attribute_values`, (A,) int64."""
        values = self.attributes(scene)
        return np.array([ATTRIBUTES[name].index(values[name]) for name in ATTRIBUTES])

    def _class(self, c: int) -> int:
        if not 0 <= c < len(CLASSES):
            raise BookError(f"class {c} is out of range: choose 0 to {len(CLASSES) - 1}")
        return int(c)
