"""What a model's own layers tell: sizes of primitives, and one object from two sides.

Axes: B scenes, N primitives of a scene, H W pixels.
"""

import torch
from torch import Tensor

from synthbook.controllable_3d.looks import further
from synthbook.controllable_3d.network import Controllable3D
from synthbook.controllable_3d.scenes import Scene
from synthbook.controllable_3d.warp import layer_of, warp

DEGREES = 30.0  # between two views
CLOSE = 0.1  # scene units: a point whose depths agree so well is seen in both views
SOLID = 0.5  # alpha above which a pixel belongs to an object


def across(model: Controllable3D, scene: Scene, degrees: float = DEGREES
           ) -> tuple[Tensor, Tensor]:
    """T9: objects drawn from another side, warped to the first view; (B, N) each.

    PSNR in dB of colours in [0, 1], over the object's pixels whose depth D' says that both views
    see them; and the share of the object's pixels for which that is so. nan where there are none.
    """
    other = scene.seen_from(further(scene, degrees))
    views = []
    for one in (scene, other):
        rgb, alpha, depth = model.render(one).layers
        views.append(layer_of((rgb + 1) / 2, alpha, depth, one.pose.seen_by(one.camera)))
    first, seen = views[0], warp(*views)
    own = first.alpha > SOLID
    both = (own & ((seen.expected - seen.depth).abs() < CLOSE)).float()
    error = (first.alpha * first.rgb - seen.rgb).square().mean(1, keepdim=True)
    error = (both * error).sum((1, 2, 3)) / both.sum((1, 2, 3))  # 0 / 0 is nan
    found = both.sum((1, 2, 3)) / own.sum((1, 2, 3))
    shape = scene.look.shape[:2]
    return (-10 * error.clamp(min=1e-6).log10()).view(shape), found.view(shape)


def boxes(alpha: Tensor) -> Tensor:
    """Boxes (..., 4) of silhouettes (..., 1, H, W) above one half: x0, y0, x1, y1; ends exclusive.

    All zero where a silhouette is empty.
    """
    found = []
    for line in ((alpha > SOLID).any(-2)[..., 0, :], (alpha > SOLID).any(-1)[..., 0, :]):
        size, some = line.shape[-1], line.any(-1)
        start = line.float().argmax(-1)
        end = size - line.flip(-1).float().argmax(-1)
        found.append(torch.stack([start * some, end * some], -1))
    x, y = found
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1).float()


def snug(rendered: Tensor, refined: Tensor) -> Tensor:
    """Intersection over union of the boxes around A and A' (B, N, 1, H, W): (B, N).

    How tightly primitives enclose their objects; nan where a primitive is out of sight.
    """
    a, b = boxes(rendered), boxes(refined)
    area = lambda box: (box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1)
    both = torch.cat([torch.maximum(a, b)[..., :2], torch.minimum(a, b)[..., 2:]], -1)
    shared = area(both)
    return shared / (area(a) + area(b) - shared)
