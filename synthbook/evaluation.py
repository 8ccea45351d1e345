"""A model's metrics beside the rows that give them meaning, as one JSON-ready result.

Reference rows: `oracle` (the data's renderer makes the perfect answer), `floor` (real against
real), `trivial` (each class in its mean colour) and `broken` (a model that every metric must
catch). A result is computed once, kept in `data/results`, and shown by the chapters.
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import torch
from torch import Tensor

from synthbook import judges, metrics, models, scale as scales
from synthbook.datasets import dataset
from synthbook.datasets.generated import Generated
from synthbook.files import BookError, data_dir, read_record, write_json
from synthbook.metrics import Estimate, Extractor
from synthbook.smis import applied, measure

SEED = 7  # of layouts and latents; training used others

Rows = dict[str, dict[str, Estimate]]


@lru_cache(maxsize=4)
def judge_for(judge: str, data: str, size: int) -> judges.Segmenter:
    """The `judge` of a dataset and its number of classes: `judges/segmenter`, `…-8`, `…-40`."""
    return models.load(f"{judge}@{data}-{size}-s0")


def feature_spaces(judge: judges.Segmenter, size: int) -> dict[str, Extractor]:
    """The spaces in which sets are compared; the judge's, trained on the truth, decides."""
    return {"judge": metrics.judge("judge", judge, size), "alexnet": metrics.alexnet(),
            "random": metrics.untrained()}


@dataclass(frozen=True)
class Setup:
    """What all rows and models of one table share: layouts, real images, judge, references.

    Parameters
    ----------
    judge_name : `judges/segmenter` or another that knows the classes of these data.
    dataset, size, knobs : the data that the models were trained on.
    budget     : how much is measured.
    """

    judge_name: str
    dataset: str
    size: int
    knobs: dict
    budget: measure.Budget

    @cached_property
    def test(self) -> Generated:
        """Scenes that neither training nor the judges saw; as many as asked for."""
        return self.data("test", 10**6)

    @cached_property
    def scenes(self) -> list:
        """The layouts."""
        return measure.layouts(self.test, self.budget.images)

    @cached_property
    def labels(self) -> Tensor:
        """Their label maps, (B, H, W)."""
        return measure.label_maps(self.test, self.scenes)

    @cached_property
    def real(self) -> Tensor:
        """Real images (B, 3, H, W) of other scenes."""
        return self.images("val")

    @cached_property
    def judge(self) -> judges.Segmenter:
        """The segmenter of this dataset."""
        return judge_for(self.judge_name, self.dataset, self.size)

    @cached_property
    def spaces(self) -> dict[str, Extractor]:
        """Feature spaces in which sets are compared."""
        return feature_spaces(self.judge, self.size)

    @cached_property
    def oracle(self) -> measure.Oracle:
        """The renderer as a sampler."""
        return measure.Oracle(self.test, SEED)

    @cached_property
    def references(self) -> Rows:
        """The reference rows that are the same for every model."""
        train = self.data("train", 10_000, seed=0)
        return {"oracle": self.row(self.oracle), "floor": self.floor(),
                "trivial": self.row(measure.ClassMeans(self.test, train))}

    def data(self, split: str, count: int, seed: int = SEED) -> Generated:
        """The dataset as the model was trained on it, another split or seed."""
        return dataset(self.dataset, split, size=self.size, seed=seed, count=count, **self.knobs)

    def images(self, split: str) -> Tensor:
        """As many real images of a split as there are layouts."""
        data = self.data(split, self.budget.images)
        return torch.stack([data[i]["image"] for i in range(len(data))])

    def row(self, sampler: measure.Sampler) -> dict[str, Estimate]:
        """Control and realism of one sampler."""
        images = measure.pictures(sampler, self.scenes)
        classes = len(self.test.class_names)
        return measure.control(sampler, self.test, self.budget) | measure.realism(
            images, self.labels, classes, self.real, self.judge, self.spaces)

    def floor(self) -> dict[str, Estimate]:
        """Real images against other real images."""
        other, row = self.images("test"), {}
        for space, extractor in self.spaces.items():
            row[f"kid_{space}"] = metrics.kid(self.real, other, extractor)
            row[f"fd_{space}"] = metrics.fd(self.real, other, extractor)
        return row


def setup_for(name: models.Name, knobs: dict, budget: measure.Budget) -> Setup:
    """The setup of a model, one for all models of its data while this process lives."""
    judge = models.MODELS[name.model].judge
    made_by = models.record(models.Name(judge, name.dataset, name.size).weights)["sha256"]
    return shared_setup(judge, name.dataset, name.size, json.dumps(knobs), budget, made_by)


@lru_cache(maxsize=2)
def shared_setup(judge: str, data: str, size: int, knobs: str, budget: measure.Budget,
                 judge_hash: str) -> Setup:
    """:func:`setup_for` by what decides it; another judge's weights make another setup."""
    return Setup(judge, data, size, json.loads(knobs), budget)


