"""A StyleGAN2 as the thing that a reader turns: a latent, noise and one slider for each trait.

All of it is one module, so that a kernel and, exported, a page make the same portrait of the same
settings, and the same judge says of it what became of all traits.

Axes: B batch, T traits, Z latent, H W pixels.
"""

import torch
from torch import Tensor, nn

from synthbook.files import BookError
from synthbook.judges import Reader
from synthbook.layers import check_shape
from synthbook.stylegan2.directions import Directions
from synthbook.stylegan2.network import StyleGAN2, truncate


class Turned(nn.Module):
    """The generator of `model` behind the controls of a figure.

    Parameters
    ----------
    directions : in its W, of traits that `reader` knows by the same names.
    reader     : its judging network, which did not help to find the directions, reads the images.
    """

    def __init__(self, model: StyleGAN2, directions: Directions, reader: Reader):
        super().__init__()
        if directions.names != reader.config.names:
            raise BookError(f"directions of {', '.join(directions.names)} do not fit a reader of "
                            f"{', '.join(reader.config.names)}")
        if directions.steps.shape[1:] != model.mean_w.shape:
            raise BookError(f"directions of {directions.steps.shape[1]} numbers do not fit a W of "
                            f"{len(model.mean_w)}")
        self.model, self.reader = model, reader
        self.areas = [size**2 for size in model.config.sizes]
        self.register_buffer("steps", directions.steps.float())

    def forward(self, z: Tensor, noise: Tensor, truncation: Tensor, levels: Tensor
                ) -> tuple[Tensor, Tensor]:
        """A portrait (B, 3, H, W) in [-1, 1], and every trait's reading in deviations, (B, T).

        Parameters
        ----------
        z          : latents (B, Z).
        noise      : N(0, 1) for all pixels of all layers, (B, N).
        truncation : share of the distance from the mean of W that stays, (B, 1).
        levels     : by how many deviations each trait is to rise, (B, T).
        """
        check_shape(noise, B=None, N=sum(self.areas))
        w = truncate(self.model.mapping(z), self.model.mean_w, truncation) + levels @ self.steps
        maps = [part.view(-1, 1, size, size) for part, size in
                zip(noise.split(self.areas, 1), self.model.config.sizes)]
        image = self.model.synthesis(w, maps).clamp(-1, 1)
        return image, self.reader.read(image)
