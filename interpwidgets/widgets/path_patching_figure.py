"""A grid of paths as a plotly heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interpwidgets.results.path_patching import PathPatching
from interpwidgets.widgets.attention_figure import Width
from interpwidgets.widgets.grid_figure import grid_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


def path_patching_figure(result: PathPatching, *, width: Width = "page") -> go.Figure:
    """Return the shares: senders down, receivers across.

    Args:
        result: The numbers.
        width: For one column of a paper, its whole page, or a slide.
    """
    return grid_figure(result, "Path patching", result.summary(), width=width)
