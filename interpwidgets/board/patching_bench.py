"""Runs the patches of a PatchGrid: sweeps, single places, controls; in a cell or queued."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interpwidgets.board.ablating import WAITING
from interpwidgets.board.runs_shown import RunsShown
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import InterventionError
from interpwidgets.methods.activation_patching import activation_patching, patching_control
from interpwidgets.methods.attribution_patching import attribution_patching
from interpwidgets.methods.patched_run import CONTROLS, runs_of, with_control
from interpwidgets.models.patching import Progress
from interpwidgets.reads.patched_runs import PatchedRuns
from interpwidgets.results.effect_grid import GridControl
from interpwidgets.results.patched_run import PatchedRun, PatchPlace
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.widgets.patching import PatchGrid
from interpwidgets.widgets.patching_bench import Cell

#: Seconds between two pictures of a sweep, and after which it is shown before its cell ends.
PICTURE_S = 0.4
EARLY_S = 1.0
_SAID_S = 0.1


@dataclass(frozen=True)
class Sweep:
    """What was asked for: the prompts, the sites, everything else by name."""

    clean: Any
    corrupted: Any
    sites: tuple[str, ...]
    exact: bool
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own_metric(self) -> Any:
        """The metric, where it is a function: a Result does not hold it."""
        metric = self.options.get("metric")
        return metric if callable(metric) else None


class Bench:
    """One view's patches."""

    def __init__(self, board: RunsShown, view: PatchGrid, sweep: Sweep) -> None:
        self._board, self._view, self._sweep = board, view, sweep
        self._stop = threading.Event()
        self._names = itertools.count()
        self._waiting: set[str] = set()
        #: Kept while the grid is the same one: a further patch costs one forward.
        self._of: dict[int, tuple[PatchingGrid, PatchedRuns]] = {}

    @property
    def can_restore(self) -> bool:
        """Whether the board has another view that would show a run."""
        return self._board.shows_runs

    # -------------------------------------------------------------------------- sweeps

    def sweep(self, *, in_cell: bool = False) -> None:
        """Run every cell of every grid; what was done before an interrupt is shown.

        Args:
            in_cell: Show the view before its cell ends, where that takes long.
        """
        self._begin()
        done: list[PatchingGrid] = []
        began = time.monotonic()
        try:
            for site in self._sweep.sites:
                done.append(self._grid(site, done, began if in_cell else None))
                if done[-1].n_left:
                    break
        except KeyboardInterrupt:
            if not done:
                self._view.show_failure(None, "interrupted")
                raise
        except Exception as error:
            self._view.show_failure(None, _said(error))
            raise
        self._of.clear()
        self._view.show(tuple(done))

    def _grid(
        self, site: str, done: Sequence[PatchingGrid], began: float | None
    ) -> PatchingGrid:
        asked = self._sweep
        model, prompts = self._board.model, (asked.clean, asked.corrupted)
        if not asked.exact:
            options = {k: v for k, v in asked.options.items() if k != "batch"}
            return attribution_patching(model, *prompts, site=site, **options)
        shown_at = time.monotonic()

        def watch(grid: PatchingGrid) -> None:
            nonlocal shown_at
            now = time.monotonic()
            if began is not None and now - began > EARLY_S:
                self._view.display_early()
            if now - shown_at > PICTURE_S:
                shown_at = now
                self._view.show_so_far((*done, grid))

        tell = self._teller(site if len(asked.sites) > 1 else "")
        return activation_patching(
            model, *prompts, site=site, progress=tell, watch=watch, **asked.options
        )

    def exact(self, grid: PatchingGrid) -> PatchingGrid:
        """Run the exact grid of an estimate, and show both."""
        self._begin()
        found = activation_patching(
            self._board.model,
            self._sweep.clean,
            self._sweep.corrupted,
            site=grid.site,
            progress=self._teller("exact grid"),
            **self._sweep.options,
        )
        self._view.show((*self._view.results, found))
        return found

    # ------------------------------------------------------------------------- by hand

    def patch(self, grid: PatchingGrid, place: PatchPlace) -> PatchedRun:
        """Run one patch in all pairs, into the view's history."""
        runs = self._runs(grid)
        run = runs.run(place, range(grid.n))
        self._view.show_ends(*runs.top_of_ends())
        self._view.add_run(run)
        self._view.settle()
        return run

    def look(self, grid: PatchingGrid, cell: Cell) -> PatchedRun:
        """Run one cell of a grid, and show what the model says next.

        The first pair alone, where the grid has the exact share of all of them.
        """
        _, row, column = cell
        layer, at = grid.layers[row], grid.columns[column]
        if grid.by == "neuron":
            raise InterventionError("a grid of neurons has shares, and no outputs of cells.")
        by_head = grid.by == "head"
        place = PatchPlace(
            grid.site, layer, None if by_head else at, None, (at,) if by_head else ()
        )
        runs = self._runs(grid)
        exact = grid.method == "activation patching"
        run = runs.run(place, range(1 if exact else grid.n))
        self._view.show_ends(*runs.top_of_ends())
        self._view.add_output(grid, cell, run)
        self._view.settle()
        return run

    def control(
        self, grid: PatchingGrid, n: int = CONTROLS, seed: int = 0, prompts: Any = None
    ) -> GridControl:
        """Run the control of a whole grid; cancelled, it has the draws that are complete."""
        self._begin()
        try:
            found = patching_control(
                self._board.model,
                grid,
                n=n,
                seed=seed,
                prompts=prompts,
                metric=self._sweep.own_metric,
                batch=self._sweep.options.get("batch"),
                progress=self._teller("control"),
            )
        finally:
            self._view.settle()
        self._view.replace(grid, found)
        control = found.control
        assert control is not None  # it was just run
        return control

    def control_run(self, number: int, n: int = CONTROLS, seed: int = 0) -> PatchedRun:
        """Run the control of one run of the history."""
        self._begin()
        run = self._view.runs[number]
        runs = self._runs(self._grid_of(run))
        try:
            found = with_control(runs, run, n=n, seed=seed, progress=self._teller("control"))
        finally:
            self._view.settle()
        self._view.add_run(found, number)
        return found

    def restore(self, number: int) -> None:
        """Run a patch of the history on the board: its other views show that run."""
        if not self.can_restore:
            raise InterventionError(
                "no view on this board would show the run: make one beside this view, e.g. "
                "board = iw.Board(model); board.attention(); board.activation_patching(...)."
            )
        run = self._view.runs[number]
        runs = self._runs(self._grid_of(run))
        pair = run.pairs[0]
        patch = runs.patch(run.place, pair)
        self._board.run(list(runs.target(pair)), interventions=patch)
        self._view.show_restored(number)
        self._view.settle()

    def undo(self) -> None:
        """Run the board's prompt as it is."""
        self._board.undo()
        self._view.show_restored(None)
        self._view.settle()

    def _runs(self, grid: PatchingGrid) -> PatchedRuns:
        known = self._of.get(id(grid))
        if known is None or known[0] is not grid:
            known = (grid, runs_of(self._board.model, grid, self._sweep.own_metric))
            self._of[id(grid)] = known
        return known[1]

    def _grid_of(self, run: PatchedRun) -> PatchingGrid:
        place = run.place
        grids: Sequence[PatchingGrid] = self._view.results
        for grid in grids:
            if grid.site == place.site and (grid.by == "head") == bool(place.heads):
                return grid
        raise InterventionError(f"the view has no grid of {place.site} any more; run its cell.")

    # ------------------------------------------------------------------- queue, progress

    def queue(self, what: str, work: Callable[[], object], *, many: bool = False) -> None:
        """Leave work on the model's queue; a later one of the same name takes its place."""
        name = f"{what} {next(self._names)}" if many else what
        key = f"{self._view.view_id} {name}"
        self._waiting.add(key)
        if self._view.status["kind"] != "running":
            self._view.set_status("running", WAITING)

        def guarded() -> None:
            self._waiting.discard(key)
            try:
                work()
            except KeyboardInterrupt:
                self._view.settle()
            except Exception as error:
                # Not in a cell: the view is where the person sees it.
                self._view.refuse(_said(error))

        worker_of(self._board.model).submit(key, guarded)

    def cancel(self) -> None:
        """Stop what runs, and forget what waits; what is done is kept."""
        self.release()
        self._stop.set()
        if self._view.status["message"] == WAITING:
            self._view.settle()

    def release(self) -> None:
        """Forget what waits."""
        waiting, self._waiting = self._waiting, set()
        for key in waiting:
            worker_of(self._board.model).drop(key)

    def _begin(self) -> None:
        self._stop.clear()

    def _teller(self, what: str) -> Callable[[Progress], object]:
        """Return what says on the view how far work is, and ends it once it was cancelled."""
        said_at = 0.0

        def tell(how_far: Progress) -> None:
            nonlocal said_at
            if self._stop.is_set():
                raise KeyboardInterrupt
            now = time.monotonic()
            if now - said_at < _SAID_S:
                return
            said_at = now
            left = f"{how_far.seconds_left:.0f} s left" if how_far.done else ""
            words = " · ".join(filter(None, [what, left]))
            self._view.set_status("running", words, done=how_far.done, total=how_far.total)

        return tell


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
