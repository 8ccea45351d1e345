"""Networks that look at images for a metric, and the features they give.

Three spaces, because a model can please one: ImageNet's (`alexnet`), a network trained on the
data's own truth (`judge`) and an untrained one (`untrained`). FID's `inception` cannot ship.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.files import BookError, cache_dir, data_dir, read_tensors, sha256, verified
from synthbook.metrics.estimate import check_images

NATIVE = 64  # pixels: LPIPS was calibrated on 64 x 64 patches; smaller images are enlarged
LAYERS = 10  # AlexNet up to the ReLU after its fourth convolution, 256 channels
INCEPTION = "pt_inception-2015-12-05-6726825d.pth"
INCEPTION_HASH = "6726825d"  # how its SHA-256 begins


@dataclass(frozen=True)
class Extractor:
    """A named map from images (B, 3, H, W) in [-1, 1] to features (B, D)."""

    name: str
    dim: int
    function: Callable[[Tensor], Tensor]

    @torch.no_grad()
    def __call__(self, images: Tensor, batch: int = 64) -> Tensor:
        """(N, 3, H, W) to (N, D) float32 on the CPU; features already made, (N, D), pass."""
        if isinstance(images, Tensor) and images.ndim == 2:
            if images.shape[1] != self.dim or not images.isfinite().all():
                raise BookError(f"expected finite features (N, {self.dim}) of {self.name}, "
                                f"got {tuple(images.shape)}")
            return images.float().cpu()
        check_images(images)
        return torch.cat([self.function(part).float().cpu() for part in images.split(batch)])


def enlarge(images: Tensor) -> Tensor:
    """Images with a side below 64 pixels bilinearly enlarged to 64; others as they are."""
    short = min(images.shape[-2:])
    if short >= NATIVE:
        return images
    size = [round(side * NATIVE / short) for side in images.shape[-2:]]
    return F.interpolate(images, size, mode="bilinear", align_corners=False)


def convolutions(network: str = "alexnet") -> nn.Sequential:
    """torchvision's `features` of `alexnet` or `vgg16` with ImageNet weights, frozen, on the CPU.

    AlexNet ships with the book. VGG-16 is read from the user's cache, where
    `data/make/convolutions.py` puts it. Inputs are ImageNet-normalised: see :func:`normalise`.
    """
    homes = {"alexnet": data_dir(), "vgg16": cache_dir()}
    if network not in homes:
        raise BookError(f"unknown network {network!r}: choose alexnet or vgg16")
    path = homes[network] / "weights" / "judges" / f"{network}.safetensors"
    if network == "vgg16" and not path.is_file():
        raise BookError(f"{path} does not exist: make it with the two commands at the head of "
                        "data/make/convolutions.py")
    if network == "alexnet":
        verified(path)
    state, _ = read_tensors(path)
    features = _empty(network)
    try:
        features.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except RuntimeError as error:
        raise BookError(f"{path} does not hold {network}'s convolutions; restore or remove "
                        "it") from error
    return features.eval().requires_grad_(False)


def _empty(network: str) -> nn.Sequential:
    """torchvision's convolutions with no values yet, made without drawing random numbers."""
    from torchvision import models

    with torch.device("meta"):
        features = getattr(models, network)(weights=None).features
    return features.to_empty(device="cpu")


def normalise(images: Tensor) -> Tensor:
    """[-1, 1] to ImageNet's mean 0 and standard deviation 1 a channel, with LPIPS's constants."""
    shift = images.new_tensor([-0.030, -0.088, -0.188])[:, None, None]
    scale = images.new_tensor([0.458, 0.448, 0.450])[:, None, None]
    return (images - shift) / scale


def _pooled(features: nn.Sequential, images: Tensor) -> Tensor:
    """(B, 256) spatial means of AlexNet's fourth convolution.

    Of the five layers and their unions none was clearly better at telling blurred, noisy,
    shuffled and repeated sets from real ones, and few features keep FD's bias low.
    """
    features.to(images.device)
    return features[:LAYERS](normalise(enlarge(images.float()))).mean((2, 3))


@functools.cache
def alexnet() -> Extractor:
    """ImageNet AlexNet: 256 channel means after its fourth convolution."""
    return Extractor("alexnet", 256, functools.partial(_pooled, convolutions("alexnet")))


@functools.cache
def untrained(seed: int = 0) -> Extractor:
    """The same network with random weights (He et al. 2015): a judge that never saw an image."""
    generator = torch.Generator().manual_seed(seed)
    features = _empty("alexnet").eval().requires_grad_(False)
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
    return Extractor("random", 256, functools.partial(_pooled, features))


def judge(name: str, network: nn.Module, size: int = 64) -> Extractor:
    """Features of a network trained on the truth, by its method `features(x) -> (B, D)`.

    It looks at the final image only, never at a model's own masks. `size`: an image side that
    the network accepts, used once to find D.
    """
    if not callable(getattr(network, "features", None)):
        raise BookError(f"judge {name}: {type(network).__name__} has no method `features`")
    network.eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    with torch.no_grad():
        probe = network.features(torch.zeros(1, 3, size, size, device=device))
    if probe.ndim != 2:
        raise BookError(f"judge {name}: features must be (B, D), got {tuple(probe.shape)}")
    return Extractor(name, probe.shape[1], lambda images: network.features(images.to(device)))


def inception(download: bool = False) -> Extractor:
    """FID's Inception (Heusel et al. 2017) through pytorch-fid, 2048 features.

    Its weights (91 MB) do not ship with the book. They are used when torch's hub cache holds
    them, and fetched only when `download` is true.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION
    if not path.is_file() and download:
        _download(path)
    if not path.is_file():
        raise BookError(f"FID needs Inception's weights, which are not at {path}: download them "
                        "with synthbook.metrics.inception(download=True), or read fd_alexnet, "
                        "which is what the book reports")
    if not sha256(path).startswith(INCEPTION_HASH):
        raise BookError(f"{path} is damaged: remove it and download it again")
    from pytorch_fid.inception import InceptionV3

    network = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()

    def function(images: Tensor) -> Tensor:
        network.to(images.device)
        return network((images.float() + 1) / 2)[0].flatten(1)

    return Extractor("inception", 2048, function)


def _download(path: Path) -> None:
    from pytorch_fid.inception import FID_WEIGHTS_URL

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(FID_WEIGHTS_URL, str(path), INCEPTION_HASH, progress=False)
    except (OSError, RuntimeError) as error:
        raise BookError(f"cannot download Inception's weights ({error}); report fd_alexnet "
                        "instead, which is what the book does") from error
