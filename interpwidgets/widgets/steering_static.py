"""A steered text as plain HTML: both texts side by side, and what was measured."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping

from interpwidgets.results.dose_response import DoseResponse
from interpwidgets.results.steering import SteeredText
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.token_html import token_html

_ROOT = "color:inherit;font-size:12px;font-variant-numeric:tabular-nums"
_SIDES = "display:flex;flex-wrap:wrap;gap:16px 32px;align-items:flex-start"
_SIDE = "flex:1;min-width:220px;max-width:86ch"
_TEXT = "font-size:13px;line-height:24px;white-space:pre-wrap;overflow-wrap:anywhere"
_OTHER = "text-decoration:underline 2px"
_TABLE = "color:inherit;font-size:12px;border-collapse:collapse;text-align:right;margin:8px 0"
_CELL = "padding:2px 12px 2px 0;text-align:right"


def steering_html(
    result: SteeredText, doses: Mapping[int, DoseResponse], message: str = ""
) -> str:
    """Return both texts, a table of each dose-response, and where they come from.

    Args:
        result: The texts.
        doses: What was measured, by dial.
        message: What else a reader must know of the state.
    """
    changed = result.changed()
    what = "; ".join(result.words) or "nothing changed"
    said = f"<p><b>{html.escape(message)}</b></p>" if message else ""
    sides = [
        _side("Base", result.base, changed[0], result, result.base_loss),
        _side("Steered", result.steered, changed[1], result, result.steered_loss),
    ]
    return (
        f'<div style="{_ROOT}"><p><b>Steering</b> ▲ {html.escape(what)}</p>{said}'
        f'<div style="{_SIDES}">{"".join(sides)}</div>'
        f"{''.join(dose_response_html(response) for response in doses.values())}"
        f"<p><small>Underlined: not in the other text (longest common parts). Loss: mean "
        f"surprisal of what was written to the model as it is.<br>"
        f"{html.escape(_stamp(result))}</small></p></div>"
    )


def _side(
    name: str, tokens: Tokens, changed: Collection[int], result: SteeredText, loss: float
) -> str:
    parts = []
    for pos in range(len(tokens)):
        if tokens.special[pos] and pos == 0:
            continue
        token = token_html(tokens, pos, running=True)
        if pos in changed:
            token = f'<span style="{_OTHER}">{token}</span>'
        parts.append(
            f'<span style="opacity:.6">{token}</span>' if pos < result.n_prompt else token
        )
    said = "" if loss != loss else f" <small>loss {loss:.2f} nats a token</small>"
    return (
        f'<div style="{_SIDE}"><p style="margin:0"><b>{name}</b>{said}</p>'
        f'<div style="{_TEXT}">{"".join(parts)}</div></div>'
    )


def dose_response_html(response: DoseResponse) -> str:
    """Return effect and loss at each strength as a table, the control's range beside each.

    Args:
        response: What was measured.
    """
    heads = ["strength", response.metric, "random, 95 %", "loss", "random, 95 %"]
    head = "".join(f'<th style="{_CELL};font-weight:400">{html.escape(h)}</th>' for h in heads)
    effect, loss = response.mean(), response.mean("loss")
    bands = response.control(), response.control("loss")
    rows = []
    for at, strength in enumerate(response.strengths):
        cells = [f"{strength:+.2f}".replace("-", "−")]
        for line, band in zip((effect, loss), bands, strict=True):
            cells += [_number(line[at]), f"{_number(band[0, at])}–{_number(band[2, at])}"]
        rows.append("".join(f'<td style="{_CELL}">{html.escape(cell)}</td>' for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    caption = html.escape(
        f"{response.summary()}; random directions, as long, n = {response.n_control}"
    )
    return f'<table style="{_TABLE}"><caption>{caption}</caption><tr>{head}</tr>{body}</table>'


def _number(value: float) -> str:
    return "n/a" if value != value else f"{value:.3f}".replace("-", "−")


def _stamp(result: SteeredText) -> str:
    p = result.provenance
    run = f"run {p.run}" if p.run else ""
    parts = [f"{p.model} {p.revision}".strip(), result.sampling, p.remarks, run]
    return " · ".join(filter(None, parts))
