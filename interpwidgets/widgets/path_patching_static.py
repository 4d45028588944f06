"""Grids of paths as plain HTML."""

from __future__ import annotations

from interpwidgets.results.path_patching import PathPatching
from interpwidgets.widgets.grid_static import grid_html
from interpwidgets.widgets.patching_static import words_of_pairs

_THROUGH = {
    "mlps": "Heads on the way are held, MLPs recomputed.",
    "residual": "Heads and MLPs on the way are held.",
}


def path_patching_html(result: PathPatching) -> str:
    """Return senders × receivers, the best paths in a table, their control, where from.

    Args:
        result: The numbers.
    """
    words = ["Senders down, receivers across.", _THROUGH[result.through]]
    sites = ", ".join(result.provenance.sites)
    words += words_of_pairs(result)
    return grid_html(result, "Path patching", result.summary(), sites, words)
