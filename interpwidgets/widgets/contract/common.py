"""What travels between Python and the browser in every view."""

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


class CancelRequest(TypedDict):
    id: str
    kind: Literal["cancel"]
