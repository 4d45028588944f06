"""From a HeadTable to what travels to the browser."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interpwidgets.results.head_columns import HeadColumn
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.weight_circuits import COMPOSITIONS, WeightCircuits
from interpwidgets.widgets.attention_payload import stamp
from interpwidgets.widgets.contract.head_board import (
    BoardColumn,
    ComposedBlock,
    ComposedPair,
    Composition,
    HeadBoardPayload,
    HeadWeightsInfo,
)
from interpwidgets.widgets.tokens_payload import float32_bytes, token_infos

Head = tuple[int, int]

#: Bytes of the eigenvalues that travel along; those of other heads come when one is chosen.
EIGENVALUES_BUDGET = 200_000

#: Heads up to which every pair travels; of more, each two layers' largest.
COMPOSED_HEADS = 200

#: Pairs of heads of each kind that are named.
NAMED_PAIRS = 12


def head_board_payload(
    table: HeadTable,
    chosen: Sequence[Head] = (),
    blocks: Sequence[Head] = (),
    *,
    budget: int = EIGENVALUES_BUDGET,
) -> HeadBoardPayload:
    """Return the payload of a table, with nothing of what a board says of it.

    Args:
        table: What to draw.
        chosen: Heads whose eigenvalues travel along first.
        blocks: (layer, later layer) whose pairs travel along, where not all do.
        budget: Bytes of eigenvalues.
    """
    circuits, attribution = table.circuits, table.attribution
    sites = ", ".join(table.provenance.sites)
    return {
        "version": 1,
        "kind": "head_board",
        "run": table.provenance.run,
        "tokens": token_infos(table.tokens),
        "prompt_index": table.prompt_index,
        "prompt_count": table.prompt_count,
        "layers": list(table.layers),
        "heads": table.shape[1],
        "target": "" if attribution is None else attribution.target_text(),
        "scored_on": _scored_on(table),
        "columns": [wire_column(column) for column in table.columns],
        "weights": None if circuits is None else _weights(circuits, chosen, budget),
        "composition": None if circuits is None else _composition(circuits, blocks),
        "absent": [{"part": part, "why": why} for part, why in table.absent],
        "runnable": False,
        "ablated": None,
        "effect": None,
        "stamp": stamp(table.provenance, sites, "float32"),
    }


def _scored_on(table: HeadTable) -> str:
    scores = table.scores
    if scores is None:
        return ""
    if not scores.period:
        return f"{scores.n} given prompt{'s' if scores.n > 1 else ''}"
    return f"{scores.n} sequences of {scores.period} random tokens twice, seed {scores.seed}"


def wire_column(column: HeadColumn) -> BoardColumn:
    """Return a column as it travels; numbers are ``[layer, head]``.

    Args:
        column: One of a table's.
    """
    return {
        "name": column.name,
        "title": column.title,
        "unit": column.unit,
        "null": column.null,
        "signed": column.signed,
        "values": float32_bytes(column.values),
        "low": float32_bytes(column.low),
        "high": float32_bytes(column.high),
        "beyond": column.beyond.astype(np.uint8).tobytes(),
        "lags": [] if column.lags is None else column.lags.ravel().tolist(),
    }


# ----------------------------------------------------------------------------- weights


def _weights(circuits: WeightCircuits, chosen: Sequence[Head], budget: int) -> HeadWeightsInfo:
    held = _held(circuits, chosen, budget)
    values = [eigenvalues_of(circuits, *head) for head in held]
    return {
        "rank": circuits.eigenvalues.shape[2],
        "held": held,
        "eigenvalues": b"".join(values),
        "own_rank": float32_bytes(circuits.diagonal_rank),
        "top_1": float32_bytes(circuits.top_1),
        "d_vocab": circuits.d_vocab,
        "n_tokens": circuits.n_tokens,
    }


def _held(circuits: WeightCircuits, chosen: Sequence[Head], budget: int) -> list[Head]:
    """Return the heads whose eigenvalues travel along: those chosen, and as many as fit."""
    n_heads = circuits.diagonal_rank.shape[1]
    every = [(layer, head) for layer in circuits.layers for head in range(n_heads)]
    fit = max(1, budget // (8 * circuits.eigenvalues.shape[2]))
    return list(dict.fromkeys([*chosen, *every]))[:fit]


def eigenvalues_of(circuits: WeightCircuits, layer: int, head: int) -> bytes:
    """Return one head's eigenvalues, real and imaginary parts, as float32.

    Args:
        circuits: The Result.
        layer: One of its layers, by number.
        head: Which of its heads.
    """
    return float32_bytes(circuits.eigenvalues[circuits.layers.index(layer), head])


# ------------------------------------------------------------------------- composition


def _composition(circuits: WeightCircuits, blocks: Sequence[Head]) -> Composition:
    n_layers, n_heads = circuits.diagonal_rank.shape
    by_head = n_layers * n_heads <= COMPOSED_HEADS
    low, high = circuits.baseline_interval
    frames = {kind: circuits.pairs(kind) for kind in COMPOSITIONS}
    beyond = {kind: frame[frame["score"] > high] for kind, frame in frames.items()}
    pairs: list[ComposedPair] = [
        {
            "kind": row["kind"],
            "heads": ((row["layer"], row["head"]), (row["to_layer"], row["to_head"])),
            "score": row["score"],
            "ratio": row["ratio"],
        }
        for frame in beyond.values()
        for row in frame.head(NAMED_PAIRS).to_dict("records")
    ]
    return {
        "by": "head" if by_head else "layer",
        "values": _float16(circuits.composition) if by_head else _by_layer(circuits),
        "blocks": [] if by_head else [composed_block(circuits, *block) for block in blocks],
        "mean": circuits.baseline,
        "low": low,
        "high": high,
        "n_random": len(circuits.composition_random),
        "pairs": pairs,
        "beyond": [len(frame) for frame in beyond.values()],
        "n_pairs": len(frames["k"]),
    }


def _by_layer(circuits: WeightCircuits) -> bytes:
    """Return the largest score of each two layers, ``[kind, layer, to_layer]``."""
    known = np.where(np.isnan(circuits.composition), -np.inf, circuits.composition)
    largest = known.max(axis=(2, 4))
    return _float16(np.where(np.isinf(largest), np.nan, largest))


def composed_block(circuits: WeightCircuits, layer: int, to_layer: int) -> ComposedBlock:
    """Return all pairs of two layers' heads, ``[kind, head, to_head]``.

    Args:
        circuits: The Result.
        layer: Whose heads write, by number.
        to_layer: A later one, whose heads read.
    """
    one, other = circuits.layers.index(layer), circuits.layers.index(to_layer)
    values = circuits.composition[:, one, :, other]
    return {"layer": layer, "to_layer": to_layer, "values": _float16(values)}


def _float16(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, dtype="<f2").tobytes()
