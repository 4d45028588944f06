"""A TokenValues as a plotly figure: bars of one row, or a heat map of several."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.results.token_values import TokenValues
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.ramp import LESS, MORE, colour, hex_of, share_of
from interpwidgets.widgets.token_html import token_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

_INK, _RULE = "#1f1e1c", "#c4c1ba"
_LABEL_PX, _ROW_PX = 13, 24
_TOKEN_CHARS = 16

#: Rows that a heat map still labels one by one.
MAX_ROWS = 60


def tokens_figure(
    result: TokenValues, row: int | str | None = None, *, width: Width = "page"
) -> go.Figure:
    """Return one row as bars over the tokens, or several rows as a heat map.

    Args:
        result: The values.
        row: Its number or its name; None: all of them, at most 60.
        width: For one column of a paper, its whole page, or a slide.

    Raises:
        ResultError: There is no such row.
    """
    import plotly.graph_objects as go

    one = result.rows.index(row) if isinstance(row, str) and row in result.rows else row
    if one is None and len(result.rows) == 1:
        one = 0
    trace = _heatmap(result) if one is None else _bars(result, result.row(one))
    name = "" if one is None else result.rows[int(one)]
    return go.Figure(trace, _layout(result, name, WIDTHS[width], several=one is None))


def _bars(result: TokenValues, values: np.ndarray) -> go.Bar:
    import plotly.graph_objects as go

    assert result.scale is not None
    finite = np.where(np.isfinite(values), values, np.nan)
    paint = [
        hex_of(colour(share_of(v, result.scale, signed=result.signed)))
        for v in np.nan_to_num(finite).astype(float).tolist()
    ]
    return go.Bar(
        x=list(range(len(values))),
        y=finite,
        marker={"color": paint, "line": {"color": _RULE, "width": 0.5}},
        customdata=_labels(result),
        hovertemplate="%{customdata}<br>%{y:.3f}<extra></extra>",
    )


def _heatmap(result: TokenValues) -> go.Heatmap:
    import plotly.graph_objects as go

    assert result.scale is not None
    values = result.values[:MAX_ROWS]
    low, high = result.scale
    return go.Heatmap(
        z=np.where(np.isfinite(values), values, np.nan),
        y=[html.escape(name, quote=False) for name in result.rows[:MAX_ROWS]],
        zmin=low,
        zmax=high,
        colorscale=_colorscale(low, high, signed=result.signed),
        customdata=np.array([_labels(result)] * len(values), dtype=object),
        hovertemplate="%{y}: %{customdata}<br>%{z:.3f}<extra></extra>",
        hoverongaps=False,
        colorbar={"title": result.unit, "thickness": 8, "outlinewidth": 0},
    )


def _colorscale(low: float, high: float, *, signed: bool) -> list[list[Any]]:
    if not signed or low >= 0:
        return [[i / (len(MORE) - 1), f"#{stop}"] for i, stop in enumerate(MORE)]
    zero = -low / (high - low)
    steps = len(MORE) - 1
    less = [[zero * i / steps, f"#{LESS[steps - i]}"] for i in range(steps)]
    return less + [[zero + (1 - zero) * i / steps, f"#{MORE[i]}"] for i in range(steps + 1)]


def _labels(result: TokenValues) -> list[str]:
    return [  # plotly reads some HTML in its texts
        html.escape(token_text(result.tokens, pos, _TOKEN_CHARS), quote=False)
        for pos in range(len(result.tokens))
    ]


def _layout(result: TokenValues, name: str, width: int, *, several: bool) -> dict[str, Any]:
    p = result.provenance
    labels = _labels(result)
    big = 2 if width > WIDTHS["page"] else 1
    step = max(1, -(-len(labels) * _LABEL_PX * big // width))
    heading = html.escape(" · ".join(filter(None, [result.title, name])), quote=False)
    stamp = html.escape(f"{p.model} {p.revision}".strip(), quote=False)
    n_rows = min(len(result.rows), MAX_ROWS) if several else 0
    return {
        "title": {"text": f"{heading}<br><sub>{stamp}</sub>", "font": {"size": 15 * big}},
        "width": width,
        "height": (200 + max(_ROW_PX * n_rows, 140)) * big,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "bargap": 0.15,
        "xaxis": {
            "tickvals": list(range(0, len(labels), step)),
            "ticktext": labels[::step],
            "tickangle": -50,
            "tickfont": {"family": "Menlo, Consolas, monospace", "size": 11 * big},
            "showgrid": False,
        },
        "yaxis": {"autorange": "reversed"}
        if several
        else {"title": result.unit, "zeroline": True, "zerolinecolor": _RULE},
        "margin": {"l": 8, "r": 8, "t": 56 * big, "b": 8},
    }
