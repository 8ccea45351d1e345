"""The published classifier: VGG-16 of Places365, from weights that the reader has.

Nothing is fetched and nothing is unpickled: weights are read from a safetensors file with
torchvision's names. A state dict kept by `torch.save` is converted once, by its owner:

    from safetensors.torch import save_file
    save_file(torch.load("vgg16.pth", weights_only=True), "vgg16-places365.safetensors")
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from synthbook.files import BookError, read_tensors
from synthbook.layers import check_shape
from synthbook.semantic_pyramid.classifier import Frozen
from synthbook.semantic_pyramid.levels import Shapes

POOLS = (4, 9, 16, 23, 30)  # of torchvision's `features`
FC7 = 5  # `classifier` up to the ReLU after its second linear layer
WIDTHS = (64, 128, 256, 512, 512)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FORM = ("save torchvision's vgg16 state dict for 365 classes as safetensors "
        "(synthbook.semantic_pyramid.vgg says how)")


class VGG16(Frozen):
    """torchvision's VGG-16, its pools and its last two layers as the pyramid.

    mean, deviation : of the colours in [0, 1] that the weights were trained with.
    """

    def __init__(self, categories: int = 365, size: int = 224,
                 mean: tuple[float, ...] = MEAN, deviation: tuple[float, ...] = DEVIATION):
        from torchvision.models import vgg16

        super().__init__()
        if size % 32:
            raise ValueError(f"size {size} is no multiple of 32")
        self.size = size
        self.network = vgg16(weights=None, num_classes=categories, init_weights=False)
        for layer in self.network.modules():
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # else a level could be overwritten by what follows it
        self.shapes: Shapes = (*((w, size >> k, size >> k) for k, w in enumerate(WIDTHS, 1)),
                               (4096,), (categories,))
        for name, value in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, torch.tensor(value).view(3, 1, 1), persistent=False)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] to the outputs of the five pools, fc7 after ReLU, and logits."""
        check_shape(image, B=None, C=3, H=self.size, W=self.size)
        levels, x = [], ((image + 1) / 2 - self.mean) / self.deviation
        for k, layer in enumerate(self.network.features):
            x = layer(x)
            if k in POOLS:
                levels.append(x)
        x = self.network.classifier[:FC7](self.network.avgpool(x).flatten(1))
        return [*levels, x, self.network.classifier[FC7:](x)]

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to logits (B, K)."""
        return self.pyramid(image)[-1]


def places365(path: str | Path, size: int = 224) -> VGG16:
    """VGG-16 with the weights in a safetensors file, frozen; BookError where they do not fit."""
    path = Path(path)
    if path.suffix != ".safetensors":
        raise BookError(f"{path} is not read, for it may hold code: {FORM}")
    tensors = read_tensors(path)[0]
    with torch.device("meta"):
        wanted = {k: tuple(v.shape) for k, v in VGG16(size=size).network.state_dict().items()}
    wrong = [name for name in sorted(wanted | tensors)
             if name not in tensors or wanted.get(name) != tuple(tensors[name].shape)]
    if wrong:
        name = wrong[0]
        found = tuple(tensors[name].shape) if name in tensors else "nothing"
        raise BookError(f"{path} holds no VGG-16 of Places365: {name} is {found}, not "
                        f"{wanted.get(name, 'a part of it')}; {FORM}")
    classifier = VGG16(size=size)
    classifier.network.load_state_dict({k: v.float() for k, v in tensors.items()})
    return classifier.freeze()
