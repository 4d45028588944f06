"""Weight circuits and singular directions as plotly figures, for papers and slides."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError, nearest
from interpwidgets.results.singular_directions import SingularDirections
from interpwidgets.results.weight_circuits import COMPOSITIONS, WeightCircuits
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.head_scores_figure import RAMP_BELOW

if TYPE_CHECKING:
    import plotly.graph_objects as go

_INK, _BAR = "#1f1e1c", "#3172b5"
_ROW_PX, _LEAST_PX = 16, 260
_WHAT = (*COMPOSITIONS, "copying", "eigenvalues")


def weight_circuits_figure(
    result: WeightCircuits, what: str = "k", *, width: Width = "page"
) -> go.Figure:
    """Return one measure of the heads.

    Args:
        result: The numbers.
        what: A kind of composition (earlier heads down, later ones across), ``"copying"``
            (layers down, heads across), or ``"eigenvalues"`` (the complex plane).
        width: For one column of a paper, its whole page, or a slide.

    Raises:
        ResultError: There is no such measure.
    """
    if what not in _WHAT:
        raise ResultError(f"no measure {what!r}. {nearest(what, _WHAT)}")
    if what == "eigenvalues":
        return _eigenvalues(result, WIDTHS[width])
    return _grid(result, what, WIDTHS[width])


def singular_directions_figure(
    result: SingularDirections, *, width: Width = "page"
) -> go.Figure:
    """Return the singular values as bars, what each writes in its name.

    Args:
        result: The numbers.
        width: As of ``weight_circuits_figure``.
    """
    import plotly.graph_objects as go

    frame = result.to_frame()
    words = [
        html.escape(f"{rank}  " + " ".join(map(repr, texts[:4])), quote=False)
        for rank, texts in zip(frame["rank"], frame["write"], strict=True)
    ]
    bars = go.Bar(x=frame["singular"], y=words, orientation="h", marker={"color": _BAR})
    layout = figure_layout("Singular directions", result, WIDTHS[width], len(words) + 2)
    layout["xaxis"] = {"title": "singular value"}
    layout["yaxis"] = {"autorange": "reversed", "type": "category", "automargin": True}
    return go.Figure(bars, layout)


def _grid(result: WeightCircuits, what: str, width: int) -> go.Figure:
    import plotly.graph_objects as go

    n_layers, n_heads = result.diagonal_rank.shape
    names = [head_name(layer, head) for layer in result.layers for head in range(n_heads)]
    if what == "copying":
        values, down = result.copying, [f"L{layer}" for layer in result.layers]
        across = [f"H{head}" for head in range(n_heads)]
        stops, low, high = (*reversed(RAMP_BELOW[1:]), *RAMP), -1.0, 1.0
        title = "Copying score"
    else:
        values = result.of(what).reshape(n_layers * n_heads, -1)
        down, across, stops = names, names, RAMP
        # Random matrices are bare: what they reach is nothing to see.
        known = values[np.isfinite(values)]
        low, high = result.baseline, float(known.max()) if len(known) else 1.0
        title = f"{what.upper()}-composition, earlier heads down"
    heatmap = go.Heatmap(
        z=values,
        zmin=low,
        zmax=high,
        colorscale=[[i / (len(stops) - 1), f"#{stop}"] for i, stop in enumerate(stops)],
        x=across,
        y=down,
        hovertemplate="%{y} → %{x}: %{z:.3f}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        colorbar={"thickness": 8, "len": 0.8, "outlinewidth": 0},
    )
    layout = figure_layout(title, result, width, len(down))
    axis = {"showgrid": False, "zeroline": False, "ticks": "", "type": "category"}
    layout |= {"xaxis": {**axis, "side": "top"}, "yaxis": {**axis, "autorange": "reversed"}}
    return go.Figure(heatmap, layout)


def _eigenvalues(result: WeightCircuits, width: int) -> go.Figure:
    """Draw them as sizes on a log scale and angles: copying is at angle 0."""
    import plotly.graph_objects as go

    real, imaginary = np.moveaxis(result.eigenvalues, -1, 0)
    names = [
        head_name(layer, head)
        for layer in result.layers
        for head in range(result.diagonal_rank.shape[1])
    ]
    rank = real.shape[-1]
    points = go.Scatterpolar(
        r=np.log10(np.hypot(real, imaginary).ravel() + 1e-12),
        theta=np.degrees(np.arctan2(imaginary, real)).ravel(),
        mode="markers",
        marker={"size": 4, "color": _BAR},
        text=np.repeat(names, rank),
        hovertemplate="%{text}: 10^%{r:.2f}, %{theta:.0f}°<extra></extra>",
    )
    layout = figure_layout("Eigenvalues of OV circuits, log10 size", result, width, 24)
    return go.Figure(points, layout)


def figure_layout(title: str, result: Any, width: int, n_rows: int) -> dict[str, Any]:
    """Return the layout of a figure whose rows are heads or tokens.

    Args:
        title: Its name.
        result: The Result, whose summary stands below.
        width: In pixels.
        n_rows: How many rows of 16 pixels it has.
    """
    big = 2 if width > WIDTHS["page"] else 1
    stamp = html.escape(result.summary(), quote=False)
    return {
        "title": {"text": f"{title}<br><sub>{stamp}</sub>", "font": {"size": 15 * big}},
        "width": width,
        "height": max(_LEAST_PX, 140 + _ROW_PX * n_rows) * big,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 8, "r": 8, "t": 88 * big, "b": 8},
    }
