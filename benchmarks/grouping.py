"""What one network for all classes saves, beside plain loops over classes.

Run `python benchmarks/grouping.py`; prints medians of processor seconds on one thread, and how
far the results are apart. First the encoder's input: the class-isolated images in one product,
against a loop over pictures and classes that puts them together one by one. Then GroupDNet's
whole training step against a literal transcription of its formulas, which takes every class, and
every group of every convolution, in turn.
"""

import copy
import statistics
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook import losses
from synthbook.layers import one_hot
from synthbook.smis import SMIS, config, network, split_by_class


def split_by_loop(image: Tensor, onehot: Tensor, with_mask: bool = False) -> Tensor:
    """`split_by_class` as a loop: each class of each picture is looked for, cut out, appended."""
    pictures = None
    for b in range(len(image)):
        parts = None
        for c in range(onehot.shape[1]):
            mask = onehot[b, c]
            part = torch.zeros_like(image[b])
            if len(mask.nonzero()):
                part = image[b] * mask
            if with_mask:
                part = torch.cat([part, mask[None]])
            parts = part if parts is None else torch.cat([parts, part])
        picture = parts.unsqueeze(0)
        pictures = picture if pictures is None else torch.cat([pictures, picture])
    return pictures


class GroupByGroup(nn.Module):
    """A grouped convolution as a loop over its groups."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        conv, g = self.conv, self.conv.groups
        biases = conv.bias.chunk(g) if conv.bias is not None else [None] * g
        return torch.cat([
            F.conv2d(part, weight, bias, conv.stride, conv.padding)
            for part, weight, bias in zip(x.chunk(g, 1), conv.weight.chunk(g), biases)], 1)


def transcribed(module: nn.Module) -> nn.Module:
    """The same network, its grouped convolutions as loops."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.groups > 1:
            setattr(module, name, GroupByGroup(child))
        else:
            transcribed(child)
    return module


def step(net: SMIS, image: Tensor, onehot: Tensor) -> Tensor:
    """The loss of one step of rebuilding, after its gradients; no noise, to compare."""
    net.zero_grad()
    mu, logvar = net.encoder(image, onehot)
    loss = (net.generator(onehot, mu) - image).abs().mean() + 1e-3 * losses.kl(mu, logvar)
    loss.backward()
    return loss.detach()


def timed(function, *arguments, rounds: int = 7):
    """The result and the median of processor seconds."""
    function(*arguments)
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        result = function(*arguments)
        seconds.append(time.process_time() - start)
    return result, statistics.median(seconds)


def scene(batch: int, classes: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Random images and one-hot maps of as many blocks as there are classes."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, 3, height, width, generator=generator) * 2 - 1
    coarse = torch.randint(0, classes, (batch, 8, 8), generator=generator)
    label = coarse.repeat_interleave(height // 8, 1).repeat_interleave(width // 8, 2)
    return image, one_hot(label, classes)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for about, shape in {"small, places": (16, 16, 32, 32), "small, 40 classes": (16, 40, 32, 32),
                         "shipped, places": (16, 16, 64, 64),
                         "published, DeepFashion": (2, 8, 256, 256),
                         "published, Cityscapes": (1, 35, 256, 512)}.items():
        image, onehot = scene(*shape)
        (slow, a), (fast, b) = (timed(f, image, onehot, False)
                                for f in (split_by_loop, split_by_class))
        error = float((slow - fast).abs().max())
        print(f"encoder's input, {about} {shape}: loop {1e3 * a:.2f} ms, product {1e3 * b:.2f} ms,"
              f" {a / b:.1f} times faster, largest difference {error:.1g}", flush=True)
    image, onehot = scene(8, 16, 32, 32)
    torch.manual_seed(0)
    net = SMIS(config("groupdnet", 32)).to(memory_format=torch.channels_last)
    literal = transcribed(copy.deepcopy(net))
    fast, b = timed(step, net, image, onehot, rounds=3)
    network.split_by_class = split_by_loop
    slow, a = timed(step, literal, image, onehot, rounds=3)
    print(f"whole step at 32 pixels, 16 classes, batch 8: transcription {1e3 * a:.0f} ms, ours "
          f"{1e3 * b:.0f} ms, {a / b:.1f} times faster, losses {float(slow):.6f} and "
          f"{float(fast):.6f}")
