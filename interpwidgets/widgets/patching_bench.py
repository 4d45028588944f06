"""What a PatchGrid needs to run patches: a board's side implements it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from interpwidgets.results.effect_grid import GridControl
from interpwidgets.results.patched_run import PatchedRun, PatchPlace
from interpwidgets.results.patching import PatchingGrid

#: The number of a grid in its view, a row and a column.
Cell = tuple[int, int, int]


@runtime_checkable
class PatchingBench(Protocol):
    """Runs patches for one view, in the thread that calls; ``queue`` is for the page."""

    @property
    def can_restore(self) -> bool:
        """Whether the board has another view that would show a run."""

    def sweep(self) -> None:
        """Run every cell of every grid; what was done before an interrupt is shown."""

    def patch(self, grid: PatchingGrid, place: PatchPlace) -> PatchedRun:
        """Run one patch in all pairs, into the view's history."""

    def look(self, grid: PatchingGrid, cell: Cell) -> PatchedRun:
        """Run one cell of a grid, and show what the model says next."""

    def control(
        self, grid: PatchingGrid, n: int = 8, seed: int = 0, prompts: Any = None
    ) -> GridControl:
        """Run the control of a whole grid."""

    def control_run(self, number: int, n: int = 8, seed: int = 0) -> PatchedRun:
        """Run the control of one run of the history."""

    def exact(self, grid: PatchingGrid) -> PatchingGrid:
        """Run the exact grid of an estimate."""

    def restore(self, number: int) -> None:
        """Run a patch of the history on the board."""

    def undo(self) -> None:
        """Run the board's prompt as it is."""

    def queue(self, what: str, work: Callable[[], object], *, many: bool = False) -> None:
        """Leave work on the model's queue; a later one of the same name takes its place.

        Args:
            what: Its name.
            work: One of the above.
            many: Whether several of the name may wait.
        """

    def cancel(self) -> None:
        """Stop what runs, and forget what waits; what is done is kept."""

    def release(self) -> None:
        """Forget what waits: the view is gone, or has another bench."""
