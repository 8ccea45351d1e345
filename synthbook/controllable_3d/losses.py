"""The two losses that make primitives behave like objects (Liao et al. 2020, eqs. 5 and 6)."""

from typing import NamedTuple

from torch import Tensor

from synthbook.controllable_3d.warp import Layer, warp
from synthbook.layers import check_shape

LEAST = 0.1  # share of the picture below which a primitive is small enough
INSIDE = 0.4  # alpha above which a pixel belongs to an object


def compactness(alpha: Tensor, least: float = LEAST) -> Tensor:
    """L_com (eq. 5): sum over primitives of max(tau, share of the picture), mean over scenes.

    alpha : A, (B, N, 1, H, W), of the rendered primitives; least : tau. There is no gradient
    where a primitive covers less than `least`. The released code takes the mean over the
    primitives instead of the sum, and for two kinds of them another area; its weight of 0.03 is
    0.01 of this for N = 3.
    """
    check_shape(alpha, B=None, N=None, one=1, H=None, W=None)
    return alpha.mean((2, 3, 4)).clamp(min=least).sum(1).mean()


class Consistency(NamedTuple):
    """Means over all pixels and primitives; the loss is `depth` + 5 `colour` in the code."""

    depth: Tensor  # scene units
    colour: Tensor  # in [0, 1], mean over the three colours

    def total(self, colour: float = 5.0) -> Tensor:
        """The weighted sum."""
        return self.depth + colour * self.colour


def residuals(first: Layer, second: Layer) -> tuple[Tensor, Tensor]:
    """How far the second layer, warped, is from the first: depth and colour, (M, 1, H, W) each."""
    seen = warp(first, second)
    colour = (first.alpha * first.rgb - seen.rgb).abs().mean(1, keepdim=True)
    return (seen.expected - seen.depth).abs(), colour


def one_way(first: Layer, second: Layer, soft: bool = False) -> Consistency:
    """Residuals in the pixels of the first layer's objects, averaged over the whole picture.

    soft : weigh by alpha, as in the paper (eq. 6), instead of by alpha > 0.4 as in the code.
    """
    inside = first.alpha if soft else (first.alpha > INSIDE).to(first.alpha.dtype)
    depth, colour = residuals(first, second)
    return Consistency((inside * depth).mean(), (inside * colour).mean())


def geometric_consistency(first: Layer, second: Layer, soft: bool = False) -> Consistency:
    """L_geo (eq. 6), both ways: each layer against the other, warped; the two are added.

    first, second : the same objects, drawn from the same latents in two poses. In the released
    code the 3D generator learns nothing from this loss: give poses and what is drawn from them
    without its gradients.
    """
    there, back = one_way(first, second, soft), one_way(second, first, soft)
    return Consistency(there.depth + back.depth, there.colour + back.colour)
