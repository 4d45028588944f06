"""A grid of patches as a plotly heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interpwidgets.results.patching import PatchingGrid
from interpwidgets.widgets.attention_figure import Width
from interpwidgets.widgets.grid_figure import grid_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


def patching_figure(result: PatchingGrid, *, width: Width = "page") -> go.Figure:
    """Return the shares: layers down, positions or heads across.

    Args:
        result: The numbers.
        width: For one column of a paper, its whole page, or a slide.
    """
    name = f"{result.method.capitalize()}: {result.site}"
    return grid_figure(result, name, result.summary(), width=width)
