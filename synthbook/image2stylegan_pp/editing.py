"""Edits of embedded images: the paper's applications (fact sheet, section 3.4).

All are sums of the blocks W_l, M_st and Mk_n. They return embeddings, so that an edit can be shown
with its noise, with the noise from before, and with fresh noise: optimised noise repairs pixels,
but only what w says is understood.

What is promised outside a mask: these are optimisations, so there the image comes as near to its
guide as noise can bring it, and no nearer. :func:`pasted` makes it exact. Rows of W+ that are not
free do not move at all.

Axes: B batch, H W pixels, L rows of W+, Z latent.
"""

import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.image2stylegan_pp.blocks import m_st, mk_n, near, w_l
from synthbook.image2stylegan_pp.embedding import Embedding, fit_noise, fit_w, render, start
from synthbook.image2stylegan_pp.features import Taps
from synthbook.image2stylegan_pp.masks import blurred, checked, free_rows
from synthbook.image2stylegan_pp.recipe import Settings, checked_target
from synthbook.image2stylegan_pp.tensors import Copy, transferred
from synthbook.stylegan2 import StyleGAN2


def _soft(mask: Tensor, settings: Settings) -> Tensor:
    return blurred(mask, settings.blur(mask.shape[-1]))


def _begun(model: StyleGAN2, at: Embedding | None, count: int) -> Embedding:
    """The start of an edit: an embedding without the noise that was optimised, or the mean."""
    if at is not None and len(at) != count:
        raise BookError(f"the embedding to begin from has {len(at)} images; {count} are edited")
    return start(model, count) if at is None else at.without_noise()


def inpaint(model: StyleGAN2, image: Tensor, hole: Tensor, settings: Settings = Settings(),
            taps: Taps | None = None, *, at: Embedding | None = None,
            rows: Tensor | None = None) -> Embedding:
    """Fill a hole with what the generator thinks fits.

    w_out = W_l(M, M, w_m, w*, n, I); n_out = Mk_n(blur(M), w_out, n, I, G(w_out)), M = 1 - hole:
    noise repairs what is known and keeps what w made in the hole. What the image shows in the
    hole has no influence at all.

    Parameters
    ----------
    image : (B, 3, H, W) in [-1, 1]; hole : (B or 1, 1, H, W), above 0 where nothing is known.
    at    : the start, the mean of w unless given; rows : those that may move, the list
            `inpainting` of :func:`~synthbook.image2stylegan_pp.masks.free_rows` unless given.
    """
    checked_target(model, image)
    known = (checked(hole, len(image), model.config.size, "hole").to(image) == 0).to(image)
    at = _begun(model, at, len(image))
    rows = free_rows(model.config, "inpainting") if rows is None else rows
    at = fit_w(model, at, [w_l(image, known, known, settings.weights, taps, fill=True)],
               settings.w, rows=rows)
    own = render(model, at)
    x = torch.where(known > 0, image, own)
    return fit_noise(model, at, [mk_n(x, own, _soft(known, settings), settings.weights)],
                     settings.noise, plain=settings.plain)


def crossover(model: StyleGAN2, first: Tensor, second: Tensor, mask: Tensor,
              settings: Settings = Settings(), taps: Taps | None = None, *,
              at: Embedding | None = None) -> Embedding:
    """One image of two: `first` inside the mask, `second` outside, the seam made good.

    w_out = W_l(M, M, 1, w*, n, I1) + W_l(1 - M, 1 - M, 1, w*, n, I2); n_out = Mk_n(M, w_out, n,
    I1, I2), with M blurred. Images (B, 3, H, W) in [-1, 1], mask (B or 1, 1, H, W).
    """
    for name, image in (("first", first), ("second", second)):
        checked_target(model, image, name)
    if first.shape != second.shape:
        raise BookError(f"second is {tuple(first.shape)} as first is; got {tuple(second.shape)}")
    soft = _soft(checked(mask, len(first), model.config.size).to(first), settings)
    weights, rest = settings.weights, 1 - soft
    at = fit_w(model, _begun(model, at, len(first)),
               [w_l(first, soft, soft, weights, taps), w_l(second, rest, rest, weights, taps)],
               settings.w)
    return fit_noise(model, at, [mk_n(first, second, soft, weights)], settings.noise,
                     plain=settings.plain)


