"""Does a change stay where it was asked for? mCSD inside a class, mOCD outside it.

The SMIS authors did not release these metrics; this is the reading of their text that the book
uses. Samples of one label map differ only in the style of class c. Both images are set to 0
(mid-grey) outside the class for mCSD, inside it for mOCD, and compared by ordinary LPIPS;
distances are averaged over pairs, then label maps that hold the class, then classes. They are
not divided by the class's area.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.metrics.estimate import Estimate, bootstrap_weights
from synthbook.metrics.perceptual import check_samples, pairwise_lpips


def masked_changes(samples: Tensor, label: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
    """LPIPS inside and outside the changed class, (N,) each, averaged over each case's pairs.

    samples : (N, S, 3, H, W) in [-1, 1], S >= 2 images of case n.
    label   : (N, H, W) integers, the case's label map.
    changed : (N,) integers, the class whose style was redrawn. For a model with one global
              latent, give the same samples once for every class.
    """
    count, _ = check_samples(samples)
    if label.shape != (count, *samples.shape[-2:]) or changed.shape != (count,):
        raise BookError(f"{count} cases of {tuple(samples.shape[-2:])} pixels need labels and "
                        f"classes to match, got {tuple(label.shape)} and {tuple(changed.shape)}")
    mask = (label == changed.view(-1, 1, 1)).to(samples.device)
    absent = (~mask.flatten(1).any(1)).nonzero().flatten()
    if len(absent):
        case = int(absent[0])
        raise BookError(f"case {case}: its label map does not hold class {int(changed[case])}")
    mask = mask[:, None, None]
    return pairwise_lpips(samples * mask), pairwise_lpips(samples * ~mask)


def over_classes(values: Tensor, changed: Tensor, maps: Tensor | Sequence[int] | None = None,
                 extractor: str = "lpips") -> Estimate:
    """Mean over the cases of a class, then over classes; bootstrap over label maps.

    values, changed : (N,) a number and a class for every case.
    maps            : (N,) which label map each case belongs to; every case its own by default.
    """
    values = values.detach().double().cpu()
    which = torch.arange(len(values)) if maps is None else torch.as_tensor(maps).cpu()
    _, which = which.unique(return_inverse=True)
    present, column = changed.cpu().unique(return_inverse=True)
    shape = (int(which.max()) + 1, len(present))
    total, cases = torch.zeros(shape).double(), torch.zeros(shape).double()
    total.index_put_((which, column), values, accumulate=True)
    cases.index_put_((which, column), torch.ones_like(values), accumulate=True)
    value = (total.sum(0) / cases.sum(0)).mean().item()
    weights = bootstrap_weights(shape[0])
    drawn = ((weights @ total) / (weights @ cases)).nanmean(1)
    low, high = np.quantile(drawn.numpy(), [0.025, 0.975])
    return Estimate(value, float(low), float(high), shape[0], extractor)


def mcsd_mocd(samples: Tensor, label: Tensor, changed: Tensor,
              maps: Tensor | Sequence[int] | None = None) -> tuple[Estimate, Estimate]:
    """mean class-specific and mean other-classes diversity (SMIS, section 4) in one pass.

    Arguments as in :func:`masked_changes` and :func:`over_classes`.
    """
    inside, outside = masked_changes(samples, label, changed)
    return over_classes(inside, changed, maps), over_classes(outside, changed, maps)


def mcsd(samples: Tensor, label: Tensor, changed: Tensor,
         maps: Tensor | Sequence[int] | None = None) -> Estimate:
    """The change inside the class that was redrawn; larger is more control."""
    return mcsd_mocd(samples, label, changed, maps)[0]


def mocd(samples: Tensor, label: Tensor, changed: Tensor,
         maps: Tensor | Sequence[int] | None = None) -> Estimate:
    """The change everywhere else; smaller is less leakage."""
    return mcsd_mocd(samples, label, changed, maps)[1]
