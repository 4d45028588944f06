"""One trace at a time on a model, whatever thread it comes from."""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Iterator

import torch

from interpwidgets.errors import TraceError


class _Turn:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owner: int | None = None


_TURNS: weakref.WeakKeyDictionary[torch.nn.Module, _Turn] = weakref.WeakKeyDictionary()
_TURNS_LOCK = threading.Lock()

#: Runs are counted over all models: a view may be handed from one to another.
_RUNS = itertools.count(1)


@contextlib.contextmanager
def exclusive(module: torch.nn.Module) -> Iterator[int]:
    """Hold a model for one trace; other threads wait their turn.

    Args:
        module: The model's root module.

    Yields:
        The number of this run in this process, from 1.

    Raises:
        TraceError: This thread is inside a trace of the same model already, which would
            wait for itself for ever.
    """
    with _TURNS_LOCK:
        turn = _TURNS.setdefault(module, _Turn())
    if turn.owner == threading.get_ident():
        raise TraceError(
            "a trace of this model is running already, and this one was opened inside it. "
            "Close the outer `with` block first, or use one block with several "
            "`tracer.invoke(...)`."
        )
    with turn.lock:
        turn.owner = threading.get_ident()
        try:
            yield next(_RUNS)
        finally:
            turn.owner = None
