"""A book of one page with the real book's configuration and extension."""

import json
import shutil
from pathlib import Path

import build_book
import pytest
from jupyter_client.channels import AsyncZMQSocketChannel

ROOT = Path(__file__).resolve().parent.parent


def notebook(*cells: str) -> str:
    """A stripped notebook with a heading and these code cells."""
    heading = {"cell_type": "markdown", "id": "head", "metadata": {}, "source": "# A page"}
    code = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": source, "outputs": []}
        | {"execution_count": None}
        for i, source in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    whole = {"cells": [heading, *code], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole)


class MiniBook:
    """A book of one page, a notebook or a text."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture):
        self.root, self.capture = root, capture
        for name in ("_ext", "_static"):
            shutil.copytree(ROOT / name, root / name)
        for name in ("_config.yml", "references.bib"):
            shutil.copy(ROOT / name, root)
        (root / "_toc.yml").write_text("format: jb-book\nroot: index\n")
        for folder in ("_vendor", "synthbook", "data"):
            (root / folder).mkdir()
        (root / "_vendor" / ".stamp").touch()
        (root / "requirements.lock").touch()
        (root / "synthbook" / "value.txt").write_text("first")

    def build(self, *cells: str) -> tuple[int, str]:
        """Exit code and everything printed for a notebook of these cells."""
        (self.root / "index.ipynb").write_text(notebook(*cells))
        return self.make()

    def build_text(self, text: str | None = None) -> tuple[int, str]:
        """Exit code and everything printed for a Markdown page; the last one where None."""
        if text is not None:
            (self.root / "index.md").write_text(text)
        return self.make()

    def make(self) -> tuple[int, str]:
        """Exit code and everything printed."""
        output = self.root / "_build"
        arguments = ["--scale", "smoke", "--source", str(self.root), "--output", str(output)]
        code = build_book.main(arguments)
        printed = self.capture.readouterr()
        return code, printed.out + printed.err

    @property
    def page(self) -> str:
        return (self.root / "_build" / "html" / "index.html").read_text()


@pytest.fixture
def book(tmp_path, capfd, monkeypatch) -> MiniBook:
    """An empty one, with what a build changes in this process undone after the test."""
    for name in ("SYNTHBOOK_SCALE", "SYNTHBOOK_STATIC", "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(AsyncZMQSocketChannel, "get_msg", AsyncZMQSocketChannel.get_msg)
    return MiniBook(tmp_path, capfd)
