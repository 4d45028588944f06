"""The attention view in marimo: inside ``mo.ui.anywidget``, and by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.attention_page import AttentionOnPage
from browser.lab import Browser
from browser.server import START_SECONDS, end_group, free_port

pytestmark = pytest.mark.browser

NOTEBOOK = Path(__file__).with_name("marimo_notebook.py")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where marimo shows the notebook, with nothing of the user's own settings."""
    port = free_port()
    options = f"--headless --no-token --host 127.0.0.1 --port {port}".split()
    folders = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    process = subprocess.Popen(
        [sys.executable, "-m", "marimo", "run", str(NOTEBOOK), *options],
        env={
            **os.environ,
            **dict.fromkeys(folders, str(tmp_path)),
            "MARIMO_SKIP_UPDATE_CHECK": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_for(url, process)
        yield url
    finally:
        end_group(process)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}health", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise RuntimeError("marimo did not start")


def test_in_marimo_a_view_is_drawn_answers_and_moves(browser: Browser, address: str) -> None:
    page = browser.page
    browser.forget()
    page.goto(address)
    roots = page.locator('[data-iw="attention"][data-painted="1"]')
    expect(roots).to_have_count(2)
    outputs = page.locator("marimo-anywidget")
    expect(outputs).to_have_count(2)
    view, alone = (AttentionOnPage(output) for output in outputs.all())
    view.click_head(1, 2)
    view.wait_head(1, 2)
    view.wait_sum()  # every pair of it came, by message
    expect(page.get_by_text("chosen: ((1, 2),)")).to_be_visible()
    page.get_by_role("button", name="select").click()
    view.wait_head(1, 3)
    expect(page.get_by_text("chosen: ((1, 3),)")).to_be_visible()
    alone.wait_head(0, 0)
    alone.click_head(0, 2)
    alone.wait_head(0, 2)
    alone.wait_sum()
    browser.check()
