"""One number of the logits after a prompt's last token; numpy in, a float out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import MetricError, nearest

Logits = Float[np.ndarray, " d_vocab"]
Own = Callable[[Logits], Any]

#: The built-in metrics, and how many answers each is about.
METRICS = {"logit_difference": 2, "probability": 1, "kl": 0}

#: Of float32, what a metric of such numbers may differ by without meaning anything.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Metric:
    """A metric for one pair of prompts."""

    title: str
    """What it is, in words."""

    unit: str
    """Its unit; empty for an own function."""

    measure: Own
    """From float64 logits ``[d_vocab]`` to a number."""

    gradient: Callable[[Logits], Logits] | None = None
    """Its derivative by the logits; None where it is not known."""

    floor: float = 0.0
    """A range between clean and corrupted as small as this is rounding."""

    tokens: tuple[int, ...] = ()
    """The only ones whose logits it looks at; empty: all."""

    def __call__(self, logits: Logits) -> float:
        """Return the metric of one run.

        Raises:
            MetricError: An own function gave no finite number.
        """
        value = np.asarray(self.measure(logits.astype(np.float64)))
        if value.shape not in ((), (1,)) or not np.issubdtype(value.dtype, np.number):
            raise MetricError(
                f"a metric gives one number from logits [d_vocab]; {self.title} gave "
                f"{value.dtype} of shape {list(value.shape)}. Take its mean, or one entry."
            )
        number = float(value.reshape(()))
        if not np.isfinite(number):
            raise MetricError(
                f"{self.title} gave {number}; the logits go from {logits.min():.3g} to "
                f"{logits.max():.3g}. A metric must be finite on every patched run."
            )
        return number

    def check_range(self, clean: float, corrupted: float, pair: int | None) -> None:
        """Refuse a pair on which the metric cannot tell the runs apart.

        Raises:
            MetricError: There is nothing between clean and corrupted to be a share of.
        """
        least = max(self.floor, _ROUNDING * max(abs(clean), abs(corrupted)))
        if abs(clean - corrupted) <= least:
            which = "" if pair is None else f" of pair {pair}"
            raise MetricError(
                f"{self.title} is {clean:.6g} on the clean prompt{which} and {corrupted:.6g} "
                "on the corrupted one: no range in which a patch could restore anything. Give "
                "prompts or answers that differ in it, or another metric."
            )


def logit_difference(correct: int, wrong: int, words: str) -> Metric:
    """Return the metric: the logit of one token minus that of another.

    Args:
        correct: Token id.
        wrong: Token id.
        words: The two as text.
    """

    def gradient(logits: Logits) -> Logits:
        return _one(correct, logits) - _one(wrong, logits)

    title = f"logit difference {words}"
    return Metric(
        title,
        "logits",
        lambda x: x[correct] - x[wrong],
        gradient,
        floor=1e-4,
        tokens=(correct, wrong),
    )


def probability(correct: int, words: str) -> Metric:
    """Return the metric: the probability of a token.

    Args:
        correct: Token id.
        words: It as text.
    """

    def measure(logits: Logits) -> float:
        return float(np.exp(log_softmax(logits)[correct]))

    def gradient(logits: Logits) -> Logits:
        p = np.exp(log_softmax(logits))
        return p[correct] * (_one(correct, logits) - p)

    return Metric(f"probability of {words}", "", measure, gradient, 1e-9)


def kl_from(clean: Logits) -> Metric:
    """Return the metric: KL(clean ‖ run) of the next token; 0 for the clean run.

    Args:
        clean: The clean run's logits.
    """
    log_p = log_softmax(clean.astype(np.float64))
    p = np.exp(log_p)

    def measure(logits: Logits) -> float:
        log_q = log_softmax(logits)
        terms = np.where(p > 0, p * (np.where(p > 0, log_p, 0) - log_q), 0)
        return float(max(0.0, terms.sum()))

    title = "KL(clean ‖ run) of the next token"
    return Metric(title, "nats", measure, lambda x: np.exp(log_softmax(x)) - p, 1e-5)


def own_metric(function: Own) -> Metric:
    """Return a user's function as a metric.

    Args:
        function: From logits ``[d_vocab]`` to a number.
    """
    return Metric(getattr(function, "__name__", "own metric"), "", function)


def _one(token_id: int, like: Logits) -> Logits:
    one = np.zeros_like(like)
    one[token_id] = 1
    return one


def log_softmax(logits: Logits) -> Logits:
    """Return log-probabilities.

    Args:
        logits: In float64.
    """
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def metric_of(
    asked: Any, words: tuple[str, ...], ids: tuple[int, ...], clean: Logits
) -> Metric:
    """Return the metric for one pair of prompts.

    Args:
        asked: A name of ``METRICS``, or a function of logits.
        words: The answers as text.
        ids: The answers.
        clean: The clean run's logits.
    """
    if asked == "logit_difference":
        return logit_difference(ids[0], ids[1], " − ".join(map(repr, words)))
    if asked == "probability":
        return probability(ids[0], repr(words[0]))
    return kl_from(clean) if asked == "kl" else own_metric(asked)


def n_answers(asked: Any) -> int:
    """Return how many answers a metric is about.

    Args:
        asked: A name of ``METRICS``, or a function.

    Raises:
        MetricError: It is neither.
    """
    if callable(asked):
        return 0
    if not isinstance(asked, str) or asked not in METRICS:
        raise MetricError(
            f"there is no metric {asked!r:.40}. {nearest(str(asked), METRICS)} An own one is a "
            "function of logits [d_vocab]."
        )
    return METRICS[asked]
