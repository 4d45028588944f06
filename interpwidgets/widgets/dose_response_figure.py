"""A dose-response as a plotly figure."""

from __future__ import annotations

from typing import Any

from interpwidgets.results.dose_response import DoseResponse
from interpwidgets.widgets.attention_figure import WIDTHS, Width

_PLUS, _GREY, _BAND = "#1f528e", "#8a8780", "rgba(31,30,28,0.1)"
_DASHED = {"dash": "dash", "color": _GREY}


def dose_response_figure(result: DoseResponse, *, width: Width = "page") -> Any:
    """Return the effect, and below it the loss, against the strength.

    Args:
        result: What was measured.
        width: ``"column"``, ``"page"`` or ``"slide"``.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32])
    for row, of in enumerate(("effect", "loss"), start=1):
        for trace in _traces(result, of):
            figure.add_trace(trace, row=row, col=1)
    figure.update_yaxes(title_text=result.metric, row=1, col=1)
    figure.update_yaxes(title_text="loss, nats a token", row=2, col=1)
    figure.update_xaxes(title_text="strength, × mean norm", row=2, col=1)
    figure.update_layout(
        title={"text": result.summary(), "font": {"size": 13}},
        width=WIDTHS[width],
        height=420,
        template="simple_white",
        showlegend=False,
    )
    return figure


def _traces(result: DoseResponse, of: str) -> list[Any]:
    import plotly.graph_objects as go

    x, mean, (low, high) = result.strengths, result.mean(of), result.interval(of)
    random_low, random, random_high = result.control(of)
    name = f"random directions, n = {result.n_control}"
    band = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        go.Scatter(**band, y=random_low),
        go.Scatter(**band, y=random_high, fill="tonexty", fillcolor=_BAND),
        go.Scatter(
            x=x, y=random, mode="lines", line={"dash": "dash", "color": _GREY}, name=name
        ),
        go.Scatter(
            x=x,
            y=mean,
            mode="lines+markers",
            line={"color": _PLUS},
            name=result.direction,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": high - mean,
                "arrayminus": mean - low,
            },
        ),
    ]
