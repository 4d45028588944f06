"""One JupyterLab and one page for the whole tier; most journeys share a kernel."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.lab import Browser, Notebook, running_browser
from browser.server import Server, running_lab

# A journey leaves nothing behind in the kernel that the next one gets.
SWEEP = """
import ipywidgets
ipywidgets.Widget.close_all()
get_ipython().run_line_magic("reset", "-f")
"""

Open = Callable[..., Notebook]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="session")
def kernel(server: Server) -> str:
    """The kernel that journeys share: torch is imported once."""
    return str(server.ask("POST", "kernels", {"name": "python3"})["id"])


# Playwright's loop runs as long as its browser, and a thread can have but one.
@pytest.fixture(scope="module")
def browser(
    server: Server, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    with running_browser(chromium, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def open_notebook(
    server: Server, browser: Browser, kernel: str, tmp_path: Path
) -> Iterator[Open]:
    """Opens a new notebook on the shared kernel, which is swept afterwards."""
    notebook = Notebook(server, browser)

    def open_with(*cells: str) -> Notebook:
        notebook.open(cells, kernel=kernel)
        return notebook

    yield open_with
    notebook.wait_idle()
    notebook.quietly(SWEEP)
    browser.check()


@pytest.fixture
def open_alone(server: Server, browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a new notebook on a kernel of its own."""
    notebook = Notebook(server, browser)

    def open_with(*cells: str) -> Notebook:
        notebook.open(cells)
        return notebook

    yield open_with
    server.shut_down(notebook.name)
    browser.check()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: Any, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Add a picture of the page, and its errors, to a failure."""
    report = (yield).get_result()
    browser = getattr(item, "funcargs", {}).get("browser")
    if report.failed and call.when == "call" and browser is not None:
        folder = item.funcargs.get("tmp_path") or item.config._tmp_path_factory.mktemp("page")
        path = folder / "page.png"
        browser.page.screenshot(path=str(path))
        lines = [f"screenshot: {path}", *browser.console_errors, *browser.outside]
        report.sections.append(("page", "\n".join(lines)))
