"""What travels between Python and HeadBoard."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.attention import Ablated, WireEffect
from interpwidgets.widgets.contract.common import Bytes, Stamp, TokenInfo


class BoardColumn(TypedDict):
    name: str
    title: str
    unit: str
    null: str
    signed: bool
    values: Bytes
    low: Bytes
    high: Bytes
    beyond: Bytes
    lags: list[int]


class HeadWeightsInfo(TypedDict):
    rank: int
    held: list[tuple[int, int]]
    eigenvalues: Bytes
    own_rank: Bytes
    top_1: Bytes
    d_vocab: int
    n_tokens: int


class ComposedPair(TypedDict):
    kind: Literal["q", "k", "v"]
    heads: tuple[tuple[int, int], tuple[int, int]]
    score: float
    ratio: float


class ComposedBlock(TypedDict):
    layer: int
    to_layer: int
    values: Bytes


class Composition(TypedDict):
    by: Literal["head", "layer"]
    values: Bytes
    blocks: list[ComposedBlock]
    mean: float
    low: float
    high: float
    n_random: int
    pairs: list[ComposedPair]
    beyond: list[int]
    n_pairs: int


class AbsentPart(TypedDict):
    part: str
    why: str


class HeadBoardPayload(TypedDict):
    version: Literal[1]
    kind: Literal["head_board"]
    run: int
    tokens: list[TokenInfo]
    prompt_index: int
    prompt_count: int
    layers: list[int]
    heads: int
    target: str
    scored_on: str
    columns: list[BoardColumn]
    weights: HeadWeightsInfo | None
    composition: Composition | None
    absent: list[AbsentPart]
    runnable: bool
    ablated: Ablated | None
    effect: WireEffect | None
    stamp: Stamp
    code: NotRequired[str]


class HeadBoardKept(TypedDict):
    panel_open: bool
    table_open: bool
    sort: str
    ascending: bool
    layer: int | None
    beyond: bool
    kind: Literal["q", "k", "v"]
    block: tuple[int, int] | None
    mode: Literal["zero", "mean"]


class EigenvaluesRequest(TypedDict):
    id: str
    kind: Literal["eigenvalues"]
    run: int
    layer: int
    head: int


class BlockRequest(TypedDict):
    id: str
    kind: Literal["block"]
    run: int
    layer: int
    to_layer: int


class SweepRequest(TypedDict):
    id: str
    kind: Literal["sweep"]
    mode: Literal["zero", "mean"]
