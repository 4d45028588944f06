"""ROC, histogram, calibration and confusion of a probe's scores: plain numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.estimators.measuring import predicted

#: The middle 95 % of a normal distribution, in standard deviations to either side.
_Z = 1.959964


class Roc(NamedTuple):
    """Rates by threshold, from the highest: (0, 0) to (1, 1)."""

    false_positive: Float[np.ndarray, " threshold"]
    true_positive: Float[np.ndarray, " threshold"]
    threshold: Float[np.ndarray, " threshold"]
    """Scores at or above it are taken for positive; the first is infinite."""


class Histogram(NamedTuple):
    """Texts by score."""

    edges: Float[np.ndarray, " edge"]
    """One more than there are bins."""
    negative: Int[np.ndarray, " bin"]
    positive: Int[np.ndarray, " bin"]


class Calibration(NamedTuple):
    """What was said, and how often it was so; NaN in bins without texts."""

    said: Float[np.ndarray, " bin"]
    """Mean probability of the positive class."""
    share: Float[np.ndarray, " bin"]
    """Share of positive texts."""
    low: Float[np.ndarray, " bin"]
    high: Float[np.ndarray, " bin"]
    """Its 95 % interval by Wilson's score."""
    n: Int[np.ndarray, " bin"]

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of both, weighted by texts."""
        known = self.n > 0
        gap = np.abs(self.said - self.share)[known]
        return float((gap * self.n[known]).sum() / self.n.sum())


def roc_of(score: Float[np.ndarray, " text"], target: Float[np.ndarray, " text"]) -> Roc:
    """Return the ROC curve, a point for each score that occurs.

    Args:
        score: Of each text.
        target: 1 for positive ones, else 0.
    """
    values, at = np.unique(-score, return_inverse=True)
    positive, negative = (
        np.bincount(at, weights=target == is_in, minlength=len(values)) for is_in in (1, 0)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = [np.append(0, c.cumsum()) / c.sum() for c in (negative, positive)]
    return Roc(rates[0], rates[1], np.append(np.inf, -values))


def histogram_of(
    score: Float[np.ndarray, " text"], target: Float[np.ndarray, " text"], bins: int
) -> Histogram:
    """Return counts of both classes in bins of one width.

    Args:
        score: Of each text.
        target: 1 for positive ones, else 0.
        bins: How many.
    """
    edges = np.histogram_bin_edges(score, bins)
    counts = [np.histogram(score[target == is_in], edges)[0] for is_in in (0, 1)]
    return Histogram(edges, counts[0], counts[1])


def calibration_of(
    score: Float[np.ndarray, " text"], target: Float[np.ndarray, " text"], bins: int
) -> Calibration:
    """Return said and seen probability in bins of one width.

    Args:
        score: Log-odds of each text.
        target: 1 for positive ones, else 0.
        bins: How many.

    Source:
        Guo et al. (2017), "On Calibration of Modern Neural Networks", for the bins; Wilson
        (1927) for the interval. We differ in: nothing.
    """
    said = 0.5 * (1 + np.tanh(score / 2))
    at = np.minimum((said * bins).astype(int), bins - 1)
    n = np.bincount(at, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(at, weights=said, minlength=bins) / n
        share = np.bincount(at, weights=target, minlength=bins) / n
        low, high = wilson(share, n)
    return Calibration(mean, share, low, high, n)


def wilson(
    share: Float[np.ndarray, " bin"], n: Int[np.ndarray, " bin"]
) -> tuple[Float[np.ndarray, " bin"], Float[np.ndarray, " bin"]]:
    """Return the 95 % interval of shares of ``n``.

    Args:
        share: From 0 to 1.
        n: How many each is of.
    """
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return middle - half, middle + half


def confusion_of(
    scores: Float[np.ndarray, "text output"],
    target: Float[np.ndarray, " text"],
    n_classes: int,
    threshold: float | int,
) -> Int[np.ndarray, "true predicted"]:
    """Return counts by true and by predicted class.

    Args:
        scores: Log-odds.
        target: Numbers of classes.
        n_classes: How many.
        threshold: Of two classes, above which it is the second.
    """
    says = predicted(scores, threshold).astype(int)
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (target.astype(int), says), 1)
    return counts


def interval_of(draws: Float[np.ndarray, "*axes draw"]) -> Float[np.ndarray, 3 * axes]:
    """Return mean, low and high ends of the middle 95 % of draws; NaN where there are none.

    Args:
        draws: NaN where one was not run.
    """
    out = np.full((3, *draws.shape[:-1]), np.nan)
    for at in np.ndindex(draws.shape[:-1]):
        known = draws[at][np.isfinite(draws[at])]
        if len(known):
            out[(slice(None), *at)] = known.mean(), *np.quantile(known, [0.025, 0.975])
    return out
