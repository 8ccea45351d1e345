"""Fifty portraits embedded together, beside one after the other.

Run `python benchmarks/embedding.py [MODEL] [--save]`; prints JSON and, with `--save`, writes it to
`data/results/image2stylegan-pp/batching.json`. Seconds by the clock. Both ways take the same steps
from the same starts, first W+ with pixels and features, then noise. Losses are added over images
and Adam keeps its state for single numbers, so the results agree up to rounding. Of the portraits
one after the other a few are timed; none depends on another. They are timed once more as the paper
does it, with VGG-16 at 256 pixels in place of AlexNet, whose random weights cost what trained ones
do. So does a generator of the book's size where there are no trained weights.
"""

import argparse
import json
import time

import torch
from torchvision.models import vgg16

from synthbook import models
from synthbook.datasets import dataset
from synthbook.files import BookError, data_dir, write_json
from synthbook.image2stylegan_pp import (
    Embedding,
    Pace,
    Settings,
    Taps,
    alexnet_taps,
    embed,
    start,
)
from synthbook.image2stylegan_pp.features import VGG16, without_writing
from synthbook.stylegan2 import StyleGAN2, config

MODEL = "stylegan2/stylegan2@faces-32-s0"
TOGETHER, ALONE = 50, 3
STEPS = 10  # of each stage: all steps cost the same


def generator(text: str) -> tuple[StyleGAN2, bool]:
    """The model, and whether its weights are trained."""
    try:
        return models.load(text), True
    except BookError:
        torch.manual_seed(0)
        return StyleGAN2(config(models.parse(text).size)).eval().requires_grad_(False), False


def random_vgg16_taps() -> Taps:
    """The paper's layers of a VGG-16 that has learnt nothing."""
    return Taps(without_writing(vgg16(weights=None).features), *VGG16, 256)


def timed(model: StyleGAN2, x: torch.Tensor, at: Embedding, taps: Taps
          ) -> tuple[Embedding, float]:
    """An embedding of x from `at`, and its seconds."""
    settings = Settings(w=Pace(STEPS, 0.02), noise=Pace(STEPS, 0.03))
    begun = time.perf_counter()
    found = embed(model, x, settings=settings, taps=taps, at=at)
    return found, time.perf_counter() - begun


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("model", nargs="?", default=MODEL)
    options.add_argument("--save", action="store_true")
    given = options.parse_args()
    model, trained = generator(given.model)
    data = dataset("faces", "test", size=model.config.size, count=TOGETHER)
    x = torch.stack([data[i]["image"] for i in range(TOGETHER)])
    begin = start(model, TOGETHER)
    taps, vgg = alexnet_taps(), random_vgg16_taps()
    timed(model, x[:1], begin[:1], taps)  # the first call of all sets things up
    found, whole = timed(model, x, begin, taps)
    single, seconds = zip(*(timed(model, x[i:i + 1], begin[i:i + 1], taps) for i in range(ALONE)))
    _, slow = zip(*(timed(model, x[i:i + 1], begin[i:i + 1], vgg) for i in range(ALONE)))
    apart = max(float((one.w - found.w[i:i + 1]).abs().max()) for i, one in enumerate(single))
    rates = {"together": TOGETHER / whole, "alone": ALONE / sum(seconds),
             "alone, VGG-16": ALONE / sum(slow)}
    result = {"command": "python benchmarks/embedding.py --save", "model": given.model,
              "trained": trained, "threads": torch.get_num_threads(), "portraits": TOGETHER,
              "steps": 2 * STEPS,
              "portraits_per_second": {k: round(v, 4) for k, v in rates.items()},
              "times_faster_than": {name: round(rates["together"] / rates[name], 2)
                                    for name in rates if name != "together"},
              "largest_difference_of_w": apart}
    print(json.dumps(result, indent=1))
    if given.save:
        write_json(data_dir() / "results" / "image2stylegan-pp" / "batching.json", result)
