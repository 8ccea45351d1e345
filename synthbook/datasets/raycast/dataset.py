"""What the ray-cast datasets share: up to three objects, seen by a camera that faces the origin."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from synthbook.datasets.generated import Generated, Rendered
from synthbook.datasets.raycast import scene as scenes
from synthbook.datasets.raycast.camera import FAR, Camera, draw_camera, intrinsics
from synthbook.datasets.raycast.room import Behind
from synthbook.datasets.raycast.sampling import (Window, blocks, means, most_common, rays, reach,
                                                 supersampling)
from synthbook.datasets.raycast.scene import PARTS, Backdrop, Placed, Scene
from synthbook.datasets.raycast.solids import LIGHT, Hits
from synthbook.files import BookError

MOST = 3  # objects in a picture


class View(NamedTuple):
    """What a camera sees, at the samples of every pixel; rows and columns of samples are flat."""

    colour: np.ndarray  # (3, n) in [0, 255]
    label: np.ndarray  # (n,) uint8
    instance: np.ndarray  # (n,) uint8, number of the object from 1 on
    depth: np.ndarray  # (n,) along the camera's axis


class RayCast(Generated):
    """Objects of one kind on the ground, ray-cast; nothing of them is downloaded.

    Parameters
    ----------
    split, size, count, seed : as in `Generated`.
    background   : one of `backgrounds`; the first unless given.
    fewest, most : numbers of objects, 0 to 3; 0 and 0 give pictures of the background alone.
    shadow       : darkness in [0, 1] of a soft shadow under each object. With 0, the default, an
                   object changes no pixel outside its own outline.

    The camera and the backdrop of an item do not depend on `fewest` and `most`, and its objects do
    not depend on `background`. Besides what every generated dataset gives, items hold `camera`
    (3, 4), [R | t] from the world to the camera; `pose` (3, 4), x, z, yaw and scale of every
    object; `extent` (3, 3), half length, half height and half width of the box around it, in the
    same units; and `shown` (3,), whether it is there (rows are zero where it is not). `category`
    is the number of objects. Raises BookError for a knob out of range.
    """

    art = False
    headed = False  # whether every object looks different from every side, so that it has a front
    style_names = ("red", "green", "blue")
    backgrounds: tuple[str, ...]
    scenes: type[Scene]
    painted: tuple[int, ...]  # classes that paints decide

    def __init__(self, split: str = "train", *, size: int = 64, count: int | None = None,
                 seed: int = 0, background: str | None = None, fewest: int = 1, most: int = MOST,
                 shadow: float = 0.0):
        super().__init__(split, size=size, count=count, seed=seed)
        background = self.backgrounds[0] if background is None else background
        if background not in self.backgrounds:
            raise BookError(f"unknown background {background!r}: choose one of "
                            f"{', '.join(self.backgrounds)}")
        if not 0 <= fewest <= most <= MOST:
            raise BookError(f"{fewest} to {most} {self.scenes.holds.noun}s are out of range: "
                            f"choose 0 <= fewest <= most <= {MOST}")
        self.background, self.fewest, self.most = background, int(fewest), int(most)
        self.shadow = share("shadow", shadow)

    def scene(self, i: int) -> Scene:
        """Every random draw of item `i`."""
        rng = self.rng(i)
        camera, backdrop = draw_camera(rng), scenes.draw_backdrop(rng)
        more = self.more_draws(rng)
        objects = scenes.draw_objects(rng, self.scenes.holds, self.fewest, self.most)
        return self.scenes(camera, backdrop, objects, **more)

    @property
    def intrinsics(self) -> np.ndarray:
        """K, (3, 3), the same for all items; pixel centres are at one half."""
        return intrinsics(self.size)

    @property
    def footprint(self) -> tuple[float, float]:
        """Half length and half width of a middling object, scene units: the mean of its shapes."""
        kind = self.scenes.holds
        mean = np.mean([form.extent for form in kind.shapes], 0) * np.mean(kind.scales)
        return round(float(mean[0]), 2), round(float(mean[2]), 2)

    # ------------------------------------------------------------------- what a dataset says

    def behind(self, backdrop: Backdrop, o: np.ndarray, d: np.ndarray) -> Behind:
        """Colour, class and depth (infinite where there is nothing) of what rays o + d tau meet.

        o : (3,) in the world; d : (3, n).
        """
        raise NotImplementedError

    def surroundings(self, backdrop: Backdrop) -> tuple[Any, Any]:
        """The colours of what is beyond the ground, and of the ground, in [0, 255]."""
        raise NotImplementedError

    def meet(self, one: Placed, o: np.ndarray, d: np.ndarray, light: np.ndarray) -> Hits:
        """The rays that meet an object, all in its own frame and in units of its scale."""
        raise NotImplementedError

    def more_draws(self, rng: np.random.Generator) -> dict[str, Any]:
        """What else a scene holds, by name, drawn before the objects."""
        return {}

    def developed(self, scene: Scene, view: View, n: int) -> np.ndarray:
        """The picture of a view with n x n samples a pixel, (3, H, W), about [0, 255]."""
        return means(view.colour, n)

    # ----------------------------------------------------------------------------- pixels

    def render(self, scene: Scene) -> Rendered:
        """The pixels of a scene and their truth; instance k is object k - 1 of the scene."""
        n = supersampling(self.size)
        view = self.view(scene, n)
        pixels = np.clip(np.rint(self.developed(scene, view, n)), 0, 255).astype(np.uint8)
        instance, label = self._owners(view, n)
        return Rendered(np.ascontiguousarray(pixels.transpose(1, 2, 0)), label, instance)

    def depth(self, scene: Scene) -> np.ndarray:
        """Depth of every pixel along the camera's axis, (H, W) float32 in scene units.

        The mean over what belongs to the pixel's instance; 4 where there is nothing.
        """
        n = supersampling(self.size)
        view = self.view(scene, n)
        own = blocks(view.instance, n) == self._owners(view, n)[0]
        depth = np.where(np.isfinite(view.depth), view.depth, FAR)
        return ((blocks(depth, n) * own).sum(0) / own.sum(0)).astype(np.float32)

    def masks(self, scene: Scene) -> np.ndarray:
        """The whole outline of every object of the scene, hidden parts too, (N, H, W) bool."""
        n = supersampling(self.size)
        found = np.zeros((len(scene.objects), self.size, self.size), bool)
        for mask, one in zip(found, scene.objects):
            if one.shown:
                inside = np.zeros((self.size * n) ** 2, np.uint8)
                inside[self._hits(scene.camera, one, n)[1]] = 1
                mask[:] = 2 * blocks(inside, n).sum(0) > n * n
        return found

    def view(self, scene: Scene, n: int = 1) -> View:
        """What n x n samples of every pixel see; with n = 1 those are the pixel centres."""
        o = scene.camera.position
        d = scene.camera.rotation.T.astype(np.float32) @ rays(self.size, n)[0]
        colour, label, depth = self.behind(scene.backdrop, o, d)
        shown = [(k, one) for k, one in enumerate(scene.objects, 1) if one.shown]
        if self.shadow:
            for _, one in shown:
                darken(one, o, d, colour, self.shadow)
        instance = np.zeros(len(label), np.uint8)
        for number, one in shown:
            hits, at = self._hits(scene.camera, one, n)
            front = hits.depth < depth[at]
            at = at[front]
            colour[:, at], depth[at] = hits.colour[:, front], hits.depth[front]
            label[at], instance[at] = hits.part[front] + PARTS, number
        return View(colour, label, instance, depth)

    def _hits(self, camera: Camera, one: Placed, n: int) -> tuple[Hits, np.ndarray]:
        """Where the rays meet an object, and the indices of their samples."""
        window = reach(camera, one.corners, self.size, n) or Window(0, 0, 0, 0)
        d, at = rays(self.size, n, window)
        to_own = one.rotation.T
        o = to_own @ (camera.position - (one.x, 0, one.z)) / one.scale
        turned = (to_own @ camera.rotation.T / one.scale).astype(np.float32)
        hits = self.meet(one, o.astype(np.float32), turned @ d, to_own @ LIGHT)
        return hits, at[hits.at]

    def _owners(self, view: View, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Instance and label of every pixel: the instance, then its class, of most samples."""
        instance, kinds = blocks(view.instance, n), len(self.class_names)
        owner = most_common(instance, MOST + 1)
        own = np.where(instance == owner, blocks(view.label, n), kinds)
        return owner, most_common(own, kinds)

    # ------------------------------------------------------------------------------- truth

    def truth(self, scene: Scene) -> dict[str, np.ndarray]:
        """`camera`, `pose`, `extent` and `shown`, as the class says."""
        pose, extent = np.zeros((MOST, 4), np.float32), np.zeros((MOST, 3), np.float32)
        shown = np.zeros(MOST, bool)
        for k, one in enumerate(scene.objects):
            if one.shown:
                pose[k], extent[k] = (one.x, one.z, one.yaw, one.scale), one.extent
                shown[k] = True
        return {"camera": scene.camera.extrinsics.astype(np.float32), "pose": pose,
                "extent": extent, "shown": shown}

    def style(self, scene: Scene) -> np.ndarray:
        """Colour of every class in [0, 1], (K, 3) float32: the mean over the objects of a class.

        Rows are zero where the scene draws none of a class.
        """
        table = np.zeros((len(self.class_names), 3), np.float32)
        table[0], table[1] = self.surroundings(scene.backdrop)
        for c in self.painted:
            found = [one.colour for one in scene.objects if one.shown and one.kind == c]
            if found:
                table[c] = np.mean(found, 0)
        return table / 255

    def boxes(self, scene: Scene) -> np.ndarray:
        """(N, 5) integers: class, x0, y0, x1, y1 (ends exclusive) of the objects in sight."""
        instance = self.render(scene).instance
        rows = []
        for number in np.unique(instance[instance > 0]):
            y, x = np.nonzero(instance == number)
            kind = scene.objects[number - 1].kind
            rows.append((kind, x.min(), y.min(), x.max() + 1, y.max() + 1))
        return np.array(rows, np.int64).reshape(-1, 5)

    def category(self, scene: Scene) -> int:
        """The number of objects."""
        return sum(one.shown for one in scene.objects)

    # ----------------------------------------------------------------------------- oracles

    @property
    def drawn_anew(self) -> tuple[int, ...]:
        """The classes that :meth:`redraw` changes."""
        return self.painted if self.background == "white" else (0, 1, *self.painted)

    def redraw(self, scene: Scene, c: int, rng: np.random.Generator) -> Scene:
        """The same scene, class `c` drawn anew; all else stays.

        Objects get other paints, the backdrop other tones, of walls or of ground. BookError for
        classes that always look the same.
        """
        if c not in self.drawn_anew:
            name = self.class_names[c] if 0 <= c < len(self.class_names) else f"class {c}"
            others = ", ".join(self.class_names[k] for k in self.drawn_anew)
            raise BookError(f"{name} always looks the same here: redraw one of {others}")
        if c in self.painted:
            paints = len(self.scenes.holds.paints)
            return scenes.with_objects(scene, tuple(
                replace(one, paint=int(rng.integers(paints))) if one.kind == c else one
                for one in scene.objects))
        ground, beyond = scene.backdrop.colours
        tone = float(rng.random())
        drawn = (tone, beyond) if c == 1 else (ground, tone)
        return replace(scene, backdrop=replace(scene.backdrop, colours=drawn))

    with_object = staticmethod(scenes.with_object)
    without_object = staticmethod(scenes.without_object)
    with_camera = staticmethod(scenes.with_camera)


def share(name: str, value: float) -> float:
    """A knob in [0, 1]; BookError where it is not."""
    if not 0 <= value <= 1:
        raise BookError(f"{name} {value} is out of range: choose 0 to 1")
    return float(value)


def darken(one: Placed, o: np.ndarray, d: np.ndarray, colour: np.ndarray, strength: float) -> None:
    """Darken the colours (3, n) in place where rays o + d tau meet the ground near an object."""
    down = np.flatnonzero(d[1] > 1e-6)
    ground = o[:, None] + d[:, down] * (-o[1] / d[1, down]) - [[one.x], [0], [one.z]]
    outside = np.maximum(np.abs(one.rotation.T @ ground)[::2] - 0.85 * one.extent[::2, None], 0)
    soft = np.exp(-(outside**2).sum(0) / (0.07 * one.scale) ** 2)
    colour[:, down] *= 1 - 0.45 * strength * soft
