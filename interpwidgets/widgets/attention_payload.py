"""From an AttentionPattern to what travels to the browser."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Shaped, UInt8

from interpwidgets.interventions import Effect
from interpwidgets.results.alignment import Alignment
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.attention_numbers import NOT_FINITE, TOP_CODE, ZERO_CODE, coded_head
from interpwidgets.results.base import Provenance
from interpwidgets.results.head_pattern_scores import TARGETED, PatternScore
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.contract.attention import (
    AttentionPayload,
    HeadDetail,
    ScoredHeads,
    WireAlignment,
    WireEffect,
)
from interpwidgets.widgets.contract.common import Stamp, TokenInfo

#: Places of an intervention named beside the title.
MOST_PLACES = 2

#: Bytes of all thumbnails together; base64 in a saved notebook makes it 600 kB.
THUMBS_BUDGET = 450_000


#: Cells of a thumbnail's side, up to which each pair has its own, and else: more than a screen
#: shows of one.
MAX_SIDE = 96
POOLED_SIDE = 72


def attention_payload(
    result: AttentionPattern, chosen: Iterable[tuple[int, int]]
) -> AttentionPayload:
    """Return the payload of a Result, with nothing of what else could be drawn of its run.

    Args:
        result: What to draw.
        chosen: (layer, head) pairs to send in full along with the thumbnails.
    """
    thumbs, pooled = thumbnails(result)
    site = {"weight": "pattern", "value_weighted": "pattern, v", "score": "attn_scores"}
    return {
        "version": 1,
        "kind": "attention",
        "run": result.provenance.run,
        "tokens": token_infos(result.tokens),
        "turns": [{"role": role, "start": start} for role, start in result.tokens.turns()],
        "prompt_index": result.prompt_index,
        "prompt_count": result.prompt_count,
        "layers": list(result.layers),
        "heads": list(result.heads),
        "layer_runs": list(result.layer_runs),
        "causal": result.causal,
        "thumbs": {"dtype": "uint8", "shape": list(thumbs.shape), "data": thumbs.tobytes()},
        "pooled": pooled,
        "scale": result.scale,
        "precision": "uint8" if result.pattern.dtype == np.uint8 else "float16",
        "nonfinite": result.nonfinite().tolist(),
        "stamp": stamp(result.provenance, site[result.measure], result.precision),
        "details": [head_detail(result, layer, head) for layer, head in chosen],
        "measure": result.measure,  # type: ignore[typeddict-item]
        "hidden_sink": result.hidden_sink,
        "signed": result.signed,
        "less": result.less,
        "kv_groups": result.kv_groups,
        "measures": [],
        "references": [],
        "head_scores": [],
        "effect": None,
        "ablated": None,
        "alignment": None,
    }


def unscored_heads() -> list[ScoredHeads]:
    """Return what scores there are, without the numbers: those come when they are asked for."""
    titles = {**TARGETED, "entropy": "entropy", "distance": "distance"}
    return [
        {
            "name": name,
            "title": title,
            "values": [],
            "low": None,
            "high": None,
            "null_title": "",
        }
        for name, title in titles.items()
    ]


def wire_effect(effect: Effect) -> WireEffect:
    """Return what an ablation did, as it travels.

    Args:
        effect: With its control, if that was run.
    """
    control = effect.control
    return {
        "title": effect.title,
        "value": effect.value,
        "unit": effect.unit,
        "note": effect.note,
        "control": None
        if control is None
        else {
            "n": control.n,
            "mean": control.mean,
            "low": control.low,
            "high": control.high,
            "title": control.title,
        },
    }


def scored_heads(scores: Iterable[PatternScore]) -> list[ScoredHeads]:
    """Return the scores of heads as they travel.

    Args:
        scores: Of every head.
    """
    return [
        {
            "name": score.name,
            "title": score.title,
            "values": _plain_numbers(score.values),
            "low": score.low,
            "high": score.high,
            "null_title": score.null_title,
        }
        for score in scores
    ]


def _plain_numbers(values: Float[np.ndarray, "layer head"]) -> list[list[float | None]]:
    # JSON has no NaN
    return [[float(v) if np.isfinite(v) else None for v in row] for row in values]


def wire_alignment(alignment: Alignment, other: Tokens) -> WireAlignment:
    """Return how the tokens on screen belong to those of what is subtracted.

    Args:
        alignment: From the tokens on screen to the others.
        other: The others.
    """
    return {
        "tokens": token_infos(other),
        "pairs": [list(pair) for pair in alignment.pairs],  # type: ignore[misc]
        "unmatched": list(alignment.unmatched_a),
        "unmatched_other": list(alignment.unmatched_b),
    }


def stamp(provenance: Provenance, site: str, precision: str) -> Stamp:
    """Return where the numbers came from, for the line under the figure."""
    return {
        "model": provenance.model,
        "revision": provenance.revision,
        "site": site,
        "dtype": provenance.dtype,
        "precision": precision,
        "seed": "",
        "intervened": _places(provenance.intervened),
        "note": provenance.remarks,
        "full": provenance.in_full(precision),
    }


def _places(intervened: tuple[str, ...]) -> str:
    """Name the first places that the user changed; there may be one a layer."""
    if len(intervened) <= MOST_PLACES:
        return ", ".join(intervened)
    return f"{', '.join(intervened[:MOST_PLACES])} and {len(intervened) - MOST_PLACES} more"


def token_infos(tokens: Tokens) -> list[TokenInfo]:
    """Return tokens as they travel, one per position."""
    return [
        {"text": text, "special": special, "generated": generated}
        for text, special, generated in zip(
            tokens.text, tokens.special, tokens.generated, strict=True
        )
    ]


def saved_details(
    result: AttentionPattern, chosen: Iterable[tuple[int, int]], budget: int
) -> list[HeadDetail]:
    """Return heads in full for a saved copy, as many as fit.

    Args:
        result: What to draw.
        chosen: (layer, head) pairs, the most wanted first.
        budget: Bytes of all; past it as uint8 codes, past that fewer heads.
    """
    heads = list(dict.fromkeys(chosen))
    n = len(result.tokens)
    cells = n * (n + 1) // 2 if result.causal else n * n
    as_codes = len(heads) * cells * result.pattern.itemsize > budget
    held = heads[: budget // cells] if as_codes else heads
    return [head_detail(result, *head, as_codes=as_codes) for head in held]


def head_bytes(result: AttentionPattern) -> int:
    """Return how many bytes one head travels in.

    Args:
        result: Whose head.
    """
    n = len(result.tokens)
    return result.pattern.itemsize * (n * (n + 1) // 2 if result.causal else n * n)


def head_detail(
    result: AttentionPattern, layer: int, head: int, *, as_codes: bool = False
) -> HeadDetail:
    """Return one head in full, its bytes under ``tensor.data``.

    A causal head travels as its lower triangle, row by row.

    Args:
        result: What to draw.
        layer: The model's layer number.
        head: The model's head number.
        as_codes: Send uint8 codes also of weights that are kept finer.
    """
    weights = result.stored(layer, head)
    if as_codes:
        weights = _as_codes(weights[None], result)[0]
    n = len(result.tokens)
    data = weights[_lower_triangle(n)] if result.causal else weights
    return {
        "run": result.provenance.run,
        "layer": layer,
        "head": head,
        "tensor": {
            "dtype": "uint8" if weights.dtype == np.uint8 else "float16",
            "shape": [n, n],
            "data": np.ascontiguousarray(data).tobytes(),
        },
        "packed": "triangle" if result.causal else "full",
        "scale": result.scale,
    }


@functools.lru_cache(maxsize=4)
def _lower_triangle(n: int) -> Shaped[np.ndarray, "query_pos key_pos"]:
    return np.tri(n, dtype=bool)


def thumbnails(
    result: AttentionPattern,
) -> tuple[UInt8[np.ndarray, "layer head side side"], int]:
    """Return every head as uint8 codes, max-pooled to fit the budget.

    Returns:
        The codes and how many tokens a cell spans; 1 when nothing was pooled.
    """
    n_layers, n_heads, n, _ = result.pattern.shape
    wanted = MAX_SIDE if n <= MAX_SIDE else POOLED_SIDE
    largest = max(1, min(wanted, math.isqrt(THUMBS_BUDGET // (n_layers * n_heads))))
    pooled = -(-n // largest)
    thumbs = [
        [
            pool_codes(_as_codes(head[None], result), pooled, signed=result.signed)
            for head in layer
        ]
        for layer in result.pattern  # a head fits the processor's cache, a layer may not
    ]
    return np.stack([np.concatenate(layer) for layer in thumbs]), pooled


def _as_codes(
    numbers: Shaped[np.ndarray, "head query_pos key_pos"], result: AttentionPattern
) -> UInt8[np.ndarray, "head query_pos key_pos"]:
    if numbers.dtype == np.uint8:
        return numbers
    return coded_head(numbers, result.scale, signed=result.signed)


def pool_codes(
    codes: UInt8[np.ndarray, "head query_pos key_pos"], pooled: int, *, signed: bool
) -> UInt8[np.ndarray, "head side side"]:
    """Return the largest of each block; of numbers with signs the farthest from zero.

    Args:
        codes: uint8 codes.
        pooled: Cells along a block.
        signed: Whether they have both signs.
    """
    if pooled == 1:
        return codes
    if not signed:
        return _largest(codes, pooled, np.uint8(0))
    zero = np.uint8(ZERO_CODE)
    more = _largest(codes, pooled, zero)
    # 254 less a code is the opposite number; what is not finite wins as the largest code.
    below = np.where(codes == NOT_FINITE, zero, TOP_CODE - np.minimum(codes, TOP_CODE))
    less = TOP_CODE - _largest(below.astype(np.uint8), pooled, zero)
    farther = zero - less > np.minimum(more, TOP_CODE).astype(np.int16) - zero
    return np.where(farther & (more != NOT_FINITE), less, more).astype(np.uint8)


def _largest(
    codes: UInt8[np.ndarray, "head query_pos key_pos"], pooled: int, fill: np.uint8
) -> UInt8[np.ndarray, "head side side"]:
    n_heads, n, _ = codes.shape
    side = -(-n // pooled)
    pad = side * pooled - n
    padded = np.pad(codes, ((0, 0), (0, pad), (0, pad)), constant_values=fill)
    # One axis after the other: three times as fast as both at once.
    rows = padded.reshape(n_heads, side, pooled, side * pooled).max(axis=2)
    return rows.reshape(n_heads, side, side, pooled).max(axis=3)
