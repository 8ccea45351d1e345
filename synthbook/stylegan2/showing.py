"""What the chapter on StyleGAN2 shows: scales that grow, a spike that hides them, mixes, walks.

Axes: B images, C channels, L rows of W+, Z latent.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.equalised import activate
from synthbook.stylegan2.directions import Directions, Render
from synthbook.stylegan2.layers import ModulatedConv
from synthbook.stylegan2.network import StyleGAN2, every_row, mix


@torch.no_grad()
def growth(layers: int, *, demodulate: bool, count: int = 32, channels: int = 32,
           spread: float = 0.7, size: int = 8, seed: int = 0) -> Tensor:
    """Deviation of the features of each image after each of some random layers, (layers, B).

    Modulated convolutions with weights as they begin, each followed by the activation. Styles are
    standard normal, times `spread`, around the 1 at which they begin.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x, found = torch.randn(count, channels, size, size), []
        for _ in range(layers):
            conv = ModulatedConv(channels, channels, channels, demodulate=demodulate)
            x = activate(conv(x, spread * torch.randn(count, channels)))
            found.append(x.std((1, 2, 3)))
    return torch.stack(found)


@torch.no_grad()
def smuggled(spikes: Tensor, *, size: int = 16, channels: int = 16,
             seed: int = 0) -> dict[str, Tensor]:
    """Deviation of a channel's other pixels, where one pixel of it is a spike, (N,) each.

    spikes : (N,) heights, in deviations of the rest.

    By what follows: `instance norm`, which divides by the deviation that it finds, spike and all,
    and `demodulation`, which divides by what the weights lead it to expect.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x = torch.randn(1, channels, size, size).repeat(len(spikes), 1, 1, 1)
        x[:, :, 0, 0] = spikes[:, None]
        conv = ModulatedConv(channels, channels, channels, 1)
        found = {"instance norm": F.instance_norm(x),
                 "demodulation": conv(x, torch.zeros(len(spikes), channels))}
    return {name: y.flatten(2)[..., 1:].std((1, 2)) for name, y in found.items()}


def table_of_mixes(model: StyleGAN2, render: Render, rows: Tensor, columns: Tensor,
                   cuts: tuple[int, int]) -> Tensor:
    """The images that take the rows of W+ between two cuts from `rows`, all else from `columns`.

    rows, columns : w (R, Z) and (C, Z). Returns (R * C, 3, H, W), row by row.
    """
    first, last = cuts
    given = every_row(rows, model.config).repeat_interleave(len(columns), 0)
    kept = every_row(columns, model.config).repeat(len(rows), 1, 1)
    return render(mix(kept, mix(given, kept, last), first))


def walk(model: StyleGAN2, render: Render, ends: Tensor, count: int, space: str) -> Tensor:
    """`count` images on the way between two latents `ends` (2, Z), (count, 3, H, W).

    space : `Z`, along the great circle between the two, since only a latent's direction counts,
            or `W`, along the straight line between their styles.
    """
    share = torch.linspace(0, 1, count)[:, None]
    with torch.no_grad():
        if space == "W":
            a, b = model.styles(ends)
            return render(a + share * (b - a))
        a, b = F.normalize(ends)
        angle = (a @ b).clamp(-1, 1).acos()
        z = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()
        return render(model.styles(z))


def ladder(directions: Directions, render: Render, w: Tensor, trait: int,
           levels: tuple[float, ...]) -> Tensor:
    """One image's w (1, Z) with a trait brought to each level, (len(levels), 3, H, W)."""
    with torch.no_grad():
        return render(torch.cat([directions.brought(w, trait, level) for level in levels]))
