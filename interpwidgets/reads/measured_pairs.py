"""Clean and corrupted runs as they are, and the metric between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float

from interpwidgets.models.adapter import Model
from interpwidgets.models.pairs import PromptPair, answer_ids
from interpwidgets.models.token_text import read_tokens
from interpwidgets.reads.metrics import Metric, metric_of, n_answers

_IN_WORDS = ("logit difference", "probability")


@runtime_checkable
class WithLogits(Protocol):
    """A run whose logits after the last token are known."""

    @property
    def logits(self) -> Float[np.ndarray, " d_vocab"]:
        """They."""


R = TypeVar("R", bound=WithLogits)


@dataclass(frozen=True)
class MeasuredPairs(Generic[R]):
    """The runs of pairs of prompts as they are, and the metric of each."""

    answers: tuple[tuple[int, ...], ...]
    sides: tuple[tuple[R, R], ...]
    """Of each pair the clean and the corrupted run."""
    metrics: tuple[Metric, ...]
    ends: Float[np.ndarray, "pair 2"]
    """The metric of the clean and of the corrupted run."""


def title_of(metrics: Sequence[Metric], case: str = "pair") -> str:
    """Return what the metrics of several cases are, in words.

    Args:
        metrics: One for each.
        case: What one is.
    """
    titles = {metric.title for metric in metrics}
    if len(titles) == 1:
        return titles.pop()
    kind = next((word for word in _IN_WORDS if metrics[0].title.startswith(word)), "")
    return f"{kind or 'metric'} of each {case}'s answers"


def measure_pairs(
    model: Model,
    pairs: Sequence[PromptPair],
    asked: Any,
    answers: Any,
    record: Callable[[PromptPair], tuple[R, R]],
) -> MeasuredPairs[R]:
    """Run every prompt as it is, once, and measure it.

    Args:
        model: The nnsight model.
        pairs: The prompts.
        asked: The metric: a name of ``METRICS`` or a function.
        answers: What it is about.
        record: Runs a pair.

    Raises:
        MetricError: Clean and corrupted do not differ in it, or it is no number.
        PromptError: The answers do not fit.
    """
    needed = n_answers(asked)
    ids = answer_ids(model, answers, needed, len(pairs)) if needed else [()] * len(pairs)
    tokenizer = getattr(model, "tokenizer", None)
    sides, metrics, ends = [], [], np.empty((len(pairs), 2))
    for at, pair in enumerate(pairs):
        side = record(pair)
        words = read_tokens(tokenizer, ids[at]).text if ids[at] else ()
        measure = metric_of(asked, words, ids[at], side[0].logits)
        clean, corrupted = (measure(one.logits) for one in side)
        measure.check_range(clean, corrupted, at if len(pairs) > 1 else None)
        ends[at] = clean, corrupted
        sides.append(side)
        metrics.append(measure)
    return MeasuredPairs(tuple(ids), tuple(sides), tuple(metrics), ends)
