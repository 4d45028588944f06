"""Probes as a plotly figure, for papers and slides: by layer, ROC, scores."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.results.probe import ProbeResult
from interpwidgets.results.probe_direction import layer_name
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.probe_static import CONTROLS, METRICS, stamp

if TYPE_CHECKING:
    import plotly.graph_objects as go

_INK, _MAIN, _GREY = "#1f1e1c", "#113f7b", "#6f6c66"
_BAND, _MORE, _LESS = "rgba(31,30,28,0.10)", "#3172b5", "#ae5b2a"
_HEIGHT_PX = 300


def probe_figure(
    result: ProbeResult,
    *,
    layer: int | None = None,
    metric: str | None = None,
    method: str | None = None,
    position: str | int | None = None,
    width: Width = "page",
) -> go.Figure:
    """Return a metric by layer with its controls; of two classes also ROC and scores.

    Args:
        result: The numbers.
        layer: Whose ROC and scores; the best by default.
        metric: One of the Result's metrics; the first by default.
        method: As of ``ProbeResult.at``.
        position: As of ``ProbeResult.at``.
        width: For one column of a paper, its whole page, or a slide.

    Raises:
        ResultError: There is no such probe.
    """
    from plotly.subplots import make_subplots

    which: dict[str, Any] = {"method": method, "position": position}
    layer = result.best_layer(**which) if layer is None else layer
    m, p, _ = result.at(layer, **which)
    i = 0 if metric is None else result.metrics.index(metric)
    two = result.task == "binary"
    name = layer_name(layer)
    titles = [f"Held-out {METRICS[result.metrics[i]]}"]
    titles += [f"ROC at {name}", f"Scores at {name}, log-odds"] if two else []
    figure = make_subplots(rows=1, cols=len(titles), subplot_titles=titles)
    for trace in _curves(result, i, m, p):
        figure.add_trace(trace, row=1, col=1)
    if two:
        for trace in _roc(result, layer, which):
            figure.add_trace(trace, row=1, col=2)
        for trace in _bars(result, layer, which):
            figure.add_trace(trace, row=1, col=3)
    figure.update_layout(_layout(result, WIDTHS[width]))
    figure.update_annotations(font_size=12)
    figure.update_xaxes(showgrid=False, linecolor="#c4c1ba")
    figure.update_yaxes(gridcolor="#e4e2dd")
    return figure


def _curves(result: ProbeResult, i: int, m: int, p: int) -> list[Any]:
    import plotly.graph_objects as go

    names = [layer_name(layer) for layer in result.layers]
    traces: list[Any] = []
    for control, words in CONTROLS.items():
        mean, low, high = (end[i, m, p] for end in result.control(control))
        if not np.isfinite(mean).any():
            continue
        band = [*high, *low[::-1]]
        # Two bands would hide each other: the null of labels is drawn as one.
        if control == "shuffled":
            traces.append(
                go.Scatter(x=[*names, *names[::-1]], y=band, fill="toself", fillcolor=_BAND,
                           mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False)
            )  # fmt: skip
        traces.append(
            go.Scatter(
                x=names,
                y=mean,
                name=words,
                mode="lines+markers",
                line={"color": _GREY, "width": 1.25, "dash": "dash"},
                marker={"symbol": "circle-open", "size": 6},
            )
        )
    value = result.value[1, i, m, p]
    ends = {
        "array": result.high[1, i, m, p] - value,
        "arrayminus": value - result.low[1, i, m, p],
    }
    traces.append(
        go.Scatter(
            x=names,
            y=value,
            name=html.escape(f"probe, {result.methods[m].replace('_', ' ')}"),
            mode="lines+markers",
            line={"color": _MAIN, "width": 2.25},
            error_y={"type": "data", "symmetric": False, "thickness": 1.25, "width": 0, **ends},
        )
    )
    return traces


def _roc(result: ProbeResult, layer: int, which: dict[str, Any]) -> list[Any]:
    import plotly.graph_objects as go

    found = result.roc(layer, **which)
    line = {"color": _MAIN, "width": 2.25, "shape": "hv"}
    curve = go.Scatter(
        x=found.false_positive, y=found.true_positive, mode="lines", line=line, showlegend=False
    )
    even = go.Scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": _GREY, "dash": "dash", "width": 1},
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    return [even, curve]


def _bars(result: ProbeResult, layer: int, which: dict[str, Any]) -> list[Any]:
    import plotly.graph_objects as go

    found = result.histogram(layer, **which)
    middle = (found.edges[1:] + found.edges[:-1]) / 2
    return [
        go.Bar(x=middle, y=counts, name=html.escape(name), marker={"color": colour})
        for counts, name, colour in (
            (found.positive, result.classes[1], _MORE),
            (-found.negative, result.classes[0], _LESS),
        )
    ]


def _layout(result: ProbeResult, width: int) -> dict[str, Any]:
    big = 2 if width > 1000 else 1
    stamped = html.escape(f"{result.summary()} · {stamp(result)}", quote=False)
    return {
        "title": {"text": f"Probe<br><sup>{stamped}</sup>", "font": {"size": 15 * big}},
        "width": width,
        "height": _HEIGHT_PX * big + 60,
        "barmode": "relative",
        "bargap": 0.05,
        "font": {"family": "system-ui, Arial, sans-serif", "size": 12 * big, "color": _INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "legend": {"orientation": "h", "y": -0.15},
        "margin": {"l": 8, "r": 8, "t": 88 * big, "b": 8},
    }
