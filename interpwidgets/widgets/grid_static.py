"""A grid of effects as plain HTML: the grid, shaded, and its best cells with their numbers.

Shades are a translucent ink over the page, and text has the page's colour, so that one
copy reads in light and dark, also where a notebook strips styles.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np

from interpwidgets.results.effect_grid import EffectGrid

#: Columns above which cells have no number of their own: it is in their title.
MOST_NUMBERS = 24
#: Cells above which the page is too long for a notebook: then the best are listed alone.
MOST_CELLS = 4000
N_LISTED = 10
#: Length above which names of columns stand upright.
LONGEST_FLAT = 4

_MORE, _LESS, _STRONGEST = "49,114,181", "174,91,42", 0.6
_ROOT = "color:inherit;font-size:12px;font-variant-numeric:tabular-nums"
_TABLE = "color:inherit;font-size:11px;border-collapse:separate;border-spacing:1px;margin:0"
_HEADING = "text-align:right;font-weight:400;padding:0 4px;background:none;white-space:pre"
_UPRIGHT = (
    "font-weight:400;padding:2px;background:none;white-space:pre;writing-mode:vertical-rl"
)
_CELL = "text-align:right;padding:3px 4px;min-width:10px;height:14px"


def grid_html(
    result: EffectGrid, name: str, summary: str, site: str, words: Sequence[str]
) -> str:
    """Return the grid, its best cells in a table, its control, and where it comes from.

    Args:
        result: The numbers.
        name: The method's.
        summary: What was done, in a line.
        site: What was changed.
        words: What the numbers mean, a sentence each.
    """
    titles = read_outs(result)
    picture = _grid(result, titles) if result.values.size <= MOST_CELLS else ""
    control = (
        f"Control: {result.control}."
        if result.control is not None
        else f"No control yet: {result.control_call} runs one."
    )
    said = "<br>".join(html.escape(line) for line in (*words, control))
    return (
        f'<div style="{_ROOT}"><p><b>{html.escape(name)}</b> '
        f'{html.escape(summary)}</p><div style="overflow-x:auto">{picture}</div>'
        f"<p>{said}</p>{_best(result, titles)}"
        f"<p><small>{html.escape(_stamp(result, site))}</small></p></div>"
    )


def number_text(value: float, scale: float = 1.0) -> str:
    """Return a number as views print it: ``−0.12``; nothing for no cell.

    Args:
        value: The number.
        scale: The largest of its grid: small ones get more digits.
    """
    if np.isnan(value):
        return ""
    digits = 2 + max(0, -math.floor(math.log10(scale))) if scale > 0 else 2
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", "−")


def read_outs(result: EffectGrid) -> list[list[str]]:
    """Return each cell's name, share, raw number, interval and control in words.

    Args:
        result: The numbers.
    """
    over_cases = result.interval() if result.n > 1 else None
    over_draws = None if result.control is None else result.control.interval()
    values = result.values
    means = None if result.control is None else result.control.mean
    n_rows, n_columns = values.shape
    return [
        [
            _read_out(result, (row, column), values)
            + _spread(result, (row, column), over_cases, over_draws, means)
            for column in range(n_columns)
        ]
        for row in range(n_rows)
    ]


def _read_out(result: EffectGrid, at: tuple[int, int], values: np.ndarray) -> str:
    name, value = result.cell_name(*at), values[at]
    if np.isnan(value):
        return f"{name}: no cell"
    raw = result.raw[:, at[0], at[1]].mean()
    shown = number_text(value, result.scale)
    return ", ".join([f"{name}: {shown}", f"{raw:.4g} {result.unit}".strip()])


def _spread(
    result: EffectGrid,
    at: tuple[int, int],
    over_cases: np.ndarray | None,
    over_draws: np.ndarray | None,
    means: np.ndarray | None,
) -> str:
    """Return what follows a number: its interval over cases, and its control."""
    said = ""
    if over_cases is not None and np.isfinite(over_cases[(0, *at)]):
        low, high = (number_text(float(end[at]), result.scale) for end in over_cases)
        said += f", {low} to {high} over {result.n} {result.case}s"
    if over_draws is not None and means is not None and np.isfinite(over_draws[(0, *at)]):
        low, high = (number_text(float(end[at]), result.scale) for end in over_draws)
        said += f", control {number_text(float(means[at]), result.scale)} ({low} to {high})"
    return said


def _grid(result: EffectGrid, titles: list[list[str]]) -> str:
    names, values = result.column_names(), result.values
    flat = all(len(name) <= LONGEST_FLAT and name.isalnum() for name in names)
    heads = "".join(
        f'<th scope="col" style="{_HEADING if flat else _UPRIGHT}">{html.escape(name)}</th>'
        for name in names
    )
    rows = "".join(
        f'<tr><th scope="row" style="{_HEADING}">{html.escape(name)}</th>'
        f"{_cells(values[row], titles[row], result.scale)}</tr>"
        for row, name in enumerate(result.row_names())
    )
    return (
        f'<table style="{_TABLE}"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _cells(values: np.ndarray, titles: Sequence[str], scale: float) -> str:
    with_numbers = len(values) <= MOST_NUMBERS
    return "".join(
        f'<td style="{_style(value, scale)}" title="{html.escape(title, quote=True)}">'
        f"{number_text(value, scale) if with_numbers else ''}</td>"
        for value, title in zip(values, titles, strict=True)
    )


def _style(value: float, scale: float) -> str:
    if np.isnan(value):
        return _CELL
    strength = min(1.0, abs(value) / scale) * _STRONGEST
    return f"{_CELL};background-color:rgba({_LESS if value < 0 else _MORE},{strength:.2f})"


def _best(result: EffectGrid, titles: list[list[str]]) -> str:
    best = result.ranked()[:N_LISTED]
    rows = "".join(
        f'<tr><td style="text-align:left;white-space:pre">{html.escape(titles[at[0]][at[1]])}'
        "</td></tr>"
        for at in best
    )
    caption = f"The {len(best)} cells that matter most"
    return (
        f'<table style="{_TABLE}"><caption style="text-align:left">{caption}</caption>'
        f"<tbody>{rows}</tbody></table>"
    )


def _stamp(result: EffectGrid, site: str) -> str:
    p = result.provenance
    model = f"{p.model} {p.revision}".strip()
    parts = [model, site, p.dtype, f"run {p.run}" if p.run else "", p.remarks]
    return " · ".join(filter(None, parts))
