"""The results that claims stand on: found, checked against their weights, made again."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from synthbook import evaluation, models
from synthbook.claims.verdict import Measured, Missing
from synthbook.files import BookError, read_record, replacing
from synthbook.scale import SCALES

ORDER = list(SCALES)


@dataclass(frozen=True)
class Result:
    """A stored result of `synthbook.evaluation`; scale and commit at which its weights were made.

    `commit` ends in `+` where files differed from it, and is `unknown` where there was none.
    """

    data: dict
    trained: str
    commit: str = "unknown"

    def __call__(self, metric: str) -> Measured:
        """A metric of the model."""
        return self._measured(self.data["metrics"], metric, "metrics")

    def reference(self, row: str, metric: str) -> Measured:
        """A metric of a reference row: `oracle`, `floor`, `trivial`, `broken`."""
        return self._measured(self.data["references"].get(row, {}), metric, row)

    def _measured(self, values: dict, metric: str, row: str) -> Measured:
        if metric not in values:
            raise Missing(f"{metric} among the {row} of {self.data['model']}")
        bounds = [values[metric][k] for k in ("value", "low", "high")]
        if None in bounds:
            raise Missing(f"a finite {metric} among the {row} of {self.data['model']}")
        value, low, high = map(float, bounds)
        return Measured(value, min(low, value), max(high, value))  # rounding, never more


def find(model: str, data: str, seed: int, scale: str) -> Result:
    """The result of one model and seed.

    Raises Missing where there is none, or only one that was made at a smaller scale; BookError
    where it is damaged or of other weights than those that are recorded.
    """
    name = name_of(model, data, seed)
    path, record = evaluation.result_path(name), name.weights.with_suffix(".json")
    if not path.exists():
        raise Missing(f"a result of {name}")
    if name.weights.exists():
        result = evaluation.stored(str(name))
        trained = models.record(name.weights)
    elif record.exists():  # weights that do not ship: their record still says which they were
        result, trained = read_record(path, "weights"), read_record(record, "sha256")
        if result["weights"] != trained["sha256"]:
            raise BookError(f"{path} is of other weights than {record} records: train {name} and "
                            "evaluate it again, or restore both files")
    else:
        raise Missing(f"the weights of {name}, or the record of them")
    result = read_record(path, "model", "scale", "seed", "commit", "images", "metrics",
                         "references")
    for what, found in (("training", trained.get("scale")), ("evaluation", result["scale"])):
        if found not in ORDER or ORDER.index(found) < ORDER.index(scale):
            raise Missing(f"{what} of {name} at scale {scale}: it was at {found}")
    return Result(result, trained["scale"], str(trained.get("commit", "unknown")))


def name_of(model: str, data: str, seed: int) -> models.Name:
    """A claim's model as a full name; Missing where the book has no such model."""
    if model not in models.MODELS:
        raise Missing(f"a model {model}")
    return models.parse(f"{model}@{data}-s{seed}")


def alike(results: Iterable[Result]) -> None:
    """Raise Missing unless all were trained and evaluated equally much."""
    results = list(results)
    for what, key in (("number of training images", "images"), ("evaluation scale", "scale"),
                      ("evaluation seed", "seed")):
        found = {r.data[key] for r in results}
        if len(found) > 1:
            raise Missing(f"one {what} for all models: it was {', '.join(map(str, found))}")


def retrain(names: Iterable[models.Name], scale: str) -> None:
    """Train each model by the command line and put its weights and record in their place.

    Runs are kept in `runs/claims`; one that was broken off goes on.
    """
    for name in names:
        folder = Path("runs") / "claims" / str(name)
        made = folder / f"{name}.safetensors"
        command = [sys.executable, "-m", "synthbook", "train", str(name), "--scale", scale,
                   "--out", str(folder)]
        if (folder / "checkpoint.safetensors").exists() and not made.exists():
            command.append("--resume")
        if subprocess.run(command, check=False).returncode:
            raise BookError(f"training {name} failed: see above, then run the same command again")
        for source, target in ((made, name.weights), (made.with_suffix(".json"),
                                                      name.weights.with_suffix(".json"))):
            with replacing(target) as temporary:
                shutil.copyfile(source, temporary)


def rerun(names: Iterable[models.Name], scale: str) -> None:
    """Evaluate again, and store, each model whose weights are here; say which are not."""
    for name in names:
        if name.weights.exists():
            print(f"evaluating {name}", file=sys.stderr)
            evaluation.save(evaluation.evaluate(str(name), scale=scale))
        else:
            print(f"not evaluated again: {name} has no weights here", file=sys.stderr)
