"""What travels between Python and AttributionView."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.common import Bytes, Stamp, TokenInfo, Turn


class Breakdown(TypedDict):
    name: str
    title: str
    why: str


class WireBars(TypedDict):
    by: str
    places: list[tuple[str, int, int, int]]
    numbers: Bytes
    rest_count: int
    rest_value: float | None


class SourceStrips(TypedDict):
    heads: list[tuple[int, int]]
    values: Bytes


class AttributionPayload(TypedDict):
    version: Literal[1]
    kind: Literal["direct_logit_attribution"]
    run: int
    tokens: list[TokenInfo]
    turns: list[Turn]
    same_text: bool
    prompt_index: int
    prompt_count: int
    n: int
    mean: bool
    follow: bool
    pos: int
    measure: str
    toward: TokenInfo | None
    over: TokenInfo | None
    target_count: int
    layers: int
    heads: int
    logit: float | None
    remainder: float | None
    output: float | None
    cap: float
    breakdowns: list[Breakdown]
    bars: list[WireBars]
    strips: SourceStrips | None
    stamp: Stamp
    code: NotRequired[str]


class AttributionKept(TypedDict):
    by: str
    order: Literal["size", "layer"]
    every: bool
    panel_open: bool
    table_open: bool


class SplitRequest(TypedDict):
    id: str
    kind: Literal["split"]
    by: str
    mean: bool
    follow: bool


class PositionRequest(TypedDict):
    id: str
    kind: Literal["position"]
    run: int
    pos: int
