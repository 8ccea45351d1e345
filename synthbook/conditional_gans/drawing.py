"""Pictures of a GAN in the plane: the discriminator's surface and the generator's points on it."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.conditional_gans import ring
from synthbook.training import Networks, Run

REACH = 1.5  # the plane is drawn from -REACH to REACH
MADE, NEUTRAL, REAL = (244, 165, 90), (248, 248, 248), (110, 168, 214)  # of the surface
DOT, MODE = (24, 24, 48), (120, 120, 120)
BANDS = 8


def plane(size: int) -> Tensor:
    """Centres of `size` x `size` pixels, (size, size, 2): rows from the top, columns x."""
    steps = ((torch.arange(size) + 0.5) / size * 2 - 1) * REACH
    y, x = torch.meshgrid(-steps, steps, indexing="ij")
    return torch.stack([x, y], -1)


@torch.no_grad()
def surface(nets: Networks, size: int, mode: int = 0) -> Tensor:
    """The discriminator's probability of *real* at each pixel, (R, size, size).

    mode : the class that a conditional discriminator is shown.
    """
    runs = nets["discriminator"].config.runs
    device = next(nets["discriminator"].parameters()).device
    points = plane(size).flatten(0, 1).to(device)
    shown = torch.full((len(points),), mode, device=device)
    score = nets["discriminator"](points.expand(runs, -1, -1), shown)
    return score.sigmoid().view(runs, size, size).cpu()


def picture(points: Tensor, background: Tensor, *, dot: float = 1.3,
            marked: Sequence[int] = ()) -> Tensor:
    """Points (N, 2) as dark dots, as an image (3, S, S) in [-1, 1].

    Circles of three deviations show where the modes are. Points beyond the frame are left out.

    background : (S, S) probabilities of *real*; blue is real, orange is made.
    dot        : radius of a dot, pixels.
    marked     : modes whose circle is drawn heavily.
    """
    ends, size, level = torch.tensor([MADE, NEUTRAL, REAL]).float(), len(background), background
    level = (level * BANDS).round() / BANDS * 2 - 1
    sheet = torch.where(level[..., None] < 0, torch.lerp(ends[1], ends[0], level.abs()[..., None]),
                        torch.lerp(ends[1], ends[2], level.abs()[..., None]))
    pixel, grid = 2 * REACH / size, plane(size)
    for c, centre in enumerate(ring.centres()):
        width = (1.1 if c in marked else 0.5) * dot / 1.3
        edge = ((grid - centre).norm(dim=-1) - 3 * ring.SPREAD).abs() / pixel
        sheet[edge < width] = torch.tensor(DOT if c in marked else MODE).float()
    inside = points[(points.abs() < REACH).all(1)]
    spots = torch.zeros(size, size)
    spots[((REACH - inside[:, 1]) / pixel).long(), ((inside[:, 0] + REACH) / pixel).long()] = 1
    reach = int(dot + 1)
    y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1.0)] * 2, indexing="ij")
    kernel = (y.hypot(x) <= dot).float()
    covered = F.conv2d(spots[None, None], kernel[None, None], padding=reach)[0, 0] > 0
    sheet[covered] = torch.tensor(DOT).float()
    return sheet.movedim(-1, 0) / 127.5 - 1


def pictures(nets: Networks, *, size: int = 150, points: int = 256, run: Sequence[int] = (0,),
             mode: int | None = None, fine: int = 2) -> Tensor:
    """Pictures (len(run), 3, size, size) of what both networks of some runs know.

    mode : only points of this class, marked, over the surface of the discriminator that is shown
           it; None: all classes in turn, over the surface for class 0.
    fine : drawn so many times larger, and averaged down; 1 gives hard edges and small files.
    """
    asked = ring.in_turn(points) if mode is None else torch.full((points,), mode)
    made, behind = ring.sample(nets, asked), surface(nets, size, mode or 0)[None]
    if fine > 1:
        behind = F.interpolate(behind, scale_factor=fine, mode="bilinear")
    marked = () if mode is None else (mode,)
    drawn = [picture(made[r], behind[0, r], dot=1.3 * fine, marked=marked) for r in run]
    return F.avg_pool2d(torch.stack(drawn), fine)


class Film:
    """A hook of the training loop: pictures of some runs whenever one of `counts` points is seen.

    Attributes
    ----------
    frames : for each of `counts` reached, images (len(run), 3, size, size).
    """

    def __init__(self, counts: Sequence[int], run: Sequence[int] = (0, 1), size: int = 150):
        self.counts, self.run, self.size = counts, run, size
        self.frames: list[Tensor] = []

    def __call__(self, run: Run) -> None:
        if run.images in self.counts:
            self.frames.append(pictures(run.best, size=self.size, run=self.run))

    @property
    def sheet(self) -> Tensor:
        """All pictures, a row for each run, (len(run) * len(frames), 3, size, size)."""
        return torch.stack(self.frames, 1).flatten(0, 1)
