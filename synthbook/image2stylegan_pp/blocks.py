"""The three building blocks of the paper's algorithms, as objectives that can be added.

    W_l  (M_p, M_m, x)   perceptual and pixel distance from x; moves rows of w
    M_st (M_s, y)        style distance from y; moves rows of w
    Mk_n (M, x, y)       pixel distance from x inside M and from y outside; moves the noise

In the paper a block is an argmin, and a sum of two blocks is one argmin of the sum of their
objectives. So a block here is the objective, and :func:`synthbook.image2stylegan_pp.embedding
.minimise` minimises any sum of them (fact sheet, section 3.3).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from synthbook.image2stylegan_pp.energy import Masks, Weights, terms
from synthbook.image2stylegan_pp.features import Seen, Taps


@dataclass(frozen=True)
class Candidate:
    """Where an optimisation stands: images (B, 3, H, W), w (B, L, Z), strength * n by layer."""

    seen: Seen
    w: Tensor
    added: Sequence[Tensor]


Loss = Callable[[Candidate], Tensor]  # one number for each image, (B,)


def asked(weights: Weights, masks: Masks, x: Tensor | None, y: Tensor | None,
          taps: Taps | None) -> Loss:
    """The whole energy with these guides as a loss; no gradient flows to guides."""
    guides = [None if guide is None else Seen(guide.detach()) for guide in (x, y)]

    def loss(at: Candidate) -> Tensor:
        return sum(terms(weights, masks, at.seen, *guides, taps).values(),
                   at.w.new_zeros(len(at.w)))

    return loss


def w_l(x: Tensor, percept: Tensor | None, pixel: Tensor | None, weights: Weights,
        taps: Taps | None, *, fill: bool = False) -> Loss:
    """W_l: p L_percept(M_p, G, x) + m1 / N ||M_m (G - x)||^2.

    percept, pixel : M_p and M_m, (B or 1, 1, H, W); None is 1 everywhere.
    fill           : outside M_m, x is taken to be what is made at the moment. A network's features
                     see far: without this, what x shows where it is undefined would matter to
                     features inside the mask.
    """
    only, masks = replace(weights, style=0.0, outside=0.0), Masks(pixel=pixel, percept=percept)
    if not fill or pixel is None:
        return asked(only, masks, x, None, taps)
    known = pixel.to(x)

    def loss(at: Candidate) -> Tensor:
        guide = torch.where(known > 0, x.detach(), at.seen.image.detach())
        return sum(terms(only, masks, at.seen, Seen(guide), None, taps).values(),
                   at.w.new_zeros(len(at.w)))

    return loss


def m_st(y: Tensor, mask: Tensor | None, weights: Weights, taps: Taps | None) -> Loss:
    """M_st: s L_style(M_s, G, y), both sides seen through the mask (B or 1, 1, H, W)."""
    only = replace(weights, inside=0.0, outside=0.0, percept=0.0)
    return asked(only, Masks(style=mask), None, y, taps)


def mk_n(x: Tensor, y: Tensor | None, mask: Tensor | None, weights: Weights) -> Loss:
    """Mk_n: m1 / N ||M (G - x)||^2 + m2 / N ||(1 - M) (G - y)||^2: pixels alone.

    y : the second guide, often G(w_out); without one nothing is asked for outside the mask.
    """
    only = replace(weights, style=0.0, percept=0.0, outside=0.0 if y is None else weights.outside)
    return asked(only, Masks(pixel=mask), x, y, None)


def near(w: Tensor, weight: float) -> Loss:
    """weight * ||w - w*||^2 / (L Z), (B,), for w* (B, L, Z): an edit that does not go far."""
    anchor = w.detach()
    return lambda at: weight * (at.w - anchor).square().mean((1, 2))
