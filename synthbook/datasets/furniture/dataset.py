"""The dataset `furniture`: up to three pieces of furniture in a room or on white."""

import numpy as np

from synthbook.datasets.furniture.cast import meet_piece
from synthbook.datasets.furniture.scene import Piece, Scene
from synthbook.datasets.furniture.shapes import KINDS
from synthbook.datasets.raycast.dataset import RayCast
from synthbook.datasets.raycast.room import Behind, room, tones, white
from synthbook.datasets.raycast.scene import PARTS, Backdrop
from synthbook.datasets.raycast.solids import Hits

CLASSES = ("background", "ground", *KINDS)


class Furniture(RayCast):
    """Tables, round tables, chairs, sofas and cabinets, ray-cast; nothing of them is downloaded.

    Backgrounds: `room`, a room with a patterned floor, or `white`. Knobs and items are those of
    `RayCast`; classes are kinds of furniture. There are three shapes of every kind and ten paints
    of wood and cloth. Chairs, sofas, cabinets and desks have a front.
    """

    name = "furniture"
    class_names = CLASSES
    category_names = ("no piece", "one piece", "two pieces", "three pieces")
    palette = np.array([[245, 245, 245], [203, 213, 225], [224, 159, 62], [158, 42, 43],
                        [51, 92, 103], [84, 140, 92], [120, 94, 160]], np.uint8)
    backgrounds = ("room", "white")
    scenes = Scene
    painted = tuple(range(PARTS, len(CLASSES)))

    def behind(self, backdrop: Backdrop, o: np.ndarray, d: np.ndarray) -> Behind:
        return white(d) if self.background == "white" else room(backdrop, o, d)

    def surroundings(self, backdrop: Backdrop) -> tuple[np.ndarray, np.ndarray]:
        if self.background == "white":
            return np.full(3, 255, np.float32), np.full(3, 255, np.float32)
        floor, walls = tones(backdrop)
        return walls, floor

    def meet(self, one: Piece, o: np.ndarray, d: np.ndarray, light: np.ndarray) -> Hits:
        return meet_piece(one, o, d, light)
