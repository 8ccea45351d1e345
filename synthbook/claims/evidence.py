"""The results that claims stand on: found, checked against their weights, made again."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from synthbook import evaluation, models
from synthbook.claims.verdict import Measured, Missing, difference
from synthbook.files import BookError, read_record, replacing
from synthbook.scale import SCALES

ORDER = list(SCALES)


@dataclass(frozen=True)
class Result:
    """A stored result of `synthbook.evaluation`; scale and commit at which its weights were made.

    `commit` ends in `+` where files differed from it, and is `unknown` where there was none. It is
    that of the measurement where nothing was trained.
    """

    data: dict
    trained: str
    commit: str = "unknown"
    measurement: bool = False  # of data alone: no model was trained for it

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


def gap(metric: str, mine: Result, theirs: Result) -> Measured:
    """A metric of one model less that of another."""
    return difference(mine(metric), theirs(metric))


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
    rivals_are_those(result)
    made = trained if name.trained == name else result  # else nothing was trained for it
    return Result(result, trained["scale"], str(made.get("commit", "unknown")))


def rivals_are_those(result: dict) -> None:
    """Raise Missing where a model's rival was trained again after the two were compared."""
    for rival, weights in result.get("rivals", {}).items():
        record = models.parse(rival).weights.with_suffix(".json")
        if not record.exists() or read_record(record, "sha256")["sha256"] != weights:
            raise Missing(f"a result of {result['model']} that compares it with today's {rival}")


def measured(name: str) -> Result:
    """What was measured on data alone: `data/results/NAME.json`, made by its `command`.

    Its `rows` hold estimates for each strength of a knob or each level of features: `KEY at
    strength 0.5` or `KEY at conv5` is a metric.
    Raises Missing where there is none.
    """
    path = evaluation.result_path(name)
    if not path.exists():
        raise Missing(f"a measurement {name}")
    stored = read_record(path, "command", "commit", "rows")
    metrics = {}
    try:
        for row in stored["rows"]:
            at = row["level"] if "level" in row else f"strength {row['strength']:g}"
            metrics |= {f"{key} at {at}": value for key, value in row.items()
                        if key not in ("level", "strength")}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BookError(f"{path} is damaged: restore it, or run {stored['command']}") from error
    return Result({"model": name, "commit": stored["commit"], "metrics": metrics,
                   "references": {}}, "", str(stored["commit"]), measurement=True)


def name_of(model: str, data: str, seed: int) -> models.Name:
    """A claim's model as a full name; Missing where the book has no such model."""
    if model not in models.MODELS:
        raise Missing(f"a model {model}")
    return models.parse(f"{model}@{data}-s{seed}")


def alike(results: Iterable[Result]) -> None:
    """Raise Missing unless all models were trained and evaluated equally much."""
    results = [r for r in results if not r.measurement]
    for what, key in (("number of training images", "images"), ("evaluation scale", "scale"),
                      ("evaluation seed", "seed")):
        found = {r.data[key] for r in results}
        if len(found) > 1:
            raise Missing(f"one {what} for all models: it was {', '.join(map(str, found))}")


def retrain(names: Iterable[models.Name], scale: str) -> None:
    """Train each model by the command line and put its weights and record in their place.

    Runs are kept in `runs/claims`; one that was broken off goes on. Of a model that uses another's
    weights that one is trained.
    """
    for name in dict.fromkeys(name.trained for name in names):
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
