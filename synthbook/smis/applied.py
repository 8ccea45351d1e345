"""Do the applications do what the paper says? Mixtures, morphs and speed, as numbers.

A mixture must keep the colours of the picture that each class was taken from; a morph between two
pictures must move away from the first with every step. Only final images are looked at.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from synthbook import metrics
from synthbook.datasets.generated import Generated
from synthbook.game import LayoutModel
from synthbook.layers import one_hot
from synthbook.metrics import Estimate
from synthbook.smis.applications import mix, morph

GROUP = 5  # pictures of a mixture: the target and four others
LEAST = 0.01  # share of an image that a class must cover for its mean colour to count


def pictures_of(data: Generated, first: int, count: int) -> tuple[Tensor, Tensor]:
    """`count` images (count, 3, H, W) of `data` from number `first` on, and their label maps."""
    items = [data[first + k] for k in range(count)]
    return (torch.stack([item["image"] for item in items]),
            torch.stack([item["label"] for item in items]))


def class_colours(images: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Mean colour of every class, (N, K, 3), and whether it covers enough to count, (N, K).

    images (N, 3, H, W) in [-1, 1], labels (N, H, W); colours of absent classes are 0.
    """
    onehot = one_hot(labels, classes)
    area = onehot.sum((2, 3))
    total = torch.einsum("nkhw,nchw->nkc", onehot, images)
    return total / area.clamp_min(1)[..., None], area >= LEAST * labels[0].numel()


def sources(holds: Tensor) -> list[int]:
    """For every class, the picture that lends its style: (N, K) to K numbers.

    The pictures that hold the class, the target (number 0) left out, take turns over classes;
    a class that only the target holds keeps the target's style.
    """
    chosen = []
    for c in range(holds.shape[1]):
        able = [n for n in range(1, len(holds)) if holds[n, c]]
        chosen.append(able[c % len(able)] if able else 0)
    return chosen


def mixtures(model: LayoutModel, data: Generated, count: int) -> dict[str, Estimate]:
    """Colour error of mixed classes against their source and against the other pictures.

    `count` mixtures of five pictures each, in the map of the first. Errors are mean absolute
    differences of a class's mean colour on the scale [0, 1], averaged over the classes of a
    mixture that have both a source and another picture to be confused with. Without any such
    class there is no error to tell.
    """
    own_errors, other_errors = [], []
    for k in range(count):
        images, labels = pictures_of(data, k * GROUP, GROUP)
        colours, holds = class_colours(images, labels, model.config.classes)
        source = sources(holds)
        mixture = mix(model, images, labels, labels[0], source)
        made = class_colours(mixture[None], labels[:1], model.config.classes)[0][0]
        error = (colours - made).abs().mean(2) / 2  # (N, K)
        own, other = [], []
        for c, n in enumerate(source):
            rest = [m for m in range(GROUP) if m != n and holds[m, c]]
            if n and holds[0, c] and rest:
                own.append(error[n, c])
                other.append(error[rest, c].mean())
        if own:
            own_errors.append(torch.stack(own).mean())
            other_errors.append(torch.stack(other).mean())
    if not own_errors:
        return {}
    return {"mixture_own_error": metrics.mean_estimate(torch.stack(own_errors)),
            "mixture_other_error": metrics.mean_estimate(torch.stack(other_errors))}


def morphs(model: LayoutModel, data: Generated, count: int, steps: int = 9) -> dict[str, Estimate]:
    """The share of steps of a morph that lead away from its start, over `count` pairs.

    Distance is the mean absolute difference of pixels. A pair without a common class, whose
    morph stands still, does not count.
    """
    shares = []
    for k in range(count):
        frames = morph(model, *pictures_of(data, 2 * k, 2), steps)
        distance = (frames - frames[:1]).abs().mean((1, 2, 3))
        if distance.any():
            shares.append((distance.diff() > 0).float().mean())
    return {"morph_forward": metrics.mean_estimate(torch.stack(shares))} if shares else {}


def speed(model: LayoutModel, onehot: Tensor, rounds: int = 15) -> dict[str, Estimate]:
    """Images a second of the generator, in seconds of one processor core.

    The processor's own time is counted, on one thread. Other programs can only slow it down, so
    the value is that of the fastest of `rounds` batches (B, K, H, W), the lower bound their median.
    """
    threads = torch.get_num_threads()
    z = model.prior(len(onehot), torch.Generator().manual_seed(0))
    torch.set_num_threads(1)
    try:
        seconds = [timed(lambda: model(onehot, z)) for _ in range(rounds + 1)][1:]
    finally:
        torch.set_num_threads(threads)
    best, middle = len(onehot) / min(seconds), len(onehot) / statistics.median(seconds)
    return {"images_per_second": Estimate(best, middle, best, rounds, "")}


@torch.no_grad()
def timed(function: Callable[[], Tensor]) -> float:
    """Seconds of processor time that a call takes."""
    start = time.process_time()
    function()
    return time.process_time() - start


def applications(model: LayoutModel, data: Generated, count: int) -> dict[str, Estimate]:
    """All of them; mixtures and morphs where the model has an encoder."""
    rows = speed(model, one_hot(pictures_of(data, 0, 16)[1], model.config.classes))
    if model.encoder is not None:
        rows |= mixtures(model, data, count) | morphs(model, data, count)
    return rows
