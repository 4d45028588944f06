"""What travels between Python and LensGrid."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.common import Bytes, Stamp, TokenInfo, Turn


class LensTarget(TypedDict):
    id: int
    text: str


class LensMap(TypedDict):
    name: Literal["entropy", "kl", "logprob", "rank"]
    target: int
    data: Bytes


class LensColumns(TypedDict):
    positions: list[int]
    ids: list[int]
    words: list[str]
    index: NotRequired[Bytes]
    logprob: NotRequired[Bytes]
    target_logprob: NotRequired[Bytes]
    target_rank: NotRequired[Bytes]


class LensBand(TypedDict):
    position: int
    n: int
    title: str
    ids: list[int]
    low: list[list[float | None]]
    high: list[list[float | None]]


class LensTuned(TypedDict):
    on: bool
    title: str


class LensPayload(TypedDict):
    version: Literal[1]
    kind: Literal["logit_lens"]
    run: int
    tokens: list[TokenInfo]
    turns: list[Turn]
    prompt_index: int
    prompt_count: int
    site: str
    layers: list[int]
    k: int
    dtype: Literal["float32", "float16"]
    ids: list[int]
    words: list[str]
    best: Bytes
    best_logprob: Bytes
    targets: list[LensTarget]
    maps: list[LensMap]
    columns: LensColumns
    bands: list[LensBand]
    tuned: LensTuned | None
    nonfinite: int
    stamp: Stamp
    code: NotRequired[str]


class LensPin(TypedDict):
    layer: int
    position: int
    text: str


class LensKept(TypedDict):
    measure: Literal["probability", "rank", "entropy", "kl"]
    of: int | None
    pins: list[LensPin]
    words: bool
    panel_open: bool
    table_open: bool


class ColumnRequest(TypedDict):
    id: str
    kind: Literal["column"]
    run: int
    position: int


class MapRequest(TypedDict):
    id: str
    kind: Literal["map"]
    run: int
    name: Literal["entropy", "kl", "logprob", "rank"]
    target: int


class TrackRequest(TypedDict):
    id: str
    kind: Literal["track"]
    token: int
    on: bool


class TunedRequest(TypedDict):
    id: str
    kind: Literal["tuned"]
    on: bool


class LensControlRequest(TypedDict):
    id: str
    kind: Literal["control"]
    run: int
    position: int
    tokens: list[int]
