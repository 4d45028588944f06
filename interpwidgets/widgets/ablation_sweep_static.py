"""Ablation sweeps as plain HTML."""

from __future__ import annotations

from interpwidgets.results.ablation_sweep import AblationSweep
from interpwidgets.widgets.grid_static import grid_html

_MODES = {
    "zero": "Each cell alone is set to 0.",
    "mean": "Each cell alone is set to a mean",
    "resample": "Each cell alone is set to what it is in another prompt",
}


def ablation_sweep_html(result: AblationSweep) -> str:
    """Return the grid, its best cells in a table, its control, and where it comes from.

    Args:
        result: The numbers.
    """
    base = f"{result.base_values.mean():.4g} {result.unit}".strip()
    words = [
        _MODES[result.mode] + (f": {result.of}." if result.of else ""),
        f"Cells: {result.metric} ablated, less as it is ({base}). Blank: no cell.",
    ]
    return grid_html(result, "Ablation sweep", result.summary(), result.site, words)
