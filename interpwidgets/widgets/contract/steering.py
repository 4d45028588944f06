"""What travels between Python and SteeringView."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.common import Stamp, TokenInfo, Turn


class WireDial(TypedDict):
    name: str
    site: str
    strength: float
    layers: list[int]
    known: list[int]
    units: list[float]
    gate: str


class WireExtra(TypedDict):
    words: str
    on: bool


class WireWriting(TypedDict):
    max_new_tokens: int
    temperature: float
    seed: int


class WireText(TypedDict):
    tokens: list[TokenInfo]
    changed: list[int]
    touched: list[int]
    loss: float | None
    done: bool


class WireLine(TypedDict):
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]
    control: list[float | None]
    control_low: list[float | None]
    control_high: list[float | None]


class WireDose(TypedDict):
    dial: int
    name: str
    place: str
    strengths: list[float]
    unit: float
    effect: WireLine
    loss: WireLine
    metric: str
    sampling: str
    n: int
    n_control: int
    stale: bool
    note: str


class SteeringPayload(TypedDict):
    version: Literal[1]
    kind: Literal["steering"]
    run: int
    turn: int
    written: int
    prompt: list[TokenInfo]
    turns: list[Turn]
    dials: list[WireDial]
    strongest: float
    positions: list[int] | None
    extras: list[WireExtra]
    writing: WireWriting
    words: str
    base: WireText | None
    steered: WireText | None
    metric: str
    doses: list[WireDose]
    can_show: bool
    stamp: Stamp
    code: NotRequired[str]


class SteeringKept(TypedDict):
    dial: int
    panel_open: bool
    table_open: bool


class SteerRequest(TypedDict):
    id: str
    kind: Literal["steer"]
    strengths: list[float]
    layers: list[list[int]]
    positions: list[int] | None
    extras: list[bool]
    max_new_tokens: int
    temperature: float
    seed: int


class StopRequest(TypedDict):
    id: str
    kind: Literal["stop"]


class DoseRequest(TypedDict):
    id: str
    kind: Literal["dose"]
    dial: int


class ShowRequest(TypedDict):
    id: str
    kind: Literal["show"]
    side: Literal["base", "steered"]
