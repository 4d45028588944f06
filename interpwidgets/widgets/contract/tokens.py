"""What travels between Python and TokensView."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.common import Bytes, Stamp, TokenInfo, Turn


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
