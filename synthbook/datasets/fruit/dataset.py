"""The dataset `fruit`: up to three fruits on a table or on white, photographed."""

from typing import Any

import numpy as np

from synthbook.datasets.fruit.backdrop import table, tones
from synthbook.datasets.fruit.cast import meet_fruit
from synthbook.datasets.fruit.scene import Fruit, Scene, draw_photograph
from synthbook.datasets.fruit.shapes import KINDS
from synthbook.datasets.raycast.dataset import RayCast, View, share
from synthbook.datasets.raycast.room import Behind, white
from synthbook.datasets.raycast.sampling import blocks, means
from synthbook.datasets.raycast.scene import PARTS, Backdrop
from synthbook.datasets.raycast.solids import Hits

CLASSES = ("background", "ground", *KINDS)
BLUR, NOISE = 0.3, 0.01  # standard deviations: in pixels, and of brightness in [0, 1]


class Fruits(RayCast):
    """Apples, oranges, lemons, bananas and mangosteens, ray-cast; nothing of them is downloaded.

    Parameters
    ----------
    split, size, seed, fewest, most, shadow : as in `RayCast`.
    count      : number of items; 1,000 for each split unless given, as a small set of photographs.
    background : `table`, a table top before two walls, or `white`, fruits cut out of photographs.
    jitter     : amount in [0, 1] of what the camera adds: exposure off by up to 15 %, a white
                 balance off by up to 7 %, noise of 1 %, a blur of 0.3 pixels. With 0, a fruit
                 changes no pixel outside its own outline; else it may by the blur, one pixel wide.

    Classes are kinds of fruit. What the camera adds to an item is drawn with its scene.
    """

    name = "fruit"
    class_names = CLASSES
    category_names = ("no fruit", "one fruit", "two fruits", "three fruits")
    palette = np.array([[245, 245, 245], [203, 213, 225], [201, 48, 47], [241, 143, 42],
                        [196, 202, 92], [246, 216, 63], [87, 40, 68]], np.uint8)
    counts = {"train": 1_000}
    backgrounds = ("table", "white")
    scenes = Scene
    painted = tuple(range(PARTS, len(CLASSES)))

    def __init__(self, split: str = "train", *, jitter: float = 1.0, **knobs: Any):
        super().__init__(split, **knobs)
        self.jitter = share("jitter", jitter)

    def more_draws(self, rng: np.random.Generator) -> dict[str, Any]:
        return {"photograph": draw_photograph(rng)}

    def behind(self, backdrop: Backdrop, o: np.ndarray, d: np.ndarray) -> Behind:
        return white(d) if self.background == "white" else table(backdrop, o, d)

    def surroundings(self, backdrop: Backdrop) -> tuple[np.ndarray, np.ndarray]:
        if self.background == "white":
            return np.full(3, 255, np.float32), np.full(3, 255, np.float32)
        ground, walls = tones(backdrop)
        return walls, ground

    def meet(self, one: Fruit, o: np.ndarray, d: np.ndarray, light: np.ndarray) -> Hits:
        return meet_fruit(one, o, d, light)

    def developed(self, scene: Scene, view: View, n: int) -> np.ndarray:
        if not self.jitter:
            return means(view.colour, n)
        there = np.isfinite(view.depth)
        gains = 1 + self.jitter * (scene.photograph.gains - 1)
        colour = view.colour * np.where(there, gains[:, None], 1).astype(np.float32)
        picture = means(blurred(colour, self.jitter * BLUR * n, n), n)
        grain = np.random.default_rng(scene.photograph.grain).standard_normal(picture.shape)
        return picture + 255 * NOISE * self.jitter * blocks(there, n).mean(0) * grain


def blurred(colour: np.ndarray, deviation: float, reach: int) -> np.ndarray:
    """Samples (3, S * S) blurred by a Gaussian of so many samples, cut off after `reach`."""
    side = int(colour.shape[1] ** 0.5)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (steps / deviation) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    rows = colour.reshape(3, side, side)
    for axis in (1, 2):
        wide = np.pad(rows, [(reach, reach) if a == axis else (0, 0) for a in range(3)], "edge")
        rows = sum(w * np.take(wide, range(k, k + side), axis) for k, w in enumerate(weights))
    return rows.reshape(3, -1)
