"""One head of an AttentionPattern as a plotly figure, for papers and slides."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from interpwidgets.axes import head_name
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.widgets.attention_picture import ramp_stops
from interpwidgets.widgets.attention_static import measure_words
from interpwidgets.widgets.token_html import token_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: One column and two columns of a paper (85 and 174 mm), and a slide; pixels.
WIDTHS = {"column": 321, "page": 658, "slide": 1600}
Width = Literal["column", "page", "slide"]

_INK, _INK3, _RULE = "#1f1e1c", "#6f6c66", "#c4c1ba"
_LABEL_PX = 13
_TOKEN_CHARS = 16


def attention_figure(
    result: AttentionPattern, layer: int, head: int, *, width: Width = "page"
) -> go.Figure:
    """Return one head's pattern: queries down, keys across, masked pairs left bare.

    Args:
        result: The numbers.
        layer: The model's layer number.
        head: The model's head number.
        width: For one column of a paper, its whole page, or a slide.

    Raises:
        ResultError: That head is not held.
    """
    import plotly.graph_objects as go

    weights = result.weights(layer, head)
    if result.causal:
        weights[~np.tri(len(result.tokens), dtype=bool)] = np.nan
    stops = ramp_stops(signed=result.signed)
    labels = [_label(result, pos) for pos in range(len(result.tokens))]
    heatmap = go.Heatmap(
        z=np.where(np.isfinite(weights), weights, np.nan),
        zmin=-result.scale if result.signed else 0,
        zmax=result.scale,
        colorscale=[[i / (len(stops) - 1), f"#{stop}"] for i, stop in enumerate(stops)],
        customdata=np.array([[[q, k] for k in labels] for q in labels], dtype=object),
        hovertemplate="%{customdata[0]} → %{customdata[1]}<br>%{z:.3f}<extra></extra>",
        hoverongaps=False,
        xgap=1 if len(labels) <= WIDTHS[width] // 8 else 0,
        ygap=1 if len(labels) <= WIDTHS[width] // 8 else 0,
        colorbar={
            "title": measure_words(result) or "attention",
            "thickness": 8,
            "len": 0.5,
            "outlinewidth": 0,
        },
    )
    return go.Figure(heatmap, _layout(result, head_name(layer, head), labels, WIDTHS[width]))


def _label(result: AttentionPattern, pos: int) -> str:
    # plotly reads some HTML in its texts
    return html.escape(token_text(result.tokens, pos, _TOKEN_CHARS), quote=False)


def _layout(
    result: AttentionPattern, name: str, labels: list[str], width: int
) -> dict[str, Any]:
    p = result.provenance
    stamp = " · ".join(filter(None, [f"{p.model} {p.revision}".strip(), result.precision]))
    big = 2 if width > WIDTHS["page"] else 1
    step = max(1, -(-len(labels) * _LABEL_PX * big // width))
    axis = {
        "tickvals": list(range(0, len(labels), step)),
        "ticktext": labels[::step],
        "tickfont": {"family": "Menlo, Consolas, monospace", "size": 11 * big},
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
    }
    title = f"Attention {name}<br><sub>{html.escape(stamp, quote=False)}</sub>"
    return {
        "title": {"text": title, "font": {"size": 15 * big}},
        "width": width,
        "height": width,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "xaxis": {**axis, "title": "key", "tickangle": -50, "constrain": "domain"},
        "yaxis": {**axis, "title": "query", "autorange": "reversed", "scaleanchor": "x"},
        "margin": {"l": 8, "r": 8, "t": 56 * big, "b": 8},
    }
