"""Figures that readers change: their models, scripts and styles in the built site.

A page holds figures as tags `<synthbook-figure ...>`: a notebook's cells leave them in its
outputs, and a Markdown page has the directive ```` ```{live-figure} NAME ````. Before pages are
written, the model of every tag is exported into `OUTPUT/models/`, once for its weights and code,
and laid out in the site. A figure whose model is stale, unfaithful or over budget is a warning,
which fails the build.
"""

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from synthbook.figures import FIGURES, stamp, web
from synthbook.files import BookError, data_dir, verified

LOGGER = logging.getLogger(__name__)
SCRIPT = '<script type="application/json">'
TAG = re.compile(r'<synthbook-figure name="([^"]*)" model="([^"]*)" key="([^"]*)">'
                 + SCRIPT + "(.*?)</script>", re.S)
RUNTIME = ("ort-worker", "ort-wasm")
FOLDER = "_static/figures"


@dataclass(frozen=True)
class Tag:
    """A figure of a page: what it needs of its model."""

    page: str
    name: str
    model: str
    key: str  # of the weights and code that it was made with
    inputs: dict[str, list[int]]  # sizes of one example, by name

    def problem(self, report: dict[str, Any]) -> str | None:
        """Why the exported model cannot run this figure, if it cannot."""
        if self.key != report["key"]:
            return (f"figure {self.name!r} is stale: it was made with other weights or other code "
                    f"than {self.model} has now; run `make clean` and build again")
        takes = {name: sizes[1:] for name, sizes in report["inputs"].items()}
        if self.inputs != takes:
            return (f"figure {self.name!r} does not fit {self.model}: it gives {self.inputs}, the "
                    f"exported model takes {takes}")
        return None


def tags(page: str, text: str) -> list[Tag]:
    """The figures in a page's HTML; BookError where one is not as the package writes it."""
    found = TAG.findall(text)
    if len(found) != text.count("<synthbook-figure"):
        raise BookError("a <synthbook-figure> is written by hand: use the directive {live-figure}, "
                        "or show a Figure in a cell")
    return [Tag(page, name, model, key, sizes(json.loads(described)))
            for name, model, key, described in found]


def sizes(described: dict[str, Any]) -> dict[str, list[int]]:
    """The sizes of one example of every input in a figure's description."""
    values = {one["name"]: one["value"] for one in described["inputs"]} | described["fixed"]
    return {name: value["shape"][1:] for name, value in values.items()}


class LiveFigure(SphinxDirective):
    """```` ```{live-figure} NAME ````: one of the package's figures, made while the book is built.

    It is made when its page is parsed: the package, the data and the lock decide when that is.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in FIGURES:
            raise self.error(f"no figure {name!r}: choose one of {', '.join(FIGURES)}")
        try:
            return [nodes.raw("", FIGURES[name]().html(), format="html")]
        except BookError as error:
            raise self.error(str(error)) from error


# --------------------------------------------------------------------------- what pages hold


def held(env: BuildEnvironment) -> dict[str, list[Tag]]:
    """The figures of every page that has any."""
    if not hasattr(env, "synthbook_figures"):
        env.synthbook_figures = {}
    return env.synthbook_figures


def note(app: Sphinx, doctree: nodes.document) -> None:
    """Remember the figures of a page that was parsed."""
    raw = (node.astext() for node in doctree.findall(nodes.raw) if node.get("format") == "html")
    page = app.env.docname
    try:
        found = [tag for text in raw for tag in tags(page, text)]
    except BookError as error:
        warn(page, str(error))
        return
    if found:
        held(app.env)[page] = found


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop the figures of a page that is parsed again or gone."""
    held(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: Iterable[str],
          other: BuildEnvironment) -> None:
    """Take over the pages that another process has parsed."""
    held(env).update({k: v for k, v in held(other).items() if k in docnames})


def warn(page: str, words: str) -> None:
    """Say what is wrong with a page, which fails the build."""
    LOGGER.warning(words, location=page, type="synthbook", subtype="figure")


# --------------------------------------------------------------------------- what they need


