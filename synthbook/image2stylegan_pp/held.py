"""Embedded images as the things that a reader edits: forward passes alone, nothing is optimised.

All figures of the chapter run one module, so that a kernel and, exported, a page make the same
picture of the same settings, and the same judge says of it what became of all traits.

Axes: B batch, N embedded images, T traits, L rows of W+, Z latent, H W pixels, P numbers of noise.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from synthbook.files import BookError, read_tensors, write_tensors
from synthbook.image2stylegan_pp.embedding import Embedding
from synthbook.image2stylegan_pp.masks import resized
from synthbook.image2stylegan_pp.reachable import joined
from synthbook.image2stylegan_pp.tensors import mixed
from synthbook.judges import Reader
from synthbook.layers import check_shape
from synthbook.stylegan2 import Config, StyleGAN2
from synthbook.stylegan2.directions import Directions


def by_layer(noise: Tensor, config: Config) -> tuple[Tensor, ...]:
    """The noise (N, P) of every layer by itself, (N, 1, h, h)."""
    areas = [size**2 for size in config.sizes]
    return tuple(part.reshape(-1, 1, size, size)
                 for part, size in zip(noise.split(areas, 1), config.sizes))


def last_layers(config: Config) -> tuple[str, ...]:
    """The last layer of every size from 8 pixels on, at which features can be copied."""
    return tuple(name for name in config.layers if name.endswith(".1") and name != "4.1")


class Held(nn.Module):
    """Embedded images behind the controls of a figure.

    Parameters
    ----------
    at         : the embeddings of N images in `model`.
    directions : of traits in its W, by the names that `reader` knows.
    reader     : its judging network, which did not help to find the directions, reads the images.
    """

    def __init__(self, model: StyleGAN2, at: Embedding, directions: Directions, reader: Reader):
        super().__init__()
        if directions.names != reader.config.names:
            raise BookError(f"directions of {', '.join(directions.names)} do not fit a reader of "
                            f"{', '.join(reader.config.names)}")
        config = model.config
        pixels = sum(size**2 for size in config.sizes)
        if at.w.shape[1:] != (config.rows, config.latent) or joined(at.added).shape[1] != pixels:
            raise BookError(f"embeddings {tuple(at.w.shape)} do not fit a generator of "
                            f"{config.rows} rows and {config.latent} numbers in each")
        self.model, self.reader, self.places = model, reader, last_layers(config)
        self.register_buffer("w", at.w.float())
        self.register_buffer("own", joined(at.added).float())
        self.register_buffer("first", joined(at.first).float())
        self.register_buffer("steps", directions.steps.float())

    def noise(self, index: Tensor, share: Tensor) -> tuple[Tensor, ...]:
        """Each layer's noise, `share` (B, 1) of the way from what was drawn to what was fitted."""
        first, own = self.first[index], self.own[index]
        return by_layer(first + share * (own - first), self.model.config)

    def forward(self, picture: Tensor, other: Tensor, mask: Tensor, layer: Tensor, share: Tensor,
                levels: Tensor) -> tuple[Tensor, Tensor]:
        """An edited picture (B, 3, H, W) in [-1, 1], and its traits in deviations, (B, T).

        Parameters
        ----------
        picture : (B, 1), the number of the embedded image that is edited.
        other   : (B, 1), that of the one whose features are copied (eq. 5 of the paper).
        mask    : (B, H, W), 1 where they go.
        layer   : (B, 1), the place of the layer among :attr:`places`.
        share   : (B, 1), of the fitted noise: 1 as embedded, 0 as it was before.
        levels  : (B, T), by how many deviations each trait is to rise.
        """
        check_shape(mask, B=None, H=self.model.config.size, W=self.model.config.size)
        b, a = picture[:, 0].long(), other[:, 0].long()
        synthesis, kept = self.model.synthesis, {}

        def keep(name: str, x: Tensor) -> Tensor:
            kept[name] = x
            return x

        def copy(name: str, x: Tensor) -> Tensor:
            if name not in self.places:
                return x
            here = (layer == self.places.index(name)).to(x).view(-1, 1, 1, 1)
            return mixed(kept[name], x, here * resized(mask[:, None], x.shape[-1]))

        synthesis(self.w[a], self.noise(a, share), scaled=True, edit=keep)
        w = self.w[b] + (levels @ self.steps)[:, None]
        image = synthesis(w, self.noise(b, share), scaled=True, edit=copy).clamp(-1, 1)
        return image, self.reader.read(image)


# ------------------------------------------------------------------------- as they are stored


def store(path: Path, at: Embedding, about: dict[str, str]) -> None:
    """Keep embeddings, and what they are of, as safetensors."""
    write_tensors(path, {"w": at.w.half(), "own": joined(at.added).half(),
                         "first": joined(at.first).half()}, about)


def stored(path: Path, config: Config) -> tuple[Embedding, dict[str, str]]:
    """Embeddings and what they are of; BookError where the file is missing, damaged, of others."""
    found, about = read_tensors(path)
    pixels = sum(size**2 for size in config.sizes)
    count = len(found.get("w", ()))
    wanted = {"w": (count, config.rows, config.latent), "own": (count, pixels),
              "first": (count, pixels)}
    if {name: tuple(value.shape) for name, value in found.items()} != wanted:
        raise BookError(f"{path} holds no embeddings in this generator: run "
                        "python data/make/embedded.py")
    own, first = (by_layer(found[name].float(), config) for name in ("own", "first"))
    return Embedding(found["w"].float(), own, first), about
