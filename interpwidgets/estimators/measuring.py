"""How well scores tell labels, with intervals from resampled groups."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

N_RESAMPLES, LEVEL = 1000, 0.95

#: What is measured, by the kind of labels.
OF_CLASSES, OF_AMOUNTS = ("accuracy", "auroc"), ("r2", "correlation")


def measure(
    metric: str,
    scores: Float[np.ndarray, "text output"],
    target: Float[np.ndarray, " text"],
    weight: Float[np.ndarray, "draw text"] | None = None,
) -> Float[np.ndarray, " draw"]:
    """Return a metric, once for each row of weights; NaN where it has no value.

    Args:
        metric: ``"accuracy"`` at threshold 0, or of the highest score; ``"auroc"``, of
            several classes the mean of each against the rest; ``"r2"``; ``"correlation"``.
        scores: Log-odds, or amounts.
        target: Numbers of classes, or amounts.
        weight: How often each text counts; once by default.
    """
    weight = np.ones((1, len(target))) if weight is None else weight
    with np.errstate(invalid="ignore", divide="ignore"):
        if metric == "accuracy":
            return weight @ (predicted(scores) == target) / weight.sum(axis=1)
        if metric == "auroc":
            return _mean_auroc(scores, target, weight)
        return _of_amounts(metric, scores[:, 0], target, weight)


def predicted(
    scores: Float[np.ndarray, "text output"], threshold: float | int = 0.0
) -> Float[np.ndarray, " text"]:
    """Return the class that scores say; −1 where a score is NaN.

    Args:
        scores: Log-odds.
        threshold: Of two classes, above which it is the second.
    """
    bad = np.isnan(scores).any(axis=1)
    if scores.shape[1] == 1:
        says = (scores[:, 0] > threshold).astype(float)
    else:
        says = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1).astype(float)
    return np.where(bad, -1.0, says)


def interval(
    metric: str,
    scores: Float[np.ndarray, "text output"],
    target: Float[np.ndarray, " text"],
    group: Int[np.ndarray, " text"],
) -> tuple[float, float]:
    """Return where 95 % of resamples lie; NaN for fewer than two groups.

    Whole groups are drawn, since texts of one are not independent.

    Args:
        metric: As of ``measure``.
        scores: Log-odds, or amounts.
        target: Numbers of classes, or amounts.
        group: The number of each text's group.

    Source:
        Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13; for
        groups Field and Welsh (2007). We differ in: nothing.
    """
    numbers, of = np.unique(group, return_inverse=True)
    n = len(numbers)
    if n < 2 or np.isnan(scores).any():
        return np.nan, np.nan
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
    values = measure(metric, scores, target, drawn[:, of].astype(float))
    known = values[np.isfinite(values)]
    if len(known) < N_RESAMPLES / 2:
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def auroc(
    score: Float[np.ndarray, " text"],
    is_in: np.ndarray,
    weight: Float[np.ndarray, "draw text"],
) -> Float[np.ndarray, " draw"]:
    """Return the chance that a text of the class scores above another; ties count half.

    Args:
        score: Of each text.
        is_in: Which texts are of the class.
        weight: How often each counts.
    """
    order = np.argsort(score, kind="stable")
    ranked, sorted_weight = score[order], weight[:, order]
    starts = np.flatnonzero(np.diff(ranked, prepend=-np.inf) != 0)
    inside = np.add.reduceat(sorted_weight * is_in[order], starts, axis=1)
    outside = np.add.reduceat(sorted_weight * ~is_in[order], starts, axis=1)
    below = outside.cumsum(axis=1) - outside / 2
    return (inside * below).sum(axis=1) / (inside.sum(axis=1) * outside.sum(axis=1))


def _mean_auroc(scores: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    if np.isnan(scores).any():
        return np.full(len(weight), np.nan)
    classes = [1] if scores.shape[1] == 1 else range(scores.shape[1])
    each = [auroc(scores[:, i], target == number, weight) for i, number in enumerate(classes)]
    return np.mean(each, axis=0)


def _of_amounts(
    metric: str, score: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    share = weight / weight.sum(axis=1, keepdims=True)

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return share @ (a * b) - (share @ a) * (share @ b)

    a, b = score - score.mean(), target - target.mean()  # for precision
    if metric == "r2":
        return 1 - share @ (score - target) ** 2 / covariance(b, b)
    return covariance(a, b) / np.sqrt(covariance(a, a) * covariance(b, b))