def prepare(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Export and check the models of all pages, and lay them out; the pages to write again."""
    found = [tag for page in sorted(held(env)) for tag in held(env)[page]]
    if not found:
        return []
    site, built = Path(app.outdir) / FOLDER, Path(app.outdir).parent / "models"
    again, reports = set(), {}
    for model in sorted({tag.model for tag in found}):
        page = next(tag.page for tag in found if tag.model == model)
        try:
            reports[model], fresh = exported(model, built)
        except BookError as error:
            warn(page, str(error))
            continue
        again |= {tag.page for tag in found if fresh and tag.model == model}
        lay_out(model, built, site / "models")
    seen: dict[str, str] = {}
    for tag in found:
        if tag.name in seen:
            warn(tag.page, f"two figures are called {tag.name!r}, the other one in "
                           f"{seen[tag.name]}: give every figure its own name")
        seen[tag.name] = tag.page
        if tag.model in reports and (words := tag.problem(reports[tag.model])):
            warn(tag.page, words)
    write_if_new(site / "figures.js", web.page_script())
    write_if_new(site / "figures.css", web.stylesheet())
    if not all(scripts(vendored(app), name) for name in RUNTIME):
        warn(found[0].page, "the figures' runtime is missing: run `make vendor`")
    return sorted(again)


def exported(model: str, folder: Path) -> tuple[dict[str, Any], bool]:
    """The report of an exported model, and whether it had to be exported now.

    It is kept while its weights and the code stay the same: then torch is not imported.
    """
    path = folder / f"{model}.onnx"
    today = stamp.key(model, data_dir() / "weights" / f"{model}.safetensors")
    fresh = kept(path).get("key") != today
    if fresh:
        from synthbook.figures.export import export

        LOGGER.info("exporting %s for the page", model)
        export(model, path)
    if fresh or not scripts(folder / "scripts", web.safe_name(model)):
        web.assets(model, path.read_bytes(), folder / "scripts")
    return kept(path), fresh


def kept(path: Path) -> dict[str, Any]:
    """The report of the model at `path`, empty where it is not there whole."""
    try:
        return verified(path)
    except BookError:
        return {}


def lay_out(model: str, built: Path, site: Path) -> None:
    """Copy a model's scripts into the site, in place of any older ones."""
    site.mkdir(parents=True, exist_ok=True)
    for old in scripts(site, web.safe_name(model)):
        old.unlink()
    for path in scripts(built / "scripts", web.safe_name(model)):
        shutil.copy(path, site)


def scripts(folder: Path, name: str) -> list[Path]:
    """The scripts `NAME-0.js`, `NAME-1.js`, ... of an asset."""
    return [path for path in folder.glob(f"{name}-*.js")
            if path.stem.removeprefix(f"{name}-").isdigit()]


def vendored(app: Sphinx) -> Path:
    """Where `make vendor` lays the figures' runtime."""
    return Path(app.srcdir) / "_vendor" / "figures"


def write_if_new(path: Path, text: str) -> None:
    """Write a text file unless it holds just that."""
    if not (path.is_file() and path.read_text(encoding="utf-8") == text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


# --------------------------------------------------------------------------- pages


def dress(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any],
          doctree: nodes.document | None) -> None:
    """Give a page with figures their script and styles, and each figure its download's size."""
    found = held(app.env).get(pagename)
    if not found or not context.get("body"):
        return
    app.add_js_file("figures/figures.js", loading_method="defer")
    app.add_css_file("figures/figures.css")
    folder = Path(app.outdir) / FOLDER / "models"
    size = lambda where, name: sum(path.stat().st_size for path in scripts(where, name))
    runtime = sum(size(vendored(app), name) for name in RUNTIME)

    def sized(tag: re.Match[str]) -> str:
        total = runtime + size(folder, web.safe_name(tag[2]))
        return tag[0].replace(f"{SCRIPT}{{", f'{SCRIPT}{{"bytes": {total}, ', 1)

    context["body"] = TAG.sub(sized, context["body"])


def setup(app: Sphinx) -> None:
    """Connect; called by the book's extension."""
    app.add_directive("live-figure", LiveFigure)
    app.connect("doctree-read", note)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", prepare)
    app.connect("html-page-context", dress)
