"""Where primitives are: rotation, translation and scale, and how they are changed.

Axes: B batch, N primitives of a scene.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.controllable_3d.cameras import Camera
from synthbook.files import BookError
from synthbook.layers import check_shape

NUMBERS = 12  # of a pose as a network gives it: six for R, three each for t and s


class Pose(NamedTuple):
    """Poses of primitives: a point q of one's own frame is R S q + t in the world (or camera).

    A primitive's own frame holds the unit sphere or the cube [-1, 1]^3, so `scale` is its half
    sizes along its axes, in scene units.
    """

    rotation: Tensor  # R, (B, N, 3, 3)
    translation: Tensor  # t, (B, N, 3)
    scale: Tensor  # s, (B, N, 3), above 0

    def seen_by(self, camera: Camera) -> "Pose":
        """The poses in the camera's frame: R_cam R and R_cam t + t_cam."""
        turn = camera.rotation[:, None]
        shift = camera.translation[:, None]
        return Pose(turn @ self.rotation,
                    (turn @ self.translation[..., None])[..., 0] + shift, self.scale)

    def moved(self, by: Tensor) -> "Pose":
        """The same, shifted by (B, N, 3) or what expands to it, in the world's axes."""
        return self._replace(translation=self.translation + by)

    def turned(self, angle: Tensor) -> "Pose":
        """The same, each turned about the world's y axis through its own centre.

        angle : (B, N) radians, or what expands to it.
        """
        return self._replace(rotation=yaw(angle) @ self.rotation)


def yaw(angle: Tensor) -> Tensor:
    """Rotations about the y axis, (..., 3, 3), by angles (...) in radians; +x goes towards -z."""
    c, s = angle.cos(), angle.sin()
    zero, one = torch.zeros_like(c), torch.ones_like(c)
    rows = (c, zero, s, zero, one, zero, -s, zero, c)
    return torch.stack(rows, -1).reshape(*angle.shape, 3, 3)


def rotation_of(numbers: Tensor) -> Tensor:
    """Rotations (..., 3, 3) from six numbers (..., 6), by Gram and Schmidt's method.

    The numbers are a 3 x 2 matrix, row by row; its columns a and b become r1 = a / |a|, r2 = the
    rest of b at a right angle to r1, and r3 = r1 x r2.
    """
    a, b = numbers.reshape(*numbers.shape[:-1], 3, 2).unbind(-1)
    first = F.normalize(a, dim=-1, eps=1e-6)
    second = F.normalize(b - (first * b).sum(-1, keepdim=True) * first, dim=-1, eps=1e-6)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def pose_of(numbers: Tensor) -> Pose:
    """The pose that a network's numbers (B, N, 12) mean, as in the released code.

    Six make the rotation; three the translation, tanh, in (-1, 1); three the scale,
    0.1 + 0.5 sigmoid, in (0.1, 0.6).
    """
    check_shape(numbers, B=None, N=None, numbers=NUMBERS)
    return Pose(rotation_of(numbers[..., :6]), numbers[..., 6:9].tanh(),
                0.1 + 0.5 * numbers[..., 9:].sigmoid())


def upright(x: Tensor, z: Tensor, angle: Tensor, scale: Tensor) -> Pose:
    """Primitives that stand on the ground y = 0: x, z and angle (B, N), scale (B, N, 3)."""
    return Pose(yaw(angle), torch.stack([x, -scale[..., 1], z], -1), scale)


def of_cars(pose: Tensor, extent: Tensor) -> Pose:
    """The boxes around the cars of items of `cars`: `pose` (B, N, 4), `extent` (B, N, 3).

    Where an item has fewer cars than N, the box is small and at the origin; mask it by `shown`.
    """
    x, z, angle, _ = pose.unbind(-1)
    return upright(x, z, angle, extent.clamp(min=1e-2))


def jittered(pose: Pose, degrees: float = 30.0,
             generator: torch.Generator | None = None) -> Pose:
    """The same, each turned about the world's y axis by U(0, degrees), as the released code does.

    BookError for a negative angle or one above a full turn.
    """
    if not 0 <= degrees <= 360:
        raise BookError(f"an angle of {degrees} degrees is out of range: choose 0 to 360")
    shape = pose.translation.shape[:2]
    drawn = torch.rand(shape, generator=generator, dtype=pose.translation.dtype)
    return pose.turned((math.radians(degrees) * drawn).to(pose.translation.device))
