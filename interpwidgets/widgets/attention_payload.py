"""From an AttentionPattern to what travels to the browser."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Shaped, UInt8

from interpwidgets.results.attention import NOT_FINITE, TOP_CODE, AttentionPattern
from interpwidgets.results.base import Provenance
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.contract import AttentionPayload, HeadDetail, Stamp, TokenInfo

#: Places of an intervention named beside the title.
MOST_PLACES = 2

#: Bytes of all thumbnails together; base64 in a saved notebook makes it 600 kB.
THUMBS_BUDGET = 450_000


#: Cells of a thumbnail's side: more than a screen shows of one.
MAX_SIDE = 96


def attention_payload(
    result: AttentionPattern, chosen: Iterable[tuple[int, int]]
) -> AttentionPayload:
    """Return the payload of a Result.

    Args:
        result: What to draw.
        chosen: (layer, head) pairs to send in full along with the thumbnails.
    """
    thumbs, pooled = thumbnails(result)
    return {
        "version": 1,
        "kind": "attention",
        "run": result.provenance.run,
        "tokens": _token_infos(result.tokens),
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
        "stamp": stamp(result.provenance, "pattern", result.precision),
        "details": [head_detail(result, layer, head) for layer, head in chosen],
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
    }


def _places(intervened: tuple[str, ...]) -> str:
    """Name the first places that the user changed; there may be one a layer."""
    if len(intervened) <= MOST_PLACES:
        return ", ".join(intervened)
    return f"{', '.join(intervened[:MOST_PLACES])} and {len(intervened) - MOST_PLACES} more"


def _token_infos(tokens: Tokens) -> list[TokenInfo]:
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
        weights = _as_codes(weights[None])[0]
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
    largest = max(1, min(MAX_SIDE, math.isqrt(THUMBS_BUDGET // (n_layers * n_heads))))
    pooled = -(-n // largest)
    layers = [_pool(_as_codes(layer), pooled) for layer in result.pattern]
    return np.stack(layers), pooled


def _as_codes(
    weights: Shaped[np.ndarray, "head query_pos key_pos"],
) -> UInt8[np.ndarray, "head query_pos key_pos"]:
    # A look-up over all 65,536 float16 values is several times faster than arithmetic.
    return weights if weights.dtype == np.uint8 else _code_of_float16()[weights.view(np.uint16)]


@functools.cache
def _code_of_float16() -> UInt8[np.ndarray, " 65536"]:
    values = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)
    finite = np.isfinite(values)
    codes = np.rint(np.clip(np.where(finite, values, 0), 0, 1) * TOP_CODE)
    return np.where(finite, codes, NOT_FINITE).astype(np.uint8)


def _pool(
    codes: UInt8[np.ndarray, "head query_pos key_pos"], pooled: int
) -> UInt8[np.ndarray, "head side side"]:
    if pooled == 1:
        return codes
    n_heads, n, _ = codes.shape
    side = -(-n // pooled)
    pad = side * pooled - n
    padded = np.pad(codes, ((0, 0), (0, pad), (0, pad)))
    # One axis after the other: three times as fast as both at once.
    rows = padded.reshape(n_heads, side, pooled, side * pooled).max(axis=2)
    return rows.reshape(n_heads, side, side, pooled).max(axis=3)
