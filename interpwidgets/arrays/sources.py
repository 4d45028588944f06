"""Attention patterns out of arrays, model outputs and caches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from interpwidgets.arrays.reading import to_numpy
from interpwidgets.errors import ResultError

#: A layer's pattern in a cache of TransformerLens.
_PATTERN_NAME = re.compile(r"blocks\.(\d+)\.attn\.hook_pattern")

Batched = Float[np.ndarray, "prompt head query_pos key_pos"]


def layers_of(attention: Any, tokens: Any) -> tuple[tuple[int, ...], list[Batched]]:
    """Return the layers' numbers, and each one's patterns with a prompt axis.

    Args:
        attention: As of ``show_attention``.
        tokens: What came as the tokens, to tell when the two were swapped.

    Raises:
        ResultError: It is none of what ``show_attention`` takes.
    """
    if isinstance(attention, str) or attention is None:
        raise ResultError(
            f"attention must be an array, a model's output or a cache; got {attention!r:.40}."
        )
    if isinstance(tokens, (np.ndarray, Mapping)) or hasattr(tokens, "attentions"):
        raise ResultError("the tokens come first: iw.show_attention(tokens, attention).")
    if hasattr(attention, "attentions"):
        attention = _attentions_of(attention.attentions)
    elif hasattr(attention, "keys") and not isinstance(attention, np.ndarray):
        if "attentions" not in list(attention.keys()):
            return _from_cache(attention)
        attention = _attentions_of(attention["attentions"])
    if (
        isinstance(attention, (list, tuple))
        and len(attention)
        and _ndim(attention[0]) in (3, 4)
    ):
        parts = [to_numpy(layer, "attention", halves=True) for layer in attention]
        batches = [part[None] if part.ndim == 3 else part for part in parts]
    else:
        batches = _from_array(to_numpy(attention, "attention", halves=True))
    return tuple(range(len(batches))), batches


def _attentions_of(attentions: Any) -> Any:
    if not attentions:
        raise ResultError(
            "the model's output has no attentions. Load it with attn_implementation='eager' "
            "and call it with output_attentions=True."
        )
    if isinstance(attentions[0], (list, tuple)):
        raise ResultError(
            "these are the attentions of a generation, one part a step; run the model once on "
            "the whole text with output_attentions=True, or use board.generate."
        )
    return attentions


def _ndim(array: Any) -> int:
    if isinstance(array, (list, tuple)):
        return 1 + (_ndim(array[0]) if len(array) else 0)
    return int(getattr(array, "ndim", 0))


def _from_array(array: np.ndarray) -> list[Batched]:
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise ResultError(
            "attention must be [query_pos, key_pos], [head, query_pos, key_pos] or [layer, "
            f"head, query_pos, key_pos]; it is {list(array.shape)}."
        )
    layers = array.reshape((1,) * (4 - array.ndim) + array.shape)
    return [layer[None] for layer in layers]


def _from_cache(cache: Any) -> tuple[tuple[int, ...], list[Batched]]:
    """Read a cache by its published names: ``blocks.0.attn.hook_pattern``."""
    found: dict[int, Any] = {}
    for name in cache.keys():  # noqa: SIM118 - an ActivationCache iterates over no names
        if isinstance(name, tuple) and len(name) > 1 and name[0] in ("pattern", "attn"):
            found[int(name[1])] = cache[name]
        elif isinstance(name, str) and (match := _PATTERN_NAME.fullmatch(name)):
            found[int(match[1])] = cache[name]
    if not found:
        raise ResultError(
            "the cache holds no attention patterns (names like 'blocks.0.attn.hook_pattern'); "
            f"it holds {', '.join(map(str, list(cache.keys())[:3])) or 'nothing'}."
        )
    layers = tuple(sorted(found))
    parts = [to_numpy(found[layer], "attention", halves=True) for layer in layers]
    if any(part.ndim not in (3, 4) for part in parts):
        raise ResultError(
            f"a cached pattern is [prompt, head, query_pos, key_pos], or without the prompt; "
            f"got {[part.shape for part in parts]}."
        )
    return layers, [part[None] if part.ndim == 3 else part for part in parts]
