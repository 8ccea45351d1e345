"""Figures in a built book: models exported once, laid out, and refused where they do not fit."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import live_figures
import pytest
import tiny
from minibook import ROOT, book  # noqa: F401
from torch import nn

from synthbook import figures
from synthbook.figures import stamp
from synthbook.figures.export import PageModel


@pytest.fixture
def pages(book, monkeypatch):  # noqa: F811
    """A book that knows the tiny figure, and its runtime's two files."""
    monkeypatch.setitem(figures.PAGE_MODELS, tiny.NAME, tiny.page_model)
    monkeypatch.setitem(live_figures.FIGURES, "tiny", tiny.figure)
    (book.root / "_vendor" / "figures").mkdir()
    for name in live_figures.RUNTIME:
        (book.root / "_vendor" / "figures" / f"{name}-0.js").write_text("1234")
    book.models = book.root / "_build" / "models"
    book.site = book.root / "_build" / "html" / "_static" / "figures"
    return book


def described(page):
    """The description in a built page."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])


def test_a_markdown_page_gets_the_figure_its_model_and_its_script_once(pages, monkeypatch):
    code, said = pages.build_text("# A page\n\n```{live-figure} tiny\n```\n")
    assert code == 0, said
    report = json.loads((pages.models / "figures" / "tiny.json").read_text())
    (script,) = (pages.site / "models").glob("*.js")
    assert script.name == "figures--tiny-0.js"
    assert described(pages.page)["bytes"] == script.stat().st_size + 2 * len("1234")
    assert f'key="{report["key"]}"' in pages.page and 'class="poster"' in pages.page
    assert pages.page.count("figures/figures.js") == pages.page.count("figures/figures.css") == 1
    assert "synthbook" in (pages.site / "figures.js").read_text()

    def exports_again(*_):
        raise AssertionError("exported a model that was kept")

    monkeypatch.setitem(figures.PAGE_MODELS, tiny.NAME, exports_again)
    monkeypatch.setitem(live_figures.FIGURES, "tiny", exports_again)
    assert pages.build_text()[0] == 0
    assert script.is_file()

    code, _ = pages.build_text("# A page\n\nWithout a figure.\n")
    assert code == 0 and "figures/figures" not in pages.page


def heavy():
    return tiny.page_model(width=500_000)


class Counts(nn.Module):
    """A module whose picture depends on how many examples it is shown."""

    def __init__(self):
        super().__init__()
        self.tiny = tiny.Tiny()

    def forward(self, label, colour, light):
        return self.tiny(label, colour, light + 1 / len(light))


def unfaithful():
    model = tiny.page_model()
    return PageModel(Counts().eval().requires_grad_(False), model.inputs, model.outputs)


def test_what_is_stale_unfaithful_over_budget_or_missing_fails_the_build(pages, monkeypatch):
    for name, made in (("heavy", heavy), ("unfaithful", unfaithful)):
        monkeypatch.setitem(figures.PAGE_MODELS, f"figures/{name}", made)
        monkeypatch.setitem(live_figures.FIGURES, name, lambda name=name: tiny.figure(
            name, export=f"figures/{name}"))
    text = tiny.figure("old").html()
    stale = re.sub('key="[0-9a-f]+"', 'key="0123456789abcdef"', text)
    (pages.root / "_vendor" / "figures" / "ort-wasm-0.js").unlink()
    names = ("heavy", "unfaithful", "nonesuch", "tiny", "tiny")
    code, said = pages.build_text(
        f"# A page\n\n```{{raw}} html\n{stale}\n```\n"
        + "".join(f"\n```{{live-figure}} {name}\n```\n" for name in names))
    assert code == 1
    assert re.search(r"index.*figures/heavy takes .* GMAC an image, the page allows 0.7", said)
    assert "figures/unfaithful is not faithful in ONNX" in said
    assert "figure 'old' is stale: it was made with other weights or other code" in said
    assert "no figure 'nonesuch': choose one of" in said
    assert "two figures are called 'tiny'" in said
    assert "the figures' runtime is missing: run `make vendor`" in said
    assert [path.name for path in pages.models.rglob("*.onnx")] == ["tiny.onnx"]


def tag(**changed):
    """The tiny figure as found in a page."""
    (found,) = live_figures.tags("page", tiny.figure(**changed).html())
    return found


def test_a_figure_of_another_model_does_not_fit(monkeypatch):
    monkeypatch.setitem(figures.PAGE_MODELS, tiny.NAME, tiny.page_model)
    found = tag()
    report = {"key": found.key, "inputs": {
        "label": ["N", 8, 8], "colour": ["N", 2, 3], "light": ["N", 1]}}
    assert found.problem(report) is None
    other = report | {"inputs": {"label": ["N", 8, 8]}}
    assert "does not fit figures/tiny" in found.problem(other)
    assert "is stale" in found.problem(report | {"key": "another"})


def test_a_tag_written_by_hand_is_refused():
    with pytest.raises(Exception, match="written by hand"):
        live_figures.tags("page", '<synthbook-figure model="figures/tiny"></synthbook-figure>')


def test_the_key_follows_weights_and_code(tmp_path, monkeypatch):
    weights, package = tmp_path / "a.safetensors", tmp_path / "package"
    package.mkdir()
    monkeypatch.setattr(stamp, "PACKAGE", package)
    keys = [stamp.key("smis/a", weights)]
    weights.write_bytes(b"1")
    keys.append(stamp.key("smis/a", weights))
    weights.write_bytes(b"2")
    keys.append(stamp.key("smis/a", weights))
    (package / "new.py").write_text("")
    keys.append(stamp.key("smis/a", weights))
    (package / "new.py").write_text("x = 1")
    keys.append(stamp.key("smis/a", weights))
    keys.append(stamp.key("smis/b", weights))
    assert len(set(keys)) == 6 and stamp.key("smis/b", weights) == keys[-1]


def test_an_unchanged_model_is_kept_and_a_damaged_one_exported_again(tmp_path, monkeypatch):
    monkeypatch.setitem(figures.PAGE_MODELS, tiny.NAME, tiny.page_model)
    first, fresh = live_figures.exported(tiny.NAME, tmp_path)
    (script,) = (tmp_path / "scripts").iterdir()
    path, text = tmp_path / f"{tiny.NAME}.onnx", script.read_text()
    whole = path.read_bytes()
    assert fresh and live_figures.exported(tiny.NAME, tmp_path) == (first, False)

    script.unlink()
    assert live_figures.exported(tiny.NAME, tmp_path) == (first, False)
    assert script.read_text() == text

    path.write_bytes(whole[:-1])
    again, fresh = live_figures.exported(tiny.NAME, tmp_path)
    assert fresh and again["key"] == first["key"] and path.read_bytes() == whole


def test_the_extension_costs_no_torch():
    code = "import sys, live_figures\nassert 'torch' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "_ext")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT)


def test_pages_read_in_other_processes_are_taken_over():
    env, other = SimpleNamespace(), SimpleNamespace()
    live_figures.held(env)["a"] = ["old"]
    live_figures.held(other).update({"a": ["new"], "b": ["one"], "c": ["not read there"]})
    live_figures.merge(None, env, ["a", "b"], other)
    assert live_figures.held(env) == {"a": ["new"], "b": ["one"]}
    live_figures.forget(None, env, "a")
    live_figures.forget(None, env, "never there")
    assert live_figures.held(env) == {"b": ["one"]}
