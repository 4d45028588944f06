"""A DirectLogitAttribution as plain HTML: bars, one table a breakdown.

Bars are blocks of the diverging ramp's ends over the page, right of the middle for what
pushes towards the target, and text has the page's colour, so that one copy reads in light
and dark, also where a notebook strips styles.
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from interpwidgets.results.attribution import BREAKDOWNS, DirectLogitAttribution, signed_text

#: Bars of a breakdown that are drawn; components all, up to this many.
N_LISTED, MAX_COMPONENTS = 12, 80

#: The middle of the ramps for more and for less.
_MORE, _LESS = "49,114,181", "174,91,42"

_ROOT = "color:inherit;font-size:12px;font-variant-numeric:tabular-nums"
_TABLES = "display:flex;flex-wrap:wrap;gap:16px 32px;align-items:flex-start"
_TABLE = "color:inherit;font-size:11px;border-collapse:collapse;margin:0"
_CAPTION = "text-align:left;color:inherit;font-size:12px;padding:0 0 4px"
_NAME = "text-align:right;font-weight:400;padding:1px 6px;background:none;white-space:nowrap"
_NUMBER = "text-align:right;padding:1px 6px;white-space:nowrap"
_TRACK = "padding:1px 0;width:160px;min-width:160px"
_HALF = 80


def attribution_html(result: DirectLogitAttribution, message: str = "") -> str:
    """Return the bars of every breakdown, what they sum to, and where they come from.

    Args:
        result: The numbers.
        message: What else a reader must know of the state.
    """
    said = f"<p><b>{html.escape(message)}</b></p>" if message else ""
    tables = "".join(_table(result, by) for by in drawable(result))
    facts = html.escape(" ".join(_facts(result)))
    return (
        f'<div style="{_ROOT}"><p><b>Direct logit attribution</b> '
        f'{html.escape(result.summary())}</p>{said}<div style="{_TABLES}">{tables}</div>'
        f"<p><small>{facts}<br>{html.escape(_stamp(result))}</small></p></div>"
    )


def drawable(result: DirectLogitAttribution) -> list[str]:
    """Return the breakdowns that have a mean over the prompts.

    Args:
        result: The numbers.
    """
    alike = len({len(tokens) for tokens in result.tokens}) == 1
    return [by for by in result.breakdowns if by != "source" or alike]


def listed(result: DirectLogitAttribution, by: str) -> Any:
    """Return the rows of a breakdown that are drawn: components in order, else the largest.

    Args:
        result: The numbers.
        by: One of its breakdowns.
    """
    if by == "component" and len(result.components) <= MAX_COMPONENTS:
        return result.to_frame("component")
    return result.best(by, N_LISTED)


def _table(result: DirectLogitAttribution, by: str) -> str:
    frame = listed(result, by)
    scale = scale_of(frame["value"])
    rows = "".join(_row(row, scale, n=result.n) for row in frame.to_dict("records"))
    n_bars = int(np.prod(result.values(by).shape[1:]))
    which = f", the largest {len(frame)} of {n_bars:,}" if len(frame) < n_bars else ""
    caption = html.escape(f"{BREAKDOWNS[by]}{which}; logits")
    return (
        f'<div><table style="{_TABLE}"><caption style="{_CAPTION}"><b>By {by}</b> {caption}'
        f"</caption><tbody>{rows}</tbody></table></div>"
    )


def scale_of(values: Any) -> float:
    """Return the largest size that bars span: never nothing.

    Args:
        values: The bars.
    """
    sizes = np.abs(np.asarray(values, dtype=np.float64))
    known = sizes[np.isfinite(sizes)]
    return float(known.max()) or 1.0 if len(known) else 1.0


def _row(row: dict[Any, Any], scale: float, *, n: int) -> str:
    value = float(row["value"])
    title = html.escape(read_out(row), quote=True)
    words = signed_text(value)
    if n > 1:
        words += f" ({signed_text(row['low'])} to {signed_text(row['high'])})"
    return (
        f'<tr title="{title}"><th scope="row" style="{_NAME}">{html.escape(row["name"])}</th>'
        f'<td style="{_TRACK}">{_bar(value, scale)}</td>'
        f'<td style="{_NUMBER}">{words}</td></tr>'
    )


def read_out(row: dict[Any, Any]) -> str:
    """Return one bar in full, with its interval and its control.

    Args:
        row: Of ``to_frame``.
    """
    parts = [f"{row['name']} {signed_text(row['value'])} logits"]
    if np.isfinite(row["low"]):
        parts.append(f"95 % {signed_text(row['low'])} to {signed_text(row['high'])}")
    if np.isfinite(row["chance"]):
        parts.append(f"random direction ±{row['chance']:.2f}")
    return ", ".join(parts)


def _bar(value: float, scale: float) -> str:
    if not np.isfinite(value):
        return ""
    width = round(_HALF * min(1.0, abs(value) / scale), 1)
    left = _HALF if value >= 0 else _HALF - width
    colour = _MORE if value >= 0 else _LESS
    return (
        f'<div style="margin-left:{left:g}px;width:{width:g}px;height:10px;'
        f'background-color:rgba({colour},0.75)"></div>'
    )


def _facts(result: DirectLogitAttribution) -> list[str]:
    worst = float(np.abs(result.remainder).max())
    facts = [
        "Right: towards the target. Each table has a scale of its own.",
        f"Components and a remainder of at most {worst:.1e} sum to the model's own number; "
        "the last norm is held at the run's scale.",
        "Control: ± what a random direction of the same length would get in 95 % of draws, in "
        "each bar's title; neurons and sources have none.",
    ]
    if result.cap:
        facts.append(
            f"Of the logit before the model's soft-cap of {result.cap:g}; behind it "
            f"{signed_text(float(result.output.mean()))}."
        )
    if result.n > 1:
        facts.append(f"Means over {result.n} prompts, 95 % by bootstrap.")
    if "source" in result.breakdowns and "source" not in drawable(result):
        facts.append("Sources: prompts differ in length; .prompt(0) shows those of one.")
    return facts


def _stamp(result: DirectLogitAttribution) -> str:
    p = result.provenance
    run = f"run {p.run}" if p.run else ""
    edited = f"edited: {', '.join(p.intervened)}" if p.intervened else ""
    parts = [f"{p.model} {p.revision}".strip(), p.dtype, run, edited, p.remarks]
    return " · ".join(filter(None, dict.fromkeys(parts)))
