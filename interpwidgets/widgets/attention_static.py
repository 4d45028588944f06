"""An AttentionPattern as plain HTML: a picture of every head, a table of one."""

from __future__ import annotations

import base64
import html
import math

import numpy as np
from jaxtyping import Float, UInt8

from interpwidgets.axes import head_name
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.widgets.attention_picture import heads_picture
from interpwidgets.widgets.token_html import token_html

MAX_ROWS = 32
TOP_KEYS = 3
_TABLE_STYLE = "color:inherit;font-size:12px;border-collapse:collapse;text-align:left"
_IMG_STYLE = "background:#fff;max-width:100%;height:auto;padding:4px;border-radius:2px"


def attention_html(
    result: AttentionPattern,
    codes: UInt8[np.ndarray, "layer head side side"],
    pooled: int,
    chosen: tuple[int, int],
    message: str = "",
) -> str:
    """Return a title, the picture, a table of the chosen head and where it comes from.

    Args:
        result: The numbers.
        codes: The thumbnails.
        pooled: Tokens along a cell of them.
        chosen: The layer and head that the table is of.
        message: What else a reader must know of the state, e.g. that a later run failed.
    """
    n_layers, n_heads = codes.shape[:2]
    picture = heads_picture(result, codes, chosen)
    size = f"{_count(n_layers, 'layer')} × {_count(n_heads, 'head')}"
    source = base64.b64encode(picture.png).decode("ascii")
    alt = f"Attention of {size}; layers down, heads across"
    facts = _facts(result, pooled * picture.pooled)
    said = f"<p><b>{html.escape(message)}</b></p>" if message else ""
    return (
        f"<p><b>Attention</b> {size}, {_count(len(result.tokens), 'token')}</p>{said}"
        f'<img alt="{html.escape(alt)}" width="{picture.width}" height="{picture.height}" '
        f'style="{_IMG_STYLE}" src="data:image/png;base64,{source}">'
        f"{_head_table(result, *chosen)}"
        f"<p><small>{html.escape(' '.join(facts))}<br>{html.escape(_stamp(result))}</small></p>"
    )


def measure_words(result: AttentionPattern) -> str:
    """Return what is drawn in words; empty for plain weights.

    Args:
        result: What is drawn.
    """
    names = {"weight": "weight", "value_weighted": "weight × norm of the value"}
    words = names.get(result.measure, "score before softmax")
    if result.hidden_sink:
        words += ", first token left out"
    if result.less:
        words += f", less {result.less}"
    return "" if words == "weight" else words


def weight_text(value: float) -> str:
    """Return a weight as views print it: 0.58, below a thousandth as 7e−4.

    Args:
        value: The weight.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and abs(value) < 0.001:
        digits, exponent = f"{value:.0e}".split("e")
        return f"{digits}e{int(exponent)}".replace("-", "−")
    return f"{value:.2f}".replace("-", "−")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _facts(result: AttentionPattern, pooled: int) -> list[str]:
    """Return the caption: what a mark means, what is missing, how exact it is."""
    facts = ["Each square is one head: query tokens run down, key tokens across; 0 is pale."]
    if said := measure_words(result):
        facts.append(f"Drawn: {said}.")
    if result.signed:
        facts.append(f"Blue is above zero, rust below, both to {result.scale:.3g}.")
    if pooled > 1:
        facts.append(f"A square's cell is the maximum of {pooled} × {pooled} pairs.")
    if result.prompt_count > 1:
        facts.append(f"Prompt {result.prompt_index + 1} of {result.prompt_count}.")
    if turns := result.tokens.turns():
        said = ", ".join(f"{role} from {start}" for role, start in turns)
        facts.append(f"Turns of the chat: {said}.")
    run = result.provenance.run
    by_layer = list(zip(result.layers, result.layer_runs, strict=True))
    never = [layer for layer, of in by_layer if of is None]
    old = [layer for layer, of in by_layer if of is not None and of != run]
    if never:
        facts.append(f"Hatched: layer {_numbers(never)} not run.")
    if old:
        facts.append(f"From an earlier run: layer {_numbers(old)}.")
    if bad := int(result.nonfinite().sum()):
        facts.append(f"{_count(bad, 'value')} not finite (hatched).")
    elif result.scale != 1:
        facts.append(f"The darkest blue is {result.scale:.3g}.")
    if result.precision == "uint8":
        facts.append(f"Values are kept to ±{result.resolution:.3f}.")
    return facts


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _stamp(result: AttentionPattern) -> str:
    p = result.provenance
    model = f"{p.model} {p.revision}".strip()
    run = f"run {p.run}" if p.run else ""
    parts = [model, "pattern", p.dtype, result.precision, run, p.remarks]
    return " · ".join(filter(None, dict.fromkeys(parts)))


def _head_table(result: AttentionPattern, layer: int, head: int) -> str:
    if result.layer_runs[result.layers.index(layer)] is None:
        return f"<p>{head_name(layer, head)} was not run.</p>"
    weights = result.weights(layer, head)
    n = len(result.tokens)
    shown = range(max(0, n - MAX_ROWS), n)
    rows = "".join(_table_row(result, weights, query) for query in shown)
    left_out = f"; the last {MAX_ROWS} of {n} queries" if shown.start else ""
    return (
        f'<table cellpadding="3" style="{_TABLE_STYLE}"><caption style="text-align:left">'
        f"{head_name(layer, head)}: the keys that each query attends to most{left_out}"
        f'</caption><tr style="text-align:left"><th style="text-align:left">query</th>'
        f'<th style="text-align:left" colspan="{TOP_KEYS}">key and weight</th></tr>'
        f"{rows}</table>"
    )


def _table_row(
    result: AttentionPattern, weights: Float[np.ndarray, "query_pos key_pos"], query: int
) -> str:
    row = weights[query, : query + 1] if result.causal else weights[query]
    sizes = np.abs(row) if result.signed and result.less else row
    best = np.argsort(-np.nan_to_num(sizes, nan=-np.inf), kind="stable")[:TOP_KEYS]
    cells = "".join(
        f"<td>{_position(result, key)} {weight_text(float(row[key]))}</td>"
        for key in map(int, best)
    )
    empty = "<td></td>" * (TOP_KEYS - len(best))
    return f"<tr><td>{_position(result, query)}</td>{cells}{empty}</tr>"


def _position(result: AttentionPattern, pos: int) -> str:
    return f"<small>{pos}</small> {token_html(result.tokens, pos)}"
