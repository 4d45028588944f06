"""The part of a PatchGrid for patches by hand: its history, its controls, what was seen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import traitlets

from interpwidgets.errors import InterventionError, MessageError
from interpwidgets.results.effect_grid import GridControl
from interpwidgets.results.patched_run import (
    PatchedRun,
    compare_runs,
    history_frame,
    place_in,
)
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.widgets.early import ShownEarly
from interpwidgets.widgets.patching_bench import Cell, PatchingBench
from interpwidgets.widgets.patching_payload import (
    Top,
    is_exact,
    wire_output,
    wire_run,
    wire_top,
)

if TYPE_CHECKING:
    import pandas as pd

NO_MODEL = (
    "these numbers came without a model to run: make the view with iw.activation_patching(...)."
)


class PatchedByHand(ShownEarly):
    """A view of grids with a bench; ``PatchGrid`` draws the grids and hears the page."""

    patches = traitlets.Dict().tag(sync=True)
    """Runs made by hand, outputs of cells that were looked at, what can be done (docs/wire.md).
    Written by Python."""

    def __init__(self, **traits: Any) -> None:
        #: What runs patches; None where the numbers were given.
        self.bench: PatchingBench | None = None
        self._runs: tuple[PatchedRun, ...] = ()
        self._outputs: dict[Cell, PatchedRun] = {}
        self._ends: tuple[Top, Top] = ((), ())
        self._restored: int | None = None
        self._note = ""
        self._lock = threading.RLock()
        super().__init__(**traits)
        self._draw_patches()

    def settle(self) -> None:
        """Say what state the grids are in, once nothing runs."""
        raise NotImplementedError

    def _forget(self, *, runs: bool) -> None:
        """Forget what was seen of cells, and perhaps the runs too: the grids are others."""
        if runs:
            self._runs, self._ends, self._restored = (), ((), ()), None
        self._outputs, self._note = {}, ""
        self._draw_patches()

    # ---------------------------------------------------------------- by hand, from cells

    @property
    def runs(self) -> tuple[PatchedRun, ...]:
        """The patches made by hand, in order."""
        return self._runs

    @property
    def history(self) -> pd.DataFrame:
        """The same as a table, one row a run."""
        return history_frame(self._runs)

    def patch(
        self,
        layer: int,
        pos: int | None = None,
        *,
        source_pos: int | None = None,
        head: int | None = None,
    ) -> PatchedRun:
        """Patch one place of the grid on screen, and add the run to the history.

        Args:
            layer: Of the site.
            pos: Position in the prompt that is changed; None: all that have a partner.
            source_pos: Position in the other prompt; by default the partner of ``pos``.
            head: One head, in a grid of heads.

        Raises:
            InterventionError: There is no such place.
        """
        grid = self._need_result()
        place = place_in(grid, layer, pos, source_pos, head)
        return self.need_bench().patch(grid, place)

    def run_control(
        self, n: int = 8, *, seed: int = 0, prompts: Any = None, run: int | None = None
    ) -> GridControl | PatchedRun:
        """Patch what has no reason to matter in the same cells, or for one run by hand.

        Args:
            n: Draws for each cell.
            seed: Of the draws.
            prompts: As of ``patching_control``: other prompts instead of other positions.
            run: Its number in the history: the control of that run alone.

        Returns:
            The grid's control, or the run with its own.
        """
        if run is not None:
            self.check_number(run)
            return self.need_bench().control_run(run, n, seed)
        grid = self._need_result()
        return self.need_bench().control(grid, n, seed, prompts)

    def run_exact(self) -> PatchingGrid:
        """Run the exact grid of an estimate by gradient, and hold both.

        Returns:
            The exact grid; the view's caption says how far the two agree.
        """
        return self.need_bench().exact(self._need_estimate())

    def restore(self, number: int) -> None:
        """Run one of the history once more on the board: its other views show that run.

        Args:
            number: Its place in ``history``.

        Raises:
            InterventionError: No such run, or the board has no view to show it.
        """
        self.check_number(number)
        self.need_bench().restore(number)

    def undo(self) -> None:
        """Run the prompt of the restored run as it is, in the other views of the board."""
        self.need_bench().undo()

    def compare_runs(self, a: int, b: int) -> pd.DataFrame:
        """Return two runs of the history side by side: share, metric, next tokens.

        Args:
            a: Number of one run.
            b: Number of another one; the difference is it less the first.
        """
        self.check_number(a)
        self.check_number(b)
        return compare_runs(self._runs[a], self._runs[b])

    def check_number(self, number: int) -> None:
        """Refuse a number that no run of the history has."""
        if not 0 <= number < len(self._runs):
            known = f"0-{len(self._runs) - 1}" if self._runs else "none yet: view.patch(...)"
            raise InterventionError(f"there is no run {number} in the history; it has {known}.")

    def need_bench(self) -> PatchingBench:
        """Return what runs patches.

        Raises:
            MessageError: The numbers came without a model.
        """
        if self.bench is None:
            raise MessageError(NO_MODEL)
        return self.bench

    def _need_estimate(self) -> PatchingGrid:
        grid = self._need_result()
        if is_exact(grid):
            raise InterventionError("this grid is exact already.")
        return grid

    # -------------------------------------------------------------- told by its bench

    def attach_bench(self, bench: PatchingBench) -> None:
        """Run patches there from now on."""
        if self.bench is not None and self.bench is not bench:
            self.bench.release()
        self.bench = bench
        self._draw_patches()

    def add_run(self, run: PatchedRun, number: int | None = None) -> None:
        """Take a run into the history.

        Args:
            run: What was done.
            number: Of the run that it takes the place of; None: a new one.
        """
        with self._lock:
            runs = list(self._runs)
            if number is None:
                runs.append(run)
            else:
                runs[number] = run
            self._runs = tuple(runs)
            self._note = ""
            self._draw_patches()

    def add_output(self, grid: PatchingGrid, cell: Cell, run: PatchedRun) -> None:
        """Keep what was seen of one cell's run.

        Args:
            grid: The grid.
            cell: Its grid's number, row and column.
            run: The run.
        """
        with self._lock:
            if any(one is grid for one in self.results):
                self._outputs[cell] = run
                self._note = ""
                self._draw_patches()

    def show_ends(self, clean: Top, corrupted: Top) -> None:
        """Keep the next tokens of the unpatched runs."""
        self._ends = (clean, corrupted)

    def show_restored(self, number: int | None) -> None:
        """Mark which run of the history the board's other views show."""
        self._restored, self._note = number, ""
        self._draw_patches()

    def refuse(self, why: str) -> None:
        """Say why something that was asked for in the page was not done; all else stays.

        Args:
            why: In words.
        """
        self._note = why
        self._draw_patches()
        self.settle()

    def known_output(self, cell: Cell) -> PatchedRun | None:
        """Return the run of a cell if it was looked at before."""
        return self._outputs.get(cell)

    def _draw_patches(self) -> None:
        bench = self.bench
        self.patches = {
            "can_run": bench is not None,
            "can_restore": bench is not None and bench.can_restore,
            "runs": [wire_run(run, number) for number, run in enumerate(self._runs)],
            "outputs": [wire_output(cell, run) for cell, run in self._outputs.items()],
            "clean_top": wire_top(self._ends[0]),
            "corrupted_top": wire_top(self._ends[1]),
            "restored": self._restored,
            "note": self._note,
        }
