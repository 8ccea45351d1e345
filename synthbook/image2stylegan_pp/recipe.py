"""How images are embedded at small scale, and in which order w and noise are moved.

:data:`DEVIATIONS` lists all that is done otherwise than in the paper, as far as it is known here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from synthbook.files import BookError
from synthbook.image2stylegan_pp.blocks import mk_n, w_l
from synthbook.image2stylegan_pp.embedding import (
    Embedding,
    Pace,
    Recording,
    Turn,
    fit_noise,
    fit_w,
    minimise,
    start,
)
from synthbook.image2stylegan_pp.energy import Weights
from synthbook.image2stylegan_pp.features import Taps
from synthbook.metrics.estimate import check_images
from synthbook.stylegan2 import StyleGAN2


@dataclass(frozen=True)
class Settings:
    """Weights of the energy and how w and noise are moved.

    pull  : weight of ||w - w*||^2 in edits that are to stay near an embedded w*.
    sigma : width of the window that blurs an edit's mask, for each 64 pixels of an image's side.
    plain : noise is moved as n, not as strength * n.
    """

    weights: Weights = Weights()
    w: Pace = Pace(600, 0.02)
    noise: Pace = Pace(600, 0.03)
    pull: float = 0.1
    sigma: float = 2.0
    plain: bool = False

    def blur(self, size: int) -> float:
        """The window's width at images of `size` pixels."""
        return self.sigma * size / 64


SMOKE = Settings(w=Pace(20, 0.05), noise=Pace(20, 0.1))


def checked_target(model: StyleGAN2, x: Tensor, name: str = "images") -> Tensor:
    """`x` itself, (B, 3, H, W) in [-1, 1] at the generator's size; else BookError."""
    check_images(x, name)
    size = model.config.size
    if x.shape[2:] != (size, size):
        raise BookError(f"{name}: this generator makes (B, 3, {size}, {size}); got "
                        f"{tuple(x.shape)}")
    return x


# -------------------------------------------------------------------------- orders of the stages


def sequential(model: StyleGAN2, at: Embedding, x: Tensor, settings: Settings,
               taps: Taps | None, **options) -> Embedding:
    """The paper's order: W_l with the noise fixed, then Mk_n with w fixed."""
    rows = {key: options.pop(key) for key in ("rows", "shared") if key in options}
    at = fit_w(model, at, [w_l(x, None, None, settings.weights, taps)], settings.w,
               **rows, **options)
    return fit_noise(model, at, [mk_n(x, None, None, settings.weights)], settings.noise,
                     plain=settings.plain, **options)


def reverse(model: StyleGAN2, at: Embedding, x: Tensor, settings: Settings,
            taps: Taps | None, **options) -> Embedding:
    """Mk_n first, at the w of the start, then W_l."""
    rows = {key: options.pop(key) for key in ("rows", "shared") if key in options}
    at = fit_noise(model, at, [mk_n(x, None, None, settings.weights)], settings.noise,
                   plain=settings.plain, **options)
    return fit_w(model, at, [w_l(x, None, None, settings.weights, taps)], settings.w,
                 **rows, **options)


def joint(model: StyleGAN2, at: Embedding, x: Tensor, settings: Settings,
          taps: Taps | None, **options) -> Embedding:
    """W_l's objective over w and noise at once, in as many steps as both stages have."""
    w, noise, steps = _together(settings)
    turn = Turn((w_l(x, None, None, settings.weights, taps),), w=w, noise=noise)
    return minimise(model, at, [turn], steps, plain=settings.plain, stage="joint", **options)


def alternating(model: StyleGAN2, at: Embedding, x: Tensor, settings: Settings,
                taps: Taps | None, **options) -> Embedding:
    """A step of W_l and a step of Mk_n in turn, in as many steps as both stages have."""
    w, noise, steps = _together(settings)
    turns = [Turn((w_l(x, None, None, settings.weights, taps),), w=w),
             Turn((mk_n(x, None, None, settings.weights),), noise=noise)]
    return minimise(model, at, turns, steps, plain=settings.plain, stage="alternating", **options)


def w_only(model: StyleGAN2, at: Embedding, x: Tensor, settings: Settings,
           taps: Taps | None, **options) -> Embedding:
    """W_l alone, in as many steps as both stages have: Image2StyleGAN (Abdal et al. 2019)."""
    w, _, _ = _together(settings)
    return fit_w(model, at, [w_l(x, None, None, settings.weights, taps)], w, **options)


def noise_only(model: StyleGAN2, at: Embedding, x: Tensor, settings: Settings,
               taps: Taps | None, **options) -> Embedding:
    """Mk_n alone, in as many steps as both stages have: what noise can do without w."""
    _, noise, _ = _together(settings)
    return fit_noise(model, at, [mk_n(x, None, None, settings.weights)], noise,
                     plain=settings.plain, **options)


