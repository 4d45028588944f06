"""From a LogitLens to what travels to the browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int, Shaped

from interpwidgets.results.lens import LogitLens
from interpwidgets.results.lens_control import LensControl
from interpwidgets.widgets.attention_payload import stamp
from interpwidgets.widgets.contract.lens import (
    LensBand,
    LensColumns,
    LensMap,
    LensPayload,
    LensTuned,
)
from interpwidgets.widgets.tokens_payload import token_infos

#: Bytes of a payload, about: what does not fit comes when it is asked for.
BUDGET = 540_000

#: Predictions up to which entropy, KL and targets travel as float32; more do as float16.
EXACT = 12_000

#: Bytes of a word with its id, about.
WORD = 14

#: Stands for no word.
NONE = 2**32 - 1

MapName = Literal["entropy", "kl", "logprob", "rank"]


@dataclass(frozen=True)
class Held:
    """What of a Result travels along."""

    maps: tuple[tuple[MapName, int], ...]
    """Numbers of every layer and position: a name, and which target or −1."""

    columns: tuple[int, ...]
    """Positions with all that is kept of their predictions."""


def lens_payload(
    result: LogitLens,
    held: Held,
    *,
    controls: Sequence[LensControl] = (),
    tuned: LensTuned | None = None,
) -> LensPayload:
    """Return the payload of a Result.

    Args:
        result: What to draw.
        held: What to send along, beside the best token of each prediction.
        controls: Those of this Result.
        tuned: Whether there is a tuned lens, and whether it is used.
    """
    columns, ids = lens_columns(result, held.columns, also=_best(result))
    way = f"{result.site} → {result.lens or 'ln_final'} → unembed"
    return {
        "version": 1,
        "kind": "logit_lens",
        "run": result.provenance.run,
        "tokens": token_infos(result.tokens),
        "turns": [{"role": role, "start": start} for role, start in result.tokens.turns()],
        "prompt_index": result.prompt_index,
        "prompt_count": result.prompt_count,
        "site": result.site,
        "layers": list(result.layers),
        "k": result.top_k,
        "dtype": dtype_of(result),
        "ids": columns["ids"],
        "words": columns["words"],
        "best": _index(_best(result), ids),
        "best_logprob": _numbers(_best_logprob(result), "float32"),
        "targets": [
            {"id": i, "text": text}
            for i, text in zip(result.target_ids, result.target_text, strict=True)
        ],
        "maps": [lens_map(result, name, target) for name, target in held.maps],
        "columns": {**columns, "ids": [], "words": []},
        "bands": [_band(control) for control in controls],
        "tuned": tuned,
        "nonfinite": int((~np.isfinite(result.entropy)).sum()),
        "stamp": stamp(result.provenance, way, "float32"),
    }


def dtype_of(result: LogitLens) -> Literal["float32", "float16"]:
    """Return what the maps of a Result travel as."""
    return "float32" if result.entropy.size <= EXACT else "float16"


def lens_map(result: LogitLens, name: MapName, target: int = -1) -> LensMap:
    """Return a number of every layer and position.

    Args:
        result: The Result.
        name: Which; of ``"logprob"`` and ``"rank"`` a target's.
        target: Which target; −1 for none.
    """
    if name == "rank":
        data = result.target_rank[..., target].astype("<i4").tobytes()
    else:
        of = result.target_logprob[..., target] if name == "logprob" else getattr(result, name)
        data = _numbers(of, dtype_of(result))
    return {"name": name, "target": target, "data": data}


def lens_columns(
    result: LogitLens,
    positions: Sequence[int],
    also: Int[np.ndarray, "*axes"] | None = None,
) -> tuple[LensColumns, Int[np.ndarray, " word"]]:
    """Return all that is kept of the predictions at some positions, and the words' ids.

    Args:
        result: The Result.
        positions: Which.
        also: Ids of more words to name.
    """
    at = list(positions)
    top = result.top_ids[:, at].transpose(1, 0, 2)
    every = np.concatenate([top.ravel(), [] if also is None else also.ravel()])
    ids = np.unique(every[every >= 0].astype(np.int64))
    of_targets = (
        part[:, at].transpose(1, 0, 2) for part in (result.target_logprob, result.target_rank)
    )
    logprob, rank = of_targets
    return {
        "positions": at,
        "ids": ids.tolist(),
        "words": [result.text(int(i)) for i in ids],
        "index": _index(top, ids),
        "logprob": _numbers(result.top_logprob[:, at].transpose(1, 0, 2), "float32"),
        "target_logprob": _numbers(logprob, "float32"),
        "target_rank": rank.astype("<i4").tobytes(),
    }, ids


def held_within(result: LogitLens, chosen: Sequence[int], budget: int | None = None) -> Held:
    """Return what travels along: what a first look needs first, then as much as fits.

    Args:
        result: What to draw.
        chosen: Positions that are looked at.
        budget: Bytes of the whole, about; ``BUDGET`` by default.
    """
    n_layers, n = result.entropy.shape
    width = 4 if dtype_of(result) == "float32" else 2
    named = len(np.unique(_best(result)))
    left = (
        (BUDGET if budget is None else budget) - n * 40 - result.entropy.size * 8 - named * WORD
    )
    first = dict.fromkeys(pos for pos in chosen if pos < n)
    if not first:
        first = {n - 1: None}
    each = n_layers * (result.top_k * (8 + WORD // 2) + 8 * len(result.target_ids))
    left -= each * len(first)
    maps = []
    for name, target in _every_map(result):
        left -= result.entropy.size * (4 if name == "rank" else width)
        if left < 0:
            break
        maps.append((name, target))
    more = max(0, left) // max(1, each)
    columns = list(dict.fromkeys([*first, *range(n - 1, -1, -1)]))[: len(first) + more]
    return Held(tuple(maps), tuple(sorted(columns)))


def held_whole(result: LogitLens) -> Held:
    """Return everything."""
    return Held(tuple(_every_map(result)), tuple(range(len(result.tokens))))


def _every_map(result: LogitLens) -> Iterator[tuple[MapName, int]]:
    yield "entropy", -1
    yield "kl", -1
    for target in range(len(result.target_ids)):
        yield "logprob", target
        yield "rank", target


def _best(result: LogitLens) -> Int[np.ndarray, "layer pos"]:
    none: np.ndarray = np.full(result.entropy.shape, -1, np.int32)
    return result.top_ids[..., 0] if result.top_k else none


def _best_logprob(result: LogitLens) -> Shaped[np.ndarray, "layer pos"]:
    none: np.ndarray = np.full(result.entropy.shape, np.nan, np.float32)
    return result.top_logprob[..., 0] if result.top_k else none


def _index(wanted: Int[np.ndarray, "*axes"], ids: Int[np.ndarray, " word"]) -> bytes:
    """Return each id's place among some, as uint32."""
    return np.where(wanted < 0, NONE, np.searchsorted(ids, wanted)).astype("<u4").tobytes()


def _numbers(values: Shaped[np.ndarray, "*axes"], dtype: str) -> bytes:
    with np.errstate(over="ignore"):  # −inf is what it then is
        wire = np.ascontiguousarray(values).astype("<f4" if dtype == "float32" else "<f2")
    return wire.tobytes()


def _band(control: LensControl) -> LensBand:
    low, high = control.interval()
    return {
        "position": control.pos,
        "n": control.n,
        "title": "random unembed",
        "ids": list(control.token_ids),
        "low": _finite(low.T),
        "high": _finite(high.T),
    }


def _finite(values: Shaped[np.ndarray, "target layer"]) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in values]
