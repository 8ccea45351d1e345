"""Record a paper's training time machine: `python data/make/time_machine.py PAPER [RUN ...]`.

Trains one run after the other and keeps, at fixed numbers of images, what the run makes of fixed
inputs: one PNG for each run, frames from left to right, and its probes as JSON. With `--finished
FOLDER` one run is not trained but taken from the folder of `synthbook train ... --out FOLDER`,
where it stands with its weights.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from synthbook.files import BookError, data_dir, read_json, replacing, sha256, write_json
from synthbook.models import commit
from synthbook.plots import pixels
from synthbook.training import Run, train

PAPERS = ("bachgan", "conditional-gans", "controllable-3d", "smis")
GROUPS = ("ATTEMPTS", "GROUNDED", "MARKED")  # of a paper's runs, each a time machine
GAP = 2  # transparent pixels right of and below every picture


class Recorder:
    """A hook that keeps a frame and the probes whenever one of `counts` images is reached."""

    def __init__(self, failures: ModuleType, counts: Sequence[int]):
        self.failures, self.counts = failures, counts
        self.frames: list[Tensor] = []
        self.rows: list[dict[str, float]] = []

    def __call__(self, run: Run) -> None:
        if run.images not in self.counts:
            return
        networks = run.best
        modes = {key: network.training for key, network in networks.items()}
        for network in networks.values():
            network.eval()
        with torch.no_grad():
            self.frames.append(self.failures.frame(run.recipe, networks))
            self.rows.append(self.failures.probes(run.recipe, networks))
        for key, network in networks.items():
            network.train(modes[key])


def sprite(frames: Sequence[Tensor]) -> np.ndarray:
    """Frames (rows, columns, 3, H, W) in [-1, 1], from left to right, as (H', W', 4) bytes.

    Every picture is followed by `GAP` transparent pixels to its right and below.
    """
    tiles = torch.cat(list(frames), 1)
    rows, columns, _, h, w = tiles.shape
    sheet = np.zeros((rows, h + GAP, columns, w + GAP, 4), np.uint8)
    sheet[:, :h, :, :w, :3] = pixels(tiles).transpose(0, 2, 1, 3, 4)
    sheet[:, :h, :, :w, 3] = 255
    return sheet.reshape(rows * (h + GAP), columns * (w + GAP), 4)


def record(paper: str, failures: ModuleType, attempt, folder: Path, counts: Sequence[int],
           seed: int = 0) -> Path:
    """Train one attempt up to the last of `counts` and write its PNG and JSON."""
    recorder = Recorder(failures, counts)
    recipe = replace(attempt.recipe(counts[-1]), snapshots=1)
    run = train(recipe, seed=seed, hooks=[recorder], progress=False)
    return write(paper, failures, attempt, folder, recorder.frames, recorder.rows, {
        "seed": seed, "commit": commit(),
        "command": f"python data/make/time_machine.py {paper} {attempt.name}",
        "config": asdict(recipe.config), "batch": recipe.batch, "device": run.device,
        "minutes": round(run.seconds / 60, 1), "torch": torch.__version__.partition("+")[0],
        "images": list(counts)})


def gathered(paper: str, failures: ModuleType, attempt, folder: Path, run: Path) -> Path:
    """The same from the snapshots and the log that a training of the attempt has left in `run`."""
    (weights,) = (run / paper).glob("*.json")
    told = read_json(weights)
    if told["config"] != json.loads(json.dumps(asdict(attempt.recipe().config))):
        raise BookError(f"{run} is no training of {attempt.name}: its config is another")
    lines = (json.loads(line) for line in (run / "log.jsonl").read_text().splitlines())
    log = {line["images"]: line for line in lines}
    missing = [count for count in failures.COUNTS if count not in log]
    if missing:
        raise BookError(f"{run / 'log.jsonl'} has no line at {missing[0]} images: "
                        "was the training cut short?")
    frames, rows = [], []
    for count in failures.COUNTS:
        frames.append(failures.chosen(tiles(run / "snapshots" / f"{count:08d}.png", failures.SIZE)))
        rows.append(failures.charted(log[count]))
    kept = ("seed", "commit", "command", "config", "batch", "device", "minutes", "torch")
    return write(paper, failures, attempt, folder, frames, rows,
                 {key: told[key] for key in kept} | {"images": list(failures.COUNTS)})


def tiles(path: Path, size: int) -> Tensor:
    """The pictures (N, 3, size, size) in [-1, 1] of a grid that :func:`plots.grid` made."""
    sheet = np.asarray(Image.open(path).convert("RGB"))
    sheet = np.pad(sheet, ((0, GAP), (0, GAP), (0, 0)))
    rows, columns = (n // (size + GAP) for n in sheet.shape[:2])
    apart = sheet.reshape(rows, size + GAP, columns, size + GAP, 3)[:, :size, :, :size]
    images = torch.from_numpy(apart.transpose(0, 2, 4, 1, 3).reshape(-1, 3, size, size).copy())
    return images / 127.5 - 1


def write(paper: str, failures: ModuleType, attempt, folder: Path, frames: Sequence[Tensor],
          rows: Sequence[dict[str, float]], told: dict) -> Path:
    """Frames as one PNG, and beside it as JSON probes and what is told of the run."""
    path = folder / f"{attempt.name}.png"
    with replacing(path) as temporary:
        Image.fromarray(sprite(frames)).save(temporary, format="PNG", optimize=True)
    _, columns, _, height, width = frames[0].shape
    write_json(path.with_suffix(".json"), {
        "paper": paper, "name": attempt.name, **told, "rows": list(failures.ROWS),
        "columns": columns, "pitch": [height + GAP, width + GAP],
        "probes": {key: [round(row[key], 5) for row in rows] for key in rows[0]},
        "sha256": sha256(path)})
    return path


def main() -> None:
    """Record the runs that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paper", choices=PAPERS)
    parser.add_argument("runs", nargs="*", help="all unless given")
    parser.add_argument("--finished", type=Path, metavar="FOLDER",
                        help="of a training of the one run that is named")
    options = parser.parse_args()
    if options.finished and len(options.runs) != 1:
        parser.error("a finished training is of one run: name it")
    failures = import_module(f"synthbook.{options.paper.replace('-', '_')}.failures")
    folder = data_dir() / "results" / options.paper / "time-machine"
    attempts = [one for group in GROUPS for one in getattr(failures, group, ())]
    known = {attempt.name: attempt for attempt in attempts}
    wrong = set(options.runs) - set(known)
    if wrong:
        parser.error(f"no run {', '.join(sorted(wrong))}: choose of {', '.join(known)}")
    for name in options.runs or known:
        if options.finished:
            path = gathered(options.paper, failures, known[name], folder, options.finished)
        else:
            path = record(options.paper, failures, known[name], folder, failures.COUNTS)
        print(f"{path.name}: {path.stat().st_size:,d} bytes", flush=True)


if __name__ == "__main__":
    main()