def _together(settings: Settings) -> tuple[Pace, Pace, int]:
    steps = settings.w.steps + settings.noise.steps
    return replace(settings.w, steps=steps), replace(settings.noise, steps=steps), steps


ORDERS: dict[str, Callable[..., Embedding]] = {
    "sequential": sequential, "reverse": reverse, "joint": joint, "alternating": alternating,
    "w": w_only, "noise": noise_only}


def embed(model: StyleGAN2, x: Tensor, order: str = "sequential",
          settings: Settings = Settings(), taps: Taps | None = None, *,
          at: Embedding | None = None, rows: Tensor | None = None, shared: bool = False,
          every: int | None = None, frames: bool = False) -> Embedding:
    """Embed images x (B, 3, H, W) in [-1, 1].

    Parameters
    ----------
    order  : of :data:`ORDERS`. All take the same number of steps; rates are each order's to tune.
    taps   : the network of the perceptual term, which is needed where it weighs more than 0.
    at     : the start; the mean of w with drawn noise unless given.
    rows   : (L,) bool, rows of W+ that may move; `shared`: one w for all rows, so a point of W.
    every  : PSNR against x is noted so often in the path, and with `frames` the images.
    """
    if order not in ORDERS:
        raise BookError(f"unknown order {order!r}: choose {', '.join(ORDERS)}")
    checked_target(model, x)
    at = start(model, len(x)) if at is None else at
    if len(at) != len(x):
        raise BookError(f"the start has {len(at)} images, x has {len(x)}: give as many")
    recording = Recording(every, x, frames) if every else None
    options = {} if order == "noise" else {"rows": rows, "shared": shared}
    return ORDERS[order](model, at, x, settings, taps, recording=recording, **options)


# ----------------------------------------------------------------------------- the deviations


def deviations(own: Settings = Settings()) -> tuple[tuple[str, str, str, str], ...]:
    """What is done otherwise than in the paper, or is not known of it: part, paper, here, why."""
    weights = own.weights
    return (
        ("generator", "StyleGAN at 1024 × 1024, trained on photographs of faces",
         "the book's StyleGAN2 at 64 × 64 or 32 × 32, trained on drawn portraits",
         "trains on a laptop, runs in the page"),
        ("rows of W+", "18", "10 or 8; lists of rows are mapped by their share of all",
         "fewer sizes"),
        ("noise", "n, times a strength for every channel", "strength times n is what is moved",
         "one strength a layer, which can end near 0 and would stop the gradient"),
        ("perceptual network", "VGG-16: conv1_1, conv1_2, conv2_2, conv3_3",
         "AlexNet after its first three convolutions; small images enlarged to 64 pixels",
         "ships with the book; another network judges the results"),
        ("style term", "Gram matrices at conv3_3; the rest is vague",
         "AlexNet after its second convolution; a mean over the mask",
         "small regions count as large ones do"),
        ("weights", "code of others: 0.00001 for pixels and features, 0.0000005 for style",
         f"{weights.inside:g} for pixels, {weights.percept:g} for features, "
         f"{weights.style:g} for style",
         "Adam's smallest denominator must stay out of play"),
        ("rate of the noise", "5, which belongs to losses near 0.00001 and to 1024 pixels",
         f"{own.noise.rate:g}", "at unit weights 5 would destroy the image in a step"),
        ("rate of w", "0.01, constant", f"{own.w.rate:g}, falling to 0 over the last half",
         "fewer steps"),
        ("steps", "5,000 for w and 3,000 for noise",
         f"{own.w.steps:g} and {own.noise.steps:g}", "a laptop's minutes"),
        ("inpainting: features near the hole", "not told; code of others sees the damaged image",
         "the hole is filled with what is made at the moment",
         "a network sees far: the hole's colours would matter outside it"),
        ("inpainting: rows that stay", "rows 10 to 16 at the mean", "as the start has them",
         "the start is the mean unless another is given"),
        ("scribbles: last stage", "not known",
         "outside the strokes towards the image, inside towards what w alone makes",
         "as in inpainting and style transfer"),
        ("scribbles: pull towards the old w", "code of others: 0.01, a sum over all values",
         f"{own.pull:g}, a mean over them", "latents differ in size"),
        ("width of the masks' blur", "not known", f"{own.sigma:g} pixels at 64",
         "chosen by eye at this size"),
        ("attribute-level feature transfer", "procedure not known",
         "an affine warp of activations, then W_l and Mk_n towards the result",
         "from the parts that are known"),
        ("rates where orders are compared", "not told",
         "each order's best pair of four, on other portraits", "equal effort for all"),
        ("edits are judged", "by eye", "by a reader of portraits that no objective looks through",
         "numbers with intervals"),
    )


DEVIATIONS = deviations()
