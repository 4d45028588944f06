"""From probes, and texts that they scored, to what travels to the browser."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from interpwidgets.results.probe import ProbeResult
from interpwidgets.results.token_values import TokenValues
from interpwidgets.widgets.attention_payload import stamp
from interpwidgets.widgets.contract.probe import (
    ProbePayload,
    WireCurve,
    WireNull,
    WireScored,
    WireScores,
)
from interpwidgets.widgets.probe_static import CONTROLS, METRICS, facts_of, n_draws
from interpwidgets.widgets.tokens_payload import float32_bytes, token_infos

#: Bytes of scores that travel; past it only those of the probe on screen.
MOST_SCORES = 4 * 2**20


@dataclass(frozen=True)
class Scored:
    """A text whose every token a probe scored."""

    values: TokenValues
    """A row for each layer, and for each class of several."""

    probe: int
    """Which probe: method × position rule, counted in that order."""

    read: tuple[int, ...]
    """The positions whose mean is the text's score; empty where the rule needs a span."""

    prompt: Any
    """As it was given."""

    target: float | None = None
    """Its label, where that is known."""


def probe_payload(
    result: ProbeResult, scored: Sequence[Scored], probe: int, *, can_score: bool
) -> ProbePayload:
    """Return what is drawn of probes.

    Args:
        result: The probes.
        scored: Texts, the newest first.
        probe: The one on screen, as of ``Scored.probe``.
        can_score: Whether a model is there to score further texts.
    """
    shown = result.part > 0  # of training texts nothing is drawn
    task: Any = result.task
    return {
        "version": 1,
        "kind": "probe",
        "run": result.provenance.run,
        "task": task,
        "classes": list(result.classes),
        "about": result.about,
        "said": _said(result),
        "site": result.site,
        "layers": list(result.layers),
        "methods": [name.replace("_", " ") for name in result.methods],
        "positions": list(result.positions),
        "metrics": [METRICS[name] for name in result.metrics],
        "parts": list(result.parts[1:]),
        "best": [_best(result, one) for one in range(n_probes(result))],
        "curves": _curves(result),
        "part": (result.part[shown] - 1).tolist(),
        "target": result.target[shown].tolist(),
        "scores": _scores(result, shown, probe),
        "scored": [_wire_scored(one) for one in scored],
        "can_score": can_score,
        "facts": facts_of(result),
        "stamp": {
            **stamp(result.provenance, result.site, "float32"),
            "seed": str(result.seed),
        },
    }


def n_probes(result: ProbeResult) -> int:
    """Return how many probes a layer has: methods × position rules.

    Args:
        result: The probes.
    """
    return len(result.methods) * len(result.positions)


def examples_of(result: ProbeResult, layer: int, probe: int) -> list[int]:
    """Return a few held-out texts to show first, by their place in ``texts``.

    Of classes the surest right one of each, three at most, and the worst mistake; of amounts
    the least, the largest and the one that is furthest off.

    Args:
        result: The probes.
        layer: Whose scores count.
        probe: As of ``Scored.probe``.
    """
    n = result.layers.index(layer)
    at = (*divmod(probe, len(result.positions)), n)
    scores, target = result.scores[at], result.target
    known = np.flatnonzero((result.part == 1) & np.isfinite(scores).all(axis=1))
    if not len(known):
        return []
    if not result.classes:
        order = known[np.argsort(target[known], kind="stable")]
        off = known[np.abs(scores[known, 0] - target[known]).argmax()]
        return _distinct([order[-1], order[0], off])
    margin = np.array([_margin(scores[one], int(target[one])) for one in known])
    by_class = [known[target[known] == k] for k in range(len(result.classes))]
    sure = [of[margin[np.isin(known, of)].argmax()] for of in by_class[::-1] if len(of)]
    return _distinct([*sure[:3], known[margin.argmin()]])


def _margin(score: Float[np.ndarray, " output"], target: int) -> float:
    """Return how far a text is on the side of its own class."""
    if len(score) == 1:
        return float(score[0] if target else -score[0])
    return float(score[target] - np.delete(score, target).max())


def _distinct(places: Sequence[Any]) -> list[int]:
    return list(dict.fromkeys(int(place) for place in places))


def _said(result: ProbeResult) -> str:
    counts = ", ".join(f"{n:,} {name}" for name, n in result.n.items())
    return ", ".join(filter(None, [result.about, counts, result.split.split(",")[0]]))


def _best(result: ProbeResult, probe: int) -> int:
    """Return the index of the layer that does best by the last metric."""
    m, p = divmod(probe, len(result.positions))
    values = result.value[1, -1, m, p]
    return 0 if np.isnan(values).all() else int(np.nanargmax(values))


def _curves(result: ProbeResult) -> list[WireCurve]:
    nulls = {name: result.control(name) for name in CONTROLS}
    shape = (len(result.parts) - 1, len(result.metrics), len(result.methods))
    curves: list[WireCurve] = []
    for part, metric, m, p in itertools.product(*map(range, (*shape, len(result.positions)))):
        at = (part + 1, metric, m, p)
        ends = (_numbers(of[at]) for of in (result.value, result.low, result.high))
        value, low, high = ends
        curves.append(
            {
                "part": part,
                "metric": metric,
                "probe": m * len(result.positions) + p,
                "value": value,
                "low": low,
                "high": high,
                "nulls": []
                if part
                else [
                    _null(name, nulls[name][:, metric, m, p], n_draws(result, name))
                    for name in CONTROLS
                    if np.isfinite(nulls[name][0, metric, m, p]).any()
                ],
            }
        )
    return curves


def _null(name: str, ends: Float[np.ndarray, "3 layer"], n: int) -> WireNull:
    mean, low, high = (_numbers(end) for end in ends)
    return {"name": CONTROLS[name], "n": n, "mean": mean, "low": low, "high": high}


def _scores(
    result: ProbeResult, shown: np.ndarray[Any, np.dtype[np.bool_]], probe: int
) -> list[WireScores]:
    """Return the scores of every probe, or of the one on screen where that is too much."""
    order = [probe, *(one for one in range(n_probes(result)) if one != probe)]
    each = result.scores[0, 0][:, shown].nbytes
    held = order[: max(1, MOST_SCORES // max(1, each))]
    places = [(one, divmod(one, len(result.positions))) for one in held]
    return [
        {"probe": one, "data": float32_bytes(result.scores[at][:, shown])} for one, at in places
    ]


def _wire_scored(one: Scored) -> WireScored:
    return {
        "probe": one.probe,
        "target": one.target,
        "tokens": token_infos(one.values.tokens),
        "turns": [{"role": role, "start": start} for role, start in one.values.tokens.turns()],
        "read": list(one.read),
        "data": float32_bytes(one.values.values),
    }


def _numbers(values: Float[np.ndarray, " layer"]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
