"""An ablation sweep as a plotly heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interpwidgets.results.ablation_sweep import AblationSweep
from interpwidgets.widgets.attention_figure import Width
from interpwidgets.widgets.grid_figure import grid_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


def ablation_sweep_figure(result: AblationSweep, *, width: Width = "page") -> go.Figure:
    """Return the effects: layers down, heads or positions across.

    Args:
        result: The numbers.
        width: For one column of a paper, its whole page, or a slide.
    """
    return grid_figure(result, "Ablation sweep", result.summary(), width=width)
