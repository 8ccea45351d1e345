"""What the generated datasets share: indices, random streams and the form of an item."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthbook.files import BookError

SPLITS = {"train": 10_000, "val": 1_000, "test": 1_000}


class Rendered(NamedTuple):
    """Pixels and their truth."""

    image: np.ndarray  # (H, W, 3) uint8
    label: np.ndarray  # (H, W) uint8, class of every pixel
    instance: np.ndarray  # (H, W) uint8, 0 where there is no instance


class Generated(Dataset):
    """A dataset that is drawn, not downloaded: index to scene to pixels, deterministically.

    A scene holds every random draw and no pixels; rendering is a pure function of it. So one
    thing can be redrawn while all else stays, which is the oracle for every control claim.

    Parameters
    ----------
    split : `train`, `val` or `test`; splits never share a random stream.
    size  : height and width of the images, 32 to 256 pixels.
    count : number of items; 10,000 for `train` and 1,000 for the others unless given or the
            dataset says otherwise.
    seed  : another seed is another dataset of the same kind.
    """

    name: str
    class_names: tuple[str, ...]
    palette: np.ndarray
    style_names: tuple[str, ...]
    art = True  # whether it is drawn from files of data/art/NAME
    counts: dict[str, int] = {}  # of splits that have another number of items than most

    def __init__(self, split: str = "train", *, size: int = 64, count: int | None = None,
                 seed: int = 0):
        if split not in SPLITS:
            raise BookError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
        if not 32 <= size <= 256:
            raise BookError(f"size {size} is out of range: choose 32 to 256 pixels")
        self.split, self.size, self.seed = split, size, seed
        self.count = self.counts.get(split, SPLITS[split]) if count is None else count

    @property
    def knobs(self) -> dict[str, Any]:
        """Everything that decides the pixels; equal knobs mean equal data."""
        plain = (str, int, float, bool)
        return {k: v for k, v in sorted(vars(self).items()) if isinstance(v, plain)}

    def rng(self, i: int) -> np.random.Generator:
        """The random stream of item `i`, the same whatever the process count."""
        words = [self.seed, list(SPLITS).index(self.split), i]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        if not 0 <= i < self.count:
            raise IndexError(f"item {i} of {self.count}")
        return self.tensors(self.scene(i), i)

    def tensors(self, scene: Any, index: int = -1) -> dict[str, Tensor]:
        """Render a scene: image (3, H, W) in [-1, 1], label and instance (H, W), style (K, S).

        And what :meth:`truth` adds.
        """
        rendered = self.render(scene)
        return {
            "image": to_image(torch.tensor(rendered.image)),
            "label": torch.tensor(rendered.label).long(),
            "instance": torch.tensor(rendered.instance).long(),
            "style": torch.from_numpy(self.style(scene)),
            "category": torch.tensor(self.category(scene)),
            "index": torch.tensor(index),
            **{name: torch.from_numpy(value) for name, value in self.truth(scene).items()},
        }

    def truth(self, scene: Any) -> dict[str, np.ndarray]:
        """What else is known of a scene, by name, always of the same shapes."""
        return {}

    def scene(self, i: int) -> Any:
        """Every random draw of item `i`."""
        raise NotImplementedError

    def redraw(self, scene: Any, c: int, rng: np.random.Generator) -> Any:
        """The same scene with the style of class `c` drawn anew."""
        raise NotImplementedError

    def render(self, scene: Any) -> Rendered:
        """The pixels of a scene and their truth."""
        raise NotImplementedError

    def style(self, scene: Any) -> np.ndarray:
        """The style drawn for every class, (K, S) float32 in [0, 1]."""
        raise NotImplementedError

    def boxes(self, scene: Any) -> np.ndarray:
        """(N, 5) integers: class, x0, y0, x1, y1 (ends exclusive) of the visible instances."""
        raise NotImplementedError

    def category(self, scene: Any) -> int:
        """Index of the scene's category."""
        raise NotImplementedError


def to_image(pixels: Tensor) -> Tensor:
    """(..., H, W, 3) bytes to (..., 3, H, W) float32 in [-1, 1]."""
    return pixels.movedim(-1, -3).float() / 127.5 - 1
