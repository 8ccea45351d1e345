"""What a generator still knows of the label map: maps of one class, and maps of two.

A network whose only look at the map is its input forgets a class that fills the frame: a
convolution makes it a constant, and instance norm makes every constant zero (Park et al. 2019,
section 3).

Axes: B batch, K classes, H W pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from synthbook.layers import one_hot

Painter = Callable[[Tensor], Tensor]  # label maps (B, H, W) to images (B, 3, H, W) in [-1, 1]


def painter(generator: nn.Module) -> Painter:
    """A generator without latents as a function of label maps."""
    device = next(generator.parameters()).device

    @torch.no_grad()
    def paint(label: Tensor) -> Tensor:
        onehot = one_hot(label.to(device), generator.config.classes)
        return generator(onehot, onehot.new_zeros(len(onehot), 0, 1, 1)).cpu()

    return paint


def filled(classes: Sequence[int], size: int) -> Tensor:
    """Label maps (len(classes), size, size), each filled by one class."""
    return torch.as_tensor(classes)[:, None, None].expand(-1, size, size).clone()


def horizon(above: int, below: int, rows: int, size: int) -> Tensor:
    """A label map (size, size) whose upper `rows` rows are one class and whose rest another."""
    label = torch.full((size, size), below)
    label[:rows] = above
    return label


@contextmanager
def without_rounding(network: nn.Module, below: float = 1e-4) -> Iterator[None]:
    """While this lasts, what an instance norm leaves within `below` of zero is zero.

    In exact arithmetic a constant becomes zero. In float32 its mean is off by rounding; what is
    left is divided by the root of epsilon, about 1/300, in this norm and in each one after it.
    """
    def settle(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        return output.masked_fill(output.abs() < below, 0.0)

    norms = [m for m in network.modules() if isinstance(m, nn.InstanceNorm2d)]
    hooks = [norm.register_forward_hook(settle) for norm in norms]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def disagreement(images: Tensor) -> float:
    """Mean absolute difference of a pixel between two of the images (B, 3, H, W), from 0 to 1."""
    pairs = torch.combinations(torch.arange(len(images)))
    return float((images[pairs[:, 0]] - images[pairs[:, 1]]).abs().mean() / 2)


def fading(paint: Painter, classes: Sequence[int], below: int, rows: Sequence[int],
           size: int) -> list[float]:
    """How far pictures differ when another class fills the upper rows, for each number of rows.

    Mean absolute difference of a pixel of those rows between any two of `classes`, from 0 to 1.
    """
    found = []
    for n in rows:
        images = paint(torch.stack([horizon(c, below, n, size) for c in classes]))
        found.append(disagreement(images[..., :n, :]))
    return found
