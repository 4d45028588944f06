"""A real JupyterLab in a real Chromium: a page, and a notebook on it.

Knows nothing of what the notebooks show.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect, sync_playwright

from browser.server import WAIT_MS, Server

KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
# A proxy that nobody listens on: what is not on this machine cannot be reached. Unlike
# Playwright's routes this leaves the browser's cache on, so that Lab loads quickly.
BROWSER_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-server=127.0.0.1:9",
]
ON_THIS_MACHINE = re.compile(r"^((https?|ws)://127\.0\.0\.1[:/]|data:|blob:|about:)")


@dataclass
class Browser:
    """A Chromium with one page, and what went wrong in it."""

    page: Page
    console_errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    """Addresses beyond this machine that the page asked for."""

    def watch(self) -> None:
        """Begin to write down errors and requests."""
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.on("websocket", lambda socket: self._on_address(socket.url))
        self.page.context.on("request", lambda request: self._on_address(request.url))

    def forget(self) -> None:
        """Begin anew."""
        self.console_errors.clear()
        self.outside.clear()

    def check(self) -> None:
        """Fail on an error in the console, or a request beyond this machine."""
        assert not self.console_errors, self.console_errors
        assert not self.outside, f"the page asked for {self.outside}"

    @contextmanager
    def scripts(self, *, allowed: bool) -> Iterator[None]:
        """Let the page's own scripts run, or not."""
        devtools = self.page.context.new_cdp_session(self.page)
        setting = "Emulation.setScriptExecutionDisabled"
        devtools.send(setting, {"value": not allowed})
        try:
            yield
        finally:
            devtools.send(setting, {"value": False})
            devtools.detach()

    def _on_console(self, message: Any) -> None:
        if message.type == "error":
            self.console_errors.append(f"{message.text} ({message.location['url']})")

    def _on_address(self, url: str) -> None:
        if not ON_THIS_MACHINE.match(url):
            self.outside.append(url)


@contextmanager
def running_browser(chromium: str, folder: Path) -> Iterator[Browser]:
    """Start Chromium with a profile of its own, and end it."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(folder / "profile"),
            executable_path=chromium,
            headless=True,
            args=BROWSER_ARGUMENTS,
            viewport={"width": 1280, "height": 900},
        )
        context.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS / 2)
        try:
            browser = Browser(context.pages[0] if context.pages else context.new_page())
            browser.watch()
            yield browser
        finally:
            context.close()


_CONNECTED = """() => window.jupyterapp?.shell?.currentWidget?.sessionContext
    ?.session?.kernel?.connectionStatus === 'connected'"""
_READY = """async () => {
    const { sessionContext } = window.jupyterapp.shell.currentWidget;
    await sessionContext.ready;
    await sessionContext.session.kernel.info;
}"""
_IDLE = """() => window.jupyterapp.shell.currentWidget.sessionContext
    .session?.kernel?.status === 'idle'"""
_GONE = """() => ['dead', undefined].includes(
    window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status)"""
_TRUSTED = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .every((cell) => cell.model.trusted)"""
# Awaited in the page the promise would block it: a flag says when the cell is through.
_RUN = """(index) => {
    const { commands, shell } = window.jupyterapp;
    const notebook = shell.currentWidget.content;
    notebook.activeCellIndex = index;
    notebook.deselectAll();
    const runs = (window.notebookRuns ??= []);
    const run = runs.push(null) - 1;
    const end = (how) => { runs[run] = how; };
    commands.execute('notebook:run-cell')
        .then((ok) => end(ok ? 'ok' : 'error'), () => end('error'));
    return run;
}"""
_SET_SOURCE = """([index, text]) => window.jupyterapp.shell.currentWidget.content
    .widgets[index].model.sharedModel.setSource(text)"""
_QUIETLY = """(code) => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
    .requestExecute({ code, silent: true, store_history: false }).done
    .then((reply) => reply.content.status)"""


