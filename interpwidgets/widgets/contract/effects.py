"""What travels between Python and EffectsView."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.common import Bytes, Stamp


class EffectsControl(TypedDict):
    n: int
    title: str
    low: Bytes
    high: Bytes


class EffectsPayload(TypedDict):
    version: Literal[1]
    kind: Literal["effects"]
    run: int
    title: str
    what: str
    caption: str
    unit: str
    rows: list[str]
    columns: list[str]
    down: str
    across: str
    heads: list[list[tuple[int, int]]]
    layers: list[int | None]
    values: Bytes
    low: Bytes
    high: Bytes
    neutral: float
    scale: float
    n: int
    case: str
    control: EffectsControl | None
    control_call: str
    stamp: Stamp
    code: NotRequired[str]


class EffectsKept(TypedDict):
    beyond: bool
    panel_open: bool
    table_open: bool
