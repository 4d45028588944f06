"""A lens as a plotly figure, for papers and slides."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.results.lens import LogitLens
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.lens_static import read_out, stamp, visible
from interpwidgets.widgets.token_html import token_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

_INK = "#1f1e1c"
_ROW_PX, _LEAST_PX, _MOST_TEXT, _TOKEN_CHARS = 26, 240, 24, 12

_TITLES = {
    "probability": "Probability of the most probable token",
    "entropy": "Entropy of the prediction, nats",
    "kl": "KL to the final layer, nats",
}


def lens_figure(
    result: LogitLens, measure: str = "probability", *, width: Width = "page"
) -> go.Figure:
    """Return a measure of every prediction: layers with the last on top, positions across.

    Args:
        result: The numbers.
        measure: As of ``LogitLens.measure``.
        width: For one column of a paper, its whole page, or a slide.

    Raises:
        ResultError: There is no such measure.
    """
    import plotly.graph_objects as go

    values = result.measure(measure)
    finite = values[np.isfinite(values)]
    most = float(finite.max(initial=0.0)) if measure in ("entropy", "kl") else 1.0
    n_layers, n = values.shape
    words = [
        [_safe(visible(result.text(int(i)))) for i in row]
        for row in (result.top_ids[..., 0] if result.top_k else np.full((n_layers, n), -1))
    ]
    outs = [[_safe(read_out(result, at, pos)) for pos in range(n)] for at in range(n_layers)]
    heatmap = go.Heatmap(
        z=values,
        zmin=0,
        zmax=most or 1.0,
        colorscale=[[i / (len(RAMP) - 1), f"#{stop}"] for i, stop in enumerate(RAMP)],
        x=list(range(n)),
        y=[f"L{layer}" for layer in result.layers],
        text=words,
        texttemplate="%{text}" if n <= _MOST_TEXT else "",
        customdata=outs,
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        colorbar={"thickness": 8, "len": 0.8, "outlinewidth": 0},
    )
    return go.Figure(heatmap, _layout(result, measure, WIDTHS[width]))


def _safe(text: str) -> str:
    return html.escape(text, quote=False)  # plotly reads some HTML in its texts


def _layout(result: LogitLens, measure: str, width: int) -> dict[str, Any]:
    big = 2 if width > WIDTHS["page"] else 1
    axis = {"showgrid": False, "zeroline": False, "ticks": ""}
    title = _TITLES.get(measure, f"Probability of {visible(measure, 40)}")
    labels = [
        _safe(token_text(result.tokens, pos, _TOKEN_CHARS)) for pos in range(len(result.tokens))
    ]
    at = list(range(len(labels)))
    return {
        "title": {
            "text": f"{_safe(title)}<br><sub>{_safe(stamp(result))}</sub>",
            "font": {"size": 15 * big},
        },
        "width": width,
        "height": max(_LEAST_PX, 140 + _ROW_PX * len(result.layers)) * big,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "xaxis": {**axis, "tickvals": at, "ticktext": labels},
        "yaxis": {**axis, "type": "category"},
        "margin": {"l": 8, "r": 8, "t": 88 * big, "b": 8},
    }
