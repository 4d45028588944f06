"""What holds for every test: no network beyond this machine, no model hub, few threads."""

from __future__ import annotations

import gc
import itertools
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

# Both are read once, when huggingface_hub and torch are imported. Small models are
# slower on several threads than on one.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Before any test imports nnsight, whose `.save` on every object beartype trips over.
import beartype.roar  # noqa: F401
import pytest

from outside import find_chromium

ROOT = Path(__file__).resolve().parent.parent
LOCAL_NAMES = {None, "", "localhost", "0.0.0.0", "::", "::1", socket.gethostname()}

attempts: list[str] = []


def is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    return host in LOCAL_NAMES or str(host).startswith("127.")


def refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: also sees what asyncio and C-level sockets of Python do."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a path: AF_UNIX
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not is_local(host):
        attempts.append(f"{event} {host!r}")
        raise ConnectionRefusedError(f"tests open no connection to {host!r}")


sys.addaudithook(refuse_network)


def pytest_collection_finish() -> None:
    """Look at what was imported no more: tests and benchmarks that collect garbage are many."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Fail a test that tried to leave this machine, also where the code swallowed it."""
    attempts.clear()
    yield
    assert not attempts, f"tried to reach the network: {attempts}"


@pytest.fixture
def runs_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count runs from 1, whatever other tests ran before."""
    monkeypatch.setattr("interpwidgets.models.exclusive._RUNS", itertools.count(1))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's path; the runner leaves the browser tier out where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip("no chromium found")
    return path
