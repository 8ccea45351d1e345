"""Headings that objects were told and that a judge reads: `python data/make/headings.py MODEL ...`.

Writes `data/results/controllable-3d/headings.json`: for each model, by its name, whole degrees from
0 to 359 against the rays on which objects are seen, and the hashes of the weights that were used.
"""

import argparse

import torch

from synthbook import evaluation, models
from synthbook.controllable_3d.judged import told_and_read
from synthbook.controllable_3d.looks import fixed
from synthbook.files import data_dir, write_json

SCENES = 100


@torch.no_grad()
def headings(text: str) -> dict:
    """What is told and read of the objects of `SCENES` scenes of a model."""
    name = models.parse(text)
    judge = models.Name(models.MODELS[name.model].judge, name.dataset, name.size)
    model = models.load(str(name))
    everything = torch.ones(SCENES, model.config.primitives, dtype=torch.bool)
    scene = model.sample(SCENES, fixed(1), everything)
    pair = told_and_read(model, scene, evaluation.judge_for(judge.model, name.dataset, name.size))
    told, read = ((angle.rad2deg().round() % 360).int().tolist() for angle in pair)
    return {"told": told, "read": read, "weights": models.record(name.weights)["sha256"],
            "judge": models.record(judge.weights)["sha256"], "commit": models.commit()}


def main() -> None:
    """Read the models that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    found = {text: headings(text) for text in parser.parse_args().models}
    write_json(data_dir() / "results" / "controllable-3d" / "headings.json", found)


if __name__ == "__main__":
    main()
