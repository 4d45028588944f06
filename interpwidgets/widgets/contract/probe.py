"""What travels between Python and ProbePanel."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.common import Bytes, Stamp, TokenInfo, Turn


class WireNull(TypedDict):
    name: str
    n: int
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


class WireCurve(TypedDict):
    part: int
    metric: int
    probe: int
    value: list[float | None]
    low: list[float | None]
    high: list[float | None]
    nulls: list[WireNull]


class WireScores(TypedDict):
    probe: int
    data: Bytes


class WireScored(TypedDict):
    probe: int
    target: float | None
    tokens: list[TokenInfo]
    turns: list[Turn]
    read: list[int]
    data: Bytes


class ProbePayload(TypedDict):
    version: Literal[1]
    kind: Literal["probe"]
    run: int
    task: Literal["binary", "multiclass", "regression"]
    classes: list[str]
    about: str
    said: str
    site: str
    layers: list[int]
    methods: list[str]
    positions: list[str]
    metrics: list[str]
    parts: list[str]
    best: list[int]
    curves: list[WireCurve]
    part: list[int]
    target: list[float]
    scores: list[WireScores]
    scored: list[WireScored]
    can_score: bool
    facts: list[str]
    stamp: Stamp
    code: NotRequired[str]


class ProbeKept(TypedDict):
    embed: bool
    method: int
    position: int
    metric: int
    part: int
    output: int
    threshold: float
    panel_open: bool
    table_open: bool


class ScoreRequest(TypedDict):
    id: str
    kind: Literal["text"]
    text: str


class ForgetRequest(TypedDict):
    id: str
    kind: Literal["forget"]
    index: int


class SteerCodeRequest(TypedDict):
    id: str
    kind: Literal["direction"]
