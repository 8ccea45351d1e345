"""How different two images look: LPIPS, PSNR, SSIM, and the diversity of samples.

Images are (B, 3, H, W) in [-1, 1]; every function that compares pairs gives (B,) numbers, whose
mean and interval :func:`synthbook.metrics.mean_estimate` makes.
"""

import functools
import warnings

import torch
from torch import Tensor, nn

from synthbook.files import BookError
from synthbook.metrics.estimate import Estimate, check_images, check_pair, mean_estimate
from synthbook.metrics.features import convolutions, enlarge


@functools.cache
def lpips_network(device: torch.device) -> nn.Module:
    """The package `lpips` (AlexNet, linear heads v0.1) on the book's AlexNet, frozen.

    Nothing is downloaded or printed, and the global random state stays as it was.
    """
    import lpips as package

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        network = package.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trained = convolutions("alexnet")
    for part in network.net.children():
        for index, layer in part.named_children():
            layer.load_state_dict(trained[int(index)].state_dict())
    return network.eval().requires_grad_(False).to(device)


def lpips(a: Tensor, b: Tensor, batch: int = 64) -> Tensor:
    """LPIPS (Zhang et al. 2018, eq. 1) of each pair, (B,); smaller is more alike.

    Gradients flow to the images. Images with a side below 64 pixels, the size LPIPS was
    calibrated on, are enlarged to it first.
    """
    check_pair(a, b)
    network = lpips_network(a.device)
    pairs = zip(a.split(batch), b.split(batch), strict=True)
    values = [network(enlarge(x.float()), enlarge(y.float())) for x, y in pairs]
    return torch.cat(values).flatten()


@torch.no_grad()
def lpips_embedding(images: Tensor, batch: int = 64) -> Tensor:
    """(B, E) vectors whose squared Euclidean distances are LPIPS.

    LPIPS is sum_l mean_hw sum_c w_lc (f_lc - g_lc)^2 with w >= 0 and f, g normalised over c:
    scaling f by sqrt(w / HW) makes one vector of an image, so that S samples cost S passes
    through the network instead of S (S - 1).
    """
    network = lpips_network(images.device)
    embedded = []
    for part in images.split(batch):
        layers = network.net(network.scaling_layer(enlarge(part.float())))
        scaled = []
        for layer, head in zip(layers, network.lins, strict=True):
            weight = head.model[-1].weight / (layer.shape[2] * layer.shape[3])
            unit = layer / (layer.square().sum(1, keepdim=True).sqrt() + 1e-10)
            scaled.append((unit * weight.sqrt()).flatten(1))
        embedded.append(torch.cat(scaled, 1))
    return torch.cat(embedded)


def pairwise_lpips(samples: Tensor) -> Tensor:
    """(N, S, 3, H, W) to (N,): mean LPIPS over the S (S - 1) / 2 pairs of each group.

    Equal images are at distance exactly 0. With e_i the embeddings relative to the first,
    sum_{i<j} |e_i - e_j|^2 = S sum_i |e_i|^2 - |sum_i e_i|^2.
    """
    groups, count = check_samples(samples)
    per_chunk = max(1, 256 // count)
    sums = []
    for chunk in samples.split(per_chunk):
        embedded = lpips_embedding(chunk.flatten(0, 1)).unflatten(0, (len(chunk), count))
        relative = embedded - embedded[:, :1]
        equal = (chunk == chunk[:, :1]).flatten(2).all(2)
        relative[equal] = 0
        squares = relative.square().sum((1, 2), dtype=torch.float64)
        square = relative.sum(1).square().sum(1, dtype=torch.float64)
        sums.append(count * squares - square)
    return torch.cat(sums).clamp_min(0).float() / (count * (count - 1) / 2)


def check_samples(samples: Tensor) -> tuple[int, int]:
    """N and S of (N, S, 3, H, W): S >= 2 images of each of N cases."""
    if not isinstance(samples, Tensor) or samples.ndim != 5 or samples.shape[1] < 2:
        shape = tuple(samples.shape) if isinstance(samples, Tensor) else type(samples).__name__
        raise BookError(f"expected samples (N, S, 3, H, W) with S of 2 or more, got {shape}")
    check_images(samples.flatten(0, 1), "samples")
    return samples.shape[0], samples.shape[1]


def diversity(samples: Tensor) -> Estimate:
    """Mean LPIPS between samples (N, S, 3, H, W) of the same label map, over N label maps."""
    return mean_estimate(pairwise_lpips(samples), "lpips")


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each pair in dB, (B,); infinite for equal images."""
    check_pair(a, b)
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return peak_signal_noise_ratio(a.float(), b.float(), data_range=2.0, reduction="none",
                                   dim=(1, 2, 3))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of each pair (Wang et al. 2004), (B,); 1 for equal images.

    A Gaussian window of 11 pixels, borders reflected (torchmetrics). The luminance term needs
    black at 0, so images are moved to [0, 2] first.
    """
    check_pair(a, b)
    if min(a.shape[-2:]) < 11:
        raise BookError(f"SSIM's window needs 11 pixels a side, got {tuple(a.shape[-2:])}")
    from torchmetrics.functional.image import structural_similarity_index_measure

    values = structural_similarity_index_measure(a.float() + 1, b.float() + 1, data_range=2.0,
                                                 reduction="none")
    return values.reshape(-1)
