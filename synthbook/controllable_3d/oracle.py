"""The data's own renderer in the place of a model: what perfect obedience would measure.

It takes a `Scene` as a model does and draws its cars with the ray-caster of `cars`. Every measure
that looks at final pictures alone applies to it unchanged, so it is the floor of them all.
"""

import numpy as np
import torch

from synthbook.controllable_3d.config import Config
from synthbook.controllable_3d.judged import commanded
from synthbook.controllable_3d.network import Picture
from synthbook.controllable_3d.poses import upright
from synthbook.controllable_3d.prior import draw
from synthbook.controllable_3d.scenes import Scene
from synthbook.datasets.cars import Camera, Car, Cars
from synthbook.datasets.cars.scene import PAINTS, Scene as Drawn, draw_backdrop
from synthbook.datasets.cars.shapes import SHAPES
from synthbook.datasets.generated import to_image


class TrueRenderer:
    """Scenes to true pictures. A car's look is its shape, its paint and its scale, (B, N, 3).

    data : the dataset whose pictures the model was trained on.
    """

    def __init__(self, data: Cars):
        self.data, self.config = data, Config(max(16, data.size))

    def sample(self, count: int, generator: torch.Generator | None = None,
               keep: torch.Tensor | None = None) -> Scene:
        """`count` new scenes, with places and cameras as a model's are drawn."""
        drawn = draw(self.config, count, generator, keep)
        shape, paint = (torch.randint(len(table), drawn.keep.shape, generator=generator)
                        for table in (SHAPES, PAINTS))
        scale = 0.9 + 0.2 * torch.rand(drawn.keep.shape, generator=generator)
        extents = torch.from_numpy(np.stack([form.extent for form in SHAPES])).float()
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
        return Picture(image, self.pixels([Drawn(s.camera, s.backdrop, ()) for s in scenes]))

    def pixels(self, scenes: list[Drawn]) -> torch.Tensor:
        """(B, 3, H, W) in [-1, 1]."""
        return torch.stack([to_image(torch.tensor(self.data.render(s).image)) for s in scenes])

    def scene(self, scene: Scene, b: int) -> Drawn:
        """Scene `b` as the dataset has it."""
        yaws = commanded(scene.pose)[b].tolist()
        cars = tuple(
            Car(int(shape), int(paint), x, z, yaw, scale, bool(shown))
            for (shape, paint, scale), (x, _, z), yaw, shown in zip(
                scene.look[b].tolist(), scene.pose.translation[b].tolist(), yaws, scene.keep[b]))
        x, y, z = scene.camera.centre[b].double().tolist()
        radius = float(np.sqrt(x * x + y * y + z * z))
        camera = Camera(float(np.arctan2(z, x)), float(np.arcsin(-y / radius)), radius)
        seed = abs(int(float(scene.behind[b, 0]) * 1e6))
        return Drawn(camera, draw_backdrop(np.random.default_rng(seed)), cars)
