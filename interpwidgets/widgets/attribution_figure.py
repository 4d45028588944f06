"""A breakdown of a logit as a plotly figure, for papers and slides."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.results.attribution import DirectLogitAttribution, signed_text
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.attribution_static import listed, read_out, scale_of
from interpwidgets.widgets.head_scores_figure import RAMP_BELOW

if TYPE_CHECKING:
    import plotly.graph_objects as go

_INK, _MORE, _LESS = "#1f1e1c", "#3172b5", "#ae5b2a"
_ROW_PX, _LEAST_PX, _MOST_TEXT = 22, 240, 16


def attribution_figure(
    result: DirectLogitAttribution, by: str = "component", *, width: Width = "page"
) -> go.Figure:
    """Return a breakdown as bars with their intervals; heads as a grid of layers × heads.

    Args:
        result: The numbers.
        by: One of its breakdowns.
        width: For one column of a paper, its whole page, or a slide.

    Raises:
        ResultError: The breakdown is not held.
    """
    if by == "head":
        return _grid(result, WIDTHS[width])
    return _bars(result, by, WIDTHS[width])


def _bars(result: DirectLogitAttribution, by: str, width: int) -> go.Figure:
    import plotly.graph_objects as go

    frame = listed(result, by)
    rows = frame.to_dict("records")
    known = np.isfinite(frame["low"]).to_numpy()
    bars = go.Bar(
        x=frame["value"],
        y=[html.escape(str(name), quote=False) for name in frame["name"]],
        orientation="h",
        marker={"color": [_LESS if value < 0 else _MORE for value in frame["value"]]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": np.where(known, frame["high"] - frame["value"], 0),
            "arrayminus": np.where(known, frame["value"] - frame["low"], 0),
            "visible": bool(known.any()),
            "color": _INK,
            "thickness": 1,
        },
        customdata=[html.escape(read_out(row), quote=False) for row in rows],
        hovertemplate="%{customdata}<extra></extra>",
    )
    layout = _layout(result, f"by {by}", width, len(rows))
    layout["xaxis"] = {"title": "logits", "zeroline": True, "zerolinecolor": _INK}
    layout["yaxis"] = {"autorange": "reversed", "type": "category", "automargin": True}
    return go.Figure(bars, layout)


def _grid(result: DirectLogitAttribution, width: int) -> go.Figure:
    import plotly.graph_objects as go

    values = result.of("head")
    n_layers, n_heads = values.shape
    scale = scale_of(values.ravel())
    stops = (*reversed(RAMP_BELOW[1:]), *RAMP)
    rows = result.to_frame("head").to_dict("records")
    read_outs = np.array([html.escape(read_out(row), quote=False) for row in rows], object)
    heatmap = go.Heatmap(
        z=values,
        zmin=-scale,
        zmax=scale,
        colorscale=[[i / (len(stops) - 1), f"#{stop}"] for i, stop in enumerate(stops)],
        x=[f"H{head}" for head in range(n_heads)],
        y=[f"L{layer}" for layer in range(n_layers)],
        text=np.vectorize(lambda v: signed_text(float(v)), otypes=[object])(values),
        texttemplate="%{text}" if n_heads <= _MOST_TEXT else "",
        customdata=read_outs.reshape(values.shape),
        hovertemplate="%{customdata}<extra></extra>",
        xgap=1,
        ygap=1,
        colorbar={"thickness": 8, "len": 0.8, "outlinewidth": 0, "title": "logits"},
    )
    layout = _layout(result, "by head", width, n_layers)
    axis = {"showgrid": False, "zeroline": False, "ticks": "", "type": "category"}
    layout |= {"xaxis": {**axis, "side": "top"}, "yaxis": {**axis, "autorange": "reversed"}}
    return go.Figure(heatmap, layout)


def _layout(result: DirectLogitAttribution, by: str, width: int, n_rows: int) -> dict[str, Any]:
    big = 2 if width > WIDTHS["page"] else 1
    stamp = html.escape(result.summary(), quote=False)  # plotly reads some HTML in its texts
    title = f"Direct logit attribution {by}<br><sub>{stamp}</sub>"
    return {
        "title": {"text": title, "font": {"size": 15 * big}},
        "width": width,
        "height": max(_LEAST_PX, 140 + _ROW_PX * n_rows) * big,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 8, "r": 8, "t": 88 * big, "b": 8},
    }
