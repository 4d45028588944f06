"""Grids of patches as plain HTML."""

from __future__ import annotations

import numpy as np

from interpwidgets.results.pair_grid import DIRECTIONS, PairGrid
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.widgets.grid_static import grid_html


def patching_html(result: PatchingGrid) -> str:
    """Return the grid, its best cells in a table, its control, and where it comes from.

    Args:
        result: The numbers.
    """
    name, words = result.method.capitalize(), words_of_pairs(result)
    return grid_html(result, name, result.summary(), result.site, words)


def words_of_pairs(result: PairGrid) -> list[str]:
    """Return what a grid of patches shows, and what 0 and 1 are in it.

    Args:
        result: The numbers.
    """
    return [
        f"{result.direction}: {DIRECTIONS[result.direction]}.",
        f"0 is as the corrupted run ({_ends(result.corrupted_values, result.unit)}), 1 as the "
        f"clean one ({_ends(result.clean_values, result.unit)}). Blank: no cell.",
    ]


def _ends(values: np.ndarray, unit: str) -> str:
    return f"{float(values.mean()):.4g} {unit}".strip()
