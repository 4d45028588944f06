"""What travels between Python and PatchGrid."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from interpwidgets.widgets.contract.common import Bytes, Stamp, TokenInfo


class WirePatchControl(TypedDict):
    n: int
    title: str
    mean: Bytes
    low: Bytes
    high: Bytes


class WireAgreement(TypedDict):
    correlation: float | None
    tolerance: float
    disagree: list[tuple[int, int]]


class WirePatchGrid(TypedDict):
    name: str
    title: str
    what: str
    site: str
    by: Literal["position", "head", "neuron"]
    direction: Literal["denoising", "noising"]
    exact: bool
    metric: str
    unit: str
    layers: list[int]
    columns: list[int]
    source: list[TokenInfo]
    target: list[TokenInfo]
    mapping: list[tuple[int, int]]
    varying: list[int]
    alone: list[int]
    n: int
    clean: float
    corrupted: float
    values: Bytes
    raw: Bytes
    low: Bytes
    high: Bytes
    left: int
    control: WirePatchControl | None
    agreement: WireAgreement | None
    stamp: Stamp


class PatchingPayload(TypedDict):
    version: Literal[1]
    kind: Literal["patching"]
    run: int
    grids: list[WirePatchGrid]
    code: NotRequired[str]


class TopToken(TypedDict):
    token: TokenInfo
    probability: float


class RunControl(TypedDict):
    n: int
    low: float
    high: float
    title: str


class WirePatchedRun(TypedDict):
    number: int
    words: str
    site: str
    layer: int
    pos: int | None
    source_pos: int | None
    heads: list[int]
    share: float
    raw: float
    metric: str
    unit: str
    low: float | None
    high: float | None
    control: RunControl | None
    top: list[TopToken]


class CellOutput(TypedDict):
    grid: int
    row: int
    column: int
    share: float
    raw: float
    top: list[TopToken]


class Patches(TypedDict):
    can_run: bool
    can_restore: bool
    runs: list[WirePatchedRun]
    outputs: list[CellOutput]
    clean_top: list[TopToken]
    corrupted_top: list[TopToken]
    restored: int | None
    note: str


class PatchingKept(TypedDict):
    grid: int
    beyond: bool
    panel_open: bool
    table_open: bool


class CellRequest(TypedDict):
    id: str
    kind: Literal["cell"]
    grid: int
    row: int
    column: int


class PatchRequest(TypedDict):
    id: str
    kind: Literal["patch"]
    grid: int
    layer: int
    pos: int | None
    source_pos: int | None
    head: int | None


class PatchControlRequest(TypedDict):
    id: str
    kind: Literal["control"]
    grid: int
    number: int | None


class ExactRequest(TypedDict):
    id: str
    kind: Literal["exact"]


class RestoreRequest(TypedDict):
    id: str
    kind: Literal["restore"]
    number: int | None
