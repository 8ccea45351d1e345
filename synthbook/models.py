"""From a model's name to its recipe and its shipped weights.

A name is `slug/variant[@dataset-size-sSEED]`: `smis` means `smis/groupdnet@places-64-s0`.
"""

import re
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn

from synthbook import scale as scales
from synthbook.catalogue import DEFAULTS, MODELS, REAL
from synthbook.files import (
    BookError,
    data_dir,
    read_tensors,
    sha256,
    verified,
    write_json,
    write_tensors,
)
from synthbook.training import Recipe, Run


@dataclass(frozen=True)
class Name:
    """A model's name, taken apart."""

    model: str  # "smis/groupdnet"
    dataset: str = "places"
    size: int = 64
    seed: int = 0

    def __post_init__(self):
        if not 0 <= self.seed < 2**32:
            raise BookError(f"seed {self.seed} is out of range: choose 0 to 4294967295")

    def __str__(self) -> str:
        return f"{self.model}@{self.dataset}-{self.size}-s{self.seed}"

    @property
    def trained(self) -> "Name":
        """The model whose weights are used: another one where nothing is trained for this."""
        base = MODELS[self.model].built_on if self.model in MODELS else ""
        return replace(self, model=base) if base else self

    @property
    def weights(self) -> Path:
        """Where the shipped weights are; the record beside them ends in `.json`."""
        return data_dir() / "weights" / f"{self.trained}.safetensors"


def parse(text: str, scale: str = "ship") -> Name:
    """A full name from a short or a long one.

    Where not given, the dataset is the model's first, and the size follows `scale`.
    """
    head, at, tail = text.partition("@")
    head = DEFAULTS.get(head, head)
    if head not in MODELS:
        raise BookError(f"unknown model {text!r}: choose one of {', '.join(MODELS)}")
    if not at:
        return Name(head, MODELS[head].datasets[0], size=64 if scale == "ship" else 32)
    match = re.fullmatch(r"([a-z][a-z0-9]*)-(\d+)-s(\d+)", tail)
    if not match:
        raise BookError(f"cannot read {tail!r} in {text!r}: write {head}@places-64-s0, "
                        "that is dataset-size-sSEED")
    dataset, size, seed = match[1], int(match[2]), int(match[3])
    known = (*MODELS[head].datasets, *MODELS[head].real)
    if dataset not in known:
        drawn = any(dataset in model.datasets for model in MODELS.values())
        problem = f"{head} has no" if drawn else "unknown"
        raise BookError(f"{problem} dataset {dataset!r}: choose one of {', '.join(known)}")
    sizes = (REAL[dataset],) if dataset in REAL else MODELS[head].sizes
    if size not in sizes:
        raise BookError(f"{head} has no size {size}: choose one of "
                        f"{', '.join(map(str, sizes))}")
    return Name(head, dataset, size, seed)


def recipe(name: Name, scale: str, root: Path | None = None) -> Recipe:
    """The recipe that trains `name` at `scale`; `root` is a real dataset's folder."""
    scales.check(scale)
    if root is not None and not root.is_dir():
        raise BookError(f"--data {root} is not a folder: give the dataset's")
    if root is not None and scale != "paper":
        raise BookError(f"--data goes with --scale paper; at {scale} the data are drawn")
    model = MODELS[name.model]
    if name.trained != name:
        raise BookError(f"nothing is trained for {name}: it uses the weights of {name.trained}; "
                        "train that")
    if scale == "paper" and model.paper:
        return paper_recipe(name, root)
    if name.dataset in REAL:
        raise BookError(f"{name} is trained with --scale paper --data DIR, not at {scale}")
    if scale not in model.images:
        raise BookError(f"{name.model} is not trained at scale {scale!r} from here: choose one "
                        f"of {', '.join(model.images)}")
    settings = model.settings.get(scale, {})
    made = model.recipe(name.dataset, name.size, images=model.images[scale], **settings)
    return replace(made, snapshots=2) if scale == "smoke" else made


def paper_recipe(name: Name, root: Path | None) -> Recipe:
    """The published recipe of `name` on the data in `root`."""
    known = MODELS[name.model].real
    if name.dataset not in known:
        raise BookError(f"paper scale reads real data: train "
                        f"{' or '.join(f'{name.model}@{d}-{REAL[d]}-s0' for d in known)} "
                        "with --data DIR")
    if root is None:
        raise BookError(f"{name} needs --data DIR, the folder of {name.dataset}")
    return MODELS[name.model].paper(name.dataset, root)


