"""The smallest GAN: points in the plane, drawn from a ring of Gaussians.

What it makes can be looked at without a metric, and a metric is still two counts away: how many
modes are covered, and what share of the points lies near one. Several runs are trained at once,
side by side in one tensor, since one run of a GAN is an anecdote.

Axes: R runs, B batch, C modes of the ring, Z latent.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthbook import losses
from synthbook.layers import check_shape
from synthbook.training import Batch, Networks, Player, Recipe, Run, train

MODES, RADIUS, SPREAD = 8, 1.0, 0.05  # of the ring; distances have no unit


@dataclass(frozen=True)
class Config:
    """Sizes of both networks, and who is told the class.

    Parameters
    ----------
    runs   : R, how many pairs of networks are trained side by side.
    latent : Z, numbers that the generator turns into a point.
    width  : of each of the two hidden layers.
    asked  : whether the generator is given the class of the point.
    shown  : whether the discriminator is.
    """

    runs: int = 6
    latent: int = 4
    width: int = 64
    asked: bool = False
    shown: bool = False


@dataclass(frozen=True)
class Rules:
    """How the game is played.

    Parameters
    ----------
    r1         : weight of the discriminator's gradient penalty, gamma.
    rate_g     : learning rate of the generator; `rate_d`: of the discriminator.
    momentum   : Adam's first beta.
    saturating : whether the generator plays the minimax game instead of the non-saturating one.
    """

    r1: float = 0.0
    rate_g: float = 2e-3
    rate_d: float = 4e-3
    momentum: float = 0.5
    saturating: bool = False


@dataclass(frozen=True)
class Setting:
    """Networks and rules of one training."""

    model: Config = Config()
    rules: Rules = Rules()


def centres() -> Tensor:
    """The means of the modes, (C, 2), anticlockwise from the right."""
    angle = torch.arange(MODES) * (2 * math.pi / MODES)
    return RADIUS * torch.stack([angle.cos(), angle.sin()], 1)


class Ring(Dataset):
    """Points (2,) with their class, a number below C; the same points for the same seed."""

    def __init__(self, count: int = 20_000, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        self.mode = torch.randint(MODES, (count,), generator=generator)
        noise = torch.randn(count, 2, generator=generator)
        self.point = centres()[self.mode] + SPREAD * noise

    def __len__(self) -> int:
        return len(self.point)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return {"point": self.point[i], "mode": self.mode[i]}


# ------------------------------------------------------------------------------ the networks


class Perceptrons(nn.Module):
    """R perceptrons with two hidden layers; no number of one ever meets another's.

    They are trained in float32 on every machine: nothing so small gains by less.
    """

    def __init__(self, runs: int, inputs: int, width: int, outputs: int):
        super().__init__()
        sizes = (inputs, width, width, outputs)
        layers = list(zip(sizes, sizes[1:]))
        self.weights = nn.ParameterList(uniform(runs, a, b, fan=a) for a, b in layers)
        self.biases = nn.ParameterList(uniform(runs, 1, b, fan=a) for a, b in layers)

    def forward(self, x: Tensor) -> Tensor:
        """(R, B, inputs) to (R, B, outputs)."""
        with torch.autocast(x.device.type, enabled=False):
            for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
                x = torch.baddbmm(bias, F.leaky_relu(x, 0.2) if i else x, weight)
            return x


def uniform(*shape: int, fan: int) -> nn.Parameter:
    """Numbers as `nn.Linear` begins with: uniform within one over the root of the inputs."""
    return nn.Parameter(torch.empty(shape).uniform_(-1, 1) / math.sqrt(fan))


class Generator(nn.Module):
    """Latents, and the class where it is asked for one, to points."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        inputs = config.latent + MODES * config.asked
        self.layers = Perceptrons(config.runs, inputs, config.width, 2)

    def forward(self, z: Tensor, mode: Tensor) -> Tensor:
        """Latents (R, B, Z) and classes (B,) to points (R, B, 2)."""
        check_shape(z, R=self.config.runs, B=len(mode), Z=self.config.latent)
        return self.layers(with_class(z, mode) if self.config.asked else z)


