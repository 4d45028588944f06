"""A view that a long call shows before its cell ends."""

from __future__ import annotations

from typing import Any

from interpwidgets.widgets.base import View
from interpwidgets.widgets.display import display_view
from interpwidgets.widgets.placement import current_execution


class ShownEarly(View):
    """A view that is shown once, early or at the end of its cell."""

    def __init__(self, **traits: Any) -> None:
        #: The cell's execution that has shown it already.
        self._shown_in: object = None
        super().__init__(**traits)

    def display_early(self) -> None:
        """Show this view under the cell that is running; its end does not show it again."""
        execution = current_execution()
        if execution is not None and execution != self._shown_in:
            self._shown_in = execution
            display_view(self)

    def _ipython_display_(self) -> None:
        early, self._shown_in = self._shown_in, None
        if early is None or early != current_execution():
            display_view(self)
