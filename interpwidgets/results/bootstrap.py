"""Means over sequences and their intervals, resampled."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

N_RESAMPLES = 1000
LEVEL = 0.95


def mean_of(values: np.ndarray) -> Any:
    """Return the mean over the first axis in float64; NaN where it has no entries.

    Args:
        values: One entry per sequence, with any further axes.
    """
    if len(values) == 0:
        return np.full(values.shape[1:], np.nan)
    return values.mean(axis=0, dtype=np.float64)


def bootstrap_interval(
    values: Float[np.ndarray, "sequence chosen"],
) -> Float[np.ndarray, "2 chosen"]:
    """Return low and high ends of 95 % percentile intervals of the mean over sequences.

    The same values give the same ends: the resampling has a seed of its own.

    Args:
        values: One row per sequence; ends are NaN for fewer than two.

    Source:
        Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13. We
        differ in: nothing.
    """
    n = len(values)
    if n < 2:
        return np.full((2, values.shape[1]), np.nan)
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
    means = drawn @ values.astype(np.float64) / n
    ends: Float[np.ndarray, "2 chosen"] = np.quantile(
        means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0
    )
    return ends
