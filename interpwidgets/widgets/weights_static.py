"""WeightCircuits and SingularDirections as plain HTML: tables, shaded by size."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from interpwidgets.axes import head_name
from interpwidgets.results.base import Result
from interpwidgets.results.singular_directions import SingularDirections
from interpwidgets.results.vocabulary_circuit import CIRCUITS, VocabularyCircuit
from interpwidgets.results.weight_circuits import COMPOSITIONS, WeightCircuits

#: Heads and pairs of heads that are listed.
N_HEADS, N_PAIRS, N_WORDS = 24, 10, 8

#: Rows and columns of a circuit between tokens.
N_TOKENS, N_COLUMNS = 32, 8

_MORE, _LESS, _STRONGEST = "49,114,181", "174,91,42", 0.55
_ROOT = "color:inherit;font-size:12px;font-variant-numeric:tabular-nums"
_TABLES = "display:flex;flex-wrap:wrap;gap:16px 32px;align-items:flex-start"
_TABLE = "color:inherit;font-size:11px;border-collapse:separate;border-spacing:1px;margin:0"
_CAPTION = "text-align:left;color:inherit;font-size:12px;padding:0 0 4px"
_HEADING = "text-align:right;font-weight:400;padding:0 5px;background:none"
_CELL = "text-align:right;padding:2px 5px"
_WORDS = "text-align:left;padding:2px 8px"


def weight_circuits_html(result: WeightCircuits) -> str:
    """Return the copying heads, the strongest pairs of each kind, and their controls.

    Args:
        result: The numbers.
    """
    low, high = result.baseline_interval
    less, more = result.copying_interval
    facts = [
        f"Control: random heads copy by {_number(less)} to {_number(more)}, random matrices "
        f"compose by {low:.3f} to {high:.3f} (95 % of {len(result.composition_random)} draws, "
        f"seed {result.seed}).",
        f"Own rank: of each token among {result.d_vocab:,}, over {result.n_tokens:,} tokens; "
        "chance is 50 %.",
    ]
    pairs = "".join(pair_table(result, kind) for kind in COMPOSITIONS)
    tables = _copying_table(result) + pairs
    return tables_page("Weight circuits", result, tables, facts)


def singular_directions_html(result: SingularDirections) -> str:
    """Return one row per direction: its size, what it writes, what it is written for.

    Args:
        result: The numbers.
    """
    low, high = result.random_interval
    facts = [
        "Logits are those of a direction of length 1, the last norm's scale left out.",
        f"Control: the largest logit of a random direction is {low:.2f} to {high:.2f} "
        f"(95 % of {len(result.random_top)}).",
    ]
    heads = ["value", "share", "top logit", "raises", "lowers"]
    heads += ["reads"] if result.read else []
    rows = "".join(
        heads_row(
            str(row["rank"]),
            [f"{row['singular']:.2f}", f"{row['share']:.0%}", f"{row['top_logit']:.2f}"],
            [row[name] for name in ("write", "lower", "read") if row[name]],
        )
        for row in result.to_frame().to_dict("records")
    )
    table = heads_table(result.name, heads, rows)
    return tables_page("Singular directions", result, table, facts)


def vocabulary_circuit_html(result: VocabularyCircuit) -> str:
    """Return a row per token: the columns with their numbers, and its whole row's spread.

    Args:
        result: The numbers.
    """
    n = min(N_TOKENS, len(result.rows))
    named = [html.escape(repr(text)) for text in result.columns[0][:N_COLUMNS]]
    ranks = [str(rank + 1) for rank in range(min(N_COLUMNS, result.values.shape[1]))]
    heads = ["mean ± spread", "own rank", *(named if result.chosen else ranks)]
    rows = "".join(
        heads_row(repr(result.rows[at]), _circuit_cells(result, at), []) for at in range(n)
    )
    which = f", {n} of {len(result.rows):,} rows" if n < len(result.rows) else ""
    facts = [
        f"A number: {CIRCUITS[result.circuit]}; the last norm's scale is left out.",
        f"Mean and standard deviation are of each row over all {result.d_vocab:,} tokens.",
        "Own rank: how many tokens have more than the row's own.",
    ]
    return tables_page(
        "Circuit", result, heads_table(f"{result.name}{which}", heads, rows), facts
    )


def _circuit_cells(result: VocabularyCircuit, row: int) -> list[str]:
    cells = [
        f"{_number(float(result.mean[row]))} ± {result.spread[row]:.2f}",
        f"{result.own_rank[row]:,}",
    ]
    pairs = list(zip(result.columns_of(row), result.values[row], strict=True))[:N_COLUMNS]
    for text, value in pairs:
        word = "" if result.chosen else f"{html.escape(repr(text))} "
        cells.append(f"{word}{_number(float(value))}")
    return cells


def _copying_table(result: WeightCircuits) -> str:
    copying = result.copying
    order = np.argsort(-np.abs(copying).ravel(), kind="stable")[:N_HEADS]
    rows = ""
    for at in (np.unravel_index(place, copying.shape) for place in order):
        layer, head = int(at[0]), int(at[1])
        numbers = [
            f"{result.diagonal_rank[at]:.0%}",
            f"{result.top_1[at]:.0%}",
            f"{result.top_5[at]:.0%}",
        ]
        name = head_name(result.layers[layer], head)
        rows += heads_row(
            name, [_number(float(copying[at])), *numbers], [], shade=float(copying[at])
        )
    n = copying.size
    which = f", {len(order)} of {n:,} heads" if len(order) < n else ""
    return heads_table(f"Copying{which}", ["score", "own rank", "first", "in first 5"], rows)


def pair_table(result: WeightCircuits, kind: Any) -> str:
    """Return the strongest pairs of one kind of composition, those beyond chance shaded.

    Args:
        result: The numbers.
        kind: One of ``COMPOSITIONS``.
    """
    frame = result.pairs(kind, N_PAIRS)
    top = float(frame["score"].max()) if len(frame) else 1.0
    rows = "".join(
        heads_row(
            row["name"].rpartition(" ")[0],
            [f"{row['score']:.3f}", f"{row['ratio']:.2f}×"],
            [],
            shade=row["score"] / top if row["score"] > row["high"] else 0.0,
        )
        for row in frame.to_dict("records")
    )
    name = f"{kind.upper()}-composition, {COMPOSITIONS[kind]}"
    return heads_table(name, ["score", "to random"], rows)


def heads_table(name: str, heads: list[str], rows: str) -> str:
    """Return a table with a caption.

    Args:
        name: The caption.
        heads: Names of the columns, as HTML.
        rows: From ``heads_row``.
    """
    columns = "".join(f'<th scope="col" style="{_HEADING}">{head}</th>' for head in heads)
    return (
        f'<div><table style="{_TABLE}"><caption style="{_CAPTION}"><b>{html.escape(name)}</b>'
        f"</caption><thead><tr><td></td>{columns}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def heads_row(
    name: str, numbers: list[str], words: list[tuple[str, ...]], shade: float = 0.0
) -> str:
    """Return one row: a name, numbers, texts of tokens.

    Args:
        name: What the row is of.
        numbers: Its cells, as HTML.
        words: Tokens, a cell each.
        shade: −1 to 1: how strong the first number is.
    """
    colour = _LESS if shade < 0 else _MORE
    tint = f";background-color:rgba({colour},{min(1.0, abs(shade)) * _STRONGEST:.2f})"
    cells = "".join(
        f'<td style="{_CELL}{tint if at == 0 and shade else ""}">{number}</td>'
        for at, number in enumerate(numbers)
    )
    for texts in words:
        said = html.escape(" ".join(repr(text) for text in texts[:N_WORDS]))
        cells += f'<td style="{_WORDS}">{said}</td>'
    heading = f'<th scope="row" style="{_HEADING}">{html.escape(name)}</th>'
    return f"<tr>{heading}{cells}</tr>"


def tables_page(title: str, result: Any, tables: str, facts: list[str]) -> str:
    """Return tables side by side under a title, with what they say and are from.

    Args:
        title: Of the page.
        result: What it is of.
        tables: As HTML.
        facts: Sentences.
    """
    said = html.escape(" ".join(facts))
    return (
        f'<div style="{_ROOT}"><p><b>{title}</b> {html.escape(result.summary())}</p>'
        f'<div style="{_TABLES}">{tables}</div>'
        f"<p><small>{said}<br>{html.escape(_stamp(result))}</small></p></div>"
    )


def _number(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _stamp(result: Result) -> str:
    p = result.provenance
    parts = [f"{p.model} {p.revision}".strip(), p.dtype, p.remarks]
    return " · ".join(filter(None, parts))
