"""The smallest generated dataset: three stripes, each in its own colour."""

from dataclasses import dataclass, replace

import numpy as np

from synthbook.datasets.generated import Generated, Rendered


@dataclass(frozen=True)
class Flag:
    borders: tuple[int, int]  # columns at which the second and third stripe begin
    colours: tuple[tuple[int, int, int], ...]


class Flags(Generated):
    """Vertical stripes; on odd indices there is no third."""

    name = "flags"
    class_names = ("left", "middle", "right")
    palette = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)
    style_names = ("red", "green", "blue")

    def scene(self, i):
        rng = self.rng(i)
        first = int(rng.integers(8, 14))
        second = self.size if i % 2 else int(rng.integers(18, 24))
        return Flag((first, second), tuple(self.colour(rng) for _ in range(3)))

    @staticmethod
    def colour(rng):
        return tuple(int(v) for v in rng.integers(0, 256, 3))

    def redraw(self, scene, c, rng):
        drawn = self.colour(rng)
        return replace(scene, colours=tuple(
            drawn if k == c else old for k, old in enumerate(scene.colours)))

    def render(self, scene):
        label = np.digitize(np.arange(self.size), scene.borders).astype(np.uint8)
        label = np.repeat(label[None], self.size, 0)
        return Rendered(np.array(scene.colours, np.uint8)[label], label, np.zeros_like(label))

    def style(self, scene):
        return np.array(scene.colours, np.float32) / 255

    def category(self, scene):
        return 0
