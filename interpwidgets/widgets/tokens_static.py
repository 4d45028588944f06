"""A TokenValues as plain HTML: the text in colours, and a table of its values."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np

from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.ramp import colour, hex_of, share_of, text_on
from interpwidgets.widgets.token_html import token_html

#: Tokens drawn as chips, and rows of the table.
MAX_CHIPS, MAX_ROWS = 1_000, 32
TOP = 3

_TEXT = (
    "background:#fff;color:#1f1e1c;padding:6px;border-radius:2px;font-size:13px;"
    "line-height:26px;white-space:pre-wrap;overflow-wrap:anywhere"
)
_CHIP = "padding:2px 1px;border-radius:2px;margin-right:1px"
_HATCH = "background:repeating-linear-gradient(135deg,#b9b6af 0 1px,transparent 1px 4px)"
_TABLE = "color:inherit;font-size:12px;border-collapse:collapse;text-align:left"
_RAMP = "display:inline-block;width:96px;height:8px;vertical-align:middle;margin:0 6px"


def tokens_html(
    result: TokenValues, row: int, selected: Sequence[int] = (), message: str = ""
) -> str:
    """Return a title, the text in colours, a table and where the values come from.

    Args:
        result: The values.
        row: Which row the text is coloured by.
        selected: Positions to outline.
        message: What else a reader must know of the state.
    """
    name = result.rows[row]
    said = f"<p><b>{html.escape(message)}</b></p>" if message else ""
    of = " · ".join(filter(None, [result.prompt_label, name]))
    facts = html.escape(" ".join(_facts(result, row)))
    return (
        f"<p><b>{html.escape(result.title)}</b> {html.escape(of)}</p>{said}"
        f'<div style="{_TEXT}">{_chips(result, row, frozenset(selected))}</div>'
        f"<p>{_legend(result)}</p>{_table(result, row)}"
        f"<p><small>{facts}<br>{html.escape(_stamp(result))}</small></p>"
    )


def value_text(value: float, *, signed: bool, places: int = 2) -> str:
    """Return a value as views print it: 3.31, +2.61, below a thousandth as 7e−4.

    Args:
        value: The number.
        signed: Whether a plus is printed too.
        places: Decimals.
    """
    if math.isnan(value):
        return "NaN"
    plus = "+" if signed and value > 0 else ""
    if math.isinf(value):
        return f"{plus}∞" if value > 0 else "−∞"
    if value != 0 and abs(value) < 0.001:
        digits, exponent = f"{value:.0e}".split("e")
        return f"{plus}{digits}e{int(exponent)}".replace("-", "−")
    places = places if abs(value) < 1000 else 0
    return f"{plus}{value:,.{places}f}".replace("-", "−")


def _chips(result: TokenValues, row: int, selected: frozenset[int]) -> str:
    turns = {start: role for role, start in result.tokens.turns()}
    shown = min(len(result.tokens), MAX_CHIPS)
    parts = []
    for pos in range(shown):
        if pos in turns:
            new_line = "<br>" if pos else ""
            parts.append(f"{new_line}<small>{html.escape(turns[pos])}</small> ")
        parts.append(_chip(result, row, pos, selected=pos in selected))
        if result.tokens.text[pos].endswith("\n"):
            parts.append("<br>")
    if shown < len(result.tokens):
        parts.append(f" <small>and {len(result.tokens) - shown:,} more tokens</small>")
    return "".join(parts)


def _chip(result: TokenValues, row: int, pos: int, *, selected: bool) -> str:
    value = float(result.values[row, pos])
    title = f"{pos}: {value_text(value, signed=result.signed, places=3)} {result.unit}".strip()
    style = _CHIP + (";outline:2px solid #b2006f" if selected else "")
    if pos in result.absent:
        title = f"{pos}: no value"
    elif not math.isfinite(value):
        style += f";{_HATCH}"
    else:
        assert result.scale is not None
        rgb = colour(share_of(value, result.scale, signed=result.signed))
        style += f";background:{hex_of(rgb)};color:{text_on(rgb)}"
    text = token_html(result.tokens, pos, running=True)
    return f'<span style="{style}" title="{html.escape(title)}">{text}</span>'


def _legend(result: TokenValues) -> str:
    assert result.scale is not None
    low, high = result.scale
    shares = [-1.0, -2 / 3, -1 / 3, 0.0] if result.signed and low < 0 else [0.0]
    stops = [hex_of(colour(share)) for share in [*shares, 1 / 3, 2 / 3, 1.0]]
    ends = [html.escape(value_text(end, signed=result.signed)) for end in (low, high)]
    unit = f" {html.escape(result.unit)}" if result.unit else ""
    ramp = f"{_RAMP};background:linear-gradient(90deg,{','.join(stops)})"
    return f'<small>{ends[0]}<span style="{ramp}"></span>{ends[1]}{unit}</small>'


def _table(result: TokenValues, row: int) -> str:
    n = len(result.tokens)
    values = np.nan_to_num(np.abs(result.values[row]), nan=-1.0)
    order = np.argsort(-values, kind="stable")[:MAX_ROWS]
    shown = sorted(order.tolist()) if n <= MAX_ROWS else order.tolist()
    left_out = "" if n <= MAX_ROWS else f"; the {MAX_ROWS} largest of {n:,}"
    expected = bool(result.top_text)
    heads = ["", "token", result.unit or "value", *(["expected"] if expected else [])]
    cells = "".join(f'<th style="text-align:left">{html.escape(head)}</th>' for head in heads)
    rows = "".join(_table_row(result, row, pos) for pos in shown)
    caption = html.escape(f"{result.rows[row] or result.title}{left_out}")
    return (
        f'<table cellpadding="3" style="{_TABLE}"><caption style="text-align:left">{caption}'
        f"</caption><tr>{cells}</tr>{rows}</table>"
    )


def _table_row(result: TokenValues, row: int, pos: int) -> str:
    value = float(result.values[row, pos])
    number = "" if pos in result.absent else value_text(value, signed=result.signed, places=3)
    cells = [f"<small>{pos}</small>", token_html(result.tokens, pos), html.escape(number)]
    if result.top_text:
        cells.append(_expected(result, pos))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _expected(result: TokenValues, pos: int) -> str:
    if result.top_logprob is None:
        return ""
    words = result.top_text[pos][:TOP]
    chances = np.exp(result.top_logprob[pos][: len(words)].astype(float))
    named = Tokens.of_text(words)
    pairs = (
        f"{token_html(named, i)} {value_text(float(chance), signed=False)}"
        for i, chance in enumerate(chances)
    )
    return ", ".join(pairs)


def _facts(result: TokenValues, row: int) -> list[str]:
    """Return the caption: what a mark means and what is missing."""
    facts = ["Each token is coloured by its value."]
    if result.prompt_count > 1:
        facts.append(f"Text {result.prompt_index + 1} of {result.prompt_count}.")
    if len(result.rows) > 1:
        facts.append(f"Row {row + 1} of {len(result.rows)}.")
    if result.absent:
        facts.append("Bare: no value by definition.")
    if bad := int(result.nonfinite()[row]):
        facts.append(f"{bad} values are not finite (hatched).")
    if any(result.tokens.generated):
        first = result.tokens.generated.index(True)
        facts.append(f"Generated from position {first}.")
    return facts


def _stamp(result: TokenValues) -> str:
    p = result.provenance
    model = f"{p.model} {p.revision}".strip()
    run = f"run {p.run}" if p.run else ""
    parts = [model, ", ".join(p.sites), p.dtype, run, p.remarks]
    return " · ".join(filter(None, dict.fromkeys(parts)))
