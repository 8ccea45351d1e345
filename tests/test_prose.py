"""Prose quotes no number that no file holds."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from prose import ROOT, prose, typed, unsourced

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
PAGES = [ROOT / name for name in ("README.md", "index.md")]


def written(path: Path) -> list[str]:
    """The texts of a chapter: its text cells, and the words of its figures."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    for cell in cells:
        shown = cell["metadata"].get("mystnb", {})
        texts += [shown.get("figure", {}).get("caption", ""), shown.get("image", {}).get("alt", "")]
    return [text for text in texts if text]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_types_no_result(path):
    texts = written(path)
    assert len(texts) > 5
    assert [hit for text in texts for hit in typed(text)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_a_page_says_where_its_numbers_are_from(path):
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    version = f"Python {needed.removeprefix('>=')}"
    text = path.read_text(encoding="utf-8")
    assert len(prose(text)) > 1000 and version in text
    assert unsourced(text.replace(version, "Python")) == []


def test_prose_is_what_a_reader_reads():
    cell = (
        "```python\nx = 1.5\n```\n```{note}\nIt rose by 2.5 points.\n```\n$y = 3.5$ `4.5` "
        "CC BY 4.0, arXiv 2003.12697, Section 3.2\n\n```{math}\n6.5\n```\nand 7.5 again"
    )
    assert re.findall(r"\d+\.\d+", prose(cell)) == ["2.5", "7.5"]


@pytest.mark.parametrize(("text", "hits"), [
    ("It rose to 0.71 here.", ["0.71"]), ("a share of 37 %", ["37 %"]), ("37% of it", ["37%"]),
    ("12 per cent", ["12 per cent"]), ("12 percent", ["12 percent"]),
    ("5 times as much", ["5 times as"]), ("ten times\nfaster", ["ten times faster"]),
    ("a 3-fold rise, tenfold", ["3-fold", "tenfold"]), ("10× faster, 8 x", ["10×", "8 x"]),
    (":::{note}\nabout 1.5 dB\n:::", ["1.5"]), ("| a | 0.5 |", ["0.5"]),
])
def test_a_typed_result_is_found(text, hits):
    assert typed(text) == hits


@pytest.mark.parametrize("text", [
    "32 × 32 pixels, 8 x 8 cells", "drawn six times", "95 % intervals", "95 % confidence interval",
    "the middle 95 %",
    "5 seeds, 11 claims, CVPR 2020", "`0.5` and $0.5$", "{glue:text}`lost:.2f`", "twice as wide",
])
def test_what_is_no_result_is_left_alone(text):
    assert typed(text) == []


def test_a_number_is_held_against_the_file_that_it_names(tmp_path):
    folder = tmp_path / "data" / "results"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('{"metrics": {"mcsd": {"value": 0.2149}}, "rows": [1, 0.5]}')
    source = "<!-- data/results/a.json {} -->".format
    good = ["0.21" + source("metrics.mcsd.value"), "0.215" + source("metrics.mcsd.value"),
            "21 %" + source("metrics.mcsd.value"), "21.5%" + source("metrics.mcsd.value"),
            "50 %" + source("rows.1"), "1" + source("rows.0")]
    assert unsourced(" and ".join(good), tmp_path) == []
    bad = ["0.22" + source("metrics.mcsd.value"), "0.21" + source("metrics.mcsd"),
           "0.21" + source("metrics.nothing"), "0.21" + source("metrics.nothing.at.all"),
           "0.5" + source("rows.2"), "0.5" + source("rows.one"), "0.21 %" + source("rows.1"),
           "0.21" + source("metrics.mcsd.value").replace("a.json", "b.json"),
           "0.21" + source("metrics.mcsd.value").replace("data/results", "tests")]
    assert unsourced(" and ".join(bad), tmp_path) == bad
    assert unsourced("It is 0.21 <!-- data/results/a.json metrics.mcsd.value -->", tmp_path) == [
        "0.21"]
