"""Do copied activations do what the paper says? Equation 5 in its three forms, as numbers.

Axes: B portraits, H W pixels.
"""

import torch

from synthbook import metrics
from synthbook.image2stylegan_pp.applied import Bench
from synthbook.image2stylegan_pp.editing import transfer_attribute
from synthbook.image2stylegan_pp.masks import blurred, box, centre
from synthbook.image2stylegan_pp.quantities import masked_psnr, row_of
from synthbook.image2stylegan_pp.tensors import Copy, reached, transferred
from synthbook.stylegan2 import StyleGAN2
from synthbook.yardsticks import Row

WAYS = {"copy": {}, "average": {"amount": 0.5}, "channels": {"channels": 0.5}}


def copies(bench: Bench) -> Row:
    """The middle of each portrait's activations in the next one: copied, averaged, or half of
    the channels, at every size from 8 to 32 pixels.

    `fidelity_WAY`: PSNR from the first portrait inside the mask; `kid_WAY`; `outside_WAY`: mean
    absolute change of the second where the mask is 0; `beyond`: the largest change of a pixel
    that no convolution reaches, which is 0.
    """
    model, size = bench.model, bench.size
    mask = centre(size, size // 2)
    first, second = bench.at, bench.at[[*range(1, len(bench.at)), 0]]
    a, b = bench.shown(first), bench.shown(second)
    inner, sets, values = centre(size, 3 * size // 8), {}, {}
    beyond = torch.zeros(1)
    for way, options in WAYS.items():
        scores, changes, images = [], [], []
        for side in (s for s in (8, 16, 32) if s <= size):
            layers = tuple(name for name, s in zip(model.config.layers, model.config.sizes)
                           if s == side)
            made = transferred(model, first, second, mask,
                               Copy(layers, **for_layers(model, side, options))).clamp(-1, 1)
            moved = (made - b).abs()
            far = reached(mask, model.config, layers) == 0
            beyond = torch.maximum(beyond, (moved * far).amax().cpu())
            scores.append(masked_psnr(made, a, inner))
            changes.append((moved * (1 - mask)).sum((1, 2, 3)) / (1 - mask).sum() / 6)
            images.append(bench.space(made))
            values[f"fidelity_{way}_{side}"] = scores[-1]
        values |= {f"fidelity_{way}": torch.stack(scores).mean(0),
                   f"outside_{way}": torch.stack(changes).mean(0)}
        sets[way] = torch.cat(images)
    rows: Row = {"beyond": metrics.Estimate(*[float(beyond)] * 3, len(a), "")}
    for way in WAYS:
        rows[f"kid_{way}"] = metrics.kid(bench.known, sets[way], bench.space)
        if way != "copy":
            gap = values["fidelity_copy"] - values[f"fidelity_{way}"]
            values[f"fidelity_copy_minus_{way}"] = gap
            rows[f"kid_copy_minus_{way}"] = bench.closer(sets["copy"], sets[way])
    return rows | row_of(values)


def for_layers(model: StyleGAN2, side: int, options: dict) -> dict:
    """Options of a copy at layers of so many pixels; a share of channels as the first ones."""
    if "channels" not in options:
        return options
    width = model.config.channels[(side // 4).bit_length() - 1]
    return {"channels": (0, max(1, int(options["channels"] * width)))}


def attributes(bench: Bench) -> Row:
    """Eyes and what is before them from the first portrait on the second, embedded anew.

    `attribute_inside`: PSNR from the first there; `attribute_outside`: from the second elsewhere.
    """
    size = bench.size
    mask = box(size, size // 4, 3 * size // 8, 3 * size // 4, 5 * size // 8)
    second = bench.at[[*range(1, len(bench.at)), 0]]
    side = min(16, size)
    layers = tuple(n for n, s in zip(bench.model.config.layers, bench.model.config.sizes)
                   if s == side)
    at = transfer_attribute(bench.model, bench.at, second, mask, Copy(layers), bench.settings,
                            bench.taps)
    made = bench.shown(at)
    return row_of({
        "attribute_inside": masked_psnr(made, bench.shown(bench.at), mask),
        "attribute_outside": masked_psnr(made, bench.shown(second), (blurred(
            mask, bench.settings.blur(size)) == 0).to(made))}) | {"kid_attribute": bench.kid(made)}
