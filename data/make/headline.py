"""Make the README's picture from the weights that ship: `python data/make/headline.py`."""

from pathlib import Path

import torch

import synthbook
from synthbook import plots
from synthbook.layers import one_hot

CLASSES = ("sky", "grass", "house", "tree")

if __name__ == "__main__":
    model = synthbook.load("smis")
    data = synthbook.dataset("places", "test", size=model.config.size[0])
    label = torch.stack([data[i]["label"] for i in range(20, 26)])
    onehot = one_hot(label, model.config.classes)
    generator = torch.Generator().manual_seed(0)
    first, second = (model.prior(1, generator).expand(6, -1, -1, -1) for _ in range(2))
    columns = [plots.colour(label, data.palette), torch.stack([data[i]["image"]
                                                               for i in range(20, 26)])]
    columns.append(model(onehot, first))
    for name in CLASSES:
        columns.append(model(onehot, model.swap(first, second, data.class_names.index(name))))
    out = Path(__file__).resolve().parents[2] / "_static" / "headline.png"
    plots.save_images(out, torch.stack(columns, 1).flatten(0, 1), len(columns), scale=2)
