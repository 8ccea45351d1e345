"""The dataset `cars`: up to three cars on the ground, seen by a camera that faces the origin."""

from typing import Any

import numpy as np

from synthbook.datasets.cars.backdrop import KINDS, behind, tones
from synthbook.datasets.cars.cast import GLASS, LAMP, TYRE, meet_car
from synthbook.datasets.cars.scene import Car, Scene
from synthbook.datasets.raycast.dataset import RayCast, share
from synthbook.datasets.raycast.room import Behind
from synthbook.datasets.raycast.scene import Backdrop, with_object, without_object
from synthbook.datasets.raycast.solids import Hits

CLASSES = ("background", "ground", "body", "glass", "wheel", "lamp")
BODY = CLASSES.index("body")


class Cars(RayCast):
    """Cars of eight shapes and ten paints on a ground, ray-cast; nothing of them is downloaded.

    Backgrounds: `white`; `ground`, a disc in two pastel tones on white, as in the pictures of Liao
    et al. (CVPR 2020); or `room`, an empty room with a patterned floor. Knobs and items are those
    of `RayCast`; classes are the parts of cars. One knob more, `mark`: share in [0, 1] of a tone
    that no paint has in the front half of every body, so that nobody takes it for the back.
    """

    name = "cars"
    class_names = CLASSES
    category_names = ("no car", "one car", "two cars", "three cars")
    palette = np.array([[245, 245, 245], [203, 213, 225], [216, 64, 60], [81, 102, 124],
                        [52, 53, 61], [246, 200, 60]], np.uint8)
    backgrounds = KINDS
    headed = True
    footprint = 0.40, 0.17  # the mean of the bodies, wheels left out
    scenes = Scene
    painted = (BODY,)

    def __init__(self, split: str = "train", *, mark: float = 0.0, **knobs: Any):
        super().__init__(split, **knobs)
        self.mark = share("mark", mark)

    def behind(self, backdrop: Backdrop, o: np.ndarray, d: np.ndarray) -> Behind:
        return behind(self.background, backdrop, o, d)

    def surroundings(self, backdrop: Backdrop) -> tuple[np.ndarray, np.ndarray]:
        first, second = tones(self.background, backdrop)
        if self.background == "ground":
            return np.full(3, 255, np.float32), (first + second) / 2
        return second, first

    def meet(self, one: Car, o: np.ndarray, d: np.ndarray, light: np.ndarray) -> Hits:
        return meet_car(one.form, *one.tones, o, d, light, self.mark)

    def style(self, scene: Scene) -> np.ndarray:
        table = super().style(scene)
        if self.category(scene):
            table[BODY + 1:] = np.array([GLASS, TYRE, LAMP]) / 255
        return table

    @property
    def drawn_anew(self) -> tuple[int, ...]:
        return {"white": (BODY,), "ground": (1, BODY), "room": (0, 1, BODY)}[self.background]

    with_car = staticmethod(with_object)
    without_car = staticmethod(without_object)
