"""A model of boxes on the picture under the handles of a scene: Layout2Im beside the 3D models.

It knows neither space nor camera. What a handle does in space is told to it as what becomes of the
cars' boxes, which the data's own renderer gives: a privilege that no other model here has.

Axes: B scenes, N cars of a scene, Z channels of a latent.
"""

import numpy as np
import torch
from torch import Tensor

from synthbook.baselines.layout2im import Layout2Im
from synthbook.controllable_3d.network import Picture
from synthbook.controllable_3d.oracle import TrueRenderer
from synthbook.controllable_3d.scenes import Scene

KIND = 3  # numbers of a look that are a car's shape, paint and scale; a latent follows
NO_BOX = -1  # class of a row that holds none


class Boxed:
    """Scenes to pictures by way of boxes; a car's look is what the renderer's is, and a latent.

    model    : takes boxes (B, N, 5) and latents (B, N, Z).
    renderer : says where cars of such a kind are seen; nothing else of it is used.
    """

    def __init__(self, model: Layout2Im, renderer: TrueRenderer):
        self.model, self.renderer, self.config = model, renderer, renderer.config

    def sample(self, count: int, generator: torch.Generator | None = None,
               keep: Tensor | None = None) -> Scene:
        """`count` new scenes of the renderer, each car with a latent N(0, 1)."""
        scene = self.renderer.sample(count, generator, keep)
        latent = torch.randn(*scene.keep.shape, self.model.config.latent, generator=generator)
        return scene._replace(look=torch.cat([scene.look, latent], -1))

    def render(self, scene: Scene) -> Picture:
        """The pictures; behind the cars all is white."""
        image = self.model(self.boxes(scene), scene.look[..., KIND:])
        return Picture(image, torch.ones_like(image))

    def boxes(self, scene: Scene) -> Tensor:
        """What is seen of each car, (B, N, 5) as the dataset's boxes; class -1 for none."""
        known = scene._replace(look=scene.look[..., :KIND])
        rows = torch.zeros(*scene.keep.shape, 5, dtype=torch.long)
        rows[..., 0] = NO_BOX
        for b, row in enumerate(rows):
            drawn = self.renderer.scene(known, b)
            seen = np.unique(self.renderer.data.render(drawn).instance).astype(np.int64)
            row[seen[seen > 0] - 1] = torch.from_numpy(self.renderer.data.boxes(drawn))
        return rows
