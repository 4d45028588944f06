"""A grid of patches as a plotly heat map, for papers and slides."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.results.patching import PatchingGrid
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.head_scores_figure import RAMP_BELOW
from interpwidgets.widgets.patching_static import read_outs, share_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

_INK = "#1f1e1c"
_ROW_PX, _LEAST_PX, _MOST_TEXT = 28, 280, 16


def patching_figure(result: PatchingGrid, *, width: Width = "page") -> go.Figure:
    """Return the shares: layers down, positions or heads across; no cell is left bare.

    Colours go from −1 to 1, or as far as the largest share.

    Args:
        result: The numbers.
        width: For one column of a paper, its whole page, or a slide.
    """
    import plotly.graph_objects as go

    values = result.values
    known = np.abs(values[np.isfinite(values)])
    scale = max(1.0, float(known.max())) if known.size else 1.0
    stops = (*reversed(RAMP_BELOW[1:]), *RAMP)
    numbers = np.vectorize(lambda v: share_text(float(v)), otypes=[object])(values)
    few = len(result.columns) <= _MOST_TEXT
    heatmap = go.Heatmap(
        z=values,
        zmin=-scale,
        zmax=scale,
        colorscale=[[i / (len(stops) - 1), f"#{stop}"] for i, stop in enumerate(stops)],
        x=list(range(len(result.columns))),
        y=[f"L{layer}" for layer in result.layers],
        text=numbers,
        texttemplate="%{text}" if few else "",
        customdata=[[html.escape(text) for text in row] for row in read_outs(result)],
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        colorbar={"thickness": 8, "len": 0.8, "outlinewidth": 0},
    )
    return go.Figure(heatmap, _layout(result, WIDTHS[width]))


def _layout(result: PatchingGrid, width: int) -> dict[str, Any]:
    big = 2 if width > WIDTHS["page"] else 1
    axis = {"showgrid": False, "zeroline": False, "ticks": ""}
    # plotly reads some HTML in its texts
    name, stamp = (
        html.escape(text, quote=False)
        for text in (f"{result.method.capitalize()}: {result.site}", result.summary())
    )
    tokens = [html.escape(text, quote=False) for text in result.column_names()]
    return {
        "title": {"text": f"{name}<br><sub>{stamp}</sub>", "font": {"size": 15 * big}},
        "width": width,
        "height": max(_LEAST_PX, 160 + _ROW_PX * len(result.layers)) * big,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "xaxis": {
            **axis,
            "side": "top",
            "tickvals": list(range(len(tokens))),
            "ticktext": tokens,
            "tickangle": 0 if result.by == "head" else -60,
        },
        "yaxis": {**axis, "autorange": "reversed", "type": "category"},
        "margin": {"l": 8, "r": 8, "t": 120 * big, "b": 8},
    }