def evaluate(text: str, *, scale: str = "ship", seed: int = 0,
             weights: str | Path | None = None) -> dict:
    """Every metric of a model, with its references, as plain JSON values."""
    name = models.resolve(text)
    if name.dataset in models.REAL:
        raise BookError(f"{name} has no evaluation: its references need data that can be redrawn")
    if not 0 <= seed < 2**32:
        raise BookError(f"seed {seed} is out of range: choose 0 to 4294967295")
    stored = models.record(Path(weights) if weights is not None else name.weights)
    if name.model.startswith("judges/"):
        rows, reference = evaluate_segmenter(name, stored, scale, weights), {}
    elif name.model.startswith("smis/"):
        rows, reference = evaluate_smis(name, stored, scale, seed, weights)
    else:
        raise BookError(f"{name.model} has no evaluation")
    return {"model": str(name), "scale": scale, "seed": seed, "commit": models.commit(),
            "device": "cpu", "weights": stored["sha256"], "images": stored["images"],
            "metrics": {k: v.as_dict() for k, v in rows.items()},
            "references": {row: {k: v.as_dict() for k, v in values.items()}
                           for row, values in reference.items()}}


def evaluate_smis(name: models.Name, stored: dict, scale: str, seed: int,
                  weights) -> tuple[dict[str, Estimate], Rows]:
    """Control, realism, reconstruction and applications of a model from label maps to images.

    With the reference rows. What needs an encoder is left out where the model has none.
    """
    setup = setup_for(name, stored["config"]["knobs"], measure.BUDGETS[scale])
    model = models.load(str(name), weights=weights)
    sampler = measure.ModelSampler(model, setup.test, seed)
    rows = setup.row(sampler)
    if model.encoder is not None:
        rows |= measure.rebuilding(model, setup.test, setup.budget.images // 4)
        carried = measure.control(measure.Encoded(model, setup.oracle), setup.test, setup.budget)
        rows |= {f"encoded_{key}": value for key, value in carried.items()}
        published = setup.row(measure.ModelSampler(model, setup.test, seed, fitted=False))
        rows |= {f"normal_{key}": value for key, value in published.items()}
    rows |= applied.applications(model, setup.test, setup.budget.layouts)
    rival = replace(name, model=models.MODELS[name.model].rival)
    if name != rival and rival.weights.exists():
        other = measure.ModelSampler(models.load(str(rival)), setup.test, seed)
        mine, theirs = (measure.pictures(s, setup.scenes) for s in (sampler, other))
        rows["kid_judge_minus_vspade"] = metrics.kid_difference(
            setup.real, mine, theirs, setup.spaces["judge"])
    broken = setup.row(measure.Broken(sampler, setup.test))
    return rows, setup.references | {"broken": broken}


def evaluate_segmenter(name: models.Name, stored: dict, scale: str,
                       weights) -> dict[str, Estimate]:
    """Pixel accuracy, mIoU and the IoU of every class on held-out images."""
    judge = models.load(str(name), weights=weights)
    count = measure.BUDGETS[scale].images // 2
    data = dataset(name.dataset, "test", size=name.size, seed=SEED, count=count,
                   **stored["config"]["knobs"])
    items = [data[i] for i in range(count)]
    labels = torch.stack([item["label"] for item in items])
    predicted = measure.predict(judge, torch.stack([item["image"] for item in items]))
    classes = judge.config.classes
    rows = {"miou": metrics.miou(predicted, labels, classes),
            "pixel_accuracy": metrics.pixel_accuracy(predicted, labels, classes)}
    for row in metrics.class_iou(predicted, labels, classes):
        rows[f"iou_{data.class_names[row.index]}"] = Estimate(row.iou, row.iou, row.iou, count, "")
    return rows


def result_path(name: models.Name | str) -> Path:
    """Where a model's stored result is."""
    return data_dir() / "results" / f"{name}.json"


def save(result: dict) -> Path:
    """Store a result for the chapters and the ledger."""
    path = result_path(result["model"])
    write_json(path, result)
    return path


def stored(text: str) -> dict:
    """The stored result of a model; it must be of the weights that ship."""
    name = models.resolve(text)
    path = result_path(name)
    if not path.exists():
        raise BookError(f"no result at {path}: run python -m synthbook evaluate {name} --save")
    result = read_record(path, "weights", "metrics", "references")
    if result["weights"] != models.record(name.weights)["sha256"]:
        raise BookError(f"{path} is of other weights: run python -m synthbook evaluate {name} "
                        "--save")
    return result


def table(result: dict) -> str:
    """A result as text: one line a metric, references beside it."""
    rows = list(result["references"])
    head = f"{'metric':18s} {result['model']:>34s}" + "".join(f"{r:>12s}" for r in rows)
    lines = [head]
    for key, value in result["metrics"].items():
        text = f"{value['value']:.4f} [{value['low']:.4f}, {value['high']:.4f}]"
        line = f"{key:18s} {text:>34s}"
        for row in rows:
            reference = result["references"][row].get(key)
            line += f"{reference['value']:12.4f}" if reference else f"{'':12s}"
        lines.append(line)
    return "\n".join(lines)


CARD = {
    "intended change": ("mcsd", "closest to the oracle"),
    "leakage": ("mocd", "smaller is better"),
    "realism": ("kid_judge", "smaller is better"),
}


def control_card(result: dict) -> list[dict]:
    """The three numbers with which every paper's chapter ends, each beside the oracle."""
    return [{"quantity": quantity, "metric": key, "reading": reading,
             **{k: result["metrics"][key][k] for k in ("value", "low", "high", "n")},
             "oracle": result["references"]["oracle"][key]["value"]}
            for quantity, (key, reading) in CARD.items()]
