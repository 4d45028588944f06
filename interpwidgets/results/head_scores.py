"""What every head of a model attends to, as scores with a chance level and an interval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError, ScoreError, nearest
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.bootstrap import bootstrap_interval, mean_of
from interpwidgets.results.renderings import rendering

if TYPE_CHECKING:
    import pandas as pd

#: The built-in scores and what each says of a head.
SCORES: dict[str, str] = {
    "previous_token": "attention to the token before",
    "induction": "attention to what stood near the same token before",
    "duplicate_token": "attention to the same token before",
    "first_token": "attention to the first position",
    "entropy": "entropy of the attention, in nats",
    "entropy_share": "entropy as a share of an even head’s",
}

#: Scores whose small values tell: the best head is the lowest.
LOWEST_FIRST = ("entropy", "entropy_share")

_SHOWN = 3


@dataclass(frozen=True, repr=False)
class HeadScores(Result):
    """Every head's scores on each of some sequences.

    A *column* is one score, or induction at one lag; columns come in the order of
    ``scores``, induction's in the order of ``lags``. A head's score is the mean over
    sequences of its means over each sequence's queries.
    """

    kind: ClassVar[str] = "head_scores"

    scores: tuple[str, ...]
    """The scores' names, in the order asked."""

    lags: tuple[int, ...]
    """Lags at which induction was measured; empty when it was not."""

    values: Float[np.ndarray, "column sequence layer head"]
    """float32; 0 to 1 but for entropies (nats) and own scores. NaN where a sequence has no
    query to measure, and for heads whose attention was NaN."""

    uniform: Float[np.ndarray, "column sequence"]
    """float32; what a head gets that spreads its attention evenly over what it sees."""

    n_queries: Int[np.ndarray, "column sequence"]
    """Over how many queries each value is an average (own scores: positions given)."""

    token_ids: tuple[tuple[int, ...], ...]
    """The sequences."""

    period: int = 0
    """Tokens in the block that each drawn sequence repeats; 0: the sequences were given."""

    seed: int = 0
    """Of the draws."""

    def __post_init__(self) -> None:
        n_columns = len(self.scores) + ("induction" in self.scores) * (len(self.lags) - 1)
        wanted = (n_columns, len(self.token_ids))
        for name in ("values", "uniform", "n_queries"):
            shape = getattr(self, name).shape[:2]
            if shape != wanted:
                raise ResultError(
                    f"{name} must be [column, sequence, …] = {wanted} for these scores, lags "
                    f"and token_ids; it begins {shape}."
                )

    # ------------------------------------------------------------------------- numbers

    @property
    def n(self) -> int:
        """How many sequences."""
        return len(self.token_ids)

    @property
    def n_layers(self) -> int:
        """How many layers."""
        return int(self.values.shape[2])

    @property
    def n_heads(self) -> int:
        """How many heads each layer has."""
        return int(self.values.shape[3])

    def of(self, score: str) -> Float[np.ndarray, "layer head"]:
        """Return a score of every head; for induction, at each head's best lag.

        Args:
            score: One of ``scores``.

        Raises:
            ScoreError: It was not measured.
        """
        return np.take_along_axis(self._means, self._column(score)[None], axis=0)[0]

    @property
    def by_lag(self) -> Float[np.ndarray, "layer head lag"]:
        """Induction at every lag, in the order of ``lags``.

        Raises:
            ScoreError: Induction was not measured.
        """
        return np.moveaxis(self._means[self._columns("induction")], 0, -1)

    @property
    def best_lag(self) -> Int[np.ndarray, "layer head"]:
        """The lag of each head's induction score; 0 for a head without one.

        Of equal ones the nearest to 0, and ahead before behind.

        Raises:
            ScoreError: Induction was not measured.
        """
        by_lag = self.by_lag
        near = sorted(range(len(self.lags)), key=lambda i: (abs(self.lags[i]), -self.lags[i]))
        known = np.where(np.isnan(by_lag), -np.inf, by_lag)[..., near]
        lags = np.array(self.lags)[near][known.argmax(axis=-1)]
        return np.where(np.isnan(by_lag).all(axis=-1), 0, lags)

    def uniform_of(self, score: str) -> Float[np.ndarray, "layer head"]:
        """Return the chance level: the same score of a head that spreads evenly.

        Args:
            score: One of ``scores``.
        """
        return self._uniform_means[self._column(score)]

    def interval(
        self, score: str
    ) -> tuple[Float[np.ndarray, "layer head"], Float[np.ndarray, "layer head"]]:
        """Return low and high ends of 95 % intervals, by bootstrap over sequences.

        Each is of that head alone and, for induction, of the lag chosen on the same
        sequences. NaN with fewer than two sequences.

        Args:
            score: One of ``scores``.
        """
        if score not in self._intervals:
            self._intervals[score] = self._bootstrapped(score)
        low, high = self._intervals[score]
        return low.copy(), high.copy()

    def _bootstrapped(self, score: str) -> Float[np.ndarray, "2 layer head"]:
        column = self._column(score)
        ends = np.full((2, *column.shape), np.nan)
        for one in np.unique(column):
            here = column == one
            ends[:, here] = bootstrap_interval(self.values[one][self._measured[one]][:, here])
        return ends

    def queries_of(self, score: str) -> Int[np.ndarray, "layer head"]:
        """Return over how many queries in all each head's score is an average.

        Args:
            score: One of ``scores``.
        """
        return self.n_queries.sum(axis=1)[self._column(score)]

    @cached_property
    def _intervals(self) -> dict[str, Float[np.ndarray, "2 layer head"]]:
        return {}

    @cached_property
    def _measured(self) -> Bool[np.ndarray, "column sequence"]:
        return self.n_queries > 0

    @cached_property
    def _means(self) -> Float[np.ndarray, "column layer head"]:
        return np.stack(
            [
                mean_of(values[measured])
                for values, measured in zip(self.values, self._measured, strict=True)
            ]
        )

    @cached_property
    def _uniform_means(self) -> Float[np.ndarray, " column"]:
        pairs = zip(self.uniform, self._measured, strict=True)
        return np.array([mean_of(values[measured]) for values, measured in pairs])

    def _columns(self, score: str) -> slice:
        if score not in self.scores:
            raise ScoreError(f"no score {score!r} here. {nearest(score, self.scores)}")
        at = self.scores.index(score)
        extra = len(self.lags) - 1
        if "induction" in self.scores[:at]:
            at += extra
        return slice(at, at + 1 + (score == "induction") * extra)

    def _column(self, score: str) -> Int[np.ndarray, "layer head"]:
        """Return the column of each head's score."""
        start = self._columns(score).start
        shape = (self.n_layers, self.n_heads)
        if score != "induction":
            return np.full(shape, start)
        place = {0: 0} | {lag: i for i, lag in enumerate(self.lags)}
        return start + np.vectorize(place.__getitem__, otypes=[int])(self.best_lag)

    # -------------------------------------------------------------------------- tables

    def to_frame(self) -> pd.DataFrame:
        """Return one row per score, layer and head.

        Columns: layer, head, score, value, low, high (95 %), lag (of induction), uniform
        (the chance level), n_queries, note (why there is no number or interval).
        """
        import pandas as pd

        frames = [self._frame_of(score) for score in self.scores]
        return pd.concat(frames, ignore_index=True)

    def best(self, score: str, n: int = 5) -> pd.DataFrame:
        """Return the heads with the most of a score; of an entropy, with the least.

        Args:
            score: One of ``scores``.
            n: How many heads; those without a number come last, with a note.

        Raises:
            ScoreError: It was not measured.
        """
        places = [layer * self.n_heads + head for layer, head in self.ranked(score)[:n]]
        return self._frame_of(score).iloc[places].reset_index(drop=True)

    def ranked(self, score: str) -> list[tuple[int, int]]:
        """Return every (layer, head), the best first and those without a number last.

        Args:
            score: One of ``scores``.
        """
        values = self.of(score).ravel()
        cost = values if score in LOWEST_FIRST else -values
        order = np.argsort(np.where(np.isnan(cost), np.inf, cost), kind="stable")
        return [divmod(int(place), self.n_heads) for place in order]

    def _frame_of(self, score: str) -> pd.DataFrame:
        import pandas as pd

        layer, head = np.indices((self.n_layers, self.n_heads))
        low, high = self.interval(score)
        value, n_queries = self.of(score), self.queries_of(score)
        lag = self.best_lag if score == "induction" else np.zeros_like(layer)
        frame = pd.DataFrame(
            {
                "layer": layer.ravel(),
                "head": head.ravel(),
                "score": score,
                "value": value.ravel(),
                "low": low.ravel(),
                "high": high.ravel(),
                "lag": pd.array(lag.ravel(), dtype="Int64"),
                "uniform": self.uniform_of(score).ravel(),
                "n_queries": n_queries.ravel(),
                "note": self.notes(score).ravel(),
            }
        )
        frame.loc[frame["lag"] == 0, "lag"] = pd.NA
        return frame

    def notes(self, score: str) -> Any:
        """Return why a head has no number or no interval, as text ``[layer, head]``.

        Args:
            score: One of ``scores``.
        """
        value, (low, _) = self.of(score), self.interval(score)
        repeats = score in ("induction", "duplicate_token")
        no_query = f"no query to measure: {'no token repeats' if repeats else 'one token'}"
        notes = np.full(value.shape, "", dtype=object)
        notes[np.isnan(low)] = "no interval: " + (
            "one prompt" if self.n == 1 else "one has a query"
        )
        notes[np.isnan(value)] = "its attention is NaN"
        notes[self.queries_of(score) == 0] = no_query
        return notes

    def named(self, score: str, n: int = _SHOWN) -> list[str]:
        """Return a score's best heads in words, e.g. ``"L1 H3 0.92 (lag 1)"``.

        Only heads beyond the chance level, with the whole interval where there is one.

        Args:
            score: One of ``scores``.
            n: At most so many.
        """
        beyond = self.beyond(score)
        return [self._in_words(score, at) for at in self.ranked(score) if beyond[at]][:n]

    def beyond(self, score: str) -> Bool[np.ndarray, "layer head"]:
        """Return which heads are beyond the chance level, with the interval if there is one.

        Args:
            score: One of ``scores``.
        """
        value, even, (low, high) = self.of(score), self.uniform_of(score), self.interval(score)
        if score in LOWEST_FIRST:
            return np.where(np.isnan(high), value, high) < even
        return np.where(np.isnan(low), value, low) > even

    def _in_words(self, score: str, at: tuple[int, int]) -> str:
        words = f"{head_name(*at)} {number_text(self.of(score)[at])}"
        if score != "induction":
            return words
        return f"{words} (lag {lag_text(int(self.best_lag[at]))})"

    def __repr__(self) -> str:
        width = max(map(len, self.scores))
        lines = [f"HeadScores of {self.summary()}"]
        for score in self.scores:
            heads = ", ".join(self.named(score)) or self.none_named(score)
            lines.append(f"  {score:<{width}}  {heads}")
        return "\n".join(lines)

    def none_named(self, score: str) -> str:
        """Return why ``named`` names no head.

        Args:
            score: One of ``scores``.
        """
        if np.isnan(self.of(score)).all():
            return str(self.notes(score)[0, 0])
        return "no head beyond an even one"

    def summary(self) -> str:
        """Return in one line which model was scored on what."""
        name = self.provenance.model or "a model"
        size = f"{_count(self.n_layers, 'layer')} × {_count(self.n_heads, 'head')}"
        if not self.period:
            return f"{name}, {size}, {_count(self.n, 'prompt')}"
        what = f"{self.period} random tokens twice, seed {self.seed}"
        return f"{name}, {size}, {_count(self.n, 'sequence')} of {what}"

    def figure(self, score: str | None = None, **which: Any) -> Any:
        """Return a plotly figure of one score: layers down, heads across.

        Args:
            score: One of ``scores``; the first by default.
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.

        Raises:
            ScoreError: It was not measured.
        """
        return rendering("head_scores_figure")(self, score or self.scores[0], **which)

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> HeadScores:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["token_ids"] = tuple(tuple(ids) for ids in plain["token_ids"])
        return cls(**fields)


def number_text(value: float) -> str:
    """Return a score as views print it: 0.58.

    Args:
        value: The score.
    """
    return "NaN" if np.isnan(value) else f"{value:.2f}".replace("-", "−")


def lag_text(lag: int) -> str:
    """Return a lag with its true minus sign.

    Args:
        lag: Positions after the earlier occurrence.
    """
    return str(lag).replace("-", "−")


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
