"""LogitLens as plain HTML: the best token of every layer and position, shaded.

As in ``head_scores_static`` shades are a translucent ink over the page, and text has the
page's colour.
"""

from __future__ import annotations

import html
import math

import numpy as np

from interpwidgets.results.lens import LogitLens
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.token_html import token_html, token_text

#: Cells above which only the last positions are drawn, and what stays of a token.
MAX_CELLS, CELL_CHARS = 600, 9

_MORE, _STRONGEST = "49,114,181", 0.55

_ROOT = "color:inherit;font-size:12px;font-variant-numeric:tabular-nums"
_SCROLL = "overflow-x:auto"
_TABLE = "color:inherit;font-size:11px;border-collapse:separate;border-spacing:1px;margin:0"
_HEADING = "text-align:right;font-weight:400;padding:0 4px;background:none"
_CELL = "text-align:left;padding:3px 5px;white-space:nowrap"


def lens_html(result: LogitLens) -> str:
    """Return the grid with the last layer on top, the prompt below it, and the targets.

    Args:
        result: The numbers.
    """
    positions = shown_positions(result)
    rows = "".join(_row(result, at, positions) for at in reversed(range(len(result.layers))))
    facts = html.escape(" ".join(_facts(result, positions)))
    title = "Tuned lens" if result.lens else "Logit lens"
    size = f"{len(result.layers)} layers × {len(result.tokens)} tokens"
    return (
        f'<div style="{_ROOT}"><p><b>{title}</b> {html.escape(result.site)}, {size}</p>'
        f'<div style="{_SCROLL}"><table style="{_TABLE}"><caption hidden>{title}</caption>'
        f"<tbody>{rows}{_prompt_row(result, positions)}</tbody></table></div>"
        f"{_targets(result)}"
        f"<p><small>{facts}<br>{html.escape(stamp(result))}</small></p></div>"
    )


def shown_positions(result: LogitLens) -> range:
    """Return the positions that fit a page: all, or the last ones.

    Args:
        result: The numbers.
    """
    n = len(result.tokens)
    return range(max(0, n - max(1, MAX_CELLS // len(result.layers))), n)


def visible(text: str, max_chars: int = CELL_CHARS) -> str:
    """Return a predicted token as visible text.

    Args:
        text: The token.
        max_chars: Longer text ends in ``…``.
    """
    return token_text(Tokens.of_text([text]), 0, max_chars)


def read_out(result: LogitLens, at: int, pos: int) -> str:
    """Return a cell's numbers in words: where it is, its best tokens, entropy and KL.

    Args:
        result: The numbers.
        at: Which entry of the layer axis.
        pos: The position.
    """
    layer = result.layers[at]
    best = ", ".join(
        f"{visible(text, 40)} {math.exp(logprob):.3f}"
        for text, logprob in result.top(layer, pos)[:5]
        if math.isfinite(logprob)
    )
    numbers = (
        f"entropy {result.entropy[at, pos]:.2f} nats, KL to the final layer "
        f"{result.kl[at, pos]:.2f} nats"
    )
    return f"L{layer}, position {pos}: {best or 'nothing read'}; {numbers}"


def stamp(result: LogitLens) -> str:
    """Return where the numbers come from, in one line.

    Args:
        result: The numbers.
    """
    p = result.provenance
    way = f"{result.site} → {result.lens or 'ln_final'} → unembed"
    run = f"run {p.run}" if p.run else ""
    changed = f"changed: {', '.join(p.intervened)}" if p.intervened else ""
    parts = [f"{p.model} {p.revision}".strip(), way, p.dtype, run, changed, p.remarks]
    return " · ".join(filter(None, parts))


def _row(result: LogitLens, at: int, positions: range) -> str:
    cells = "".join(_cell(result, at, pos) for pos in positions)
    head = f'<th scope="row" style="{_HEADING}">L{result.layers[at]}</th>'
    return f"<tr>{head}{cells}</tr>"


def _cell(result: LogitLens, at: int, pos: int) -> str:
    title = html.escape(read_out(result, at, pos), quote=True)
    known = result.top_k > 0 and bool(np.isfinite(result.top_logprob[at, pos, 0]))
    share = math.exp(result.top_logprob[at, pos, 0]) * _STRONGEST if known else 0.0
    style = f"{_CELL};background-color:rgba({_MORE},{share:.2f})"
    text = html.escape(visible(result.text(int(result.top_ids[at, pos, 0])))) if known else ""
    return f'<td style="{style}" title="{title}"><bdi><code>{text}</code></bdi></td>'


def _prompt_row(result: LogitLens, positions: range) -> str:
    cells = "".join(
        f'<td style="{_CELL};opacity:0.75">{token_html(result.tokens, pos)}</td>'
        for pos in positions
    )
    return f'<tr><th scope="row" style="{_HEADING}">in</th>{cells}</tr>'


def _targets(result: LogitLens) -> str:
    """Return a table of the targets at the last position: probability and rank by layer."""
    if not result.target_ids:
        return ""
    heads = "".join(
        f'<th scope="col" style="{_HEADING}">{html.escape(visible(text, 40))}</th>'
        for text in result.target_text
    )
    rows = "".join(
        f'<tr><th scope="row" style="{_HEADING}">L{result.layers[at]}</th>'
        + "".join(
            f'<td style="{_HEADING}">{math.exp(p):.3f} (#{rank + 1})</td>'
            for p, rank in zip(
                result.target_logprob[at, -1], result.target_rank[at, -1], strict=True
            )
        )
        + "</tr>"
        for at in reversed(range(len(result.layers)))
    )
    return (
        f'<table style="{_TABLE}"><caption style="text-align:left">Probability and rank at '
        f"the last position</caption><thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _facts(result: LogitLens, positions: range) -> list[str]:
    facts = [
        "Rows are layers, the last on top: the most probable next token, darker where it is "
        "more probable (0 is bare)."
    ]
    if len(positions) < len(result.tokens):
        facts.append(
            f"Positions {positions.start}-{positions.stop - 1} of {len(result.tokens)} are "
            "drawn; .figure() and .to_frame() have all."
        )
    if n_bad := int((~np.isfinite(result.entropy)).sum()):
        facts.append(f"NaN: {n_bad} predictions.")
    return facts
