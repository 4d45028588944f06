"""CircuitsVis's ``attention``: patterns of one layer's heads, or of any."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from interpwidgets.arrays.built import attention_pattern as pattern_result
from interpwidgets.arrays.reading import read_texts, to_numpy
from interpwidgets.circuitsvis.ignored import warn_ignored
from interpwidgets.errors import ResultError
from interpwidgets.show import show
from interpwidgets.widgets.base import View

#: "L5H1", "5.1", "Layer 5 Head 1", "L5 H1 ..."
_LAYER_HEAD = re.compile(r"\s*(?:layer\s*|L)?(\d+)\s*[.:,_\s-]*(?:head\s*|H)?(\d+)\s*", re.I)
_HEAD = re.compile(r"\s*(?:head\s*|H)?(\d+)\s*", re.I)


def attention_heads(
    attention: Any,
    tokens: list[str],
    attention_head_names: list[str] | None = None,
    max_value: float | None = None,
    min_value: float | None = None,
    negative_color: str | None = None,
    positive_color: str | None = None,
    mask_upper_tri: bool | None = None,
) -> View:
    """Draw the patterns of a group of heads.

    Args:
        attention: ``[head, query_pos, key_pos]``; with negative numbers it is drawn as a
            difference of patterns.
        tokens: The text of each position.
        attention_head_names: Names; those that say a layer and a head (``"L5H1"``) are
            those heads, others stand in the line under the figure.
        max_value: The weight of the darkest blue; 1, or the largest if that is more.
        min_value: Warned about once: 0 is the lower end of attention.
        negative_color: Warned about once; there is one ramp.
        positive_color: Likewise.
        mask_upper_tri: Whether keys after the query are masked; yes by default.

    Raises:
        ResultError: The shapes do not fit together.
    """
    warn_ignored(
        min_value=min_value or None,
        negative_color=negative_color,
        positive_color=positive_color,
    )
    array = to_numpy(attention, "attention")
    if array.ndim == 4 and len(array) == 1:
        array = array[0]  # a batch of one
    if array.ndim != 3:
        raise ResultError(
            f"attention must be [head, query_pos, key_pos]; it is {list(array.shape)}."
        )
    layers, heads, order, note = _names(attention_head_names, len(array))
    shape = (len(layers), len(heads), *array.shape[1:])
    result = pattern_result(
        read_texts(tokens),
        list(array[order].reshape(shape)),
        layers=layers,
        heads=heads,
        causal=mask_upper_tri is not False,
        scale=max_value,
        less="another pattern" if (array < 0).any() else "",
        note=note,
    )
    return show(result)


def attention_patterns(tokens: list[str], attention: Any) -> View:
    """Draw the patterns of a group of heads.

    Args:
        tokens: The text of each position.
        attention: ``[head, query_pos, key_pos]``.

    Raises:
        ResultError: The shapes do not fit together.
    """
    array = to_numpy(attention, "attention")
    above = ~np.tri(len(tokens), dtype=bool)
    seen = array.shape[-2:] == above.shape and bool(np.any(array[..., above]))
    return attention_heads(array, tokens, mask_upper_tri=not seen)


def attention_pattern(
    tokens: list[str],
    attention: Any,
    max_value: float | None = None,
    min_value: float | None = None,
    negative_color: str | None = None,
    show_axis_labels: bool | None = None,
    positive_color: str | None = None,
    mask_upper_tri: bool | None = None,
) -> View:
    """Draw one pattern.

    Args:
        tokens: The text of each position.
        attention: ``[query_pos, key_pos]``.
        max_value: As of ``attention_heads``.
        min_value: As of ``attention_heads``.
        negative_color: As of ``attention_heads``.
        show_axis_labels: False is warned about once: the axes keep their tokens.
        positive_color: As of ``attention_heads``.
        mask_upper_tri: As of ``attention_heads``.

    Raises:
        ResultError: The shapes do not fit together.
    """
    warn_ignored(show_axis_labels=None if show_axis_labels is not False else False)
    array = to_numpy(attention, "attention")
    if array.ndim != 2:
        raise ResultError(
            f"attention must be [query_pos, key_pos]; it is {list(array.shape)}. For several "
            "heads use attention_heads."
        )
    return attention_heads(
        array[None],
        tokens,
        max_value=max_value,
        min_value=min_value,
        negative_color=negative_color,
        positive_color=positive_color,
        mask_upper_tri=mask_upper_tri,
    )


Named = tuple[tuple[int, ...], tuple[int, ...], list[int], str]


def _names(names: list[str] | None, n: int) -> Named:
    """Return layers, heads, the order that makes them a grid, and a note."""
    plain: Named = (0,), tuple(range(n)), list(range(n)), ""
    if names is None:
        return plain
    if len(names) != n:
        raise ResultError(f"attention_head_names has {len(names)} names for {n} heads.")
    found = [_LAYER_HEAD.fullmatch(name) or _HEAD.fullmatch(name) for name in names]
    pairs = [(0, *map(int, match.groups()))[-2:] for match in found if match is not None]
    layers = tuple(sorted({pair[0] for pair in pairs}))
    heads = tuple(sorted({pair[1] for pair in pairs}))
    grid = [(layer, head) for layer in layers for head in heads]
    if sorted(pairs) == grid and len(pairs) == n:
        return layers, heads, [pairs.index(pair) for pair in grid], ""
    note = ", ".join(f"H{i} is {name}" for i, name in enumerate(names))
    return plain[0], plain[1], plain[2], note
