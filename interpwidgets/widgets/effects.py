"""EffectsView: rows × columns of effects that are no patches of a place: paths, ablations."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets

from interpwidgets.results.ablation_sweep import AblationSweep
from interpwidgets.results.path_patching import PathPatching
from interpwidgets.widgets.ablation_sweep_static import ablation_sweep_html
from interpwidgets.widgets.attention_payload import stamp
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract.effects import EffectsControl, EffectsPayload
from interpwidgets.widgets.path_patching_static import path_patching_html
from interpwidgets.widgets.tokens_payload import float32_bytes

Effects = PathPatching | AblationSweep


class EffectsView(View):
    """Senders × receivers, or layers × heads: what each path or ablation does."""

    _esm = packed_module("effects.js")
    _css = read_bundle("effects.css")
    bundle = "effects"
    held_in_words: ClassVar[dict[str, str]] = {
        "none": "a table, nothing live",
        "compact": "every cell",
        "full": "every cell",
    }

    kept: traitlets.Dict[str, Any] = traitlets.Dict(
        default_value={"beyond": False, "panel_open": False, "table_open": False}
    ).tag(sync=True)
    """Whether only cells beyond the control are shown; open panels. Written by the browser."""

    def show(self, results: tuple[Effects, ...]) -> None:
        """Draw a grid in place.

        Args:
            results: One.
        """
        with self.hold_sync():
            self.results = results[:1]
            self.refresh_selection()
            self.payload = dict(effects_payload(results[0]))
            note = results[0].provenance.note
            if "interrupted" in note:
                self.set_status("stale", note)
            else:
                self.set_status("live")

    def origin(self) -> tuple[str, int] | None:
        """Return None: a sweep is many runs, so that it differs from every other view's."""
        return None

    def summary(self) -> str:
        """Return what was measured and its provenance in one line."""
        result = self.result
        return super().summary() if result is None else str(result.summary())

    def static_html(self) -> str:
        """Return the grid as a picture and a table."""
        result = self.result
        if result is None:
            return super().static_html()
        is_paths = isinstance(result, PathPatching)
        return path_patching_html(result) if is_paths else ablation_sweep_html(result)


def effects_payload(result: Effects) -> EffectsPayload:
    """Return the payload of a Result.

    Args:
        result: What to draw.
    """
    low, high = result.interval()
    paths = isinstance(result, PathPatching)
    layers: list[int | None] = [None] * len(result.row_names())
    what, across = _what(result)
    if isinstance(result, AblationSweep):
        layers = list(result.layers)
    rows, columns = result.row_names(), result.column_names()
    cells = [(row, column) for row in range(len(rows)) for column in range(len(columns))]
    return {
        "version": 1,
        "kind": "effects",
        "run": result.provenance.run,
        "title": "Path patching" if paths else "Ablation sweep",
        "what": what,
        "caption": _caption(result),
        "unit": "share" if paths else result.unit,
        "rows": list(rows),
        "columns": list(columns),
        "down": "sender" if paths else "layer",
        "across": across,
        "heads": [list(_heads(result, *cell)) for cell in cells],
        "layers": layers,
        "values": float32_bytes(result.values),
        "low": float32_bytes(low),
        "high": float32_bytes(high),
        "neutral": result.neutral,
        "scale": result.scale,
        "n": result.n,
        "case": result.case,
        "control": _control(result),
        "control_call": result.control_call,
        "stamp": stamp(result.provenance, ", ".join(result.provenance.sites), "float64"),
    }


def _what(result: Effects) -> tuple[str, str]:
    """Return what was done in words, and what a column is."""
    if isinstance(result, PathPatching):
        return result.direction, "receiver"
    return f"{result.mode}-ablation of {result.site}", result.by


def _heads(result: Effects, row: int, column: int) -> tuple[tuple[int, int], ...]:
    if isinstance(result, PathPatching):
        return result.heads_of(row, column)
    by_head = result.by == "head"
    return ((result.layers[row], result.columns[column]),) if by_head else ()


def _control(result: Effects) -> EffectsControl | None:
    control = result.control
    if control is None:
        return None
    low, high = control.interval()
    return {
        "n": control.n,
        "title": control.title,
        "low": float32_bytes(low),
        "high": float32_bytes(high),
    }


def _caption(result: Effects) -> str:
    if isinstance(result, PathPatching):
        clean, corrupted = (
            float(np.mean(values)) for values in (result.clean_values, result.corrupted_values)
        )
        way = "heads on the way held, MLPs recomputed"
        if result.through == "residual":
            way = "heads and MLPs on the way held"
        said = (
            f"1 restores {result.metric} of the clean run ({clean:+.2f} {result.unit}), 0 is "
        )
        said = f"{said}the corrupted one ({corrupted:+.2f}). One path each; {way}."
        return f"{said} Hatched: no path.".replace("(-", "(−")
    base = float(np.mean(result.base_values))
    of = f" ({result.of})" if result.of else ""
    said = f"{result.metric} ablated{of} less as it is ({base:+.2f} {result.unit})."
    return (said[:1].upper() + said[1:]).replace("(-", "(−")
