"""A HeadTable as plain HTML: one row a head, and the pairs of heads that compose."""

from __future__ import annotations

import html

import numpy as np

from interpwidgets.axes import head_name
from interpwidgets.results.head_columns import HeadColumn
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.weight_circuits import COMPOSITIONS, WeightCircuits
from interpwidgets.widgets.weights_static import (
    heads_row,
    heads_table,
    pair_table,
    tables_page,
)

#: Heads that are listed.
N_HEADS = 32


def head_table_html(table: HeadTable, sort: str = "", message: str = "") -> str:
    """Return a row per head, the strongest pairs of each kind, and their controls.

    Args:
        table: The numbers.
        sort: The column whose largest heads come first; by layer and head otherwise.
        message: What else a reader must know of the state.
    """
    said = [message] if message else []
    pairs = "" if table.circuits is None else _pairs(table.circuits)
    return tables_page("Heads", table, _heads(table, sort) + pairs, said + _facts(table))


def cell_text(column: HeadColumn, layer: int, head: int) -> str:
    """Return a head's number as a table prints it; beyond its control it is in bold.

    Args:
        column: The column.
        layer: Its place, from 0.
        head: Its number.
    """
    if np.isnan(column.values[layer, head]):
        return "·"
    text = html.escape(column.text(layer, head))
    return f"<b>{text}</b>" if column.beyond[layer, head] else text


def _heads(table: HeadTable, sort: str) -> str:
    n_layers, n_heads = table.shape
    known = {column.name: column for column in table.columns}
    every = list(range(n_layers * n_heads))
    order = known[sort].ranked() if sort in known else every
    if len(every) > N_HEADS and sort not in known:
        order = sorted(order, key=lambda at: -_n_beyond(table, divmod(at, n_heads)))
        order = sorted(order[:N_HEADS])
    order = order[:N_HEADS]
    rows = "".join(
        heads_row(
            head_name(table.layers[layer], head),
            [cell_text(column, layer, head) for column in table.columns],
            [],
        )
        for layer, head in (divmod(at, n_heads) for at in order)
    )
    which = f", {len(order)} of {len(every):,}" if len(order) < len(every) else ""
    titles = [html.escape(column.title) for column in table.columns]
    return heads_table(f"Heads{which}", titles, rows)


def _n_beyond(table: HeadTable, at: tuple[int, int]) -> int:
    return sum(bool(column.beyond[at]) for column in table.columns)


def _pairs(circuits: WeightCircuits) -> str:
    return "".join(pair_table(circuits, kind) for kind in COMPOSITIONS)


def _facts(table: HeadTable) -> list[str]:
    """Return the caption: what is bold, beside what, and what is missing."""
    controls = dict.fromkeys(
        f"{column.title}: {_range(column)}" for column in table.columns if column.null
    )
    facts = ["Bold: beyond its control.", "Controls are " + "; ".join(controls) + "."]
    if table.circuits is not None:
        low, high = table.circuits.baseline_interval
        facts.append(f"Random matrices compose by {low:.3f} to {high:.3f}, 95 %.")
    facts += [f"No {part}: {why}" for part, why in table.absent]
    return facts


def _range(column: HeadColumn) -> str:
    low, high = float(np.nanmin(column.low)), float(np.nanmax(column.high))
    if not np.isfinite(low) or not np.isfinite(high):
        return column.null
    ends = f"{low:.2f} to {high:.2f}" if high - low > 5e-3 else f"{high:.2f}"
    return f"{column.null} {ends}".replace("-", "−")
