"""Every head of an AttentionPattern as one small picture, for where nothing draws."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.attention_numbers import NOT_FINITE, TOP_CODE
from interpwidgets.widgets.attention_payload import pool_codes

#: The sequential ramp of the light theme, from zero; stops are equally far apart.
RAMP = ("f5f5f3", "b9d6ee", "82b5e3", "5494d0", "3172b5", "1f528e", "1d3559")

#: The same below zero; zero is the first of both.
RAMP_LESS = ("f5f5f3", "e9ceb5", "dca67c", "c97f4d", "ae5b2a", "8b3f1c", "5c2f21")

# The palette: half the codes are shades enough, the rest holds the other inks.
_SHADES = TOP_CODE // 2 + 1
_PAPER, _HATCH, _ACCENT, _GREYS = _SHADES, _SHADES + 1, _SHADES + 2, _SHADES + 3
_N_GREYS = 16
_PAPER_RGB, _HATCH_RGB, _INK_RGB, _ACCENT_RGB = "ffffff", "b9b6af", "55534e", "b2006f"
_ABSENT = 255

_GAP, _GUTTER, _HEADER = 6, 28, 18
_WIDTH, _SMALLEST, _LARGEST = 900, 12, 64
_TEXT_PX, _COLUMN_ROOM, _ROW_ROOM = 11, 26, 14
_HATCH_STEP = 4


@dataclass(frozen=True)
class Picture:
    """A PNG and its size."""

    png: bytes

    width: int
    """Pixels."""

    height: int
    """Pixels."""

    pooled: int
    """Cells of a thumbnail along a cell of the picture; 1 when each has its own."""


def heads_picture(
    result: AttentionPattern,
    codes: UInt8[np.ndarray, "layer head side side"],
    chosen: tuple[int, int],
) -> Picture:
    """Return all heads as one PNG, layers down and heads across, labelled.

    Args:
        result: Whose layers, heads and runs these are.
        codes: The thumbnails.
        chosen: The layer and head to outline.
    """
    n_layers, n_heads, side, _ = codes.shape
    thumb = min(_LARGEST, max(_SMALLEST, _WIDTH // n_heads - _GAP))
    pooled = -(-side // thumb)
    blocks = _shades(_pool(codes, pooled, signed=result.signed), causal=result.causal)
    blocks[[run is None for run in result.layer_runs]] = _ABSENT
    zoom = max(1, thumb // blocks.shape[-1])
    blocks = _hatched(blocks.repeat(zoom, axis=2).repeat(zoom, axis=3))
    pitch = blocks.shape[-1] + _GAP
    sheet = np.full((_HEADER + n_layers * pitch, _GUTTER + n_heads * pitch), _PAPER, np.uint8)
    gaps = np.pad(blocks, ((0, 0), (0, 0), (0, _GAP), (0, _GAP)), constant_values=_PAPER)
    sheet[_HEADER:, _GUTTER:] = gaps.swapaxes(1, 2).reshape(n_layers * pitch, -1)
    _label(sheet, result, pitch)
    _outline(sheet, result, chosen, pitch)
    return Picture(_png(sheet, signed=result.signed), sheet.shape[1], sheet.shape[0], pooled)


def _pool(
    codes: UInt8[np.ndarray, "layer head side side"], pooled: int, *, signed: bool
) -> UInt8[np.ndarray, "layer head cells cells"]:
    return np.stack([pool_codes(layer, pooled, signed=signed) for layer in codes])


def _shades(
    codes: UInt8[np.ndarray, "layer head cells cells"], *, causal: bool
) -> UInt8[np.ndarray, "layer head cells cells"]:
    shades = np.where(codes == NOT_FINITE, _ABSENT, codes // 2).astype(np.uint8)
    if causal:
        shades[..., ~np.tri(codes.shape[-1], dtype=bool)] = _PAPER
    return shades


def _hatched(
    blocks: UInt8[np.ndarray, "layer head px px"],
) -> UInt8[np.ndarray, "layer head px px"]:
    """Draw what is absent as lines at 45 degrees."""
    across, down = np.indices(blocks.shape[-2:])
    lines = np.where((across + down) % _HATCH_STEP == 0, _HATCH, _PAPER)
    return np.where(blocks == _ABSENT, lines, blocks).astype(np.uint8)


def _label(sheet: UInt8[np.ndarray, "y x"], result: AttentionPattern, pitch: int) -> None:
    middle = (pitch - _GAP) / 2
    columns = [
        (_GUTTER + i * pitch + middle, _HEADER - 4.0, f"H{head}")
        for i, head in enumerate(result.heads)
        if i % -(-_COLUMN_ROOM // pitch) == 0
    ]
    rows = [
        (_GUTTER - 4.0, _HEADER + i * pitch + middle, f"L{layer}")
        for i, layer in enumerate(result.layers)
        if i % -(-_ROW_ROOM // pitch) == 0
    ]
    _write(sheet[:_HEADER], columns, anchor="ms")
    _write(sheet[:, :_GUTTER], rows, anchor="rm")


def _write(
    strip: UInt8[np.ndarray, "y x"], labels: Sequence[tuple[float, float, str]], anchor: str
) -> None:
    ink = Image.new("L", (strip.shape[1], strip.shape[0]))
    pen, font = ImageDraw.Draw(ink), ImageFont.load_default(_TEXT_PX)
    for x, y, text in labels:
        pen.text((x, y), text, fill=255, font=font, anchor=anchor)
    grey = np.asarray(ink) // (256 // _N_GREYS)
    strip[grey > 0] = _GREYS + grey[grey > 0]


def _outline(
    sheet: UInt8[np.ndarray, "y x"],
    result: AttentionPattern,
    chosen: tuple[int, int],
    pitch: int,
) -> None:
    """Frame a head: 2 pixels of accent, 1 of paper inside."""
    y = _HEADER + result.layers.index(chosen[0]) * pitch
    x = _GUTTER + result.heads.index(chosen[1]) * pitch
    far = pitch - _GAP + 3
    for row in (-3, -2, far - 2, far - 1):
        sheet[y + row, x - 3 : x + far] = _ACCENT
    for column in (-3, -2, far - 2, far - 1):
        sheet[y - 3 : y + far, x + column] = _ACCENT


def _png(sheet: UInt8[np.ndarray, "y x"], *, signed: bool) -> bytes:
    image = Image.frombytes("P", (sheet.shape[1], sheet.shape[0]), sheet.tobytes())
    image.putpalette(_palette(signed=signed))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def ramp_stops(*, signed: bool) -> tuple[str, ...]:
    """Return the colours of a ramp from its low end to its high one, equally far apart.

    Args:
        signed: Whether the low end is below zero.
    """
    return (*reversed(RAMP_LESS[1:]), *RAMP) if signed else RAMP


def _palette(*, signed: bool) -> bytes:
    stops = np.array([_rgb(stop) for stop in ramp_stops(signed=signed)])
    at = np.linspace(0, 1, len(stops))
    values = np.linspace(0, 1, _SHADES)
    ramp = np.stack([np.interp(values, at, stops[:, band]) for band in range(3)], axis=1)
    inks = np.array([_rgb(ink) for ink in (_PAPER_RGB, _HATCH_RGB, _ACCENT_RGB)])
    greys = np.linspace(_rgb(_PAPER_RGB), _rgb(_INK_RGB), _N_GREYS)
    return np.rint(np.concatenate([ramp, inks, greys])).astype(np.uint8).tobytes()


def _rgb(code: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(code))
