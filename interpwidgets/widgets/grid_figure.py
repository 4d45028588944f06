"""A grid of effects as a plotly heat map, for papers and slides."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.results.effect_grid import EffectGrid
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.grid_static import LONGEST_FLAT, number_text, read_outs
from interpwidgets.widgets.head_scores_figure import RAMP_BELOW

if TYPE_CHECKING:
    import plotly.graph_objects as go

_INK = "#1f1e1c"
_ROW_PX, _LEAST_PX, _MOST_TEXT = 28, 280, 16


def grid_figure(
    result: EffectGrid, name: str, summary: str, *, width: Width = "page"
) -> go.Figure:
    """Return the effects, rows down and columns across; no cell is left bare.

    Args:
        result: The numbers.
        name: What it is a grid of.
        summary: What was done, in a line.
        width: For one column of a paper, its whole page, or a slide.
    """
    import plotly.graph_objects as go

    values, scale = result.values, result.scale
    stops = (*reversed(RAMP_BELOW[1:]), *RAMP)
    numbers = np.vectorize(lambda v: number_text(float(v), scale), otypes=[object])(values)
    few = values.shape[1] <= _MOST_TEXT
    heatmap = go.Heatmap(
        z=values,
        zmin=-scale,
        zmax=scale,
        colorscale=[[i / (len(stops) - 1), f"#{stop}"] for i, stop in enumerate(stops)],
        x=list(range(values.shape[1])),
        y=[html.escape(row, quote=False) for row in result.row_names()],
        text=numbers,
        texttemplate="%{text}" if few else "",
        customdata=[[html.escape(text) for text in row] for row in read_outs(result)],
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        colorbar={"thickness": 8, "len": 0.8, "outlinewidth": 0},
    )
    return go.Figure(heatmap, _layout(result, name, summary, WIDTHS[width]))


def _layout(result: EffectGrid, name: str, summary: str, width: int) -> dict[str, Any]:
    big = 2 if width > WIDTHS["page"] else 1
    axis = {"showgrid": False, "zeroline": False, "ticks": ""}
    # plotly reads some HTML in its texts
    title, stamp = (html.escape(text, quote=False) for text in (name, summary))
    columns = [html.escape(text, quote=False) for text in result.column_names()]
    flat = all(len(text) <= LONGEST_FLAT for text in columns)
    return {
        "title": {"text": f"{title}<br><sub>{stamp}</sub>", "font": {"size": 15 * big}},
        "width": width,
        "height": max(_LEAST_PX, 160 + _ROW_PX * result.values.shape[0]) * big,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "xaxis": {
            **axis,
            "side": "top",
            "tickvals": list(range(len(columns))),
            "ticktext": columns,
            "tickangle": 0 if flat else -60,
        },
        "yaxis": {**axis, "autorange": "reversed", "type": "category"},
        "margin": {"l": 8, "r": 8, "t": 120 * big, "b": 8},
    }
