"""A scene before it is drawn, and the same scene with one thing changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from synthbook.datasets.raycast.camera import Camera
from synthbook.files import BookError

SPREAD = 0.65  # radius of the disc that the objects' centres are drawn in
GAP = 0.03  # least distance between two objects
PARTS = 2  # classes of objects from this one on; before it what is beyond, and the ground


@dataclass(frozen=True)
class Placed:
    """One object on the ground.

    Parameters
    ----------
    shape : index in `shapes`, the table of its kind.
    paint : index in `paints`, the table of its kind.
    x, z  : centre, scene units.
    yaw   : radians about the world's y axis; at 0 the front faces +x, at pi/2 it faces -z.
    scale : factor of its shape's sizes.
    shown : whether it is there; an object that is not keeps its number.
    """

    shape: int
    paint: int
    x: float
    z: float
    yaw: float
    scale: float = 1.0
    shown: bool = True

    noun: ClassVar[str]  # as readers are told of it; its plural takes an s
    shapes: ClassVar[tuple[Any, ...]]  # each with an `extent`
    paints: ClassVar[Mapping[str, Any]]
    scales: ClassVar[tuple[float, float]] = (0.9, 1.1)  # that are drawn

    @property
    def form(self) -> Any:
        """Its shape's sizes."""
        return self.shapes[self.shape]

    @property
    def kind(self) -> int:
        """The class that stands for it."""
        return PARTS

    @property
    def colour(self) -> np.ndarray:
        """The colour that most of it has, (3,) in [0, 255]."""
        raise NotImplementedError

    @property
    def rotation(self) -> np.ndarray:
        """The object's frame to the world, (3, 3)."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])

    @property
    def extent(self) -> np.ndarray:
        """Half length, half height and half width of the box around it, (3,) scene units."""
        return self.scale * self.form.extent

    @property
    def centre(self) -> np.ndarray:
        """The centre of the box around it, (3,)."""
        return np.array([self.x, -self.extent[1], self.z])

    @property
    def corners(self) -> np.ndarray:
        """The corners of the box around it in the world, (8, 3)."""
        signs = np.stack(np.meshgrid(*[(-1.0, 1.0)] * 3, indexing="ij"), -1).reshape(8, 3)
        return signs * self.extent @ self.rotation.T + self.centre


@dataclass(frozen=True)
class Backdrop:
    """What is behind the objects.

    Parameters
    ----------
    colours   : two numbers in [0, 1), which choose a tone each.
    direction : radians; of a line on the ground, or of the floor's boards.
    offset    : of that line from the origin, scene units.
    pattern   : 0, 1 or 2; of the floor of a room.
    """

    colours: tuple[float, float]
    direction: float
    offset: float
    pattern: int


@dataclass(frozen=True)
class Scene:
    """Every random draw of one picture; a subclass adds the objects, named by their plural."""

    camera: Camera
    backdrop: Backdrop

    holds: ClassVar[type[Placed]]

    @property
    def objects(self) -> tuple[Placed, ...]:
        """The objects, whatever they are."""
        return getattr(self, f"{self.holds.noun}s")


AnyScene = TypeVar("AnyScene", bound=Scene)
AnyPlaced = TypeVar("AnyPlaced", bound=Placed)


def draw_backdrop(rng: np.random.Generator) -> Backdrop:
    """What is behind the objects, drawn anew."""
    first, second, turn, along, pattern = rng.random(5).tolist()
    return Backdrop((first, second), 2 * np.pi * turn, along - 0.5, int(3 * pattern))


def draw_objects(rng: np.random.Generator, kind: type[AnyPlaced], fewest: int,
                 most: int) -> tuple[AnyPlaced, ...]:
    """`fewest` to `most` objects that do not touch, all numbers in between as likely."""
    count = int(rng.integers(fewest, most + 1))
    while (objects := apart_objects(rng, kind, count)) is None:
        pass
    return objects


def apart_objects(rng: np.random.Generator, kind: type[AnyPlaced], count: int,
                  tries: int = 40) -> tuple[AnyPlaced, ...] | None:
    """`count` objects; None where no free place is found for one of them."""
    objects: list[AnyPlaced] = []
    for _ in range(count):
        shape, paint = int(rng.integers(len(kind.shapes))), int(rng.integers(len(kind.paints)))
        scale = float(rng.uniform(*kind.scales))
        for _ in range(tries):
            reach, turn, yaw = rng.random(3).tolist()
            reach, turn = SPREAD * reach**0.5, 2 * np.pi * turn
            one = kind(shape, paint, float(reach * np.cos(turn)), float(reach * np.sin(turn)),
                       2 * np.pi * yaw, scale)
            if all(apart(one, other) for other in objects):
                objects.append(one)
                break
        else:
            return None
    return tuple(objects)


def apart(a: Placed, b: Placed, gap: float = GAP) -> bool:
    """Whether a straight strip of `gap` or more lies between the two objects on the ground.

    Two rectangles do not meet exactly where an axis of one of them separates them.
    """
    between = np.array([b.x - a.x, b.z - a.z])
    axes = np.concatenate([one.rotation[::2, ::2].T for one in (a, b)])  # along, across; (4, 2)
    reach = sum(np.abs(axes @ one.rotation[::2, ::2]) @ one.extent[::2] for one in (a, b))
    return bool((np.abs(axes @ between) >= reach + gap).any())


def with_objects(scene: AnyScene, objects: tuple[Placed, ...]) -> AnyScene:
    """The same scene with other objects."""
    return replace(scene, **{f"{scene.holds.noun}s": tuple(objects)})


def check_object(scene: Scene, k: int) -> None:
    """Raise unless the scene has an object number `k`, from 0 on."""
    count, noun = len(scene.objects), scene.holds.noun
    if not 0 <= k < count:
        raise BookError(f"{noun} {k} is not in a scene of {count}: choose 0 to {count - 1}"
                        if count else f"the scene has no {noun}s")


def with_object(scene: AnyScene, k: int, **changes: Any) -> AnyScene:
    """The same scene with object `k`, from 0 on, changed: x, z, yaw, scale, shape, paint, shown.

    Nothing keeps an object from standing in another one. BookError where there is no such object
    or no such property.
    """
    check_object(scene, k)
    kind = scene.holds
    for name, table in (("shape", kind.shapes), ("paint", kind.paints)):
        if not 0 <= changes.get(name, 0) < len(table):
            raise BookError(f"{name} {changes[name]} is out of range: choose 0 to "
                            f"{len(table) - 1}")
    if not changes.get("scale", 1) > 0:
        raise BookError(f"scale {changes['scale']} is out of range: choose a number above 0")
    try:
        one = replace(scene.objects[k], **changes)
    except TypeError as error:
        raise BookError(f"a {kind.noun} has no such property ({error}): choose x, z, yaw, scale, "
                        "shape, paint or shown") from error
    return with_objects(scene, (*scene.objects[:k], one, *scene.objects[k + 1:]))


def without_object(scene: AnyScene, k: int) -> AnyScene:
    """The same scene without object `k`; the others keep their numbers."""
    return with_object(scene, k, shown=False)


def with_camera(scene: AnyScene, **changes: float) -> AnyScene:
    """The same scene seen from elsewhere: `azimuth`, `elevation` (radians) or `radius`."""
    camera = replace(scene.camera, **changes)
    if not abs(camera.elevation) < np.pi / 2 or camera.radius <= 0:
        raise BookError("a camera is less than a right angle above the ground and at a radius "
                        f"above 0, not {camera}")
    return replace(scene, camera=camera)
