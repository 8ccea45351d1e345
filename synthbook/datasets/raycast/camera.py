"""The camera: where it is, what it sees, and how cameras are drawn.

The world's y axis points down, the ground is y = 0. A camera looks at the origin; in its frame x
points right, y down, z forward. A picture of H = W pixels has a focal length of W pixels and
pixel centres at one half. The axes are those of Liao et al. (CVPR 2020) as released.
"""

from dataclasses import dataclass

import numpy as np

RADIUS = 2.0  # scene units from the camera to the origin
FAR = 4.0  # depth where there is nothing
SHARES = 0.15, 0.371  # of a sphere's area above the lowest and the highest camera


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the origin.

    Parameters
    ----------
    azimuth   : radians, about the world's y axis.
    elevation : radians above the ground.
    radius    : scene units.
    """

    azimuth: float
    elevation: float
    radius: float = RADIUS

    @property
    def position(self) -> np.ndarray:
        """The camera's centre in the world, (3,)."""
        level, up = np.cos(self.elevation), np.sin(self.elevation)
        return self.radius * np.array(
            [level * np.cos(self.azimuth), -up, level * np.sin(self.azimuth)])

    @property
    def rotation(self) -> np.ndarray:
        """World to camera, (3, 3); the rows are the camera's axes in the world."""
        forward = -self.position / self.radius
        right = np.cross([0.0, 1.0, 0.0], forward)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(forward, right), forward])

    @property
    def extrinsics(self) -> np.ndarray:
        """[R | t], (3, 4): a point p of the world is R p + t in the camera's frame."""
        rotation = self.rotation
        return np.concatenate([rotation, -rotation @ self.position[:, None]], 1)

    def project(self, points: np.ndarray, size: int) -> np.ndarray:
        """Points of the world (..., 3) to pixels (..., 2), x then y."""
        seen = points @ self.extrinsics[:, :3].T + self.extrinsics[:, 3]
        return seen[..., :2] / seen[..., 2:] * size + size / 2


def intrinsics(size: int) -> np.ndarray:
    """K, (3, 3), of pictures of `size` pixels; the field of view is 53 degrees."""
    return np.array([[size, 0, size / 2], [0, size, size / 2], [0, 0, 1.0]])


def draw_camera(rng: np.random.Generator) -> Camera:
    """A camera uniform on the part of the sphere between 15 and 44 degrees above the ground."""
    turn, share = rng.random(), rng.uniform(*SHARES)
    return Camera(float(2 * np.pi * turn), float(np.arcsin(1 - 2 * share)))
