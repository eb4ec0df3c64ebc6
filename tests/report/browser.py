"""A real browser without a network, for tests and for the pictures of the README."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 300_000
"""Milliseconds; machines that run tests are busy."""


@contextmanager
def chromium() -> Iterator:
    """Debian's Chromium through playwright."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium")
    if found is None:
        message = "no chromium on this machine; `apt-get install chromium` to test the page in a browser"
        # A developer need not have a browser; where CI is set, its absence is a failure.
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


@contextmanager
def opened(browser, path: Path, *, width: int = 1280, theme: str = "light", sharpness: float = 1) -> Iterator:
    """The page of a file, drawn, in a browser that is offline.

    The page gets two lists more: `said`, what its console said, and `asked`, addresses beside the file's own
    that it asked for.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        device_scale_factor=sharpness,
        offline=True,
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("dialog", lambda dialog: (page.said.append(dialog.message), dialog.dismiss()))
    address = path.resolve().as_uri()
    page.on("request", lambda request: None if request.url == address else page.asked.append(request.url))
    page.goto(address)
    drawn(page)
    yield page
    context.close()


def drawn(page) -> None:
    """Wait until every plot is drawn."""
    page.wait_for_selector("html[data-drawn]", state="attached")
