"""What each head attends to, as numbers: patterns are reduced here and never kept.

A *column* is one score, or induction at one lag. Every built-in one but the entropies is
the attention that falls on some keys, averaged over the queries that have such a key.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from interpwidgets.errors import ScoreError
from interpwidgets.models.capture import Read
from interpwidgets.results.head_targets import target_keys

#: ``f(pattern [1, head, query_pos, key_pos], token_ids [1, pos])`` to ``[head]`` or
#: ``[1, head]``.
OwnScore = Callable[[np.ndarray, np.ndarray], Any]

#: Scores that measure every query but the first, whatever the tokens.
ENTROPIES = ("entropy", "entropy_share")


@dataclass(frozen=True)
class Column:
    """One thing that is measured of every head."""

    score: str
    """The score's name."""

    lag: int = 0
    """Of induction: how far after the earlier occurrence the key is."""

    own: OwnScore | None = None
    """The user's function; None for built-in scores."""


def score_reads(
    n_layers: int,
    token_ids: Int[torch.Tensor, "prompt pos"],
    columns: tuple[Column, ...],
    *,
    causal: bool,
) -> list[Read]:
    """Return the reads of every layer's scores.

    Args:
        n_layers: The model's.
        token_ids: What the model will read, without padding.
        columns: What to measure.
        causal: Whether attention is masked to the past.
    """
    reduce = functools.partial(score_heads, token_ids=token_ids, columns=columns, causal=causal)
    return [Read("pattern", layer, reduce) for layer in range(n_layers)]


def score_heads(
    pattern: Float[torch.Tensor, "prompt head query_pos key_pos"],
    *,
    token_ids: Int[torch.Tensor, "prompt pos"],
    columns: tuple[Column, ...],
    causal: bool = True,
) -> Float[torch.Tensor, "column prompt head"]:
    """Return each head's scores on each prompt, in float32 whatever the pattern is in.

    NaN where no query can be measured, and for every head with NaN in its pattern.

    Args:
        pattern: Softmaxed weights of one layer.
        token_ids: The tokens they are over.
        columns: What to measure.
        causal: Whether attention is masked to the past.
    """
    pattern = pattern.float()
    token_ids = token_ids.to(pattern.device)
    columns_of = [_score(pattern, token_ids, column, causal=causal) for column in columns]
    return torch.stack(columns_of)


def count_queries(
    token_ids: Int[torch.Tensor, "prompt pos"], columns: tuple[Column, ...]
) -> Int[torch.Tensor, "column prompt"]:
    """Return over how many queries each score is an average.

    An own score is given every position, and all of them are counted.

    Args:
        token_ids: The tokens.
        columns: What is measured.
    """
    n_prompts, n = token_ids.shape
    counts = []
    for column in columns:
        if column.own is not None:
            counts.append(torch.full((n_prompts,), n))
        elif column.score in ENTROPIES:
            counts.append(torch.full((n_prompts,), n - 1))
        else:
            counts.append(_keys(token_ids, column).any(-1).sum(-1))
    return torch.stack(counts)


def even_pattern(n_tokens: int, *, causal: bool) -> Float[torch.Tensor, "query_pos key_pos"]:
    """Return the pattern of a head that spreads its attention evenly over what it sees.

    Args:
        n_tokens: Positions.
        causal: Whether attention is masked to the past.
    """
    visible = torch.ones(n_tokens, n_tokens)
    visible = visible.tril() if causal else visible
    return visible / visible.sum(-1, keepdim=True)


def _score(
    pattern: Float[torch.Tensor, "prompt head query_pos key_pos"],
    token_ids: Int[torch.Tensor, "prompt pos"],
    column: Column,
    *,
    causal: bool,
) -> Float[torch.Tensor, "prompt head"]:
    if column.own is not None:
        return _own_score(pattern, token_ids, column.score, column.own)
    if column.score in ENTROPIES:
        nats = torch.special.entr(pattern).sum(-1)[..., 1:]
        if column.score == "entropy_share":
            nats = nats / _n_visible(pattern, causal=causal)[1:].log()
        return nats.mean(-1)
    keys = _keys(token_ids, column)
    mass = torch.einsum("phqk,pqk->ph", pattern, keys.to(pattern.dtype))
    return mass / keys.any(-1).sum(-1)[:, None]  # 0 / 0 is NaN: nothing to measure


def _n_visible(
    pattern: Float[torch.Tensor, "prompt head query_pos key_pos"], *, causal: bool
) -> Int[torch.Tensor, " query_pos"]:
    n = pattern.shape[-1]
    counts = torch.arange(1, n + 1, device=pattern.device)
    return counts if causal else counts.new_full((n,), n)


def _keys(
    token_ids: Int[torch.Tensor, "prompt pos"], column: Column
) -> Bool[torch.Tensor, "prompt query_pos key_pos"]:
    """Return which keys a score counts; a query with none of them is not measured."""
    n_prompts, n = token_ids.shape
    positions = torch.arange(n, device=token_ids.device)
    return target_keys(column.score, token_ids, positions, column.lag).expand(n_prompts, n, n)


def _own_score(
    pattern: Float[torch.Tensor, "prompt head query_pos key_pos"],
    token_ids: Int[torch.Tensor, "prompt pos"],
    name: str,
    function: OwnScore,
) -> Float[torch.Tensor, "prompt head"]:
    """Call a user's function on one prompt after another, on copies of its own."""
    rows = [
        _call_own(_copied(weights[None]), _copied(ids[None]), name, function)
        for weights, ids in zip(pattern, token_ids, strict=True)
    ]
    return torch.from_numpy(np.stack(rows)).to(pattern.device)


def _call_own(
    pattern: Float[np.ndarray, "1 head query_pos key_pos"],
    token_ids: Int[np.ndarray, "1 pos"],
    name: str,
    function: OwnScore,
) -> Float[np.ndarray, " head"]:
    n_heads, shape = pattern.shape[1], pattern.shape
    finite = np.isfinite(pattern).all(axis=(0, 2, 3))
    try:
        given = function(pattern, token_ids)
        given = _copied(given) if isinstance(given, torch.Tensor) else given
        scores = np.asarray(given, dtype=np.float32)
    except Exception as error:  # whatever a user's function raises, its name must be said
        raise ScoreError(
            f"the score {name!r} failed on a pattern of shape {shape}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if scores.shape not in ((n_heads,), (1, n_heads)):
        raise ScoreError(
            f"the score {name!r} must return one number a head, shape ({n_heads},) or "
            f"(1, {n_heads}), for a pattern of shape {shape}; it returned {scores.shape}."
        )
    scores = scores.reshape(n_heads)
    bad = np.flatnonzero(~np.isfinite(scores) & finite)
    if len(bad):
        raise ScoreError(
            f"the score {name!r} returned {scores[bad[0]]} for head {bad[0]}, whose pattern "
            "is finite; return a finite number for each head."
        )
    return np.where(finite, scores, np.float32(np.nan))


def _copied(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