class Discriminator(nn.Module):
    """Points, and the class where it is shown, to scores: high means real."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.layers = Perceptrons(config.runs, 2 + MODES * config.shown, config.width, 1)

    def forward(self, point: Tensor, mode: Tensor) -> Tensor:
        """Points (R, B, 2) and classes (B,) to scores (R, B)."""
        check_shape(point, R=self.config.runs, B=len(mode), xy=2)
        return self.layers(with_class(point, mode) if self.config.shown else point)[..., 0]


def with_class(x: Tensor, mode: Tensor) -> Tensor:
    """(R, B, N) and classes (B,) to (R, B, N + C): the class beside it as zeros and a one."""
    return torch.cat([x, F.one_hot(mode, MODES).to(x).expand(len(x), -1, -1)], -1)


# ------------------------------------------------------------------------------- the game


def drawn(nets: Networks, config: Config, mode: Tensor) -> Tensor:
    """Points (R, B, 2) of the classes `mode` (B,) from new latents."""
    z = torch.randn(config.runs, len(mode), config.latent, device=mode.device)
    return nets["generator"](z, mode)


def discriminator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """Real points up, made points down; with R1, flat where the real points are."""
    mode, rules = batch["mode"], setting.rules
    real = batch["point"].expand(setting.model.runs, -1, -1).clone().requires_grad_(rules.r1 > 0)
    with torch.no_grad():
        fake = drawn(nets, setting.model, mode)
    score = nets["discriminator"](real, mode)
    loss = losses.logistic_d(score, nets["discriminator"](fake, mode))
    terms = {"d_loss": loss}
    if rules.r1:
        terms["d_r1"] = losses.r1(score, real)
        loss = loss + 0.5 * rules.r1 * terms["d_r1"]
    return loss, terms


def generator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """Made points up."""
    score = nets["discriminator"](drawn(nets, setting.model, batch["mode"]), batch["mode"])
    loss = (losses.minimax_g if setting.rules.saturating else losses.logistic_g)(score)
    return loss, {"g_loss": loss}


def recipe(setting: Setting = Setting(), *, points: int = 64_000, batch: int = 64) -> Recipe:
    """The training recipe; every run sees the same points in the same order."""
    model, rules = setting.model, setting.rules
    bound = lambda loss: lambda nets, batch, scratch: loss(setting, nets, batch, scratch)
    betas = (rules.momentum, 0.999)
    return Recipe(
        config=setting, data=Ring,
        build=lambda: {"generator": Generator(model), "discriminator": Discriminator(model)},
        players={
            "discriminator": Player(("discriminator",), bound(discriminator_loss), rules.rate_d,
                                    betas),
            "generator": Player(("generator",), bound(generator_loss), rules.rate_g, betas)},
        images=points, batch=batch, decay_to=0.1, snapshots=1)


@contextmanager
def one_thread() -> Iterator[None]:
    """While this lasts, torch has one thread: several would only wait for each other here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def play(setting: Setting = Setting(), *, steps: int = 1000, batch: int = 64,
         hooks: Sequence[Callable[[Run], None]] = ()) -> Run:
    """Train `setting` for so many steps, silently and in one thread."""
    with one_thread():
        return train(recipe(setting, points=steps * batch, batch=batch), hooks=hooks,
                     progress=False)


# ----------------------------------------------------------------------------- the measure


@torch.no_grad()
def sample(nets: Networks, mode: Tensor, seed: int = 0) -> Tensor:
    """Points (R, B, 2) of the classes `mode` (B,) from fixed latents."""
    config = nets["generator"].config
    z = torch.randn(config.runs, len(mode), config.latent,
                    generator=torch.Generator().manual_seed(seed))
    device = next(nets["generator"].parameters()).device
    return nets["generator"](z.to(device), mode.to(device)).cpu()


def in_turn(count: int) -> Tensor:
    """Classes (count,) one after the other, so that each is asked for equally often."""
    return torch.arange(count) % MODES


@dataclass(frozen=True)
class Count:
    """What there is to count about the points of one run.

    Parameters
    ----------
    modes  : how many modes are covered: have at least a quarter of their fair share of points.
    near   : share of the points within three deviations of a mode.
    obeyed : share of the points within three deviations of the mode that was asked for.
    """

    modes: int
    near: float
    obeyed: float


def count(points: Tensor, mode: Tensor) -> list[Count]:
    """One Count for each run of points (R, B, 2) that were asked to be of the classes (B,)."""
    distance = torch.cdist(points, centres().expand(len(points), -1, -1))
    nearest, owner = distance.min(-1)
    near = nearest < 3 * SPREAD
    share = (F.one_hot(owner, MODES) * near[..., None]).float().mean(1)
    covered = (share >= 0.25 / MODES).sum(1)
    obeyed = (near & (owner == mode)).float().mean(1)
    return [Count(int(c), float(n), float(o))
            for c, n, o in zip(covered, near.float().mean(1), obeyed)]


def counted(nets: Networks, points: int = 512) -> list[Count]:
    """One Count for each run, of `points` points that ask for all classes in turn."""
    mode = in_turn(points)
    return count(sample(nets, mode), mode)


def pull(nets: Networks, saturating: bool = False) -> Tensor:
    """Mean length (R,) of the generator's gradient at its own points.

    The gradient is that of a point's loss with respect to the point: how hard the discriminator
    tells it where to go.
    """
    mode = in_turn(256)
    device = next(nets["discriminator"].parameters()).device
    points, mode = sample(nets, mode).to(device).requires_grad_(), mode.to(device)
    with torch.enable_grad():
        score = nets["discriminator"](points, mode)
        loss = (losses.minimax_g if saturating else losses.logistic_g)(score) * score.numel()
        (gradient,) = torch.autograd.grad(loss, points)
    return gradient.norm(dim=-1).mean(1).cpu()
