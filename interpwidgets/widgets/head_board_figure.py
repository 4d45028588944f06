"""A column of a HeadTable as a plotly figure, for papers and slides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from interpwidgets.axes import head_name
from interpwidgets.results.head_columns import HeadColumn
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.vocabulary_circuit import VocabularyCircuit
from interpwidgets.widgets.attention_figure import WIDTHS, Width
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.head_scores_figure import RAMP_BELOW
from interpwidgets.widgets.weights_figure import figure_layout

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_TEXT, _ROWS = 16, 24


def head_table_figure(
    table: HeadTable, column: str | None = None, *, width: Width = "page"
) -> go.Figure:
    """Return one number of every head: layers down, heads across; NaN is left bare.

    Args:
        table: The numbers.
        column: One of its columns; the first by default.
        width: For one column of a paper, its whole page, or a slide.

    Raises:
        ResultError: There is no such column.
    """
    shown = table.columns[0] if column is None else table.column(column)
    down = [f"L{layer}" for layer in table.layers]
    across = [f"H{head}" for head in range(table.shape[1])]
    texts = _each(table, shown.text)
    read_outs = _each(table, lambda layer, head: _read_out(table, shown, layer, head))
    title = f"{shown.title[:1].upper()}{shown.title[1:]}"
    return _grid(
        *(shown.values, down, across, texts, read_outs),
        figure_layout(title, table, WIDTHS[width], 2 * len(down)),
        words=table.shape[1] <= _MOST_TEXT,
    )


def vocabulary_circuit_figure(
    result: VocabularyCircuit, *, rows: int = _ROWS, width: Width = "page"
) -> go.Figure:
    """Return the first rows of a circuit: tokens down, their columns across.

    Args:
        result: The numbers.
        rows: How many.
        width: As of ``head_table_figure``.
    """
    n = min(rows, len(result.rows))
    down = [f"{at}  {result.rows[at]!r}" for at in range(n)]
    across = (
        [f"{at}  {text!r}" for at, text in enumerate(result.columns[0])]
        if result.chosen
        else [str(rank + 1) for rank in range(result.values.shape[1])]
    )
    shape = (n, len(across))
    texts, read_outs = np.empty(shape, object), np.empty(shape, object)
    for at in np.ndindex(*shape):
        word = _plain(repr(result.columns_of(at[0])[at[1]]))
        number = f"{result.values[at]:+.2f}".replace("-", "−")
        texts[at] = number if result.chosen else word
        spreads = f"{result.in_spreads[at]:+.1f}".replace("-", "−")
        row = _plain(repr(result.rows[at[0]]))
        read_outs[at] = f"{row} → {word} {number}<br>{spreads} standard deviations of its row"
    layout = figure_layout(f"{result.name} circuit", result, WIDTHS[width], 2 * n)
    return _grid(
        *(
            result.values[:n],
            [_plain(text) for text in down],
            [_plain(text) for text in across],
        ),
        *(texts, read_outs, layout),
        words=len(across) <= _MOST_TEXT,
    )


def _each(table: HeadTable, make: Any) -> np.ndarray:
    made = np.empty(table.shape, dtype=object)
    for layer, head in np.ndindex(*table.shape):
        made[layer, head] = make(layer, head)
    return made


def _read_out(table: HeadTable, column: HeadColumn, layer: int, head: int) -> str:
    said = f"{head_name(table.layers[layer], head)} {column.text(layer, head)} {column.unit}"
    low, high = float(column.low[layer, head]), float(column.high[layer, head])
    if not column.null or not np.isfinite(low):
        return said.strip()
    ends = f"{low:.2f}–{high:.2f}" if high > low else f"{low:.2f}"
    return f"{said.strip()}<br>{column.null} {ends}".replace("-", "−")


def _plain(text: str) -> str:
    """Return a text that plotly, which reads some HTML, prints as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _grid(
    values: np.ndarray,
    down: list[str],
    across: list[str],
    texts: np.ndarray,
    read_outs: np.ndarray,
    layout: dict[str, Any],
    *,
    words: bool,
) -> go.Figure:
    import plotly.graph_objects as go

    known = values[np.isfinite(values)]
    signed = bool((known < 0).any())
    top = float(np.abs(known).max()) if len(known) else 1.0
    stops = (*reversed(RAMP_BELOW[1:]), *RAMP) if signed else RAMP
    heatmap = go.Heatmap(
        z=values,
        zmin=-top if signed else 0,
        zmax=top,
        colorscale=[[i / (len(stops) - 1), f"#{stop}"] for i, stop in enumerate(stops)],
        x=across,
        y=down,
        text=texts,
        texttemplate="%{text}" if words else "",
        customdata=read_outs,
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        colorbar={"thickness": 8, "len": 0.8, "outlinewidth": 0},
    )
    axis = {"showgrid": False, "zeroline": False, "ticks": "", "type": "category"}
    layout |= {"xaxis": {**axis, "side": "top"}, "yaxis": {**axis, "autorange": "reversed"}}
    return go.Figure(heatmap, layout)
