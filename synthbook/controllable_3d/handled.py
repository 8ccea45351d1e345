"""A trained generator behind the handles of the page's figure, by operations that ONNX has.

It gives what :class:`.network.Controllable3D` gives on white: features of a surface are read from
their block by weights instead of by sampling, and layers are composed in pairs instead of in order.

Axes: B scenes, N primitives of a scene, C features, T side of a block, H W pixels.
"""

import torch
from torch import Tensor, nn

from synthbook.controllable_3d.cameras import FAR, Camera, brightness, orbit, project
from synthbook.controllable_3d.caster import shares
from synthbook.controllable_3d.network import Controllable3D
from synthbook.controllable_3d.poses import upright
from synthbook.controllable_3d.primitives import solid
from synthbook.controllable_3d.renderer import Rendered, render_points
from synthbook.files import BookError


def looked_up(texture: Tensor, point: Tensor) -> Tensor:
    """The features of points, linear in between, (B, N, C, H, W); outside, those of the border.

    texture : (B, N, C, T, T, T), the cube [-1, 1]^3 with axes z, y, x.
    point   : (B, N, H, W, 3), x, y and z.
    """
    side, (b, n, h, w) = texture.shape[-1], point.shape[:4]
    cell = ((point + 1) * side / 2 - 0.5).clamp(0, side - 1).reshape(b, n, h * w, 3)
    line = torch.arange(side, dtype=point.dtype, device=point.device)
    x, y, z = (1 - (cell[..., None] - line).abs()).clamp(min=0).unbind(-2)  # (B, N, P, T) each
    weight = z[..., :, None, None] * y[..., None, :, None] * x[..., None, None, :]
    found = texture.flatten(3) @ weight.reshape(b, n, h * w, side**3).transpose(-1, -2)
    return found.reshape(b, n, -1, h, w)


class Handled(nn.Module):
    """A model on white whose poses are given, told what readers set; see :meth:`forward`."""

    def __init__(self, model: Controllable3D):
        super().__init__()
        config = model.config
        if config.background != "white" or config.poses != "prior":
            raise BookError("only a model on white, whose poses are given, has these handles: "
                            "choose controllable-3d, ellipsoid or point")
        self.model, self.config = model, config

    def forward(self, pose: Tensor, camera: Tensor, alpha: Tensor, look: Tensor
                ) -> tuple[Tensor, Tensor, Tensor]:
        """Picture and depth (B, 3, H, W) in [-1, 1], and the share of the picture of each object.

        pose   : (B, N, 3), x, z and yaw in radians.
        camera : (B, 2), azimuth and elevation in radians.
        alpha  : (B, N) in [0, 1], by which an object's own alpha is multiplied.
        look   : (B, N, Z), latents.

        Near is bright in the depth, and white is black there. Shares (B, N) are in [0, 1].
        """
        size = self.config.size
        rendered = self.rendered(pose, orbit(*camera.unbind(-1)), look)
        layers = self.model.refine(rendered, look)
        share = shares((layers.alpha * alpha[..., None, None, None]).flatten(2),
                       rendered.depth.flatten(2)).unflatten(2, (1, size, size))
        rest = 1 - share.sum(1)
        image = (share * layers.rgb).sum(1) + rest
        far = (share * rendered.depth).sum(1) + rest * FAR
        return image, brightness(far).expand(-1, 3, -1, -1), share.mean((2, 3, 4))

    def rendered(self, pose: Tensor, camera: Camera, look: Tensor) -> Rendered:
        """X, A and D of every primitive alone; pose and look as in :meth:`forward`."""
        placed = upright(*pose.unbind(-1), self.model.arrangement.size(look))
        carried, size = self.model.appearance(look), self.config.size
        if self.config.primitive == "point":
            return render_points(placed, *carried, camera, size)
        seen = placed.seen_by(camera)
        surface = solid(self.config.primitive, seen, size)
        own = surface.alpha[:, :, None]
        return Rendered(looked_up(*carried, surface.point) * own, own, surface.depth[:, :, None],
                        seen.translation[..., 2], project(seen.translation, size))
