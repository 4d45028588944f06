"""From what was steered to what travels to the browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interpwidgets.interventions.dial import Dial
from interpwidgets.results.dose_response import DoseResponse
from interpwidgets.results.steering import SteeredText
from interpwidgets.widgets.attention_payload import stamp
from interpwidgets.widgets.contract.steering import (
    WireDial,
    WireDose,
    WireLine,
    WireText,
)
from interpwidgets.widgets.tokens_payload import token_infos


def wire_dial(dial: Dial, strength: float) -> WireDial:
    """Return a dial as it travels.

    Args:
        dial: At the layers where it is added.
        strength: How far it is turned.
    """
    known = [(layer, unit) for layer, unit in dial.known.items() if layer is not None]
    return {
        "name": dial.direction.name,
        "site": dial.direction.site,
        "strength": strength,
        "layers": list(dial.layers),
        "known": [layer for layer, _ in known],
        "units": [unit for _, unit in known] or list(dial.units.values()),
        "gate": "" if dial.when is None else str(dial.when),
    }


def wire_texts(result: SteeredText) -> tuple[WireText, WireText]:
    """Return the two texts as they travel, without the prompt.

    Args:
        result: What was written.
    """
    n = result.n_prompt
    changed = result.changed()
    touched = sorted({pos for part in result.touched for pos in part})
    base: WireText = {
        "tokens": token_infos(result.base)[n:],
        "changed": [pos - n for pos in changed[0]],
        "touched": [],
        "loss": _number(result.base_loss),
        "done": True,
    }
    steered: WireText = {
        "tokens": token_infos(result.steered)[n:],
        "changed": [pos - n for pos in changed[1]],
        "touched": touched,
        "loss": _number(result.steered_loss),
        "done": not result.stopped,
    }
    return base, steered


def wire_dose(dial: int, response: DoseResponse, *, stale: bool) -> WireDose:
    """Return a dose-response as it travels.

    Args:
        dial: Of which dial.
        response: What was measured.
        stale: Whether the dial stands elsewhere by now, or the prompt is another.
    """
    return {
        "dial": dial,
        "name": response.direction,
        "place": response.place,
        "strengths": response.strengths.tolist(),
        "unit": response.unit,
        "effect": _line(response, "effect"),
        "loss": _line(response, "loss"),
        "metric": response.metric,
        "sampling": response.sampling,
        "n": response.n,
        "n_control": response.n_control,
        "stale": stale,
        "note": response.note,
    }


def steering_stamp(result: SteeredText | None) -> Any:
    """Return the stamp of a steered text; an empty one before the first.

    Args:
        result: What is on screen.
    """
    if result is None:
        keys = ("model", "revision", "site", "dtype", "precision", "seed", "intervened", "note")
        return dict.fromkeys(keys, "")
    made = stamp(result.provenance, ", ".join(result.provenance.sites), "float32")
    return {
        **made,
        "seed": "",
        "note": ", ".join(filter(None, [made["note"], result.sampling])),
    }


def _line(response: DoseResponse, of: str) -> WireLine:
    (low, high), control = response.interval(of), response.control(of)
    lines = (response.mean(of), low, high, control[1], control[0], control[2])
    names = ("mean", "low", "high", "control", "control_low", "control_high")
    return {name: _numbers(line) for name, line in zip(names, lines, strict=True)}  # type: ignore[return-value]


def _numbers(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float | np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None
