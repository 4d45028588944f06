"""Probes as plain HTML: a row a layer with intervals, and the controls in the last columns.

As in ``head_scores_static`` shades are a translucent ink over the page, and text has the
page's colour.
"""

from __future__ import annotations

import html
import itertools

import numpy as np

from interpwidgets.results.probe import HELD_OUT, ProbeResult
from interpwidgets.results.probe_direction import layer_name

#: Tables above which a page would be longer than its reader.
MOST_TABLES = 6

METRICS = {
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "r2": "R²",
    "correlation": "correlation",
}
CONTROLS = {
    "shuffled": "shuffled labels",
    "random": "random direction",
    "rotated": "turned at random",
}

_MORE, _STRONGEST = "49,114,181", 0.45
_ROOT = "color:inherit;font-size:12px;font-variant-numeric:tabular-nums"
_TABLE = "color:inherit;font-size:11px;border-collapse:separate;border-spacing:1px;margin:0"
_CAPTION = "text-align:left;color:inherit;font-size:12px;padding:0 0 4px;white-space:nowrap"
_HEADING = "text-align:right;font-weight:400;padding:0 6px;background:none;white-space:nowrap"
_CELL = "text-align:right;padding:3px 6px;white-space:nowrap"
_NULL = "text-align:right;padding:3px 6px;white-space:nowrap;opacity:0.75"
_FLOW = "display:flex;flex-wrap:wrap;gap:16px 32px;align-items:flex-start"


def probe_html(result: ProbeResult) -> str:
    """Return a table for each method and position rule, and where the numbers come from.

    Args:
        result: The numbers.
    """
    which = list(np.ndindex(len(result.methods), len(result.positions)))
    tables = "".join(_table(result, m, p) for m, p in which[:MOST_TABLES])
    facts = html.escape(" ".join(facts_of(result, len(which))))
    return (
        f'<div style="{_ROOT}"><p><b>Probe</b> {html.escape(result.summary())}</p>'
        f'<div style="{_FLOW}">{tables}</div>'
        f"<p><small>{facts}<br>{html.escape(stamp(result))}</small></p></div>"
    )


def number_text(metric: str, value: float) -> str:
    """Return a metric as views print it: ``94 %`` for accuracy, ``0.989`` for others.

    Args:
        metric: One of ``METRICS``.
        value: The number.
    """
    if not np.isfinite(value):
        return "–"
    if metric == "accuracy":
        return f"{100 * value:.0f} %"
    return f"{value:.3f}".replace("-", "−")


def span_text(metric: str, low: float, high: float) -> str:
    """Return an interval without its unit: ``91–96``; empty where there is none.

    Args:
        metric: One of ``METRICS``.
        low: Its lower end.
        high: Its upper end.
    """
    if not np.isfinite(low):
        return ""
    ends = [number_text(metric, end).removesuffix(" %") for end in (low, high)]
    return "–".join(ends)


def facts_of(result: ProbeResult, n_tables: int = 1) -> list[str]:
    """Return what a reader has to know, a sentence each.

    Args:
        result: The numbers.
        n_tables: How many there are to draw.
    """
    facts = [
        "Texts that were not fitted on; 95 % intervals over "
        f"{len(set(result.group[result.part == 1].tolist()))} groups, resampled."
    ]
    for name, words in CONTROLS.items():
        n = n_draws(result, name)
        if n:
            facts.append(f"Control, {words}: mean and 95 % of {n} draws.")
    if not np.isfinite(result.shuffled).any():
        facts.append("No control of shuffled labels yet: iw.probe(..., shuffled=20).")
    if n_tables > MOST_TABLES:
        facts.append(f"{MOST_TABLES} of {n_tables} tables; .to_frame() has all.")
    return facts


def stamp(result: ProbeResult) -> str:
    """Return where the numbers come from, in one line.

    Args:
        result: The numbers.
    """
    p = result.provenance
    run = f"run {p.run}" if p.run else ""
    changed = f"changed: {', '.join(p.intervened)}" if p.intervened else ""
    parts = [f"{p.model} {p.revision}".strip(), result.site, ", ".join(result.positions)]
    return " · ".join(
        filter(None, [*parts, p.dtype, f"seed {result.seed}", run, changed, p.remarks])
    )


def n_draws(result: ProbeResult, name: str) -> int:
    """Return how often a control was run.

    Args:
        result: The numbers.
        name: One of ``CONTROLS``.
    """
    known = np.isfinite(getattr(result, name))
    return int(known.any(axis=tuple(range(known.ndim - 1))).sum())


def _table(result: ProbeResult, m: int, p: int) -> str:
    parts = range(1, len(result.parts))
    columns = list(itertools.product(parts, range(len(result.metrics))))
    nulls = [name for name in CONTROLS if np.isfinite(result.control(name)[0][0, m, p]).any()]
    heads = [
        METRICS[result.metrics[i]] + ("" if part == 1 else f", {result.parts[part]}")
        for part, i in columns
    ] + [CONTROLS[name] for name in nulls]
    head = "".join(f'<th scope="col" style="{_HEADING}">{html.escape(h)}</th>' for h in heads)
    rows = "".join(
        f'<tr><th scope="row" style="{_HEADING}">{layer_name(layer)}</th>'
        + "".join(_cell(result, part, i, m, p, n) for part, i in columns)
        + "".join(_null(result, name, m, p, n) for name in nulls)
        + "</tr>"
        for n, layer in enumerate(result.layers)
    )
    title = f"{result.methods[m].replace('_', ' ')}, {result.positions[p]}"
    return (
        f'<div style="overflow-x:auto"><table style="{_TABLE}"><caption style="{_CAPTION}">'
        f"<b>{html.escape(title)}</b> {HELD_OUT}</caption><thead><tr><td></td>{head}</tr>"
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(result: ProbeResult, part: int, i: int, m: int, p: int, n: int) -> str:
    at, metric = (part, i, m, p, n), result.metrics[i]
    value = float(result.value[at])
    chance = 0.0
    if metric in ("accuracy", "auroc"):
        chance = 0.5 if metric == "auroc" else 1 / max(2, len(result.classes))
    share = max(0.0, (value - chance) / (1 - chance)) if np.isfinite(value) else 0.0
    span = span_text(metric, float(result.low[at]), float(result.high[at]))
    style = f"{_CELL};background-color:rgba({_MORE},{share * _STRONGEST:.2f})"
    return f'<td style="{style}">{number_text(metric, value)}, {span}</td>'


def _null(result: ProbeResult, name: str, m: int, p: int, n: int) -> str:
    metric = result.metrics[0]
    mean, low, high = (float(end[0, m, p, n]) for end in result.control(name))
    text = f"{number_text(metric, mean)}, {span_text(metric, low, high)}"
    return f'<td style="{_NULL}">{text}</td>'
