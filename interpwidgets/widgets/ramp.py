"""The colours of values: blue is more, rust is less. The same as ``js/src/shared/ramp.ts``."""

from __future__ import annotations

import math

from interpwidgets.widgets.attention_picture import RAMP

#: Seven stops of the light theme from zero outwards.
MORE = RAMP
LESS = ("f5f5f3", "e9ceb5", "dca67c", "c97f4d", "ae5b2a", "8b3f1c", "5c2f21")

Rgb = tuple[int, int, int]


def share_of(value: float, scale: tuple[float, float], *, signed: bool) -> float:
    """Return where a value is on its ramp: −1 to 1, 0 where the ramp is palest.

    Args:
        value: A finite number.
        scale: The values of the ends.
        signed: Whether 0 is the middle; each side then has its own end.
    """
    low, high = scale
    if not signed:
        return min(1.0, max(0.0, (value - low) / (high - low)))
    end = high if value >= 0 else low
    return max(-1.0, min(1.0, value / abs(end))) if end * value > 0 else 0.0


def colour(share: float) -> Rgb:
    """Return the light theme's colour.

    Args:
        share: −1 to 1, of ``share_of``.
    """
    stops = LESS if share < 0 else MORE
    at = min(1.0, abs(share)) * (len(stops) - 1)
    low = min(len(stops) - 2, math.floor(at))
    a, b = (bytes.fromhex(stops[i]) for i in (low, low + 1))
    red, green, blue = (round(x + (y - x) * (at - low)) for x, y in zip(a, b, strict=True))
    return red, green, blue


def text_on(rgb: Rgb) -> str:
    """Return black or white, whichever reads better on a colour.

    Args:
        rgb: Bytes.
    """
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (byte / 255 for byte in rgb)
    ]
    y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000" if (y + 0.05) / 0.05 > 1.05 / (y + 0.05) else "#fff"


def hex_of(rgb: Rgb) -> str:
    """Return ``#rrggbb``.

    Args:
        rgb: Bytes.
    """
    return f"#{bytes(rgb).hex()}"
