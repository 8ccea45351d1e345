"""The dataset `cars`: up to three cars on the ground, seen by a camera that faces the origin."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from synthbook.datasets.cars import scene as scenes
from synthbook.datasets.cars.backdrop import KINDS, behind, rgb, tones
from synthbook.datasets.cars.camera import FAR, intrinsics
from synthbook.datasets.cars.cast import GLASS, LAMP, LIGHT, TYRE, Hits, meet_car
from synthbook.datasets.cars.sampling import (Window, blocks, means, most_common, rays, reach,
                                              supersampling)
from synthbook.datasets.cars.scene import PAINTS, Camera, Car, Scene
from synthbook.datasets.generated import Generated, Rendered
from synthbook.files import BookError

CLASSES = ("background", "ground", "body", "glass", "wheel", "lamp")
BODY = CLASSES.index("body")
MOST = 3  # cars in a picture


class View(NamedTuple):
    """What a camera sees, at the samples of every pixel; rows and columns of samples are flat."""

    colour: np.ndarray  # (3, n) in [0, 255]
    label: np.ndarray  # (n,) uint8
    instance: np.ndarray  # (n,) uint8, number of the car from 1 on
    depth: np.ndarray  # (n,) along the camera's axis


class Cars(Generated):
    """Cars of eight shapes and ten paints on a ground, ray-cast; nothing of them is downloaded.

    Parameters
    ----------
    split, size, count, seed : as in `Generated`.
    background : `white`; `ground`, a disc in two pastel tones on white, as in the pictures of
                 Liao et al. (CVPR 2020); or `room`, an empty room with a patterned floor.
    fewest, most : numbers of cars, 0 to 3; 0 and 0 give pictures of the background alone.
    shadow     : darkness in [0, 1] of a soft shadow under each car. With 0, the default, a car
                 changes no pixel outside its own outline.

    The camera and the backdrop of an item do not depend on `fewest` and `most`, and its cars do
    not depend on `background`. Besides what every generated dataset gives, items hold `camera`
    (3, 4), [R | t] from the world to the camera; `pose` (3, 4), x, z, yaw and scale of every car;
    `extent` (3, 3), half length, half height and half width of the box around it, in the same
    units; and `shown` (3,), whether it is there (rows are zero where it is not). `category` is the
    number of cars. Raises BookError for a knob out of range.
    """

    name = "cars"
    art = False
    class_names = CLASSES
    style_names = ("red", "green", "blue")
    category_names = ("no car", "one car", "two cars", "three cars")
    palette = np.array([[245, 245, 245], [203, 213, 225], [216, 64, 60], [81, 102, 124],
                        [52, 53, 61], [246, 200, 60]], np.uint8)

    def __init__(self, split: str = "train", *, size: int = 64, count: int | None = None,
                 seed: int = 0, background: str = "white", fewest: int = 1, most: int = MOST,
                 shadow: float = 0.0):
        super().__init__(split, size=size, count=count, seed=seed)
        if background not in KINDS:
            raise BookError(f"unknown background {background!r}: choose one of {', '.join(KINDS)}")
        if not 0 <= fewest <= most <= MOST:
            raise BookError(f"{fewest} to {most} cars are out of range: choose 0 <= fewest <= most "
                            f"<= {MOST}")
        if not 0 <= shadow <= 1:
            raise BookError(f"shadow {shadow} is out of range: choose 0 to 1")
        self.background, self.fewest, self.most = background, int(fewest), int(most)
        self.shadow = float(shadow)

    def scene(self, i: int) -> Scene:
        """Every random draw of item `i`."""
        return scenes.draw_scene(self.rng(i), self.fewest, self.most)

    @property
    def intrinsics(self) -> np.ndarray:
        """K, (3, 3), the same for all items; pixel centres are at one half."""
        return intrinsics(self.size)

    # ----------------------------------------------------------------------------- pixels

    def render(self, scene: Scene) -> Rendered:
        """The pixels of a scene and their truth; instance k is car k - 1 of the scene."""
        n = supersampling(self.size)
        view = self.view(scene, n)
        pixels = np.clip(np.rint(means(view.colour, n)), 0, 255).astype(np.uint8)
        instance, label = owners(view, n)
        return Rendered(np.ascontiguousarray(pixels.transpose(1, 2, 0)), label, instance)

    def depth(self, scene: Scene) -> np.ndarray:
        """Depth of every pixel along the camera's axis, (H, W) float32 in scene units.

        The mean over what belongs to the pixel's instance; 4 where there is nothing.
        """
        n = supersampling(self.size)
        view = self.view(scene, n)
        own = blocks(view.instance, n) == owners(view, n)[0]
        depth = np.where(np.isfinite(view.depth), view.depth, FAR)
        return ((blocks(depth, n) * own).sum(0) / own.sum(0)).astype(np.float32)

    def masks(self, scene: Scene) -> np.ndarray:
        """The whole outline of every car of the scene, hidden parts too, (N, H, W) bool."""
        n = supersampling(self.size)
        found = np.zeros((len(scene.cars), self.size, self.size), bool)
        for mask, car in zip(found, scene.cars):
            if car.shown:
                inside = np.zeros((self.size * n) ** 2, np.uint8)
                inside[self._hits(scene.camera, car, n)[1]] = 1
                mask[:] = 2 * blocks(inside, n).sum(0) > n * n
        return found

    def view(self, scene: Scene, n: int = 1) -> View:
        """What n x n samples of every pixel see; with n = 1 those are the pixel centres."""
        o = scene.camera.position
        d = scene.camera.rotation.T.astype(np.float32) @ rays(self.size, n)[0]
        colour, label, depth = behind(self.background, scene.backdrop, o, d)
        shown = [(k, car) for k, car in enumerate(scene.cars, 1) if car.shown]
        if self.shadow:
            for _, car in shown:
                darken(car, o, d, colour, self.shadow)
        instance = np.zeros(len(label), np.uint8)
        for number, car in shown:
            hits, at = self._hits(scene.camera, car, n)
            front = hits.depth < depth[at]
            at = at[front]
            colour[:, at], depth[at] = hits.colour[:, front], hits.depth[front]
            label[at], instance[at] = hits.part[front] + BODY, number
        return View(colour, label, instance, depth)

    def _hits(self, camera: Camera, car: Car, n: int) -> tuple[Hits, np.ndarray]:
        """Where the rays meet a car, and the indices of their samples."""
        window = reach(camera, car.corners, self.size, n) or Window(0, 0, 0, 0)
        d, at = rays(self.size, n, window)
        to_car = car.rotation.T
        o = to_car @ (camera.position - (car.x, 0, car.z)) / car.scale
        turned = (to_car @ camera.rotation.T / car.scale).astype(np.float32)
        body, *roof = (rgb(code) for code in PAINTS[list(PAINTS)[car.paint]])
        hits = meet_car(car.form, body, (roof or [body])[0], o, turned @ d, to_car @ LIGHT)
        return hits, at[hits.at]

    # ------------------------------------------------------------------------------- truth

    def truth(self, scene: Scene) -> dict[str, np.ndarray]:
        """`camera`, `pose`, `extent` and `shown`, as the class says."""
        pose, extent = np.zeros((MOST, 4), np.float32), np.zeros((MOST, 3), np.float32)
        shown = np.zeros(MOST, bool)
        for k, car in enumerate(scene.cars):
            if car.shown:
                pose[k], extent[k] = (car.x, car.z, car.yaw, car.scale), car.extent
                shown[k] = True
        return {"camera": scene.camera.extrinsics.astype(np.float32), "pose": pose,
                "extent": extent, "shown": shown}

    def style(self, scene: Scene) -> np.ndarray:
        """Colour of every class in [0, 1], (K, 3) float32: the mean over the cars for `body`.

        Rows are zero where the scene draws none: of the body where there is no car.
        """
        first, second = tones(self.background, scene.backdrop)
        table = np.zeros((len(CLASSES), 3), np.float32)
        table[0], table[1] = (second, first) if self.background == "room" else (255, first)
        if self.background == "ground":
            table[1] = (first + second) / 2
        paints = [rgb(PAINTS[list(PAINTS)[car.paint]][0]) for car in scene.cars if car.shown]
        if paints:
            table[2:] = np.mean(paints, 0), GLASS, TYRE, LAMP
        return table / 255

    def boxes(self, scene: Scene) -> np.ndarray:
        """(N, 5) integers: class `body`, x0, y0, x1, y1 (ends exclusive) of the cars in sight."""
        instance = self.render(scene).instance
        rows = []
        for number in np.unique(instance[instance > 0]):
            y, x = np.nonzero(instance == number)
            rows.append((BODY, x.min(), y.min(), x.max() + 1, y.max() + 1))
        return np.array(rows, np.int64).reshape(-1, 5)

    def category(self, scene: Scene) -> int:
        """The number of cars."""
        return sum(car.shown for car in scene.cars)

    # ----------------------------------------------------------------------------- oracles

    def redraw(self, scene: Scene, c: int, rng: np.random.Generator) -> Scene:
        """The same scene, class `background`, `ground` or `body` drawn anew; all else stays.

        The bodies get other paints, the backdrop other tones, of walls or of ground. BookError
        for classes that always look the same.
        """
        if c == BODY:
            cars = (replace(car, paint=int(rng.integers(len(PAINTS)))) for car in scene.cars)
            return replace(scene, cars=tuple(cars))
        tone = scene.backdrop.colours
        if c == 1 and self.background != "white":
            drawn = float(rng.random()), tone[1]
        elif c == 0 and self.background == "room":
            drawn = tone[0], float(rng.random())
        else:
            name = CLASSES[c] if 0 <= c < len(CLASSES) else f"class {c}"
            raise BookError(f"{name} always looks the same here: redraw body, or the ground of "
                            "`background='ground'`, or ground and background of a room")
        return replace(scene, backdrop=replace(scene.backdrop, colours=drawn))

    with_car = staticmethod(scenes.with_car)
    without_car = staticmethod(scenes.without_car)
    with_camera = staticmethod(scenes.with_camera)


def darken(car: Car, o: np.ndarray, d: np.ndarray, colour: np.ndarray, strength: float) -> None:
    """Darken the colours (3, n) in place where rays o + d tau meet the ground near a car."""
    down = np.flatnonzero(d[1] > 1e-6)
    ground = o[:, None] + d[:, down] * (-o[1] / d[1, down]) - [[car.x], [0], [car.z]]
    outside = np.maximum(np.abs(car.rotation.T @ ground)[::2] - 0.85 * car.extent[::2, None], 0)
    soft = np.exp(-(outside**2).sum(0) / (0.07 * car.scale) ** 2)
    colour[:, down] *= 1 - 0.45 * strength * soft


def owners(view: View, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Instance and label of every pixel: the instance, then its class, of most samples."""
    instance = blocks(view.instance, n)
    owner = most_common(instance, MOST + 1)
    own = np.where(instance == owner, blocks(view.label, n), len(CLASSES))
    return owner, most_common(own, len(CLASSES))