class Notebook:
    """A notebook open in JupyterLab, driven through Lab's own commands."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self.server = server
        self.browser = browser
        self.page = browser.page
        self.front = "doc/tree"
        """Whose page: JupyterLab's; ``notebooks`` is Notebook 7's, on the same server."""
        self.name = ""

    # --------------------------------------------------------------------- the document

    def open(self, cells: Sequence[str], *, kernel: str | None = None) -> None:
        """Write a new notebook and open it; on a kernel that runs already, if given."""
        self.name = f"{secrets.token_hex(4)}.ipynb"
        document = nbformat.v4.new_notebook(metadata={"kernelspec": KERNELSPEC})
        document.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(document, self.path)
        if kernel is not None:
            session = {"path": self.name, "name": self.name, "type": "notebook"}
            self.server.ask("POST", "sessions", {**session, "kernel": {"id": kernel}})
        self.reopen()

    def reopen(self) -> None:
        """Load the notebook from disk into a fresh page."""
        self._load()
        self.wait_ready()

    def reopen_without_kernel(self) -> None:
        """The same where no kernel fits and a person chooses none."""
        self._load()
        self.page.locator(".jp-Dialog").get_by_role("button", name="No Kernel").click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")

    def _load(self) -> None:
        self.browser.forget()
        page, server = self.page, self.server
        page.goto(f"{server.url}/{self.front}/{self.name}?reset&token={server.token}")
        page.locator(".jp-NotebookPanel").wait_for()

    def is_trusted(self) -> bool:
        """Whether the server knows every cell as run here."""
        return bool(self.page.evaluate(_TRUSTED))

    @property
    def path(self) -> Path:
        """The file on disk."""
        return self.server.folder / self.name

    def save(self) -> dict[str, Any]:
        """Save as the menu does; return what is on disk then."""
        self.command("docmanager:save", wait=True)
        return dict(json.loads(self.path.read_text()))

    def command(self, name: str, args: object = None, *, wait: bool = False) -> None:
        """Execute one of Lab's commands."""
        void = "" if wait else "void "
        call = "window.jupyterapp.commands.execute(name, args)"
        self.page.evaluate(f"([name, args]) => {void}{call}", [name, args or {}])

    def theme(self, *, dark: bool) -> None:
        """Switch Lab's theme, and wait until its colours have come."""
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.command("apputils:change-theme", {"theme": theme}, wait=True)
        self.page.wait_for_function(
            "(light) => document.body.dataset.jpThemeLight === light", arg=str(not dark).lower()
        )

    # ------------------------------------------------------------------------ its cells

    def start(self, index: int) -> int:
        """Begin to run a cell; return a number for ``finish``."""
        return int(self.page.evaluate(_RUN, index))

    def finish(self, run: int) -> str:
        """Wait until a cell is through; return ``ok`` or ``error``."""
        ended = "(run) => window.notebookRuns[run]"
        return str(self.page.wait_for_function(ended, arg=run).json_value())

    def run(self, index: int, *, ends: str = "ok") -> None:
        """Run a cell and wait for its end."""
        how = self.finish(self.start(index))
        assert how == ends, f"{how} in cell {index}:\n{self.output(index).inner_text()}"

    def set_source(self, index: int, text: str) -> None:
        """Type into a cell."""
        self.page.evaluate(_SET_SOURCE, [index, text])

    def cell(self, index: int) -> Locator:
        """Return a cell of the page."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def output(self, index: int) -> Locator:
        """Return what is under a cell."""
        return self.cell(index).locator(".jp-OutputArea").first

    def text(self, index: int) -> str:
        """Run a cell; return the text that it printed."""
        self.run(index)
        return self.output(index).inner_text().strip()

    # ----------------------------------------------------------------------- its kernel

    def wait_ready(self) -> None:
        """Wait until the page can talk to the kernel."""
        self.page.wait_for_function(_CONNECTED)
        self.page.evaluate(_READY)

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(_IDLE)

    def quietly(self, code: str) -> None:
        """Execute code in the kernel without a cell."""
        status = self.page.evaluate(_QUIETLY, code)
        assert status == "ok", f"the kernel refused {code!r}: {status}"

    def shut_down(self) -> None:
        """End the kernel, as the page's menu does."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
        )

    def wait_kernel_gone(self) -> None:
        """Wait until the page knows that there is no kernel."""
        self.page.wait_for_function(_GONE)

    def interrupt(self) -> None:
        """Interrupt the kernel, as the stop button does."""
        self.command("notebook:interrupt-kernel")

    def restart(self) -> None:
        """Restart the kernel, as the menu does after its question."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
        )
        self.wait_ready()
