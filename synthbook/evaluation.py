"""A model's metrics beside the rows that give them meaning, as one JSON-ready result.

Reference rows: `oracle` (the data's renderer makes the perfect answer), `floor` (real against
real), `trivial` (an answer that needs no learning) and `broken` (a model that every metric must
catch). A paper's room `measure` says what its models are measured by. A result is computed once,
kept in `data/results`, and shown by the chapters.
"""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthbook import headings, judges, metrics, models
from synthbook.bachgan import measure as bachgan
from synthbook.controllable_3d import table as controllable_3d
from synthbook.datasets import dataset
from synthbook.datasets.generated import Generated
from synthbook.datasets.places import MOODS
from synthbook.datasets.traits import trait_table
from synthbook.files import BookError, data_dir, read_record, write_json
from synthbook.image2stylegan_pp import measure as image2stylegan_pp
from synthbook.metrics import Estimate, Extractor
from synthbook.metrics.estimate import blocks_estimate
from synthbook.semantic_pyramid import measure as semantic_pyramid
from synthbook.semantic_pyramid.classifier import (
    ARCHITECTURES,
    ResidualClassifier,
    accuracy_rows,
)
from synthbook.smis import measure as smis
from synthbook.stylegan2 import measure as stylegan2
from synthbook.yardsticks import BUDGETS, SEED, Budget, Setup, predict

PAPERS = {"smis": smis, "bachgan": bachgan, "stylegan2": stylegan2,
          "image2stylegan-pp": image2stylegan_pp, "semantic-pyramid": semantic_pyramid,
          "controllable-3d": controllable_3d}
Judge = judges.Segmenter | judges.Reader | headings.HeadingJudge | ResidualClassifier


@lru_cache(maxsize=4)
def judge_for(judge: str, data: str, size: int) -> Judge:
    """The `judge` of a dataset: `judges/segmenter`, `…-8`, `…-40`, `judges/reader` and others."""
    return models.load(f"{judge}@{data}-{size}-s0")


def feature_spaces(judge: Judge, size: int) -> dict[str, Extractor]:
    """The spaces in which sets are compared; the judge's, trained on the truth, decides."""
    return {"judge": metrics.judge("judge", judge, size), "alexnet": metrics.alexnet(),
            "random": metrics.untrained()}


def setup_for(name: models.Name, knobs: dict, budget: Budget) -> Setup:
    """The setup of a model, one for all models of its data while this process lives."""
    judge = models.MODELS[name.model].judge
    made_by = models.record(models.Name(judge, name.dataset, name.size).weights)["sha256"]
    return shared_setup(paper_of(name.model), judge, name.dataset, name.size, json.dumps(knobs),
                        budget, made_by)


@lru_cache(maxsize=2)
def shared_setup(slug: str, judge_name: str, data: str, size: int, knobs: str, budget: Budget,
                 judge_hash: str) -> Setup:
    """:func:`setup_for` by what decides it; another judge's weights make another setup."""
    judge = judge_for(judge_name, data, size)
    return PAPERS[slug].Setup(judge, feature_spaces(judge, size), data, size, json.loads(knobs),
                              budget)


def paper_of(model: str) -> str:
    """The slug of a model whose paper's room says how it is measured; BookError for others."""
    slug = model.partition("/")[0]
    if slug not in PAPERS:
        raise BookError(f"{model} has no evaluation")
    return slug


def evaluate(text: str, *, scale: str = "ship", seed: int = 0,
             weights: str | Path | None = None) -> dict:
    """Every metric of a model, with its references, as plain JSON values."""
    name = models.resolve(text)
    if name.dataset in models.REAL:
        raise BookError(f"{name} has no evaluation: its references need data that can be redrawn")
    if not 0 <= seed < 2**32:
        raise BookError(f"seed {seed} is out of range: choose 0 to 4294967295")
    stored = models.record(Path(weights) if weights is not None else name.weights)
    rows, reference = {}, {}
    if name.model.startswith("judges/"):
        rows = evaluate_judge(name, stored, scale, weights)
    else:
        setup = setup_for(name, stored["config"]["knobs"], BUDGETS[scale])
        rows, reference = setup.evaluate(models.load(str(name), weights=weights), seed)
    result = {"model": str(name), "scale": scale, "seed": seed, "commit": models.commit(),
              "device": "cpu", "weights": stored["sha256"], "images": stored["images"],
              "rivals": {}, "metrics": {k: v.as_dict() for k, v in rows.items()},
              "references": {row: {k: v.as_dict() for k, v in values.items()}
                             for row, values in reference.items()}}
    for called, rival in models.MODELS[name.model].rivals.items():
        path = result_path(replace(name, model=rival))
        if path.exists():
            compare(result, called, read_record(path, "model", "metrics", "references"))
    return result


