"""What travels between Python and AttentionView."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.common import Bytes, Stamp, TokenInfo, Turn


class WireTensor(TypedDict):
    dtype: Literal["float16", "uint8"]
    shape: list[int]
    data: NotRequired[Bytes]


class HeadDetail(TypedDict):
    run: int
    layer: int
    head: int
    tensor: WireTensor
    packed: Literal["triangle", "full"]
    scale: float


class Measure(TypedDict):
    name: str
    title: str
    why: str


class Reference(TypedDict):
    name: str
    title: str


class ScoredHeads(TypedDict):
    name: str
    title: str
    values: list[list[float | None]]
    low: float | None
    high: float | None
    null_title: str


class WireControl(TypedDict):
    n: int
    mean: float
    low: float
    high: float
    title: str


class WireEffect(TypedDict):
    title: str
    value: float
    unit: str
    control: WireControl | None
    note: str


class Ablated(TypedDict):
    heads: list[tuple[int, int]]
    mode: str


class WireAlignment(TypedDict):
    tokens: list[TokenInfo]
    pairs: list[tuple[int, int]]
    unmatched: list[int]
    unmatched_other: list[int]


class AttentionPayload(TypedDict):
    version: Literal[1]
    kind: Literal["attention"]
    run: int
    tokens: list[TokenInfo]
    turns: list[Turn]
    prompt_index: int
    prompt_count: int
    layers: list[int]
    heads: list[int]
    layer_runs: list[int | None]
    causal: bool
    thumbs: WireTensor
    pooled: int
    scale: float
    precision: Literal["float16", "uint8"]
    nonfinite: list[list[int]]
    stamp: Stamp
    details: list[HeadDetail]
    measure: NotRequired[Literal["weight", "value_weighted", "score"]]
    hidden_sink: NotRequired[bool]
    signed: NotRequired[bool]
    less: NotRequired[str]
    measures: NotRequired[list[Measure]]
    references: NotRequired[list[Reference]]
    head_scores: NotRequired[list[ScoredHeads]]
    kv_groups: NotRequired[int]
    effect: NotRequired[WireEffect | None]
    ablated: NotRequired[Ablated | None]
    alignment: NotRequired[WireAlignment | None]
    code: NotRequired[str]


class Kept(TypedDict):
    zoom: tuple[float, float, float, float] | None
    panel_open: bool
    table_open: bool
    score: NotRequired[str]
    sorted: NotRequired[bool]
    fit: NotRequired[bool | None]
    unmasked: NotRequired[bool]


class HeadRequest(TypedDict):
    id: str
    kind: Literal["head"]
    run: int
    layer: int
    head: int
    offset: NotRequired[int]


class ScoresRequest(TypedDict):
    id: str
    kind: Literal["scores"]
    run: int


class DisplayRequest(TypedDict):
    id: str
    kind: Literal["display"]
    measure: str
    hide_sink: bool
    less: str


class AblateRequest(TypedDict):
    id: str
    kind: Literal["ablate"]
    heads: list[tuple[int, int]]
    mode: Literal["zero", "mean"]


class ControlRequest(TypedDict):
    id: str
    kind: Literal["control"]


class UndoRequest(TypedDict):
    id: str
    kind: Literal["undo"]
