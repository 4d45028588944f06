"""A page in headless Chromium: when it first painted and what CPU its processes took."""

from __future__ import annotations

import functools
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
MARK = "benchmark-painted"
#: Says so when the selector is there and two frames have passed since.
WATCH = """
(() => {
  const done = () => requestAnimationFrame(() => requestAnimationFrame(
    () => console.log("%s", performance.now())));
  const watcher = new MutationObserver(() => {
    if (document.querySelector(%r)) { watcher.disconnect(); done(); }
  });
  watcher.observe(document, {subtree: true, childList: true,
                             attributeFilter: ["data-painted"]});
})();
"""
SAMPLE_SECONDS = 0.5
#: CPU seconds a sample below which the page counts as at rest, and how many in a row.
REST_CPU, REST_SAMPLES = 0.04, 3


@dataclass(frozen=True)
class Drawing:
    """How one page was drawn."""

    paint_seconds: float | None
    """From navigation to two frames after the selector; None: not within the time-out."""

    cpu_seconds: float
    """User and system time of all of Chromium's processes until the page is at rest."""

    at_rest: bool
    """False: the page was still busy at the time-out."""

    errors: tuple[str, ...]
    """What the page reported as failed."""


def find_chromium() -> str | None:
    """Return a Chromium's path: ``$CHROMIUM`` if set, else one that is installed."""
    wanted = [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else NAMES
    return next((path for path in map(shutil.which, wanted) if path), None)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; yields its address."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _QuietHandler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer; that there is no icon is no error."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def draw(chromium: str, address: str, selector: str, timeout: float) -> Drawing:
    """Open a page in a Chromium of its own, and wait until it is at rest.

    Args:
        chromium: The program.
        address: The page.
        selector: What is there when something is drawn.
        timeout: Seconds after which the page is given up.
    """
    painted: list[float] = []
    errors: list[str] = []

    def hear(message: Any) -> None:
        if message.text.startswith(MARK):
            painted.append(float(message.text.split()[-1]) / 1000)
        elif message.type == "error":
            errors.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.on("console", hear)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.add_init_script(WATCH % (MARK, selector))
            _wait_at_rest(page, time.monotonic() + 10)
            before = chromium_cpu()
            deadline = time.monotonic() + timeout
            page.goto(address, wait_until="commit", timeout=timeout * 1000)
            at_rest = _wait_at_rest(page, deadline, painted)
            spent = chromium_cpu() - before
        finally:
            browser.close()
    return Drawing(painted[0] if painted else None, spent, at_rest, tuple(errors))


def _wait_at_rest(page: Page, deadline: float, painted: list[float] | None = None) -> bool:
    """Wait until Chromium does next to nothing; False at the deadline.

    Nothing is asked of the page: a busy one would not answer.
    """
    last, calm = chromium_cpu(), 0
    while time.monotonic() < deadline:
        page.wait_for_timeout(SAMPLE_SECONDS * 1000)
        now = chromium_cpu()
        calm = calm + 1 if now - last < REST_CPU else 0
        last = now
        if calm >= REST_SAMPLES and (painted is None or painted):
            return True
    return False


def chromium_cpu() -> float:
    """Return the CPU seconds of all Chromium processes below this one (Linux)."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it ended meanwhile
        fields = rest.split()
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        if name.startswith("chrom"):
            ticks = int(fields[11]) + int(fields[12])
            seconds[pid] = ticks / os.sysconf("SC_CLK_TCK")
    return sum(spent for pid, spent in seconds.items() if _is_below(pid, os.getpid(), parents))


def _is_below(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
        if pid == ancestor:
            return True
    return False
