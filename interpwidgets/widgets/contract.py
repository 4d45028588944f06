"""What travels between Python and the browser, as types.

``docs/wire.md`` says what each field means. ``js/src/contract.gen.ts`` is generated from
this file by ``python -m js.contract``; a test holds the two together.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

#: A binary buffer: DataView in most hosts, Uint8Array in some.
Bytes = bytes


class TokenInfo(TypedDict):
    text: str
    special: bool
    generated: bool


class Turn(TypedDict):
    role: str
    start: int


class Stamp(TypedDict):
    model: str
    revision: str
    site: str
    dtype: str
    precision: str
    seed: str
    intervened: str
    note: str
    full: NotRequired[str]


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


class Status(TypedDict):
    kind: Literal["empty", "live", "running", "stale", "error"]
    message: str
    run: int
    can_rerun: bool
    done: int
    total: int


class LostToken(TypedDict):
    position: int
    text: str


class Selection(TypedDict):
    heads: list[tuple[int, int]]
    tokens: list[int]
    layer: int | None
    feature: int | None
    prompt: int | None
    text: list[str]
    revision: int
    lost: list[LostToken]


class Links(TypedDict):
    group: str
    warning: str


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


class SelectRequest(TypedDict):
    id: str
    kind: Literal["select"]
    heads: list[tuple[int, int]]
    tokens: list[int]
    layer: int | None
    feature: int | None
    prompt: int | None
    text: NotRequired[list[str]]


class LinkRequest(TypedDict):
    id: str
    kind: Literal["link"]
    linked: bool


class CodeRequest(TypedDict):
    id: str
    kind: Literal["code"]


class PartRequest(TypedDict):
    id: str
    kind: Literal["part"]
    name: str


class PromptRequest(TypedDict):
    id: str
    kind: Literal["prompt"]
    index: int


class RerunRequest(TypedDict):
    id: str
    kind: Literal["rerun"]


class ReportRequest(TypedDict):
    id: str
    kind: Literal["report"]
    message: str


class RowAxis(TypedDict):
    name: str
    labels: list[str]


class Expected(TypedDict):
    words: list[str]
    k: int
    index: Bytes
    logprob: Bytes


class TokensPayload(TypedDict):
    version: Literal[1]
    kind: Literal["token_values"]
    run: int
    tokens: list[TokenInfo]
    turns: list[Turn]
    prompt_index: int
    prompt_count: int
    prompt_label: str
    title: str
    unit: str
    signed: bool
    scale: tuple[float, float]
    rows: list[str]
    row_axes: list[RowAxis]
    held: list[int]
    values: Bytes
    absent: list[int]
    nonfinite: list[int]
    expected: Expected | None
    rank: list[int] | None
    stamp: Stamp
    code: NotRequired[str]


class TokensKept(TypedDict):
    row: int
    panel_open: bool
    table_open: bool
    by_value: bool
    most: int | None


class RowRequest(TypedDict):
    id: str
    kind: Literal["row"]
    run: int
    row: int
