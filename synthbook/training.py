"""The training loop: one flat loop over a recipe. It knows no paper.

A recipe names networks, players, data and schedule. A player is one optimiser's side of the
game with its loss. Each step draws its randomness from (seed, step) alone, so that a resumed run
repeats an unbroken one bit for bit on one device. Mixed precision, accumulation and several
processes are Accelerate's: `accelerate launch -m synthbook train MODEL` runs the same lines.
"""

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from synthbook.checkpoints import load_checkpoint, save_checkpoint
from synthbook.device import choose
from synthbook.files import BookError
from synthbook.plots import save_images

Networks = dict[str, nn.Module]
Batch = dict[str, Tensor]
Loss = Callable[[Networks, Batch, dict], tuple[Tensor, dict[str, Tensor]] | None]


@dataclass(frozen=True)
class Player:
    """One side of the game: the networks it moves, its loss, and its Adam settings.

    The loss gets the networks, the batch and a dict that lives for one step: `step` counts from
    0, `done` is the share of the run that is over, and an earlier player can leave there what a
    later one needs. It returns the scalar and the terms to log, or None to sit the step out.
    """

    networks: tuple[str, ...]
    loss: Loss
    lr: float
    betas: tuple[float, float] = (0.0, 0.999)
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """All that decides a run but the seed.

    Parameters
    ----------
    config   : frozen dataclass of the model's sizes; stored with the weights.
    data     : makes the map-style dataset whose items are dicts of tensors.
    build    : makes the networks.
    players  : in the order in which they move.
    images   : length of the run.
    batch    : images in a step, over all processes.
    ema      : networks kept as an exponential moving average, and the decay per step.
    decay_to : learning rates fall linearly to this share at the end of the run.
    decay_from : share of the run after which they fall.
    augment  : changes a batch at random on the device, the same for all players of a step.
    sample   : from fixed latents, images (N, 3, H, W) to keep as a snapshot.
    probe    : quick scalars on fixed validation data, logged with every snapshot; words, too.
    """

    config: Any
    data: Callable[[], Dataset]
    build: Callable[[], Networks]
    players: dict[str, Player]
    images: int
    batch: int
    ema: dict[str, float] = field(default_factory=dict)
    decay_to: float = 1.0
    decay_from: float = 0.5
    augment: Callable[[Batch], Batch] | None = None
    sample: Callable[[Networks], Tensor] | None = None
    probe: Callable[[Networks], dict[str, float | str]] | None = None
    snapshots: int = 16
    accumulate: int = 1
    workers: int = 0


@dataclass
class Run:
    """A run as hooks see it and as :func:`train` returns it."""

    recipe: Recipe
    networks: Networks
    averaged: Networks
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    device: str = ""
    main: bool = True  # whether this process writes the run's files
    terms: dict[str, float] = field(default_factory=dict)
    log: list[dict] = field(default_factory=list)

    @property
    def best(self) -> Networks:
        """The averaged networks, and the others as trained."""
        plain = {k: extract_model_from_parallel(n) for k, n in self.networks.items()}
        return {**plain, **self.averaged}


class Batches:
    """Indices of every step's batch: a new permutation each epoch, a function of seed and step."""

    def __init__(self, items: int, batch: int, seed: int, start: int, stop: int,
                 rank: int = 0, world: int = 1):
        if items < batch:
            raise BookError(f"{items} training images are fewer than one batch of {batch}")
        self.items, self.batch, self.seed = items, batch, seed
        self.start, self.stop, self.rank, self.world = start, stop, rank, world

    def __len__(self) -> int:
        return max(0, self.stop - self.start)

    def __iter__(self) -> Iterator[list[int]]:
        per_epoch = self.items // self.batch
        epoch, order = -1, []
        for step in range(self.start, self.stop):
            if step // per_epoch != epoch:
                epoch = step // per_epoch
                generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
                order = torch.randperm(self.items, generator=generator).tolist()
            first = step % per_epoch * self.batch
            yield order[first:first + self.batch][self.rank::self.world]


