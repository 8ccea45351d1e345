"""Rays against a car: where each one meets it, on which part, and how bright that is.

Rays are those of :mod:`synthbook.datasets.raycast.solids`.
"""

import numpy as np

from synthbook.datasets.cars.shapes import Shape
from synthbook.datasets.raycast.solids import (
    GAIN,
    Hits,
    Met,
    brightness,
    column,
    meet_solid,
    nearest,
    rgb,
)

TYRE, RIM, GLASS, TRIM, LAMP, TAIL = (
    rgb(code) for code in ("34353d", "c3c8d0", "51667c", "3f4149", "fff0b3", "c62b33"))
BODY, PANE, WHEEL, LAMPS = 0, 1, 2, 3  # parts
MARK = rgb("e055c8")  # a tone that no paint has


def meet_wheels(shape: Shape, o: np.ndarray, d: np.ndarray) -> Met:
    """The first point of every ray on a wheel; the plane is 2 w + 1 on the side of wheel w."""
    from_hub = o[:, None] - shape.wheels.T  # (3, 4)
    u, v, w = (row[:, None].astype(np.float32) for row in from_hub)
    a = d[0] ** 2 + d[1] ** 2
    b = u * d[0] + v * d[1]
    root = b**2 - a * (u**2 + v**2 - np.float32(shape.wheel**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.sqrt(root)
        near, far = (-b - half) / a, (-b + half) / a
        middle, reach = -w / d[2], np.abs(np.float32(shape.tyre) / d[2])
    side = middle - reach
    enter = np.maximum(near, side)
    met = (root > 0) & (enter < np.minimum(far, middle + reach)) & (enter > 0)
    depth = np.where(met, enter, np.inf)
    which = depth.argmin(0)[None]
    on_side = np.take_along_axis(side > near, which, 0)[0]
    return Met(np.take_along_axis(depth, which, 0)[0], 2 * which[0] + on_side)


def meet_car(shape: Shape, paint: np.ndarray, roof: np.ndarray, o: np.ndarray, d: np.ndarray,
             light: np.ndarray, mark: float = 0.0) -> Hits:
    """The rays that meet a car, all in its own frame.

    paint, roof : (3,) in [0, 255]; light : unit vector towards the light, (3,).
    mark        : share in [0, 1] of another tone in the paint of the front half.
    """
    body, top = meet_solid(shape.body, o, d), meet_solid(shape.top, o, d)
    wheels = meet_wheels(shape, o, d)
    at, depth, solid = nearest(np.stack([body.depth, top.depth, wheels.depth]))
    point = o[:, None] + d[:, at] * depth
    part, colour = np.zeros(len(at), np.uint8), np.empty((3, len(at)), np.float32)
    normal = np.empty((3, len(at)), np.float32)
    for number, (met, painted) in enumerate(((body, body_paint), (top, top_paint),
                                             (wheels, wheel_paint))):
        on = np.flatnonzero(solid == number)
        if len(on):
            tone = roof if number == 1 else paint
            part[on], colour[:, on], normal[:, on] = painted(
                shape, tone, point[:, on], met.plane[at[on]])
    front = (part == BODY) & (point[0] > 0)
    colour[:, front] += np.float32(mark) * (MARK[:, None] - colour[:, front])
    shade = np.where(part == LAMPS, 1, brightness(normal, light))
    return Hits(at, depth, part, np.minimum(colour * shade * GAIN, 255))


Painted = tuple[np.ndarray, np.ndarray, np.ndarray]  # part (m,), colour and normal (3, m)


def body_paint(shape: Shape, paint: np.ndarray, point: np.ndarray, plane: np.ndarray) -> Painted:
    """The body: paint, a dark sill, dark arches around the wheels, lamps at both ends."""
    x, height, z = point[0], -point[1], np.abs(point[2])
    normal = shape.body.normals[plane].T
    part, colour = np.zeros(len(plane), np.uint8), column(paint, len(plane))
    axle, radius = shape.axle * shape.length, shape.wheel
    arch = np.hypot(np.abs(x) - axle, height - radius) < 1.22 * radius
    dark = (arch & (np.abs(normal[2]) > 0.6)) | (height < 0.85 * radius)
    low, high = 0.5 * shape.nose, 0.93 * shape.nose
    lamp = ((np.abs(normal[0]) > 0.4) & (height > low) & (height < high)
            & (z > 0.48 * shape.width) & (np.abs(x) > 0.9 * shape.length))
    grille = ((normal[0] > 0.6) & (z < 0.4 * shape.width) & (height > low)
              & (height < 0.8 * shape.nose))
    colour[:, dark | grille] = TRIM[:, None]
    colour[:, lamp & (x > 0)] = LAMP[:, None]
    colour[:, lamp & (x < 0)] = TAIL[:, None]
    part[lamp] = LAMPS
    return part, colour, normal


def top_paint(shape: Shape, paint: np.ndarray, point: np.ndarray, plane: np.ndarray) -> Painted:
    """The cabin: windows in four of its planes, framed by what is near another plane."""
    top = shape.top
    normal = top.normals[plane].T
    room = top.offsets[:, None] - top.normals @ point  # (M, m) distance to every plane
    np.put_along_axis(room, plane[None], np.inf, 0)
    room[3] = np.inf  # the floor is inside the body
    framed = (room.min(0) < shape.post) | (-point[1] < shape.belt + 0.5 * shape.post)
    middle = 0.5 * (shape.cabin[0] + shape.cabin[2]) * shape.length
    post = (plane >= 4) & (np.abs(point[0] - middle) < 0.5 * shape.post)
    pane = np.isin(plane, (0, 2, 4, 5)) & ~framed & ~post
    colour = column(paint, len(plane))
    sky = np.clip((-point[1] - shape.belt) / (shape.roof - shape.belt), 0, 1)
    colour[:, pane] = (GLASS[:, None] * (0.8 + 0.45 * sky))[:, pane]
    return pane.astype(np.uint8) * PANE, colour, normal


def wheel_paint(shape: Shape, paint: np.ndarray, point: np.ndarray, plane: np.ndarray) -> Painted:
    """A wheel: a dark tyre around a bright rim."""
    hub = point - shape.wheels[plane // 2].T.astype(np.float32)
    on_side = plane % 2 == 1
    from_hub = np.hypot(hub[0], hub[1])
    normal = np.where(on_side, [[0], [0], [1]] * np.sign(hub[2]),
                      np.stack([hub[0], hub[1], np.zeros_like(hub[0])]) / shape.wheel)
    rim = on_side & (from_hub < 0.6 * shape.wheel)
    colour = column(TYRE, len(plane))
    colour[:, rim] = RIM[:, None]
    return np.full(len(plane), WHEEL, np.uint8), colour, normal.astype(np.float32)