def evaluate_judge(name: models.Name, stored: dict, scale: str, weights) -> dict[str, Estimate]:
    """How well a judge knows the truth of held-out images."""
    judge = models.load(str(name), weights=weights)
    count = BUDGETS[scale].images // 2
    data = dataset(name.dataset, "test", size=name.size, seed=SEED, count=count,
                   **stored["config"]["knobs"])
    items = [data[i] for i in range(count)]
    images, rows = torch.stack([item["image"] for item in items]), {}
    if isinstance(judge, judges.Reader):
        return judges.agreement_rows(judge, images, trait_table(data, count))
    if isinstance(judge, tuple(ARCHITECTURES.values())):
        return accuracy_rows(judge, images, torch.stack([item["category"] for item in items]),
                             len(MOODS) if name.dataset == "places" else None)
    if isinstance(judge, headings.HeadingJudge) and judge.config.headed:
        alone = dataset(name.dataset, "test", size=name.size, seed=SEED, count=count, most=1,
                        **stored["config"]["knobs"])
        rows = headings.heading_rows(judge, [alone[i] for i in range(count)])
    labels = torch.stack([item["label"] for item in items])
    return rows | evaluate_segmenter(judge, data, images, labels)


def evaluate_segmenter(judge: judges.Segmenter, data: Generated, images: Tensor,
                       labels: Tensor) -> dict[str, Estimate]:
    """Pixel accuracy, mIoU and the IoU of every class."""
    predicted, count = predict(judge, images), len(images)
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
    """Store a result for the chapters and the ledger; models whose rival it is, compare anew."""
    path, name = result_path(result["model"]), models.parse(result["model"])
    write_json(path, shortened(result))
    for model, known in models.MODELS.items():
        other = result_path(replace(name, model=model))
        for called in (c for c, rival in known.rivals.items() if rival == name.model):
            if other.exists():
                theirs = read_record(other, "model", "metrics", "references")
                if compare(theirs, called, result):
                    write_json(other, shortened(theirs))
    return path


def shortened(value: Any) -> Any:
    """JSON values with numbers to eight significant digits, far finer than any interval here."""
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, dict):
        return {key: shortened(one) for key, one in value.items()}
    return [shortened(one) for one in value] if isinstance(value, list) else value


def compare(result: dict, called: str, rival: dict) -> bool:
    """Add to a result by how much each of its KIDs is below or above that of a rival.

    `kid_judge` becomes `kid_judge_minus_CALLED`, from the differences in each block: both answered
    the same conditions, and were held against the same real images, so that what a block adds to
    both cancels. That it was so the floors tell, real images against real ones: unless they agree
    block by block nothing is added, and False returned.
    """
    def blocks(values: dict) -> dict[str, list[float]]:
        return {key: value["blocks"] for key, value in values.items()
                if "kid_judge" in key and "_minus_" not in key and "blocks" in value}

    floors = [blocks(r["references"].get("floor", {})) for r in (result, rival)]
    if not floors[0] or floors[0].keys() != floors[1].keys() or not all(
            np.allclose(floors[0][key], floors[1][key], atol=1e-6) for key in floors[0]):
        return False
    mine, theirs = blocks(result["metrics"]), blocks(rival["metrics"])
    for key in mine.keys() & theirs.keys():
        like = result["metrics"][key]
        parts = torch.tensor(mine[key]).double() - torch.tensor(theirs[key]).double()
        found = blocks_estimate(parts, like["n"], like["extractor"])
        result["metrics"][key.replace("kid_judge", f"kid_judge_minus_{called}")] = found.as_dict()
    result["rivals"][rival["model"]] = rival["weights"]
    return True


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
    wide = max(map(len, ("metric", *result["metrics"])))
    head = f"{'metric':{wide}s} {result['model']:>34s}" + "".join(f"{r:>12s}" for r in rows)
    lines = [head]
    for key, value in result["metrics"].items():
        known = value["value"] is not None  # a class that no picture shows has no IoU
        text = f"{value['value']:.4f} [{value['low']:.4f}, {value['high']:.4f}]" if known else "-"
        line = f"{key:{wide}s} {text:>34s}"
        for row in rows:
            reference = result["references"][row].get(key)
            seen = reference and reference["value"] is not None
            line += f"{reference['value']:12.4f}" if seen else f"{'':12s}"
        lines.append(line)
    return "\n".join(lines)


def control_card(result: dict) -> list[dict]:
    """The three numbers with which every paper's chapter ends, each beside the oracle.

    `measure.CARD` of the paper's room says which metrics they are, and how each is to be read.
    """
    card = PAPERS[paper_of(result["model"])].CARD
    return [{"quantity": quantity, "metric": key, "reading": reading,
             **{k: result["metrics"][key][k] for k in ("value", "low", "high", "n")},
             "oracle": result["references"]["oracle"][key]["value"]}
            for quantity, (key, reading) in card.items()]
