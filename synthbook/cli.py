"""The command line: `python -m synthbook COMMAND`."""

import argparse
import json
import sys
from pathlib import Path
from typing import NoReturn

from synthbook import __version__, scale as scales
from synthbook.files import BookError, reason


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 where a check failed, 2 after one line of refusal."""
    try:
        options = build_parser().parse_args(arguments)
        return options.run(options) or 0
    except BookError as error:
        print(f"synthbook: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("synthbook: stopped", file=sys.stderr)
        return 130
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        print(f"synthbook: {reason(error)}{where}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "synthbook").startswith("synthbook"):
            raise
        print(f"synthbook: {error.name} is not installed: run `make .venv` and use "
              ".venv/bin/python", file=sys.stderr)
        return 2


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are one line."""

    def error(self, message: str) -> NoReturn:
        raise BookError(f"{message}; see `{self.prog} --help`")


def positive(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def images(text: str) -> int:
    """A whole number above 0."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = Parser(
        prog="synthbook", description="Models, data and evidence of the book.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name, run, text):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    command = add("doctor", doctor, "check this machine and the book's files")

    command = add("data", data, "build or verify a dataset's cache")
    command.add_argument("name", nargs="?", help=f"{', '.join(DRAWN)}; all unless given")
    command.add_argument("--size", type=int, default=64, help="pixels, 32 to 256")
    command.add_argument("--split", default="train", help="train, val or test")

    command = add("train", train, "train a model")
    command.add_argument("model", help="slug/variant[@dataset-size-sSEED], e.g. smis")
    command.add_argument("--scale", default="ship", help=", ".join(scales.SCALES))
    command.add_argument("--seed", type=int, help="overrides the seed in the name")
    command.add_argument("--data", type=Path, metavar="DIR",
                         help="a real dataset's folder (with --scale paper)")
    command.add_argument("--resume", action="store_true", help="go on from --out's checkpoint")
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/MODEL")
    command.add_argument("--max-minutes", type=positive, help="stop and checkpoint after this long")
    command.add_argument("--images", type=images, help="length of the run, instead of the scale's")
    command.add_argument("--device", help="cpu, cuda, cuda:1; the best there is unless given")

    command = add("evaluate", evaluate, "every metric of a model's weights")
    command.add_argument("model")
    command.add_argument("--weights", type=Path, help="a weights file instead of the book's")
    command.add_argument("--scale", default="ship", help="how many images are used")
    command.add_argument("--seed", type=int, default=0, help="of layouts and latents")
    command.add_argument("--json", action="store_true")
    command.add_argument("--save", action="store_true", help="write into data/results")

    command = add("claims", claims, "the ledger of the papers' claims")
    command.add_argument("slug", nargs="?")
    command.add_argument("--json", action="store_true")
    command.add_argument("--rerun", action="store_true", help="evaluate again")
    command.add_argument("--retrain", action="store_true", help="train and evaluate again")
    command.add_argument("--save", action="store_true", help="publish: write into data/results")

    command = add("weights", weights, "what ships, with hashes and provenance")
    command.add_argument("what", choices=["list", "verify"])

    command = add("export", export, "a model as the page runs it")
    command.add_argument("model")

    command = add("exercises", exercises, "notebooks to do the chapters' exercises in")
    command.add_argument("chapter", nargs="?", help="data, smis, ...; all unless given")
    command.add_argument("--out", type=Path, metavar="DIR", default=Path("exercises"))
    return parser


DRAWN = ("places", "faces", "cars", "furniture", "fruit")
CHECKPOINT = 200_000_000  # bytes: more than the checkpoint of any recipe but the published ones
PUBLISHED = 3_000_000_000


def doctor(options) -> int:
    """OK and FAIL lines."""
    from synthbook.doctor import checks

    failed = 0
    for check in checks():
        print(f"{'OK  ' if check.good else 'FAIL'} {check.text}")
        if not check.good:
            failed += 1
            print(f"     fix: {check.fix}")
    return 1 if failed else 0


def data(options) -> int:
    """Build caches, or check those that exist."""
    from synthbook.datasets import dataset
    from synthbook.datasets.cache import cache_path, cached, finished

    if options.name not in (None, *DRAWN):
        raise BookError(f"no cache of {options.name!r}: choose one of {', '.join(DRAWN)}; real "
                        "datasets are read from your folder by `train --data`")
    for name in [options.name] if options.name else DRAWN:
        source = dataset(name, options.split, size=options.size)
        existed = finished(cache_path(source))
        items = len(cached(source))
        print(f"{name}: {items} images of {options.size} x {options.size} "
              f"{'verified' if existed else 'written'} at {cache_path(source)}")
    return 0


def train(options) -> int:
    """Train and write weights with their provenance."""
    from dataclasses import replace

    from synthbook import models
    from synthbook.files import require_space, write_json
    from synthbook.training import train as run_training

    scale = scales.check(options.scale)
    name = models.parse(options.model, scale)
    if options.seed is not None:
        name = replace(name, seed=options.seed)
    recipe = models.recipe(name, scale, root=options.data)
    if options.images:
        recipe = replace(recipe, images=options.images)
    out = options.out or Path("runs") / str(name)
    require_space(out, PUBLISHED if options.scale == "paper" else CHECKPOINT)
    command = f"python -m synthbook train {name} --scale {scale}"  # all that decides the weights
    command += f" --images {options.images}" if options.images else ""
    command += " --data DIR" if options.data else ""
    about, noted = {"command": command, "scale": scale, "model": str(name)}, []

    def note(run):  # with the first step: a run that is refused leaves nothing behind
        if run.main and not noted:
            noted.append(about)
            write_json(out / "command.json", about)

    run = run_training(recipe, seed=name.seed, out=out, resume=options.resume,
                       max_minutes=options.max_minutes, device=options.device, hooks=[note])
    if not run.main:
        return 0
    path = models.write_weights(run, name, out, command, scale)
    print(f"{run.images} images in {run.seconds / 60:.1f} minutes on {run.device}\n{path}")
    return 0


def evaluate(options) -> int:
    """Print a model's metrics beside their references."""
    from synthbook import evaluation

    scales.check(options.scale)
    result = evaluation.evaluate(options.model, scale=options.scale, seed=options.seed,
                                 weights=options.weights)
    if options.save:
        evaluation.save(result)
    print(json.dumps(result, indent=1) if options.json else evaluation.table(result))
    return 0


def claims(options) -> int:
    """Print the ledger; as JSON `{slug, claims}`, where slug is null for all papers together."""
    from synthbook import claims as ledger
    from synthbook.claims import published

    papers = ledger.report(options.slug, rerun=options.rerun, retrain=options.retrain)
    for paper in papers if options.save else ():
        print(f"published in {published.save(paper)}", file=sys.stderr)
    if options.json:
        rows = [{"slug": paper["slug"], **row} for paper in papers for row in paper["claims"]]
        print(json.dumps({"slug": options.slug, "claims": rows}, indent=1))
    else:
        print(ledger.text(papers))
    return 0


def weights(options) -> int:
    """List or verify the weights that ship."""
    from synthbook import models
    from synthbook.files import read_record

    trained = models.shipped()
    for path in models.weight_files():
        text = f"{path.parent.name}/{path.stem}"
        stored = models.record(path)
        line = f"{text:44s} {path.stat().st_size / 1e6:5.2f} MB"
        if options.what == "verify":
            if text in trained:
                models.load(text)
            line += f"  verified {stored['sha256'][:12]}"
        elif text in trained:
            read_record(path.with_suffix(".json"), "images", "minutes", "scale", "device")
            line += (f"  {stored['images']:>8,d} images  {stored['minutes']:>6.1f} min"
                     f"  {stored['scale']}  {stored['device']}")
        else:
            line += f"  from {stored.get('source', 'unknown')}"
        print(line)
    return 0


def export(options) -> int:
    """Export a model for the page."""
    from synthbook.figures.export import export as write
    from synthbook.files import read_json

    path = write(options.model)
    report = read_json(path.with_suffix(".json"))
    parity = report["parity"]
    print(f"{path}: {report['bytes'] / 1e6:.2f} MB as {report['storage']}, "
          f"{report['gmac']:.2f} GMAC, {parity['mean']:.2f} grey levels from torch on average, "
          f"{parity['p999']:.2f} at the 99.9th percentile of {parity['inputs']} inputs")
    return 0


def exercises(options) -> int:
    """Write the readers' notebooks; those that are there already stay as they are."""
    from synthbook.exercises import notebooks

    for slug in [options.chapter] if options.chapter else notebooks.with_exercises():
        print(notebooks.write(slug, options.out))
    return 0