def shipped() -> list[str]:
    """Full names of the models whose weights ship."""
    root = data_dir() / "weights"
    found = [str(p.relative_to(root))[: -len(".safetensors")]
             for p in sorted(root.glob("*/*@*.safetensors"))]
    return [name for name in found if name.partition("@")[0] in MODELS]


def weight_files() -> list[Path]:
    """Every weights file of the book: those of its models and the feature networks."""
    return sorted((data_dir() / "weights").glob("*/*.safetensors"))


def resolve(text: str) -> Name:
    """The shipped model that a short name means: at 64 pixels where it ships, else at 32."""
    name = parse(text)
    if "@" not in text and not name.weights.exists():
        small = replace(name, size=32)
        return small if small.weights.exists() else name
    return name


def record(path: Path) -> dict:
    """The record beside a weights file, after checking that the file is the one recorded."""
    if not path.is_file():
        have = ", ".join(shipped()) or "none"
        raise BookError(f"no weights at {path}: train them, or choose one that ships ({have})")
    return verified(path)


def load(text: str, device: str = "cpu", weights: str | Path | None = None) -> nn.Module:
    """The model called `text` in evaluation mode, from the book's weights or from `weights`."""
    name = resolve(text)
    path = Path(weights) if weights is not None else name.weights
    stored = record(path)
    tensors = {k: v.float() if v.is_floating_point() else v
               for k, v in read_tensors(path)[0].items()}
    try:
        module = MODELS[name.model].assemble(stored["config"])
        module.load_state_dict(tensors | borrowed(name, stored))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BookError(f"{path} does not hold a {name.model} of this version of the book") \
            from error
    return module.eval().requires_grad_(False).to(device)


def borrowed(name: Name, stored: dict) -> dict[str, torch.Tensor]:
    """Tensors of the parts that a model shares with others; BookError if they are not the same."""
    found, files = {}, MODELS[name.model].borrowed(stored["config"])
    for part, wanted in stored.get("borrowed", {}).items():
        if verified(files[part])["sha256"] != wanted:
            raise BookError(f"{name} was trained with another {part} than {files[part]}: train it "
                            "again")
        found |= {f"{part}.{k}": v.float() if v.is_floating_point() else v
                  for k, v in read_tensors(files[part])[0].items()}
    return found


def assembled(run: Run, name: Name) -> nn.Module:
    """The run's averaged networks as the module that ships, finished where the model asks it."""
    model = MODELS[name.model]
    module = model.assemble(asdict(run.recipe.config))
    own = module.state_dict()
    module.load_state_dict({**own, **ship_state(run, module, model.parts)})
    module.eval().requires_grad_(False)
    if model.finish:
        model.finish(module, run.recipe.data())
    return module


def ship_state(run: Run, module: nn.Module, parts: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """The tensors of the networks in `parts`, averaged where an average is kept.

    They are named as in `module`; a part that it does not hold is the module itself.
    """
    return {f"{part}.{key}" if hasattr(module, part) else key: value for part in parts
            for key, value in run.best[part].state_dict().items()}


def write_weights(run: Run, name: Name, folder: str | Path, command: str, scale: str) -> Path:
    """Write the run's networks as fp16 safetensors under `folder`, with their provenance."""
    path = Path(folder) / f"{name}.safetensors"
    config = asdict(run.recipe.config)
    lent = {part: sha256(file) for part, file in MODELS[name.model].borrowed(config).items()}
    half = {k: v.half() if v.is_floating_point() else v
            for k, v in assembled(run, name).state_dict().items()
            if k.partition(".")[0] not in lent}
    write_tensors(path, half, {"model": str(name)})
    curve = [row for row in run.log if any(not k.startswith(("g_", "d_")) for k in row
                                           if k not in ("step", "images", "seconds"))]
    write_json(path.with_suffix(".json"), {
        "model": str(name), "command": command, "scale": scale, "commit": commit(),
        "config": config, "seed": name.seed, "images": run.images,
        **({"borrowed": lent} if lent else {}), "batch": run.recipe.batch,
        "device": run.device, "minutes": round(run.seconds / 60, 1),
        "torch": torch.__version__.partition("+")[0],
        "parameters": sum(v.numel() for v in half.values()), "curve": curve[-64:],
        "sha256": sha256(path)})
    return path


def commit() -> str:
    """The checkout's commit, with `+` where files differ from it; `unknown` elsewhere."""
    root = Path(__file__).resolve().parent.parent
    try:
        run = lambda *a: subprocess.run(("git", "-C", str(root), *a), capture_output=True,
                                        text=True, check=True).stdout.strip()
        return run("rev-parse", "HEAD") + ("+" if run("status", "--porcelain", "synthbook") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
