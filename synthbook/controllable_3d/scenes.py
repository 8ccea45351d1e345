"""What a picture is made from, all of it explicit: latents, poses, camera, and what is there.

Axes: B batch, N primitives of a scene, Z channels of a latent.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from synthbook.controllable_3d.cameras import Camera
from synthbook.controllable_3d.poses import Pose
from synthbook.files import BookError


def on(value: Any, device: torch.device | str) -> Any:
    """A tensor, or a tuple of such, on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    return type(value)(*(on(one, device) for one in value))


class Draws(NamedTuple):
    """The random draws of B scenes, before any network.

    place : x, z and yaw of every primitive on the ground; x, y and depth of a box on the picture.
    """

    look: Tensor  # (B, N, Z), latents of the primitives
    place: Tensor  # (B, N, 3)
    layout: Tensor  # (B, Z), latent of all poses together, for the pose network
    camera: Camera
    behind: Tensor  # (B, Z), latent of the background
    keep: Tensor  # (B, N) bool, which primitives are there

    def to(self, device: torch.device | str) -> "Draws":
        """The same on another device."""
        return on(self, device)


class Scene(NamedTuple):
    """B scenes as the renderer takes them; every edit gives a new one."""

    look: Tensor  # (B, N, Z)
    pose: Pose  # in the world
    camera: Camera
    behind: Tensor  # (B, Z)
    keep: Tensor  # (B, N) bool

    def moved(self, k: int, by: Tensor) -> "Scene":
        """Primitive `k`, from 0 on, shifted by (3,) or (B, 3) in the world's axes."""
        self._check(k)
        return self._replace(pose=self.pose.moved(self._only(k)[:, None] * by.reshape(-1, 1, 3)))

    def turned(self, k: int, angle: float | Tensor) -> "Scene":
        """Primitive `k` turned about the upright axis through its centre; one angle or (B,)."""
        self._check(k)
        angle = torch.as_tensor(angle, dtype=self.look.dtype, device=self.look.device)
        return self._replace(pose=self.pose.turned(angle.reshape(-1, 1) * self._only(k)))

    def repainted(self, k: int, look: Tensor) -> "Scene":
        """Primitive `k` with another latent, (B, Z) or (Z,); its size stays as it is."""
        self._check(k)
        mine = self._only(k)[:, None]
        return self._replace(look=self.look * (1 - mine) + mine * look.reshape(-1, 1,
                                                                               look.shape[-1]))

    def without(self, k: int) -> "Scene":
        """Primitive `k` gone; the others keep their numbers."""
        return self._kept(k, False)

    def restored(self, k: int) -> "Scene":
        """Primitive `k` there again."""
        return self._kept(k, True)

    def added(self, look: Tensor, pose: Pose) -> "Scene":
        """One more primitive: latent (B, Z), pose of (B, 1)."""
        joined = Pose(*(torch.cat(pair, 1) for pair in zip(self.pose, pose)))
        there = torch.ones_like(self.keep[:, :1])
        return self._replace(look=torch.cat([self.look, look[:, None]], 1), pose=joined,
                             keep=torch.cat([self.keep, there], 1))

    def seen_from(self, camera: Camera) -> "Scene":
        """The same seen by other cameras."""
        return self._replace(camera=camera)

    def chosen(self, which: Tensor) -> "Scene":
        """One primitive of every scene, by itself: which (B,), from 0 on."""
        row = torch.arange(len(which), device=which.device)
        pick = lambda x: x[row, which][:, None]
        return self._replace(look=pick(self.look), pose=Pose(*map(pick, self.pose)),
                             keep=pick(self.keep))

    def detached(self) -> "Scene":
        """The same without gradients."""
        return self._replace(look=self.look.detach(),
                             pose=Pose(*(one.detach() for one in self.pose)))

    def to(self, device: torch.device | str) -> "Scene":
        """The same on another device."""
        return on(self, device)

    def _only(self, k: int) -> Tensor:
        """1 for primitive `k`, 0 for the others, (N,)."""
        mine = torch.zeros_like(self.look[0, :, 0])
        mine[k] = 1
        return mine

    def _kept(self, k: int, there: bool) -> "Scene":
        self._check(k)
        keep = self.keep.clone()
        keep[:, k] = there
        return self._replace(keep=keep)

    def _check(self, k: int) -> None:
        n = self.look.shape[1]
        if not 0 <= k < n:
            raise BookError(f"primitive {k} is not in a scene of {n}: choose 0 to {n - 1}")
