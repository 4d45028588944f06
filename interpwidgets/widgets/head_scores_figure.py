"""One score of every head as a plotly figure, for papers and slides."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.axes import head_name
from interpwidgets.results.head_scores import HeadScores, number_text
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.head_scores_static import scale_of, score_name

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: The ramp of what is less than zero, from zero.
RAMP_BELOW = ("f5f5f3", "e9ceb5", "dca67c", "c97f4d", "ae5b2a", "8b3f1c", "5c2f21")

_INK = "#1f1e1c"
_ROW_PX, _LEAST_PX, _MOST_TEXT = 28, 240, 16


def head_scores_figure(result: HeadScores, score: str, *, width: Width = "page") -> go.Figure:
    """Return a score of every head: layers down, heads across; NaN is left bare.

    Args:
        result: The numbers.
        score: One of its scores.
        width: For one column of a paper, its whole page, or a slide.

    Raises:
        ScoreError: It was not measured.
    """
    import plotly.graph_objects as go

    values, scale = result.of(score), scale_of(result, score)
    signed = bool((values < 0).any())
    stops = (*reversed(RAMP_BELOW[1:]), *RAMP) if signed else RAMP
    numbers = np.vectorize(lambda v: number_text(float(v)), otypes=[object])(values)
    heatmap = go.Heatmap(
        z=values,
        zmin=-scale if signed else 0,
        zmax=scale,
        colorscale=[[i / (len(stops) - 1), f"#{stop}"] for i, stop in enumerate(stops)],
        x=[f"H{head}" for head in range(result.n_heads)],
        y=[f"L{layer}" for layer in range(result.n_layers)],
        text=numbers,
        texttemplate="%{text}" if result.n_heads <= _MOST_TEXT else "",
        customdata=_read_outs(result, score),
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        colorbar={"thickness": 8, "len": 0.8, "outlinewidth": 0},
    )
    return go.Figure(heatmap, _layout(result, score, WIDTHS[width]))


def _read_outs(result: HeadScores, score: str) -> Any:
    """Return each head's name, number and interval, ``[layer, head]``."""
    values, (low, high) = result.of(score), result.interval(score)
    even = result.uniform_of(score)
    texts = np.empty(values.shape, dtype=object)
    for layer in range(result.n_layers):
        for head in range(result.n_heads):
            at = layer, head
            texts[at] = f"{head_name(*at)} {number_text(values[at])}"
            if np.isfinite(low[at]):
                texts[at] += f", {number_text(low[at])}–{number_text(high[at])}"
            texts[at] += f"<br>an even head {number_text(even[at])}"
    return texts


def _layout(result: HeadScores, score: str, width: int) -> dict[str, Any]:
    big = 2 if width > WIDTHS["page"] else 1
    axis = {"showgrid": False, "zeroline": False, "ticks": "", "type": "category"}
    # plotly reads some HTML in its texts
    name, stamp = (html.escape(t, quote=False) for t in (score_name(score), result.summary()))
    return {
        "title": {"text": f"{name}<br><sub>{stamp}</sub>", "font": {"size": 15 * big}},
        "width": width,
        "height": max(_LEAST_PX, 120 + _ROW_PX * result.n_layers) * big,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "xaxis": {**axis, "side": "top"},
        "yaxis": {**axis, "autorange": "reversed"},
        "margin": {"l": 8, "r": 8, "t": 88 * big, "b": 8},
    }
