"""Results of plain arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from interpwidgets.arrays.reading import to_numpy
from interpwidgets.errors import ResultError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.attention_numbers import (
    FLOAT16_BUDGET,
    coded_head,
    every_float16,
)
from interpwidgets.results.base import Provenance
from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.tokens import Tokens

Pattern = Float[np.ndarray, "head query_pos key_pos"]


def token_values(
    tokens: Tokens, values: Any, *, signed: bool | None = None, **fields: Any
) -> TokenValues:
    """Return values on tokens as a Result.

    Args:
        tokens: The text.
        values: ``[pos]`` or ``[row, pos]``.
        signed: As of ``show_tokens``.
        fields: Others of ``TokenValues``.

    Raises:
        ResultError: The shapes do not fit together.
    """
    array = to_numpy(values, "values")
    if array.ndim not in (1, 2) or array.shape[-1] != len(tokens):
        hint = ""
        if array.ndim == 2 and array.shape[0] == len(tokens):
            hint = " They are [pos, row]: give values.T."
        raise ResultError(
            f"values must be [pos] or [row, pos] with one for each of the {len(tokens)} "
            f"tokens; they are {list(array.shape)}.{hint}"
        )
    table = np.atleast_2d(array)
    rows = tuple(fields.pop("rows", ()))
    if rows and len(rows) != len(table):
        raise ResultError(f"rows names {len(rows)} rows; values have {len(table)}.")
    if not rows and not fields.get("row_axes") and len(table) > 1:
        rows = tuple(f"row {i}" for i in range(len(table)))
    return TokenValues(
        provenance=fields.pop("provenance", Provenance()),
        tokens=tokens,
        values=table,
        rows=rows,
        signed=bool((table < 0).any()) if signed is None else signed,
        **fields,
    )


def attention_pattern(
    tokens: Tokens,
    patterns: Sequence[Pattern],
    *,
    layers: tuple[int, ...] | None = None,
    heads: tuple[int, ...] | None = None,
    causal: bool | None = None,
    scale: float | None = None,
    less: str = "",
    note: str = "",
    prompt_index: int = 0,
    prompt_count: int = 1,
) -> AttentionPattern:
    """Return arrays of patterns as a Result.

    Args:
        tokens: The text.
        patterns: ``[head, query_pos, key_pos]`` of each layer.
        layers: Their numbers; from 0 by default.
        heads: The heads' numbers; from 0 by default.
        causal: As of ``show_attention``.
        scale: The weight of the darkest blue; 1, or the largest if that is more.
        less: Of a difference: what was subtracted, in words; weights may then be negative.
        note: What a reader must know.
        prompt_index: Which prompt of several this is.
        prompt_count: How many there are.

    Raises:
        ResultError: They do not fit the tokens or one another.
    """
    n = len(tokens)
    for at, one in enumerate(patterns):
        if one.shape != (len(patterns[0]), n, n):
            raise ResultError(
                f"attention of each layer must be [head, query_pos, key_pos] = "
                f"({len(patterns[0])}, {n}, {n}) for these {n} tokens; that of layer {at} is "
                f"{one.shape}. Give the tokens that the model saw, special ones included."
            )
    seen = _scan(patterns)
    if seen.least < 0 and not less:
        raise ResultError(
            f"attention weights are not negative; the least is {seen.least:.3g}. Of a "
            "difference say what was subtracted: less='the clean run'."
        )
    largest = max(seen.most, -seen.least)
    largest = (largest or 1.0) if less else max(1.0, largest)
    scale = largest if scale is None else scale
    return AttentionPattern(
        provenance=Provenance(sites=("pattern",), note=note),
        tokens=tokens,
        pattern=_kept(patterns, scale, signed=bool(less)),
        layers=tuple(range(len(patterns))) if layers is None else layers,
        heads=tuple(range(len(patterns[0]))) if heads is None else heads,
        layer_runs=(0,) * len(patterns),
        causal=not seen.above if causal is None else causal,
        scale=scale,
        signed=bool(less),
        less=less,
        prompt_index=prompt_index,
        prompt_count=prompt_count,
    )


class _Seen(NamedTuple):
    """What the numbers of all heads come to."""

    least: float
    most: float
    above: bool
    """Whether some key after its query has a weight."""


def _scan(patterns: Sequence[Pattern]) -> _Seen:
    """Look at one head after the other: all of them at once would be copied several times."""
    least, most, above = 0.0, 0.0, False
    for layer in patterns:
        for head in layer:
            numbers = _distinct(head)
            numbers = numbers[np.isfinite(numbers)]
            least = min(least, float(numbers.min(initial=0)))
            most = max(most, float(numbers.max(initial=0)))
            above = above or bool(np.triu(head, 1).any())
    return _Seen(least, most, above)


def _distinct(head: Float[np.ndarray, "query_pos key_pos"]) -> Float[np.ndarray, "*axes"]:
    """Return the numbers of a head in float32; of float16, which has few, each once."""
    if head.dtype != np.float16:
        return head
    found = np.zeros(2**16, dtype=bool)
    found[head.view(np.uint16)] = True
    return every_float16()[found]


def _kept(
    patterns: Sequence[Pattern], scale: float, *, signed: bool
) -> Shaped[np.ndarray, "layer head query_pos key_pos"]:
    """Return all heads in float16, or as codes where that would pass the budget."""
    shape = (len(patterns), *patterns[0].shape)
    if 2 * math.prod(shape) <= FLOAT16_BUDGET:
        return np.stack(patterns).astype(np.float16, copy=False)
    codes = np.empty(shape, dtype=np.uint8)
    for kept, layer in zip(codes, patterns, strict=True):
        for one, head in zip(kept, layer, strict=True):
            one[:] = coded_head(head, scale, signed=signed)
    return codes
