"""Which view is being made: the one that stood in this place of this cell before.

A cell that runs again gets its views back, so that what is on screen updates in place
with its chosen head and zoom. A view's place is its cell and its order in it.
"""

from __future__ import annotations

import weakref
from collections import Counter
from typing import TypeVar

from ipywidgets import Widget

W = TypeVar("W", bound=Widget)


class Places:
    """The views of a kernel by place. Weak: a view that nobody holds is gone."""

    def __init__(self) -> None:
        self._views: weakref.WeakValueDictionary[tuple[str, str, int], Widget] = (
            weakref.WeakValueDictionary()
        )
        self._made: Counter[tuple[str, str]] = Counter()
        self._execution: object = None

    def claim(self, kind: type[W], key: str | None) -> tuple[W | None, tuple[str, str, int]]:
        """Return the view that was here before, if any, and this place.

        Args:
            kind: The class of view wanted.
            key: A name given by the user, instead of the cell.
        """
        cell, execution = _current_cell()
        if key is not None:
            place = (f"key:{key}", kind.__name__, 0)
        elif cell is None:
            return None, ("", kind.__name__, -1)
        else:
            if execution != self._execution:
                self._made.clear()
                self._execution = execution
            order = self._made[cell, kind.__name__]
            self._made[cell, kind.__name__] += 1
            place = (cell, kind.__name__, order)
        before = self._views.get(place)
        is_open = isinstance(before, kind) and before.comm is not None
        return (before if is_open else None), place

    def settle(self, place: tuple[str, str, int], view: Widget) -> None:
        """Remember which view is in a place."""
        if place[2] >= 0:
            self._views[place] = view


PLACES = Places()


def current_execution() -> object:
    """Return what tells this execution of a cell from every other; None outside of cells."""
    return _current_cell()[1]


def _current_cell() -> tuple[str | None, object]:
    """Return the id of the cell that is running and of this execution of it."""
    from IPython import get_ipython

    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    if not parent:
        return None, None
    return parent.get("metadata", {}).get("cellId"), parent.get("header", {}).get("msg_id")
