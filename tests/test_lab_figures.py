"""The live life of a figure: JupyterLab, a kernel, and a stroke that PyTorch answers."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import browser  # noqa: F401
from moving import Shown

pytestmark = pytest.mark.site

PATIENCE = 280  # seconds until something has surely failed
QUIET = (
    "--no-browser --ip=127.0.0.1 --allow-root --IdentityProvider.token= --ServerApp.password= "
    "--ServerApp.log_level=ERROR --LabApp.news_url=None "
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"
).split()
CELL = 'from synthbook.figures import FIGURES\nFIGURES["smis-paint"]()'


def notebook(path: Path) -> None:
    """A notebook of one cell, which shows a figure."""
    cell = {"cell_type": "code", "id": "figure", "metadata": {}, "source": CELL, "outputs": [],
            "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps(
        {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def answers(address: str) -> bool:
    """Whether a server is there."""
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
        return True
    return False


@pytest.fixture
def lab(tmp_path) -> Iterator[str]:
    """The address of a JupyterLab of its own, which lists one notebook."""
    pytest.importorskip("jupyterlab")
    folder, port = tmp_path / "notebooks", free_port()
    folder.mkdir()
    notebook(folder / "one.ipynb")
    own = {name: str(tmp_path / name) for name in
           ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
            "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    environment = {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1"}
    environment.pop("SYNTHBOOK_STATIC", None)
    command = [sys.executable, "-m", "jupyterlab", *QUIET, f"--port={port}",
               f"--ServerApp.root_dir={folder}"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            address, end = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE
            while not answers(f"{address}api/status"):
                assert server.poll() is None and time.monotonic() < end, \
                    (tmp_path / "log").read_text()
                time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


def test_in_jupyterlab_the_kernel_answers_a_stroke(browser, lab):  # noqa: F811
    tab, complaints, asked = browser.new_page(viewport={"width": 1400, "height": 1000}), [], []
    tab.set_default_timeout(1000 * PATIENCE)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{lab}lab/tree/one.ipynb")
    tab.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    tab.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    tab.keyboard.press("Shift+Enter")
    tab.locator(".sf-figure").wait_for()
    figure = Shown(tab, "smis-paint")
    figure.start()
    colours = figure.choices("Class")
    colours.nth(colours.count() - 1).click()
    with figure.seen("a stroke"):
        figure.drag(figure.root.get_by_role("application").first, (0.2, 0.6), (0.8, 0.4))
    with figure.seen("a new style"):
        figure.button("draw all").click()
    ours = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    tab.close()
    assert [url for url in asked if not url.startswith(ours)] == []
    assert [words for words in complaints if "synthbook" in words or "sf-" in words] == []
