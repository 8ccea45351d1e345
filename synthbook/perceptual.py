"""The perceptual loss of the published setting: distances between VGG-19's features."""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.files import BookError, sha256

VGG19 = "vgg19-dcbb9e9d.pth"  # torchvision's name, which ends as its SHA-256 begins
RELUS = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1.0}  # relu1_1 to relu5_1, weights

Perceptual = Callable[[Tensor, Tensor], Tensor]  # (B, 3, H, W) generated and real, to a scalar


def vgg19() -> Perceptual:
    """The perceptual loss: weighted L1 distance of VGG-19's features, images left in [-1, 1].

    torchvision's ImageNet weights are read from torch's hub cache and never fetched.
    """
    from torchvision import models

    path = Path(torch.hub.get_dir()) / "checkpoints" / VGG19
    if not path.is_file():
        raise BookError(f"the published setting needs VGG-19's weights: put torchvision's {VGG19} "
                        f"into {path.parent}; without the perceptual loss it is another setting")
    if not sha256(path).startswith(VGG19[6:14]):
        raise BookError(f"{path} is damaged: remove it and put torchvision's {VGG19} there")
    network = models.vgg19(weights=None)
    network.load_state_dict(torch.load(path, weights_only=True))
    return distance(network.features[: max(RELUS) + 1])


def distance(layers: torch.nn.Sequential) -> Perceptual:
    """The loss that VGG-19's first layers, frozen here, give."""
    layers.eval().requires_grad_(False)

    def perceptual(fake: Tensor, real: Tensor) -> Tensor:
        layers.to(fake.device)
        x, y, total = fake, real.detach(), fake.new_zeros(())
        for i, layer in enumerate(layers):
            x, y = layer(x), layer(y)
            if i in RELUS:
                total = total + RELUS[i] * F.l1_loss(x, y)
        return total

    return perceptual
