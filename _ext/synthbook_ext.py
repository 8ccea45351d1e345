"""What the book needs of Sphinx beyond `_config.yml`."""

import os
from pathlib import Path

import exercise_pages
import kernel_wakeup
import live_figures
from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
PAGE_SCRIPT = Path(__file__).with_name("page.js")


class RunTime(nodes.Inline, nodes.TextElement):
    """Stands where a chapter says how long it runs, until it has run."""


def run_time(name, rawtext, text, lineno, inliner, options=None, content=None):
    """The role ``{run-time}`laptop` ``: the chapter's measured time, filled in at the build."""
    return [RunTime(rawtext, text)], []


def fill_run_time(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace every :class:`RunTime` by the seconds or minutes that the execution took."""
    for node in list(doctree.findall(RunTime)):
        data = NbMetadataCollector.get_exec_data(app.env, docname) or {}
        node.replace_self(nodes.Text(spoken(data.get("runtime"))))


def spoken(seconds: float | None) -> str:
    """A duration as a reader says it."""
    scale = os.environ.get("SYNTHBOOK_SCALE", "laptop")
    if seconds is None:
        return "nothing to run"
    amount = f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.1f} minutes"
    return f"{amount} at scale {scale}, measured when this page was built"


def require_alt(app: Sphinx, doctree: nodes.document) -> None:
    """Warn, which fails the build, about an image that says nothing to who cannot see it."""
    for node in doctree.findall(nodes.image):
        if not node.get("alt", "").strip():
            message = (
                'image without alt text: give the cell the metadata {"mystnb": {"image": '
                '{"alt": "..."}}}, or the {image} or {figure} directive the option :alt:'
            )
            LOGGER.warning(message, location=node, type="synthbook", subtype="alt")


def configure(app: Sphinx, config: Config) -> None:
    """No Thebe (it names a foreign host); launch and repository buttons only with an address."""
    for listeners in app.events.listeners.values():
        listeners[:] = [
            one for one in listeners if getattr(one.handler, "__name__", "") != "init_thebe_core"
        ]
    theme = config.html_theme_options
    address = bool(theme.get("repository_url"))
    if not address:
        theme.pop("launch_buttons", None)
    theme["use_repository_button"] = theme["use_issues_button"] = address


def add_script(app: Sphinx, config: Config) -> None:
    """Our script on every page; once, for there is no builder yet."""
    app.add_js_file(None, body=PAGE_SCRIPT.read_text(encoding="utf-8"), priority=900)


def add_vendored(app: Sphinx) -> None:
    """Copy `_vendor/` beside `_static/`, where Jupyter Book puts no script of it on every page."""
    folder = Path(app.srcdir) / "_vendor"
    if not (folder / ".stamp").is_file():
        raise ExtensionError("the page's JavaScript is missing: run `make vendor`")
    app.config.html_static_path.append(str(folder))


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    os.environ["SYNTHBOOK_STATIC"] = "1"  # kernels inherit it: figures choose their static life
    kernel_wakeup.install()
    app.add_role("run-time", run_time)
    app.add_node(RunTime)
    app.connect("config-inited", configure)
    app.connect("config-inited", add_script)
    app.connect("builder-inited", add_vendored)
    app.connect("doctree-read", require_alt)
    app.connect("doctree-resolved", fill_run_time)
    live_figures.setup(app)
    exercise_pages.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
