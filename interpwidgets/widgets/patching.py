"""PatchGrid: grids of patches, and a bench to patch further places by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import traitlets

from interpwidgets.errors import MessageError, ResultError, nearest
from interpwidgets.results.patched_run import PatchedRun, place_in
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract.common import CancelRequest
from interpwidgets.widgets.contract.patching import (
    CellRequest,
    ExactRequest,
    PatchControlRequest,
    PatchRequest,
    RestoreRequest,
)
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.patching_by_hand import PatchedByHand
from interpwidgets.widgets.patching_payload import (
    exact_of,
    grid_name,
    is_exact,
    patching_payload,
)
from interpwidgets.widgets.patching_static import patching_html
from interpwidgets.widgets.static_form import Embed


class PatchGrid(PatchedByHand):
    """Layers × positions or heads: what each patch restores; drag, control, restore."""

    _esm = packed_module("patching.js")
    _css = read_bundle("patching.css")
    bundle = "patching"
    held_in_words: ClassVar[dict[str, str]] = {
        "none": "a table, nothing live",
        "compact": "every grid, and the runs made by hand",
        "full": "every grid, and the runs made by hand",
    }
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "cell": (CellRequest, "_answer_cell"),
        "patch": (PatchRequest, "_answer_patch"),
        "control": (PatchControlRequest, "_answer_control"),
        "exact": (ExactRequest, "_answer_exact"),
        "restore": (RestoreRequest, "_answer_restore"),
        "cancel": (CancelRequest, "_answer_cancel"),
    }

    kept: traitlets.Dict[str, Any] = traitlets.Dict(
        default_value={"grid": 0, "beyond": False, "panel_open": False, "table_open": False}
    ).tag(sync=True)
    """The grid on screen; whether only cells beyond the control are shown; whether the panel
    and the table are open. Written by the browser."""

    # ------------------------------------------------------------------------- its grids

    @property
    def result(self) -> PatchingGrid | None:
        """The grid on screen; None before the first."""
        return self.results[self._shown] if self.results else None

    @property
    def _shown(self) -> int:
        return min(max(0, int(self.kept.get("grid", 0))), max(0, len(self.results) - 1))

    @property
    def site(self) -> str:
        """The name of the grid on screen: its site; set it to choose another."""
        return grid_name(self._need_result(), self.results)

    @site.setter
    def site(self, name: str) -> None:
        self._need_result()
        names = [grid_name(grid, self.results) for grid in self.results]
        if name not in names:
            raise ResultError(f"this view has no grid {name!r}. {nearest(name, names)}")
        self.kept = {**self.kept, "grid": names.index(name)}

    @traitlets.observe("kept")
    def _change_grid(self, change: Any) -> None:
        if self.results and change["old"].get("grid") != change["new"].get("grid"):
            self.refresh_selection()

    def show(self, results: tuple[PatchingGrid, ...]) -> None:
        """Draw other grids in place; runs made by hand stay while the prompts are the same.

        Args:
            results: Grids of the same pairs of prompts.
        """
        with self.hold_sync(), self._lock:
            self._drop_what_is_of_other_prompts(results)
            self.results = results
            self.refresh_selection()
            self._draw()
            self.settle()

    def show_so_far(self, results: tuple[PatchingGrid, ...]) -> None:
        """Draw grids of a sweep that goes on; the one that grows is on screen.

        Args:
            results: Complete ones, and the one that grows.
        """
        with self.hold_sync(), self._lock:
            self._drop_what_is_of_other_prompts(results)
            self.results = results
            self._draw()

    def replace(self, before: PatchingGrid, after: PatchingGrid) -> None:
        """Put a grid in another one's place, if that is still here.

        Args:
            before: The one that was.
            after: The same with more known of it, e.g. its control.
        """
        with self._lock:
            self.results = tuple(after if one is before else one for one in self.results)
            self._draw()

    def _drop_what_is_of_other_prompts(self, results: Sequence[PatchingGrid]) -> None:
        before = _prompts_of(self.results)
        if before == _prompts_of(results):
            kept = {(grid.site, grid.by, is_exact(grid)) for grid in results}
            same = [(grid.site, grid.by, is_exact(grid)) for grid in self.results]
            if [one for one in same if one in kept] == same:
                return
        self._forget(runs=before != _prompts_of(results))

    def _draw(self) -> None:
        self.payload = dict(patching_payload(self.results, self._shown))

    def settle(self) -> None:
        """Say what state the grids are in, once nothing runs."""
        left = sum(grid.n_left for grid in self.results)
        total = sum(grid.values[:, grid.has_partner].size for grid in self.results)
        if left:
            words = f"interrupted: {total - left} of {total} cells were run"
            self.set_status("stale", words)
        elif self.results:
            self.set_status("live")

    def set_status(self, kind: Any, message: str = "", **how_far: int) -> None:
        """Say what state the picture is in; a view with a bench can run its sweep again."""
        super().set_status(kind, message, **how_far)
        self.status = {**self.status, "can_rerun": self.bench is not None}

    def detach(self) -> None:
        """Keep the picture, and run no more patches."""
        super().detach()
        if self.bench is not None:
            bench, self.bench = self.bench, None
            bench.release()
            self._draw_patches()
            self.settle()

    # -------------------------------------------------------------------------- selection

    def has_head(self, layer: int, head: int) -> bool:
        """Return whether a head is a cell of the grid; a grid of positions refuses none."""
        grid = self.result
        if grid is None or grid.by != "head":
            return True
        return layer in grid.layers and head in grid.columns

    def heads_in_words(self) -> str:
        """Return which heads the grid has."""
        grid = self._need_result()
        return f"it has layers {_span(grid.layers)} and heads {_span(grid.columns)}"

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:  # noqa: ARG002
        """Return the text of each position of the prompt that is changed."""
        grid = self.result
        return None if grid is None or grid.by != "position" else tuple(grid.base[0].text)

    def origin(self) -> tuple[str, int] | None:
        """Return None: a sweep is many runs, so that it differs from every other view's."""
        return None

    # ---------------------------------------------------------------------------- display

    def display_in_code(self) -> list[str]:
        """Return the lines that choose the grid and make the runs of the history again."""
        lines = [f"view.site = {self.site!r}"] if self._shown else []
        return lines + [_patch_line(run) for run in self._runs]

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:
        """Return the traits of a copy without a kernel."""
        patches = {**self.patches, "can_run": False, "can_restore": False, "note": ""}
        return {**super().traits_to_embed(embed), "patches": patches}

    def summary(self) -> str:
        """Return what was patched and its provenance in one line."""
        grid = self.result
        if grid is None:
            return super().summary()
        run = grid.provenance.run
        return " · ".join(filter(None, [grid.summary(), f"run {run}" if run else ""]))

    def static_html(self) -> str:
        """Return the grid on screen as a table, with its best cells and its control."""
        grid = self.result
        return super().static_html() if grid is None else patching_html(grid)

    # --------------------------------------------------------------------------- messages

    def _grid_at(self, index: int) -> PatchingGrid:
        if not 0 <= index < len(self.results):
            raise MessageError(f"there is no grid {index}; this view has {len(self.results)}.")
        grid: PatchingGrid = self.results[index]
        return grid

    def _answer_cell(self, request: dict[str, Any]) -> Answer:
        grid = self._grid_at(request["grid"])
        row, column = request["row"], request["column"]
        if not (0 <= row < len(grid.layers) and 0 <= column < len(grid.columns)):
            raise MessageError(f"there is no cell ({row}, {column}) in this grid.")
        cell = (request["grid"], row, column)
        bench = self.need_bench()
        if self.known_output(cell) is None:
            bench.queue("cell", lambda: bench.look(grid, cell))
        return {}, []

    def _answer_patch(self, request: dict[str, Any]) -> Answer:
        grid = self._grid_at(request["grid"])
        given = (request[name] for name in ("layer", "pos", "source_pos", "head"))
        place = place_in(grid, *given)
        bench = self.need_bench()
        bench.queue("patch", lambda: bench.patch(grid, place), many=True)
        return {}, []

    def _answer_control(self, request: dict[str, Any]) -> Answer:
        bench, number = self.need_bench(), request["number"]
        if number is None:
            grid = self._grid_at(request["grid"])
            bench.queue("control", lambda: bench.control(grid))
        else:
            self.check_number(number)
            bench.queue(f"control of {number}", lambda: bench.control_run(number))
        return {}, []

    def _answer_exact(self, _: dict[str, Any]) -> Answer:
        grid, bench = self._need_estimate(), self.need_bench()
        if exact_of(grid, self.results) is None:
            bench.queue("exact", lambda: bench.exact(grid))
        return {}, []

    def _answer_restore(self, request: dict[str, Any]) -> Answer:
        bench, number = self.need_bench(), request["number"]
        if number is None:
            bench.queue("restore", bench.undo)
        else:
            self.check_number(number)
            bench.queue("restore", lambda: bench.restore(number))
        return {}, []

    def _answer_cancel(self, _: dict[str, Any]) -> Answer:
        self.need_bench().cancel()
        return {}, []

    def _answer_rerun(self, _: dict[str, Any]) -> Answer:
        bench = self.need_bench()
        bench.queue("sweep", bench.sweep)
        return {}, []


def _prompts_of(grids: Sequence[PatchingGrid]) -> object:
    if not grids:
        return None
    first = grids[0]
    return first.provenance.model, first.metric, first.clean, first.corrupted, first.direction


def _span(numbers: Sequence[int]) -> str:
    return f"{min(numbers)}-{max(numbers)}"


def _patch_line(run: PatchedRun) -> str:
    place = run.place
    given = [str(place.layer), *([] if place.pos is None else [str(place.pos)])]
    if place.source_pos is not None:
        given.append(f"source_pos={place.source_pos}")
    given += [f"head={head}" for head in place.heads]
    return f"view.patch({', '.join(given)})"