@torch.no_grad()
def update_ema(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the network; buffers are copied."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - decay)
    for a, b in zip(averaged.buffers(), network.buffers()):
        a.copy_(b)


def train(recipe: Recipe, *, seed: int = 0, out: str | Path | None = None, resume: bool = False,
          max_minutes: float | None = None, device: str | None = None,
          hooks: Sequence[Callable[[Run], None]] = (), progress: bool = True,
          checkpoint_minutes: float = 5.0) -> Run:
    """Train `recipe` and return the run.

    Parameters
    ----------
    out         : folder for `log.jsonl`, `checkpoint.safetensors` and `snapshots/`; None: no files.
                  BookError if it holds a checkpoint and `resume` is not set.
    resume      : continue from the checkpoint in `out`, if there is one.
    max_minutes : stop and checkpoint after this long.
    hooks       : called with the run after every step.
    """
    where = choose(device)
    if where.device.type == "cuda" and where.device.index is not None:
        torch.cuda.set_device(where.device)
    accelerator = Accelerator(
        mixed_precision=where.precision, cpu=where.device.type == "cpu",
        gradient_accumulation_steps=recipe.accumulate, step_scheduler_with_optimizer=False)
    torch.manual_seed(seed)
    plain = recipe.build()
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":  # not on the CPU
        plain = {k: nn.SyncBatchNorm.convert_sync_batchnorm(n) for k, n in plain.items()}
    averaged = {k: copy.deepcopy(plain[k]).requires_grad_(False).to(accelerator.device)
                for k in recipe.ema}
    networks = {k: accelerator.prepare(n.to(memory_format=torch.channels_last))
                for k, n in plain.items()}
    optimisers = {
        name: accelerator.prepare(torch.optim.Adam(
            [p for k in player.networks for p in networks[k].parameters()],
            player.lr, player.betas, weight_decay=player.weight_decay))
        for name, player in recipe.players.items()}
    run = Run(recipe, networks, averaged, device=where.reason, main=accelerator.is_main_process)
    folder = Path(out) if out is not None else None
    if folder is not None and resume:
        load_checkpoint(folder, run, optimisers, seed)
    elif folder is not None:
        if (folder / "checkpoint.safetensors").exists():
            raise BookError(f"{folder} holds a run already: add --resume to go on with it, or "
                            "choose another --out")
        (folder / "log.jsonl").unlink(missing_ok=True)

    data, last = recipe.data(), -(-recipe.images // recipe.batch)
    batches = Batches(len(data), recipe.batch, seed, run.step, last,
                      accelerator.process_index, accelerator.num_processes)
    loader = DataLoader(data, batch_sampler=batches, num_workers=recipe.workers)
    bar = tqdm(total=recipe.images, initial=run.images, unit="img", mininterval=2.0,
               disable=not (progress and run.main))
    started = saved = time.monotonic()
    before = run.seconds
    on_cpu = accelerator.device.type == "cpu"  # there the seeds of other devices only cost time
    reseed = torch.default_generator.manual_seed if on_cpu else torch.manual_seed
    marks = {round((k + 1) * last / recipe.snapshots) for k in range(recipe.snapshots)}
    for network in networks.values():
        network.train()

    for batch in loader:
        reseed((seed * 1_000_003 + run.step) * 64 + accelerator.process_index)
        batch = {k: v.to(accelerator.device, non_blocking=True) for k, v in batch.items()}
        batch = recipe.augment(batch) if recipe.augment else batch
        scratch, terms = {"step": run.step, "done": run.step / last}, {}
        with accelerator.accumulate(*networks.values()):
            for name, player in recipe.players.items():
                for key, network in networks.items():
                    network.requires_grad_(key in player.networks)
                move = player.loss(networks, batch, scratch)
                if move is None:
                    continue
                loss, logged = move
                accelerator.backward(loss)
                rate = player.lr * schedule(run.step / last, recipe.decay_to, recipe.decay_from)
                for group in optimisers[name].param_groups:
                    group["lr"] = rate
                optimisers[name].step()
                optimisers[name].zero_grad(set_to_none=True)
                terms.update(logged)
        for key, decay in recipe.ema.items():
            ramp = min(decay, (run.step + 1) / (run.step + 10))
            update_ema(averaged[key], extract_model_from_parallel(networks[key]), ramp)
        run.step += 1
        run.images = run.step * recipe.batch
        run.seconds = before + time.monotonic() - started
        bar.update(recipe.batch)
        snapshot = run.step in marks
        if run.step % 20 == 0 or snapshot:
            run.terms = {k: float(v.detach()) for k, v in terms.items()}
            check_finite(run)
            bar.set_postfix({k: f"{v:.3g}" for k, v in run.terms.items()}, refresh=False)
            note(run, folder if run.main else None, snapshot)
        if folder is not None and run.main and (
                time.monotonic() - saved > 60 * checkpoint_minutes or run.step == last):
            save_checkpoint(folder, run, optimisers, seed)
            saved = time.monotonic()
        for hook in hooks:
            hook(run)
        if max_minutes is not None and any_process(
                accelerator, time.monotonic() - started > 60 * max_minutes):
            break
    bar.close()
    if folder is not None and run.main and run.step < last:
        save_checkpoint(folder, run, optimisers, seed)
    for network in run.best.values():
        network.eval()
    return run


def any_process(accelerator: Accelerator, here: bool) -> bool:
    """Whether it is so in any process: clocks differ, and all must stop at the same step."""
    if accelerator.num_processes == 1:
        return here
    return bool(accelerator.gather(torch.tensor([here], device=accelerator.device)).any())


def schedule(done: float, decay_to: float, decay_from: float = 0.5) -> float:
    """Factor of the learning rate when the share `done` of the run is over."""
    fallen = max(0.0, done - decay_from) / (1 - decay_from)
    return 1.0 + fallen * (decay_to - 1.0)


def lazy(step: int, every: int) -> int:
    """The factor of a term that is computed once in `every` steps, at their end; else 0.

    Its mean over steps is one (StyleGAN2, Karras et al. 2020, section 3.1).
    """
    return every if (step + 1) % every == 0 else 0


def exactly(network: nn.Module, *x: Tensor) -> Tensor:
    """What a network makes of x in float32, whatever precision the loop has set for it.

    Regularisers differentiate a gradient, and in bfloat16 on processors the second derivative of
    the first convolution of a block comes out wrong, though losses and their gradients do not.
    """
    plain = extract_model_from_parallel(network)
    return type(plain).forward(plain, *x)  # the loop's precision is set on the instance


def check_finite(run: Run) -> None:
    """Stop a run whose losses are no longer numbers."""
    for name, value in run.terms.items():
        if value != value or abs(value) == float("inf"):
            raise BookError(f"training diverged at step {run.step}: {name} is {value}; "
                            "lower the learning rate or resume an earlier checkpoint")


def note(run: Run, folder: Path | None, snapshot: bool) -> None:
    """Log the step; at a snapshot also probe the averaged networks and keep their samples."""
    row = {"step": run.step, "images": run.images, "seconds": round(run.seconds, 1), **run.terms}
    best, recipe = run.best, run.recipe
    if snapshot and (recipe.sample or recipe.probe):
        modes = {k: n.training for k, n in best.items()}
        state = torch.get_rng_state()
        with torch.no_grad():
            for network in best.values():
                network.eval()
            if recipe.probe:
                row |= recipe.probe(best)
            if recipe.sample and folder is not None:
                save_images(folder / "snapshots" / f"{run.images:08d}.png", recipe.sample(best))
        torch.set_rng_state(state)
        for key, network in best.items():
            network.train(modes[key])
    run.log.append(row)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
