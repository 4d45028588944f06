"""Attention patterns, kept as float16 or, beyond a budget, as uint8; scores as float16."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float, Int, Shaped

from interpwidgets.models.capture import Read
from interpwidgets.results.attention_numbers import FLOAT16_BUDGET

_NOT_FINITE, _TOP_CODE = 255, 254


def pattern_reads(layers: tuple[int, ...], heads: tuple[int, ...], n_heads: int) -> list[Read]:
    """Return the reads of some layers' patterns.

    Args:
        layers: Layer numbers.
        heads: Heads to keep of each layer.
        n_heads: How many the model has.
    """
    kept = None if heads == tuple(range(n_heads)) else heads
    reduce = functools.partial(
        keep_pattern, heads=kept, n_patterns=len(layers) * len(heads), budget=FLOAT16_BUDGET
    )
    return [Read("pattern", layer, reduce) for layer in layers]


def score_reads(layers: tuple[int, ...], heads: tuple[int, ...], n_heads: int) -> list[Read]:
    """Return the reads of some layers' scores before the softmax.

    Args:
        layers: Layer numbers.
        heads: Heads to keep of each layer.
        n_heads: How many the model has.
    """
    kept = None if heads == tuple(range(n_heads)) else heads
    reduce = functools.partial(keep_scores, heads=kept)
    return [Read("attn_scores", layer, reduce) for layer in layers]


def score_bytes(n_layers: int, n_heads: int, n_tokens: int) -> int:
    """Return how many bytes the scores of one prompt will be kept in, as float16.

    Args:
        n_layers: Layers read.
        n_heads: Heads kept of each.
        n_tokens: Positions.
    """
    return 2 * n_layers * n_heads * n_tokens**2


def pattern_bytes(n_layers: int, n_heads: int, n_tokens: int) -> int:
    """Return how many bytes the patterns of one prompt will be kept in.

    Args:
        n_layers: Layers read.
        n_heads: Heads kept of each.
        n_tokens: Positions.
    """
    weights = n_layers * n_heads * n_tokens**2
    return 2 * weights if 2 * weights <= FLOAT16_BUDGET else weights


def keep_pattern(
    pattern: Float[torch.Tensor, "prompt head query_pos key_pos"],
    *,
    heads: tuple[int, ...] | None,
    n_patterns: int,
    budget: int,
) -> Shaped[torch.Tensor, "prompt kept query_pos key_pos"]:
    """Keep some heads in float16, or as uint8 codes when float16 would pass the budget.

    Codes 0 to 254 stand for 0 to 1 (what is outside is clipped), 255 for a value that
    is not finite.

    Args:
        pattern: Softmaxed weights of one layer.
        heads: Heads to keep; None for all.
        n_patterns: Heads kept over all layers, which share the budget.
        budget: Bytes.
    """
    if heads is not None:
        pattern = pattern[:, list(heads)]
    if 2 * n_patterns * pattern.shape[-1] ** 2 <= budget:
        # copy: a float16 model's own tensor must not be aliased
        return pattern.to(torch.float16, copy=True)
    codes = torch.empty(pattern.shape, dtype=torch.uint8, device=pattern.device)
    # Head by head: a scratch that fits the cache is half of the time.
    for kept, weights in zip(codes.flatten(0, 1), pattern.flatten(0, 1), strict=True):
        kept.copy_(_as_codes(weights))
    return codes


def keep_scores(
    scores: Float[torch.Tensor, "prompt head query_pos key_pos"],
    *,
    heads: tuple[int, ...] | None,
) -> Float[torch.Tensor, "prompt kept query_pos key_pos"]:
    """Keep some heads' scores in float16; beyond its range they are clipped, −inf stays.

    Args:
        scores: What the softmax of one layer received.
        heads: Heads to keep; None for all.
    """
    if heads is not None:
        scores = scores[:, list(heads)]
    largest = torch.finfo(torch.float16).max
    clipped = scores.clamp(-largest, largest).to(torch.float16)
    return torch.where(scores.isinf(), scores.to(torch.float16), clipped)


def _as_codes(
    weights: Float[torch.Tensor, "query_pos key_pos"],
) -> Int[torch.Tensor, "query_pos key_pos"]:
    low, high = weights.aminmax()
    if low >= 0 and high <= 1:  # neither holds when a value is NaN
        # int32 on the way: torch has no fast conversion from float32 to uint8.
        return weights.float().mul(_TOP_CODE).add_(0.5).to(torch.int32)
    finite = weights.isfinite()
    codes = weights.float().clamp(0, 1).mul_(_TOP_CODE).add_(0.5).to(torch.int32)
    return codes.masked_fill_(~finite, _NOT_FINITE)
