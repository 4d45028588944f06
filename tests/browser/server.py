"""A real JupyterLab server with nothing of the user's own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat.sign import NotebookNotary

START_SECONDS = 90
WAIT_MS = 30_000
SETTINGS = {
    "notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    }
}


@dataclass(frozen=True)
class Server:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path
    """Where its notebooks are."""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call its REST API."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(
            f"{self.url}/api/{path}", data=data, headers=headers, method=method
        )
        with urllib.request.urlopen(request, timeout=WAIT_MS / 1000) as answer:
            return json.loads(answer.read() or "null")

    def trust(self, path: Path) -> None:
        """Sign a notebook, as if it had been run here."""
        notary = NotebookNotary(data_dir=str(self.folder.parent / "data"))
        notary.sign(nbformat.read(path, as_version=4))
        notary.store.close()

    def shut_down(self, notebook: str) -> None:
        """End the kernel of a notebook, as the menu does."""
        for session in self.ask("GET", "sessions"):
            if session["path"] == notebook:
                self.ask("DELETE", f"sessions/{session['id']}")


@contextmanager
def running_lab(folder: Path) -> Iterator[Server]:
    """Start a JupyterLab that shares nothing with the user's own, and end it."""
    for name, values in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / "apputils-extension" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    server = Server(f"http://127.0.0.1:{free_port()}", secrets.token_hex(8), folder / "nb")
    server.folder.mkdir()
    with (folder / "lab.log").open("w") as log:
        process = subprocess.Popen(
            _lab_command(server),
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_lab_environment(folder),
            start_new_session=True,
        )
        try:
            _wait_for(server, process, folder / "lab.log")
            yield server
        finally:
            end_group(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _lab_command(server: Server) -> list[str]:
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": server.url.rpartition(":")[2],
        "ServerApp.port_retries": "0",
        "ServerApp.root_dir": str(server.folder),
        "ServerApp.allow_root": "True",
        "ServerApp.open_browser": "False",
        "IdentityProvider.token": server.token,
        "LabApp.expose_app_in_browser": "True",
        "JupyterNotebookApp.expose_app_in_browser": "True",
        "LabApp.extension_manager": "readonly",
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        *(f"--{key}={value}" for key, value in options.items()),
    ]


def _lab_environment(folder: Path) -> dict[str, str]:
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    return {**os.environ, **{name: str(folder / part) for name, part in own.items()}}


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.ask("GET", "status")
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the server with its kernels; by force what does not want to."""
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