def scribble(model: StyleGAN2, strokes: Tensor, mask: Tensor, at: Embedding, image: Tensor,
             settings: Settings = Settings(), taps: Taps | None = None, *,
             rows: Tensor | None = None) -> Embedding:
    """Let the generator make sense of strokes of paint: they guide and are not copied.

    w_out = W_l(1, 1, w_m, w*, n, I_scr) + pull ||w - w*||^2 over the coarse rows; then
    Mk_n(blur(1 - strokes), w_out, n, I, G(w_out)): the image outside, what w made inside.

    Parameters
    ----------
    strokes : (B, 3, H, W), the image with paint on it; mask (B or 1, 1, H, W), 1 where paint is.
    at      : the embedding of `image` (B, 3, H, W), from whose w* it stays near.
    rows    : those that may move, the list `scribble` unless given.
    """
    for name, given in (("strokes", strokes), ("image", image)):
        checked_target(model, given, name)
    checked(mask, len(image), model.config.size, "the strokes' mask")
    at = _begun(model, at, len(image))
    rows = free_rows(model.config, "scribble") if rows is None else rows
    at = fit_w(model, at, [w_l(strokes, None, None, settings.weights, taps),
                           near(at.w, settings.pull)], settings.w, rows=rows)
    outside = 1 - _soft(mask.to(image), settings)
    return fit_noise(model, at, [mk_n(image, render(model, at), outside, settings.weights)],
                     settings.noise, plain=settings.plain)


def style_transfer(model: StyleGAN2, content: Tensor, style: Tensor, mask: Tensor,
                   settings: Settings = Settings(), taps: Taps | None = None, *,
                   at: Embedding | None = None) -> Embedding:
    """Give part of an image the style of another: colours and textures, not shapes.

    w_out = W_l(M, M, 1, w*, n, I1) + M_st(1 - M, w*, n, I2); n_out = Mk_n(M, w_out, n, I1,
    G(w_out)). M, blurred, is where the content stays.

    Parameters
    ----------
    content, style : (B, 3, H, W) in [-1, 1]; mask : (B or 1, 1, H, W), 1 where the style changes.
    taps           : the network that both terms need.
    """
    for name, image in (("content", content), ("style", style)):
        checked_target(model, image, name)
    if taps is None:
        raise BookError("style is told by a network's features: give taps, such as alexnet_taps()")
    change = _soft(checked(mask, len(content), model.config.size).to(content), settings)
    stay, weights = 1 - change, settings.weights
    at = fit_w(model, _begun(model, at, len(content)),
               [w_l(content, stay, stay, weights, taps), m_st(style, change, weights, taps)],
               settings.w)
    return fit_noise(model, at, [mk_n(content, render(model, at), stay, weights)],
                     settings.noise, plain=settings.plain)


def transfer_attribute(model: StyleGAN2, first: Embedding, second: Embedding, mask: Tensor,
                       copy: Copy, settings: Settings = Settings(),
                       taps: Taps | None = None) -> Embedding:
    """Put a feature of A, a pair of glasses say, on B, and embed what comes of it.

    A's activations go into B's inside the mask (B or 1, 1, H, W), which is B's, at the place where
    `copy.warp` reads them. The image so made is then embedded from B on: W_l(1, 1, 1, w_B, n) and
    Mk_n towards it inside the blurred mask, towards B outside.
    """
    wanted = transferred(model, first, second, mask, copy).clamp(-1, 1)
    kept = render(model, second).clamp(-1, 1)
    soft = _soft(mask.to(wanted), settings)
    at = fit_w(model, second, [w_l(wanted, None, None, settings.weights, taps)], settings.w)
    return fit_noise(model, at, [mk_n(wanted, kept, soft, settings.weights)], settings.noise,
                     plain=settings.plain)


def pasted(made: Tensor, image: Tensor, mask: Tensor, sigma: float = 0.0) -> Tensor:
    """`made` inside a mask and `image` outside, exactly wherever the blurred mask is 0.

    Images (B, 3, H, W), mask (B or 1, 1, H, W) blurred by `sigma` pixels, inwards and outwards.
    """
    if made.shape != image.shape:
        raise BookError(f"made is {tuple(image.shape)} as image is; got {tuple(made.shape)}")
    soft = blurred(checked(mask, len(image), image.shape[-1]).to(image), sigma)
    return torch.where(soft > 0, image + soft * (made - image), image)


# ------------------------------------------------------------------------- between embeddings


def between(first: Embedding, second: Embedding, amount: float) -> Embedding:
    """On the line from `first`, 0, to `second`, 1, in w and in noise."""
    if first.w.shape != second.w.shape:
        raise BookError(f"second is {tuple(first.w.shape)} as first is; got "
                        f"{tuple(second.w.shape)}")
    towards = lambda a, b: torch.lerp(a, b, amount)
    return Embedding(towards(first.w, second.w),
                     tuple(map(towards, first.added, second.added)),
                     tuple(map(towards, first.first, second.first)))


def morph(model: StyleGAN2, first: Embedding, second: Embedding, count: int,
          noise: str = "own") -> Tensor:
    """`count` images from `first` to `second`, both ends included; (count, B, 3, H, W)."""
    if count < 2:
        raise BookError(f"a morph has 2 images or more, its ends among them; got {count}")
    return torch.stack([render(model, between(first, second, k / (count - 1)), noise)
                        for k in range(count)])


def expression(w: Tensor, calm: Tensor, moved: Tensor, amount: float = 1.0) -> Tensor:
    """w + amount (moved - calm), all (B, L, Z): what changed between two images, on a third.

    Image2StyleGAN, expression transfer (Abdal et al. 2019).
    """
    return w + amount * (moved - calm)
