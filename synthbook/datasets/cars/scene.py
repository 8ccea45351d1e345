"""A scene of `cars` before it is drawn, and the same scene with one thing changed."""

from dataclasses import dataclass, replace

import numpy as np

from synthbook.datasets.cars.camera import Camera, draw_camera
from synthbook.datasets.cars.shapes import SHAPES, Shape
from synthbook.files import BookError

SPREAD = 0.65  # radius of the disc that the cars' centres are drawn in
GAP = 0.03  # least distance between two cars
PAINTS = {  # of the body, and of the roof where it has another
    "yellow": ("f6c83c",), "cyan": ("3fb6d3",), "red": ("d8403c",), "navy": ("31508f",),
    "silver": ("b9c0c8",), "black": ("3b3d46",), "two-tone": ("3b3d46", "d8403c"),
    "orange": ("ee8434",), "white": ("f1efe8",), "green": ("4c9f63",),
}
PASTELS = ("d4daec", "ffdbf3", "c4ffe0", "cbdce0", "ecd0db")  # of the ground
WALLS = ("e8dccb", "cfdcd6", "d9d3e4", "f0dcd2", "cddbe8", "e6e3d3")
FLOORS = ("c9a27c", "b08968", "a8adb0", "8fa39b", "d8c3a5", "9c8f97")
PATTERNS = ("planks", "tiles", "plain")


@dataclass(frozen=True)
class Car:
    """One car on the ground.

    Parameters
    ----------
    shape : index in `SHAPES`.
    paint : index in `PAINTS`.
    x, z  : centre, scene units.
    yaw   : radians about the world's y axis; at 0 the car faces +x, at pi/2 it faces -z.
    scale : factor of its shape's sizes.
    shown : whether it is there; a car that is not keeps its number.
    """

    shape: int
    paint: int
    x: float
    z: float
    yaw: float
    scale: float = 1.0
    shown: bool = True

    @property
    def form(self) -> Shape:
        """Its shape's sizes."""
        return SHAPES[self.shape]

    @property
    def rotation(self) -> np.ndarray:
        """The car's frame to the world, (3, 3)."""
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
    """What is behind the cars.

    Parameters
    ----------
    colours   : two numbers in [0, 1), which choose a tone each.
    direction : radians; of the line between the two tones of the ground, or of the floor's boards.
    offset    : of that line from the origin, scene units.
    pattern   : index in `PATTERNS`, of the floor of a room.
    """

    colours: tuple[float, float]
    direction: float
    offset: float
    pattern: int


@dataclass(frozen=True)
class Scene:
    """Every random draw of one picture."""

    camera: Camera
    backdrop: Backdrop
    cars: tuple[Car, ...]


def draw_backdrop(rng: np.random.Generator) -> Backdrop:
    """What is behind the cars, drawn anew."""
    first, second, turn, along, pattern = rng.random(5).tolist()
    return Backdrop((first, second), 2 * np.pi * turn, along - 0.5, int(3 * pattern))


def draw_scene(rng: np.random.Generator, fewest: int, most: int) -> Scene:
    """Draw a scene with `fewest` to `most` cars, all numbers in between as likely."""
    camera, backdrop = draw_camera(rng), draw_backdrop(rng)
    count = int(rng.integers(fewest, most + 1))
    while (cars := draw_cars(rng, count)) is None:
        pass
    return Scene(camera, backdrop, cars)


def draw_cars(rng: np.random.Generator, count: int, tries: int = 40) -> tuple[Car, ...] | None:
    """`count` cars that do not touch; None where no free place is found for one of them."""
    cars: list[Car] = []
    for _ in range(count):
        shape, paint = int(rng.integers(len(SHAPES))), int(rng.integers(len(PAINTS)))
        scale = float(rng.uniform(0.9, 1.1))
        for _ in range(tries):
            reach, turn, yaw = rng.random(3).tolist()
            reach, turn = SPREAD * reach**0.5, 2 * np.pi * turn
            car = Car(shape, paint, float(reach * np.cos(turn)), float(reach * np.sin(turn)),
                      2 * np.pi * yaw, scale)
            if all(apart(car, other) for other in cars):
                cars.append(car)
                break
        else:
            return None
    return tuple(cars)


def apart(a: Car, b: Car, gap: float = GAP) -> bool:
    """Whether a straight strip of `gap` or more lies between the two cars on the ground.

    Two rectangles do not meet exactly where an axis of one of them separates them.
    """
    between = np.array([b.x - a.x, b.z - a.z])
    axes = np.concatenate([car.rotation[::2, ::2].T for car in (a, b)])  # along, across; (4, 2)
    reach = sum(np.abs(axes @ car.rotation[::2, ::2]) @ car.extent[::2] for car in (a, b))
    return bool((np.abs(axes @ between) >= reach + gap).any())


def check_car(scene: Scene, k: int) -> None:
    """Raise unless the scene has a car number `k`, from 0 on."""
    if not 0 <= k < len(scene.cars):
        raise BookError(f"car {k} is not in a scene of {len(scene.cars)}: choose 0 to "
                        f"{len(scene.cars) - 1}" if scene.cars else "the scene has no cars")


def with_car(scene: Scene, k: int, **changes) -> Scene:
    """The same scene with car `k`, from 0 on, changed: x, z, yaw, scale, shape, paint, shown.

    Nothing keeps a car from standing in another one. BookError where there is no such car or no
    such property.
    """
    check_car(scene, k)
    for name, table in (("shape", SHAPES), ("paint", PAINTS)):
        if not 0 <= changes.get(name, 0) < len(table):
            raise BookError(f"{name} {changes[name]} is out of range: choose 0 to "
                            f"{len(table) - 1}")
    if not changes.get("scale", 1) > 0:
        raise BookError(f"scale {changes['scale']} is out of range: choose a number above 0")
    try:
        car = replace(scene.cars[k], **changes)
    except TypeError as error:
        raise BookError(f"a car has no such property ({error}): choose x, z, yaw, scale, shape, "
                        "paint or shown") from error
    return replace(scene, cars=(*scene.cars[:k], car, *scene.cars[k + 1:]))


def without_car(scene: Scene, k: int) -> Scene:
    """The same scene without car `k`; the others keep their numbers."""
    return with_car(scene, k, shown=False)


def with_camera(scene: Scene, **changes: float) -> Scene:
    """The same scene seen from elsewhere: `azimuth`, `elevation` (radians) or `radius`."""
    camera = replace(scene.camera, **changes)
    if not abs(camera.elevation) < np.pi / 2 or camera.radius <= 0:
        raise BookError("a camera is less than a right angle above the ground and at a radius "
                        f"above 0, not {camera}")
    return replace(scene, camera=camera)
