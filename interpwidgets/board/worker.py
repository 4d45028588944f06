"""One queue a model, for what the browser asks that needs a forward.

A widget's message handler may run in another thread than the cell, so it never runs a
model itself: it leaves a job here. A job waits until no cell traces that model; of
several for one view only the last runs.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable

from interpwidgets.models.adapter import Model, module_of

logger = logging.getLogger(__name__)


class Worker:
    """Runs jobs one after another on a thread that lives while there are any."""

    def __init__(self) -> None:
        self._jobs: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()

    def submit(self, key: str, job: Callable[[], None]) -> None:
        """Queue a job; it replaces one that waits under the same key.

        Args:
            key: Whose job this is; the last one of a key wins.
            job: Called without arguments; it reports its own failures.
        """
        with self._lock:
            self._jobs.pop(key, None)
            self._jobs[key] = job
            if self._idle.is_set():
                self._idle.clear()
                threading.Thread(target=self._work, name="interpwidgets", daemon=True).start()

    def drop(self, key: str) -> None:
        """Forget a job that waits."""
        with self._lock:
            self._jobs.pop(key, None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the queue is empty; return whether it is."""
        return self._idle.wait(timeout)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._idle.set()
                    return
                job = self._jobs.pop(next(iter(self._jobs)))
            try:
                job()
            except Exception:
                # A job tells its view what failed; this keeps the queue alive for others.
                logger.exception("a queued job failed")


_WORKERS: weakref.WeakKeyDictionary[object, Worker] = weakref.WeakKeyDictionary()
_WORKERS_LOCK = threading.Lock()


def worker_of(model: Model) -> Worker:
    """Return the queue of a model, made on first use."""
    with _WORKERS_LOCK:
        return _WORKERS.setdefault(module_of(model), Worker())
