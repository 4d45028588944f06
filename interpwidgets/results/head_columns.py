"""One number a head, beside what chance gives: the columns of a table of heads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from interpwidgets.results.attribution import DirectLogitAttribution, signed_text
from interpwidgets.results.head_scores import SCORES, HeadScores, lag_text, number_text
from interpwidgets.results.weight_circuits import WeightCircuits


@dataclass(frozen=True)
class HeadColumn:
    """One number of every head, and the range of its control."""

    name: str
    """As ``to_frame`` has it."""

    title: str
    """As views print it."""

    values: Float[np.ndarray, "layer head"]
    """NaN where there is none."""

    low: Float[np.ndarray, "layer head"]
    """Where the control's range begins; NaN without a control."""

    high: Float[np.ndarray, "layer head"]
    """Where it ends."""

    beyond: Bool[np.ndarray, "layer head"]
    """Whether the number is outside of what its control gives."""

    null: str = ""
    """What the control is, in words; empty for none."""

    unit: str = ""
    """``"logits"``, ``"nats"`` or none."""

    signed: bool = False
    """Whether both signs mean something."""

    lags: Int[np.ndarray, "layer head"] | None = None
    """Of induction, where each head looks; 0 for a head without a number."""

    def ranked(self) -> list[int]:
        """Return the heads' places, layer by layer, the largest size first."""
        sizes = np.abs(self.values).ravel()
        order = np.argsort(np.where(np.isnan(sizes), np.inf, -sizes), kind="stable")
        return [int(place) for place in order]

    def text(self, layer: int, head: int) -> str:
        """Return one head's number as views print it.

        Args:
            layer: Its place, from 0.
            head: Its number.
        """
        value = float(self.values[layer, head])
        said = signed_text(value) if self.signed else number_text(value)
        if self.lags is None or not self.lags[layer, head]:
            return said
        return f"{said} (lag {lag_text(int(self.lags[layer, head]))})"


def score_columns(scores: HeadScores) -> list[HeadColumn]:
    """Return one column per pattern score; the control is a head that spreads evenly.

    Args:
        scores: The Result.
    """
    columns = []
    for name in scores.scores:
        even = scores.uniform_of(name)
        columns.append(
            HeadColumn(
                name=name,
                title=name.replace("_", " "),
                values=scores.of(name),
                low=even,
                high=even,
                beyond=scores.beyond(name),
                null="a head that attends evenly",
                unit="nats" if name == "entropy" else "",
                signed=name not in SCORES and bool(np.nanmin(scores.of(name)) < 0),
                lags=scores.best_lag if name == "induction" else None,
            )
        )
    return columns


def copying_column(circuits: WeightCircuits) -> HeadColumn:
    """Return the copying scores; the control is random heads.

    Args:
        circuits: The Result.
    """
    low, high = circuits.copying_interval
    values = circuits.copying
    n = len(circuits.copying_random)
    return HeadColumn(
        name="copying",
        title="OV copying",
        values=values,
        low=np.full_like(values, low),
        high=np.full_like(values, high),
        beyond=(values < low) | (values > high),
        null=f"random heads, 95 %, n = {n}",
        signed=True,
    )


def attribution_column(attribution: DirectLogitAttribution) -> HeadColumn:
    """Return what each head adds to the logit; the control is random directions.

    Args:
        attribution: The Result.
    """
    values, chance = attribution.of("head"), attribution.chance_level("head")
    return HeadColumn(
        name="attribution",
        title="attribution",
        values=values,
        low=-chance,
        high=chance,
        beyond=np.abs(values) > chance,
        null="random directions, 95 %",
        unit="logits",
        signed=True,
    )


def ablation_column(effects: Float[np.ndarray, "layer head"], mode: str) -> HeadColumn:
    """Return what each head's ablation does; the control of each is the other heads.

    Args:
        effects: KL in nats.
        mode: ``"zero"`` or ``"mean"``.
    """
    low, high = _others(effects)
    return HeadColumn(
        name="ablation",
        title=f"{mode} ablation",
        values=effects,
        low=low,
        high=high,
        beyond=effects > high,
        null="the other heads, 95 %",
        unit="nats",
    )


def _others(
    effects: Float[np.ndarray, "layer head"],
) -> tuple[Float[np.ndarray, "layer head"], Float[np.ndarray, "layer head"]]:
    """Return between what 95 % of the other heads lie, for each; NaN for too few."""
    flat = effects.ravel()
    ends = np.full((2, flat.size), np.nan)
    for at in range(flat.size):
        others = np.delete(flat, at)
        others = others[np.isfinite(others)]
        if len(others) > 1:
            ends[:, at] = np.quantile(others, [0.025, 0.975])
    low, high = ends.reshape(2, *effects.shape)
    return low, high
