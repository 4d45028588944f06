"""What sweeps and their controls check alike: the model, the metric, an interrupt."""

from __future__ import annotations

from typing import Any

import numpy as np

from interpwidgets.errors import InterventionError
from interpwidgets.results.effect_grid import EffectGrid


def note_of(raw: np.ndarray) -> str:
    """Return what an interrupted sweep says of itself.

    Args:
        raw: What was measured, NaN for the rest.

    Raises:
        KeyboardInterrupt: Nothing was.
    """
    n_done = int(np.isfinite(raw).sum())
    if not n_done:
        raise KeyboardInterrupt
    return f"interrupted: {n_done} of {raw.size} cells were run"


def check_same_model(name: str, result: EffectGrid) -> None:
    """Refuse to control a grid of another model.

    Args:
        name: The model's at hand.
        result: The grid.

    Raises:
        InterventionError: It is another one.
    """
    if name != result.provenance.model:
        raise InterventionError(
            f"the grid is of {result.provenance.model}, this model is {name}: a control is of "
            "the same model."
        )


def check_same_values(now: np.ndarray, before: np.ndarray) -> None:
    """Refuse to control a grid of a model that has changed.

    Args:
        now: The metric of runs without a change.
        before: The same, when the grid was made.

    Raises:
        InterventionError: They differ.
    """
    if not np.allclose(now, before, rtol=1e-3, atol=1e-4):
        raise InterventionError(
            f"without a change the model gives {now[0]} here and gave {before[0]} for the "
            "grid: weights, adapter or precision changed. Run the grid again."
        )


def metric_asked(result: EffectGrid, metric: Any) -> Any:
    """Return the metric of a grid as it was asked for.

    Args:
        result: The grid.
        metric: The function, given again.

    Raises:
        InterventionError: It was a function, and is not given.
    """
    if metric is not None:
        return metric
    if result.metric.startswith("KL("):
        return "kl"
    by_count = {1: "probability", 2: "logit_difference"}
    if not result.answers or len(result.answers[0]) not in by_count:
        raise InterventionError(
            f"the metric {result.metric!r} is a function of your own: give it again as metric="
        )
    return by_count[len(result.answers[0])]
