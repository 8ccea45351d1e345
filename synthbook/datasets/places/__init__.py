"""Places: procedural scenes with exact truth for labels, instances, boxes, styles and category."""

from dataclasses import replace

import numpy as np

from synthbook.datasets.generated import Generated, Rendered
from synthbook.datasets.places import classes as tables
from synthbook.datasets.places import scenes
from synthbook.datasets.places.kinds import CATEGORY_NAMES, KINDS, MOODS
from synthbook.datasets.places.paint import paint
from synthbook.datasets.places.scenes import Scene
from synthbook.files import BookError

__all__ = ["Places", "Scene", "KINDS", "MOODS", "CATEGORY_NAMES"]

STYLES = ("independent", "natural", "plain")


class Places(Generated):
    """Illustrated scenes: twelve kinds of place, five seasons and times of day.

    Parameters
    ----------
    split, size, count, seed : as in `Generated`.
    classes    : 8, 16 or 40; fine classes merge exactly into coarser ones, and a merged class has
                 one style. The same index has the same geometry whatever the number of classes.
    styles     : `independent`: every class's style is uniform in [0, 1]^5, independent of all
                 else; `natural`: it follows season, time of day and kind of place; `plain`: it
                 is fixed, that of a summer noon, so that nothing of a scene's colours is drawn.
    light      : strength in [0, 1] of a tint and brightness that all pixels of an image share.
    background : probability in [0, 1] that the background's layout is a fixed function of the
                 foreground (`matching_prototype`) rather than one of 64 at random.
    """

    name = "places"
    style_names = tables.STYLE_NAMES
    category_names = CATEGORY_NAMES
    prototypes = scenes.PROTOTYPES

    def __init__(self, split: str = "train", *, size: int = 64, count: int | None = None,
                 seed: int = 0, classes: int = 16, styles: str = "independent",
                 light: float = 0.0, background: float = 0.0):
        super().__init__(split, size=size, count=count, seed=seed)
        if classes not in tables.LISTS:
            raise BookError(f"classes={classes} is unknown: choose 8, 16 or 40")
        if styles not in STYLES:
            raise BookError(f"styles={styles!r} is unknown: choose one of {', '.join(STYLES)}")
        for knob, value in (("light", light), ("background", background)):
            if not 0 <= value <= 1:
                raise BookError(f"{knob}={value} is out of range: choose a value in [0, 1]")
        self.classes, self.styles = classes, styles
        self.light, self.background = float(light), float(background)
        self.class_names, self.palette = tables.names(classes), tables.palette(classes)
        self._merge = tables.merge(classes)

    def scene(self, i: int) -> Scene:
        """Every random draw of item `i`."""
        return scenes.draw(self.rng(i), self.classes, self.styles, self.light, self.background)

    def redraw(self, scene: Scene, c: int, rng: np.random.Generator) -> Scene:
        """The same scene, the style of class `c` uniform in [0, 1]^5; all else stays."""
        return self.with_style(scene, c, rng.uniform(size=len(self.style_names)))

    def with_style(self, scene: Scene, c: int, style: np.ndarray) -> Scene:
        """The same scene with `style` (5,) in [0, 1] for class `c`."""
        self._check(c)
        values = np.asarray(style, np.float32)
        if values.shape != (len(self.style_names),) or not ((values >= 0) & (values <= 1)).all():
            raise BookError("a style is five numbers in [0, 1]: " + ", ".join(self.style_names))
        table = self.style(scene)
        table[c] = values
        return replace(scene, styles=scenes.frozen(table))

    def with_prototype(self, scene: Scene, p: int) -> Scene:
        """The same foreground and styles over background prototype `p`, 0 to 63."""
        if not 0 <= p < scenes.PROTOTYPES:
            raise BookError(f"prototype {p} is out of range: choose 0 to {scenes.PROTOTYPES - 1}")
        return replace(scene, prototype=int(p))

    def matching_prototype(self, scene: Scene) -> int:
        """The prototype that the scene's foreground calls for when `background` is 1."""
        return scenes.matching_prototype(scene.kind, scene.things)

    def render(self, scene: Scene) -> Rendered:
        """The pixels of a scene and their truth; a label is the surface of largest coverage."""
        image, fine, instance = paint(scene, self.classes, self.size)
        return Rendered(image, self._merge[fine], instance)

    def style(self, scene: Scene) -> np.ndarray:
        """The style drawn for every class, (K, 5) float32; columns are `style_names`."""
        return np.array(scene.styles, np.float32)

    def boxes(self, scene: Scene) -> np.ndarray:
        """(N, 5) integers: class, x0, y0, x1, y1 of the visible part of each instance."""
        rendered, rows = self.render(scene), []
        for number, thing in enumerate(scene.things, 1):
            ys, xs = np.nonzero(rendered.instance == number)
            if len(ys):
                rows.append((self._merge[thing.fine], xs.min(), ys.min(),
                             xs.max() + 1, ys.max() + 1))
        return np.array(rows, np.int64).reshape(-1, 5)

    def category(self, scene: Scene) -> int:
        """Index into `category_names`: kind of place, then season and time of day."""
        return scene.kind * len(MOODS) + scene.mood

    def _check(self, c: int) -> None:
        if not 0 <= c < self.classes:
            raise BookError(f"class {c} is out of range: choose 0 to {self.classes - 1}")
