"""The data's own renderer in the place of a model: what perfect obedience would measure.

It takes a `Scene` as a model does and draws its objects with the ray-caster of their dataset. Every
measure that looks at final pictures alone applies to it unchanged, so it is the floor of them all.
"""

import numpy as np
import torch

from synthbook.controllable_3d.config import Config
from synthbook.controllable_3d.judged import commanded
from synthbook.controllable_3d.network import Picture
from synthbook.controllable_3d.poses import upright
from synthbook.controllable_3d.prior import draw
from synthbook.controllable_3d.scenes import Scene
from synthbook.datasets.generated import to_image
from synthbook.datasets.raycast.camera import Camera
from synthbook.datasets.raycast.dataset import RayCast
from synthbook.datasets.raycast.scene import Scene as Drawn
from synthbook.datasets.raycast.scene import draw_backdrop, with_objects


class TrueRenderer:
    """Scenes to true pictures. An object's look is its shape, its paint and its scale, (B, N, 3).

    What the camera adds to `fruit` goes with the backdrop: pictures vary as real ones do, and those
    before and after an edit are the same photograph, so that noise does not count as a change.

    data : the dataset whose pictures the model was trained on.
    """

    def __init__(self, data: RayCast):
        self.data = data
        self.config = Config(max(16, data.size), footprint=data.footprint)

    def sample(self, count: int, generator: torch.Generator | None = None,
               keep: torch.Tensor | None = None) -> Scene:
        """`count` new scenes, with places and cameras as a model's are drawn."""
        drawn, kind = draw(self.config, count, generator, keep), self.data.scenes.holds
        shape, paint = (torch.randint(len(table), drawn.keep.shape, generator=generator)
                        for table in (kind.shapes, kind.paints))
        low, high = kind.scales
        scale = low + (high - low) * torch.rand(drawn.keep.shape, generator=generator)
        extents = torch.from_numpy(np.stack([form.extent for form in kind.shapes])).float()
        x, z, yaw = drawn.place.unbind(-1)
        pose = upright(x, z, yaw, scale[..., None] * extents[shape])
        look = torch.stack([shape.float(), paint.float(), scale], -1)
        return Scene(look, pose, drawn.camera, drawn.behind, drawn.keep)

    def render(self, scene: Scene) -> Picture:
        """The true pictures; nothing is known of layers."""
        scenes = [self.scene(scene, b) for b in range(len(scene.look))]
        image = self.pixels(scenes)
        if self.data.background == "white":
            return Picture(image, torch.ones_like(image))
        return Picture(image, self.pixels([with_objects(one, ()) for one in scenes]))

    def pixels(self, scenes: list[Drawn]) -> torch.Tensor:
        """(B, 3, H, W) in [-1, 1]."""
        return torch.stack([to_image(torch.tensor(self.data.render(s).image)) for s in scenes])

    def scene(self, scene: Scene, b: int) -> Drawn:
        """Scene `b` as the dataset has it."""
        kind, yaws = self.data.scenes.holds, commanded(scene.pose)[b].tolist()
        objects = tuple(
            kind(int(shape), int(paint), x, z, yaw, scale, bool(shown))
            for (shape, paint, scale), (x, _, z), yaw, shown in zip(
                scene.look[b].tolist(), scene.pose.translation[b].tolist(), yaws, scene.keep[b]))
        x, y, z = scene.camera.centre[b].double().tolist()
        radius = float(np.sqrt(x * x + y * y + z * z))
        camera = Camera(float(np.arctan2(z, x)), float(np.arcsin(-y / radius)), radius)
        rng = np.random.default_rng(abs(int(float(scene.behind[b, 0]) * 1e6)))
        backdrop = draw_backdrop(rng)
        return self.data.scenes(camera, backdrop, objects, **self.data.more_draws(rng))
