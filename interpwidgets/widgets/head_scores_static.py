"""HeadScores as plain HTML: one small table of layers and heads a score, shaded.

Shades are a translucent ink over the page, and text has the page's colour, so that one
copy reads in light and dark, also where a notebook strips styles.
"""

from __future__ import annotations

import html

import numpy as np

from interpwidgets.axes import head_name
from interpwidgets.results.head_scores import (
    SCORES,
    HeadScores,
    lag_text,
    number_text,
)

#: Heads above which a grid would be longer than its reader: then the best are listed.
MAX_CELLS = 400
N_LISTED = 10

#: The middle of the ramps for more and for less, and how much of it the highest value has.
_MORE, _LESS, _STRONGEST = "49,114,181", "174,91,42", 0.55

_ROOT = "color:inherit;font-size:12px;font-variant-numeric:tabular-nums"
_GRIDS = "display:flex;flex-wrap:wrap;gap:16px 32px;align-items:flex-start"
_BLOCK = "display:inline-block;vertical-align:top;min-width:240px;overflow-x:auto"
_WORDS = "margin:4px 0 0;font-size:11px;max-width:320px"
_TABLE = "color:inherit;font-size:11px;border-collapse:separate;border-spacing:1px;margin:0"
_CAPTION = "text-align:left;color:inherit;font-size:12px;padding:0 0 4px;white-space:nowrap"
_HEADING = "text-align:right;font-weight:400;padding:0 4px;background:none"
_CELL = "text-align:right;padding:3px 5px"
_ABSENT = "text-align:right;padding:3px 5px;opacity:0.6"


def head_scores_html(result: HeadScores) -> str:
    """Return every score's best heads in words and its grid, and where it comes from.

    Args:
        result: The numbers.
    """
    grids = "".join(_score_block(result, score) for score in result.scores)
    facts = html.escape(" ".join(_facts(result)))
    return (
        f'<div style="{_ROOT}"><p><b>Head scores</b> {html.escape(result.summary())}</p>'
        f'<div style="{_GRIDS}">{grids}</div>'
        f"<p><small>{facts}<br>{html.escape(_stamp(result))}</small></p></div>"
    )


def score_name(score: str) -> str:
    """Return a score's name as views write it: ``Previous token``; own names as they are.

    Args:
        score: One of the Result's scores.
    """
    return score.replace("_", " ").capitalize() if score in SCORES else score


def scale_of(result: HeadScores, score: str) -> float:
    """Return the largest size that a score's colours span: 1 for shares of attention.

    Args:
        result: The numbers.
        score: One of its scores.
    """
    if score in SCORES and score != "entropy":
        return 1.0
    sizes = np.abs([result.of(score), result.uniform_of(score)])
    known = sizes[np.isfinite(sizes)]
    return float(known.max()) if known.any() else 1.0


def _score_block(result: HeadScores, score: str) -> str:
    named = ", ".join(result.named(score)) or result.none_named(score)
    words = [SCORES.get(score, ""), named, _control(result, score)]
    said = "<br>".join(html.escape(line) for line in words if line)
    fits = result.n_layers * result.n_heads <= MAX_CELLS
    rows = _grid_rows(result, score) if fits else _list_rows(result, score)
    return (
        f'<div style="{_BLOCK}"><table style="{_TABLE}"><caption style="{_CAPTION}">'
        f"<b>{html.escape(score_name(score))}</b></caption>{rows}</table>"
        f'<p style="{_WORDS}">{said}</p></div>'
    )


def _control(result: HeadScores, score: str) -> str:
    even = result.uniform_of(score)
    known = even[np.isfinite(even)]
    if not len(known):
        return "no control"
    low, high = number_text(float(known.min())), number_text(float(known.max()))
    span = low if low == high else f"{low}–{high}"
    return f"an even head {span}; colours end at {number_text(scale_of(result, score))}"


def _grid_rows(result: HeadScores, score: str) -> str:
    heads = "".join(
        f'<th scope="col" style="{_HEADING}">H{head}</th>' for head in range(result.n_heads)
    )
    rows = "".join(_grid_row(result, score, layer) for layer in range(result.n_layers))
    return f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody>"


def _grid_row(result: HeadScores, score: str, layer: int) -> str:
    values, scale = result.of(score)[layer], scale_of(result, score)
    titles = _read_outs(result, score, layer)
    cells = "".join(
        f'<td style="{_style(float(value), scale)}" title="{title}">{_cell_text(value)}</td>'
        for value, title in zip(values, titles, strict=True)
    )
    return f'<tr><th scope="row" style="{_HEADING}">L{layer}</th>{cells}</tr>'


def _style(value: float, scale: float) -> str:
    if np.isnan(value):
        return _ABSENT
    share = min(1.0, abs(value) / scale) * _STRONGEST
    return f"{_CELL};background-color:rgba({_LESS if value < 0 else _MORE},{share:.2f})"


def _cell_text(value: float) -> str:
    """Return the number without its leading zero, as cells have it."""
    text = number_text(float(value))
    return text.replace("0.", ".", 1) if text.startswith(("0.", "−0.")) else text


def _read_outs(result: HeadScores, score: str, layer: int) -> list[str]:
    """Return each head's score in full, for its cell's title."""
    values, notes = result.of(score)[layer], result.notes(score)[layer]
    low, high = (ends[layer] for ends in result.interval(score))
    lags = result.best_lag[layer] if score == "induction" else np.zeros(result.n_heads, int)
    texts = []
    for head in range(result.n_heads):
        parts = [f"{head_name(layer, head)} {number_text(values[head])}"]
        if np.isfinite(low[head]):
            parts.append(f"{number_text(low[head])}–{number_text(high[head])}")
        parts += [f"lag {lag_text(int(lags[head]))}"] if lags[head] else []
        parts += [notes[head]] if notes[head] else []
        texts.append(html.escape(", ".join(parts), quote=True))
    return texts


def _list_rows(result: HeadScores, score: str) -> str:
    values, scale = result.of(score), scale_of(result, score)
    lags = result.best_lag if score == "induction" else np.zeros(values.shape, int)
    lines = []
    for at in result.ranked(score)[:N_LISTED]:
        lag = f"<td>lag {lag_text(int(lags[at]))}</td>" if lags[at] else ""
        lines.append(
            f'<tr><th scope="row" style="{_HEADING}">{head_name(*at)}</th>'
            f'<td style="{_style(values[at], scale)}">{_cell_text(values[at])}</td>{lag}</tr>'
        )
    return f"<tbody>{''.join(lines)}</tbody>"


def _facts(result: HeadScores) -> list[str]:
    drawn = result.n_layers * result.n_heads <= MAX_CELLS
    facts = [
        "Layers down, heads across; 0 is bare."
        if drawn
        else f"The best {N_LISTED} heads are listed; .figure(score) draws all.",
        "An even head spreads its attention over all it sees, on the same sequences.",
    ]
    if result.n > 1:
        facts.append(f"Named heads lie beyond it with their 95 % interval over {result.n}.")
    if n_bad := int(np.isnan(result.values).all(axis=(0, 1)).sum()):
        facts.append(f"NaN: the attention of {n_bad} {'head' if n_bad == 1 else 'heads'}.")
    return facts


def _stamp(result: HeadScores) -> str:
    p = result.provenance
    run = f"run {p.run}" if p.run else ""
    parts = [f"{p.model} {p.revision}".strip(), "pattern", p.dtype, run, p.note]
    return " · ".join(filter(None, dict.fromkeys(parts)))
