"""A grid of patches as plain HTML: the grid, shaded, and its best cells with their numbers.

Shades are a translucent ink over the page, and text has the page's colour, so that one
copy reads in light and dark, also where a notebook strips styles.
"""

from __future__ import annotations

import html

import numpy as np

from interpwidgets.results.patching import DIRECTIONS, PatchingGrid

#: Columns above which cells have no number of their own: it is in their title.
MOST_NUMBERS = 24
#: Cells above which the page is too long for a notebook: then the best are listed alone.
MOST_CELLS = 4000
N_LISTED = 10

_MORE, _LESS, _STRONGEST = "49,114,181", "174,91,42", 0.6
_ROOT = "color:inherit;font-size:12px;font-variant-numeric:tabular-nums"
_TABLE = "color:inherit;font-size:11px;border-collapse:separate;border-spacing:1px;margin:0"
_HEADING = "text-align:right;font-weight:400;padding:0 4px;background:none;white-space:pre"
_TOKEN = "font-weight:400;padding:2px;background:none;white-space:pre;writing-mode:vertical-rl"
_CELL = "text-align:right;padding:3px 4px;min-width:10px;height:14px"


def patching_html(result: PatchingGrid) -> str:
    """Return the grid, its best cells in a table, its control, and where it comes from.

    Args:
        result: The numbers.
    """
    titles = read_outs(result)
    picture = _grid(result, titles) if result.values.size <= MOST_CELLS else ""
    words = [
        f"{result.direction}: {DIRECTIONS[result.direction]}.",
        f"0 is as the corrupted run ({_ends(result.corrupted_values, result.unit)}), 1 as the "
        f"clean one ({_ends(result.clean_values, result.unit)}). Blank: no cell.",
        f"Control: {result.control}."
        if result.control is not None
        else "No control yet: iw.patching_control(model, result) runs one.",
    ]
    said = "<br>".join(html.escape(line) for line in words)
    return (
        f'<div style="{_ROOT}"><p><b>{html.escape(result.method.capitalize())}</b> '
        f'{html.escape(result.summary())}</p><div style="overflow-x:auto">{picture}</div>'
        f"<p>{said}</p>{_best(result, titles)}"
        f"<p><small>{html.escape(_stamp(result))}</small></p></div>"
    )


def share_text(value: float) -> str:
    """Return a share as views print it: ``−0.12``; nothing for no cell.

    Args:
        value: The share.
    """
    return "" if np.isnan(value) else f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def read_outs(result: PatchingGrid) -> list[list[str]]:
    """Return each cell's name, share, raw number, interval and control in words.

    Args:
        result: The numbers.
    """
    over_pairs = result.interval() if result.n > 1 else None
    over_draws = None if result.control is None else result.control.interval()
    names = result.column_names()
    return [
        [
            _read_out(result, (row, column), _cell_name(result, row, column, names))
            + _spread(result, (row, column), over_pairs, over_draws)
            for column in range(len(result.columns))
        ]
        for row in range(len(result.layers))
    ]


def _cell_name(result: PatchingGrid, row: int, column: int, names: tuple[str, ...]) -> str:
    layer, at = result.layers[row], result.columns[column]
    return f"L{layer} H{at}" if result.by == "head" else f"L{layer} pos {at} {names[column]!r}"


def _read_out(result: PatchingGrid, at: tuple[int, int], name: str) -> str:
    value = result.values[at]
    if np.isnan(value):
        return f"{name}: no cell"
    raw = result.raw[:, at[0], at[1]].mean()
    return ", ".join([f"{name}: {share_text(value)}", f"{raw:.4g} {result.unit}".strip()])


def _spread(
    result: PatchingGrid,
    at: tuple[int, int],
    over_pairs: np.ndarray | None,
    over_draws: np.ndarray | None,
) -> str:
    """Return what follows a number: its interval over pairs, and its control."""
    said = ""
    if over_pairs is not None and np.isfinite(over_pairs[(0, *at)]):
        low, high = (share_text(float(end[at])) for end in over_pairs)
        said += f", {low} to {high} over {result.n} pairs"
    if over_draws is not None and np.isfinite(over_draws[(0, *at)]):
        assert result.control is not None
        low, high = (share_text(float(end[at])) for end in over_draws)
        said += f", control {share_text(float(result.control.mean[at]))} ({low} to {high})"
    return said


def _grid(result: PatchingGrid, titles: list[list[str]]) -> str:
    style = _HEADING if result.by == "head" else _TOKEN
    heads = "".join(
        f'<th scope="col" style="{style}">{html.escape(name)}</th>'
        for name in result.column_names()
    )
    rows = "".join(
        f'<tr><th scope="row" style="{_HEADING}">L{layer}</th>'
        f"{_cells(result, row, titles)}</tr>"
        for row, layer in enumerate(result.layers)
    )
    return (
        f'<table style="{_TABLE}"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _cells(result: PatchingGrid, row: int, titles: list[list[str]]) -> str:
    with_numbers = len(result.columns) <= MOST_NUMBERS
    return "".join(
        f'<td style="{_style(value)}" title="{html.escape(title, quote=True)}">'
        f"{share_text(value) if with_numbers else ''}</td>"
        for value, title in zip(result.values[row], titles[row], strict=True)
    )


def _style(value: float) -> str:
    if np.isnan(value):
        return _CELL
    strength = min(1.0, abs(value)) * _STRONGEST
    return f"{_CELL};background-color:rgba({_LESS if value < 0 else _MORE},{strength:.2f})"


def _best(result: PatchingGrid, titles: list[list[str]]) -> str:
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


def _ends(values: np.ndarray, unit: str) -> str:
    return f"{float(values.mean()):.4g} {unit}".strip()


def _stamp(result: PatchingGrid) -> str:
    p = result.provenance
    model = f"{p.model} {p.revision}".strip()
    parts = [model, result.site, p.dtype, f"run {p.run}" if p.run else "", p.remarks]
    return " · ".join(filter(None, parts))
