"""A real browser for figures that stand alone."""

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium or its like; without one a test is skipped, or fails where `CI` is set."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        required = os.environ.get("CI") not in (None, "", "0", "false")
        (pytest.fail if required else pytest.skip)("no browser: install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--headless", "--no-sandbox", "--disable-gpu"]
        opened = playwright.chromium.launch(executable_path=executable, args=flags)
        yield opened
        opened.close()
