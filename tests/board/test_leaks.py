"""Two hundred updates in a row leave nothing behind, and closing lets go of everything."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from collections import Counter
from typing import Any

import comm
import ipywidgets.widgets.widget as widget_module
import pytest

import interpwidgets as iw
from interpwidgets.board.worker import worker_of
from interpwidgets.selection import Selection
from tiny import tiny_gpt2, wrapped

N_UPDATES = 200
#: Two views' Results of so many tokens hold 262 kB.
MANY_TOKENS = 64
#: Python's cache of attribute names fills up once, whatever is done, to some 270 kB.
NAMES_CACHE = 300_000
N_MEASURED = 15


@pytest.fixture
def model() -> Any:
    return wrapped(tiny_gpt2())


def our_objects() -> Counter[str]:
    """What of ours is alive, by class."""
    gc.collect()
    return Counter(
        f"{type(thing).__module__}.{type(thing).__qualname__}"
        for thing in gc.get_objects()
        if str(type(thing).__module__).startswith("interpwidgets")
    )


def listeners(view: Any) -> int:
    """How many functions hear of a view: messages, and changes of its traits."""
    of_traits = [kind for name in view._trait_notifiers.values() for kind in name.values()]
    return len(view._msg_callbacks.callbacks) + sum(map(len, of_traits))


def alive(views: list[Any]) -> dict[str, Any]:
    return {
        "objects": our_objects(),
        "widgets": len(widget_module._instances),
        "comms": len(comm.get_comm_manager().comms),
        "threads": [thread.name for thread in threading.enumerate()],
        "listeners": [listeners(view) for view in views],
    }


def update(board: Any, views: list[Any], n: int, n_tokens: int = 3) -> None:
    """What a cell and a person do: runs, selections, requests that are queued."""
    for step in range(n):
        board.run([2 + (step + pos) % 50 for pos in range(n_tokens)])
        for view in views:
            view.selection = Selection([(step % 2, step % 4)])
            content = {"id": str(step), "kind": "select", "heads": [[1, 1]], "tokens": []}
            view._on_message(view, content, [])
        if step % 20 == 0:
            views[0]._on_message(views[0], {"id": "r", "kind": "rerun"}, [])
    assert worker_of(board.model).wait(30.0)


@pytest.mark.slow
def test_two_hundred_updates_leave_nothing_behind(model: Any) -> None:
    board = iw.Board(model)
    views = [board.attention(), board.attention(layers=[1, 0])]
    update(board, views, 5)
    before = alive(views)
    update(board, views, N_UPDATES)
    assert alive(views) == before
    close(board, views)


@pytest.mark.slow
def test_memory_stays_flat(model: Any) -> None:
    board = iw.Board(model)
    views = [board.attention(), board.attention()]
    update(board, views, 2, MANY_TOKENS)
    assert sum(view.result.pattern.nbytes for view in views) * N_MEASURED > 10 * NAMES_CACHE
    tracemalloc.start()
    try:
        update(board, views, 2, MANY_TOKENS)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        update(board, views, N_MEASURED, MANY_TOKENS)
        gc.collect()
        growth = tracemalloc.get_traced_memory()[0] - held
    finally:
        tracemalloc.stop()
    assert growth < NAMES_CACHE
    close(board, views)


def close(board: Any, views: list[Any]) -> None:
    board.close()
    for view in views:
        view.close()


def test_closing_lets_go_of_everything(model: Any) -> None:
    used_and_closed(model)
    before = alive([])  # what is made once a model, and stays with it, is there now
    weak = used_and_closed(model)
    after = alive([])
    assert [ref() for ref in weak] == [None] * len(weak)
    assert after == before


def used_and_closed(model: Any) -> list[weakref.ref[Any]]:
    """Use a board and let go of it; return weak references to what there was."""
    board = iw.Board(model)
    views = [board.attention(), board.attention()]
    update(board, views, 3)
    weak = [weakref.ref(thing) for thing in (board, *views, views[0].result)]
    close(board, views)
    return weak


def test_the_count_sees_a_view_that_is_held(model: Any) -> None:
    """The test of the test: what is held shows in every count."""
    before = alive([])
    board = iw.Board(model)
    view = board.attention()
    after = alive([])
    for count in ("widgets", "comms"):
        assert after[count] > before[count]
    assert after["objects"]["interpwidgets.widgets.attention.AttentionView"] == (
        before["objects"]["interpwidgets.widgets.attention.AttentionView"] + 1
    )
    close(board, [view])
