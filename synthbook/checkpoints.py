"""Checkpoints: everything a run needs to go on, in one safetensors file replaced in one step."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate.utils import extract_model_from_parallel

from synthbook.files import BookError, read_tensors, replacing, write_tensors

if TYPE_CHECKING:
    from synthbook.training import Run

FILE = "checkpoint.safetensors"


def config_text(run: "Run") -> str:
    """The run's config as JSON, to tell one run from another."""
    return json.dumps(asdict(run.recipe.config), sort_keys=True)


def digest(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 of tensors with their names, types and shapes."""
    found = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        plain = value.detach().cpu().contiguous().reshape(-1)
        found.update(plain.view(torch.uint8).numpy().data)
    return found.hexdigest()


def save_checkpoint(folder: Path, run: "Run", optimisers: dict, seed: int) -> None:
    """Write networks, averages, optimiser states and counters to `folder`."""
    tensors = {}
    for kind, networks in (("network", run.networks), ("average", run.averaged)):
        for key, network in networks.items():
            state = extract_model_from_parallel(network).state_dict()
            tensors |= {f"{kind}/{key}/{name}": value for name, value in state.items()}
    for player, optimiser in optimisers.items():
        for i, state in optimiser.state_dict()["state"].items():
            tensors |= {f"adam/{player}/{i}/{k}": torch.as_tensor(v) for k, v in state.items()}
    state = {"step": run.step, "images": run.images, "seconds": run.seconds, "seed": seed,
             "config": config_text(run), "digest": digest(tensors)}
    write_tensors(folder / FILE, tensors, {"state": json.dumps(state)})


def load_checkpoint(folder: Path, run: "Run", optimisers: dict, seed: int) -> None:
    """Bring `run` to where `folder`'s checkpoint left off; nothing happens if there is none."""
    path = folder / FILE
    if not path.exists():
        return
    tensors, metadata = read_tensors(path)
    try:
        state = json.loads(metadata.get("state", "{}"))
    except ValueError as error:
        raise BookError(f"{path} is damaged; restore it or train without --resume") from error
    if state.get("seed") != seed or state.get("config") != config_text(run):
        raise BookError(f"{path} is of another run (seed or config differ); give another --out")
    if state.get("digest", "") not in ("", digest(tensors)):
        raise BookError(f"{path} is damaged; restore it or train without --resume")
    try:
        for kind, networks in (("network", run.networks), ("average", run.averaged)):
            for key, network in networks.items():
                extract_model_from_parallel(network).load_state_dict(
                    under(tensors, f"{kind}/{key}/"))
        for player, optimiser in optimisers.items():
            saved: dict = {}
            for name, value in under(tensors, f"adam/{player}/").items():
                i, key = name.split("/")
                saved.setdefault(int(i), {})[key] = value
            optimiser.load_state_dict({**optimiser.state_dict(), "state": saved})
    except (RuntimeError, ValueError) as error:
        raise BookError(f"{path} does not fit this version of the book; give another --out") \
            from error
    run.step, run.images, run.seconds = state["step"], state["images"], state["seconds"]
    log = folder / "log.jsonl"
    if log.exists():
        try:
            rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()
                    if line.endswith("}")]
            run.log = [row for row in rows if row["step"] <= run.step]
        except (KeyError, TypeError, ValueError) as error:
            raise BookError(f"{log} is damaged; restore or remove it") from error
        with replacing(log) as temporary:
            temporary.write_text("".join(json.dumps(r) + "\n" for r in run.log), encoding="utf-8")


def under(tensors: dict, prefix: str) -> dict:
    """The entries whose name starts with `prefix`, without it."""
    return {k[len(prefix):]: v for k, v in tensors.items() if k.startswith(prefix)}
