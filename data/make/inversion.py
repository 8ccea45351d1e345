"""What inversions by optimisation make of a level's features: `python data/make/inversion.py`.

Takes the levels of held-out pictures from the book's classifier, fits pixels and untrained
networks to them, and writes to `data/results/semantic-pyramid/inversion.json` how near the
features come, how like the reference and how like real pictures the results are. Trains nothing.
"""

import argparse
import time

import torch

from synthbook import metrics
from synthbook.baselines.inversion import METHODS
from synthbook.evaluation import feature_spaces, judge_for
from synthbook.files import data_dir, write_json
from synthbook.models import commit
from synthbook.semantic_pyramid import measure, quantities
from synthbook.semantic_pyramid.classifier import KNOBS, NAME
from synthbook.semantic_pyramid.levels import level
from synthbook.yardsticks import Budget

BATCH = 30


def setup_of(size: int, images: int) -> measure.Setup:
    """The table that the pyramid's models are measured at, of so many pictures."""
    judge = judge_for(f"{NAME}-residual", "places", size)
    space = {"judge": feature_spaces(judge, size)["judge"]}
    return measure.Setup(judge, space, "places", size, dict(KNOBS), Budget(images, BATCH))


def rows(setup: measure.Setup) -> list[dict]:
    """For each level a row of estimates, by method."""
    network, task = setup.classifier, setup.asked
    found = []
    for which in measure.COMPARED:
        features, row = (lambda x: network.pyramid(x)[level(which)]), {"level": which}
        for name, invert in METHODS.items():
            started = time.process_time()
            made = torch.cat([invert(features, features(x).detach(), setup.size, seed=k)
                              for k, x in enumerate(task.images.split(BATCH))])
            seconds = (time.process_time() - started) / len(made)
            with torch.no_grad():
                gaps = quantities.feature_gaps(network.pyramid(task.images), network.pyramid(made))
            space = setup.spaces["judge"]
            values = {"kid_judge": metrics.kid(setup.real, made, space),
                      "error": metrics.mean_estimate(gaps[level(which)], "pyramid"),
                      "ssim": metrics.mean_estimate(metrics.ssim(made, task.images)),
                      "lpips": metrics.mean_estimate(metrics.lpips(made, task.images), "lpips"),
                      "seconds": measure.exact(seconds),
                      **setup.named(made, task.category, "right")}
            row |= {f"{name} {key}": value.as_dict() for key, value in values.items()}
            print(f"{which} {name}: " + ", ".join(f"{k} {v.value:.3f}" for k, v in values.items()),
                  flush=True)
        found.append(row)
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--size", type=int, default=32)
    options = parser.parse_args()
    started = time.process_time()
    made = rows(setup_of(options.size, options.images))
    write_json(data_dir() / "results" / "semantic-pyramid" / "inversion.json", {
        "command": "python data/make/inversion.py", "commit": commit(), **vars(options),
        "minutes": round((time.process_time() - started) / 60, 1), "rows": made})


if __name__ == "__main__":
    main()
