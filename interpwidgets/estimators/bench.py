"""Probes at every layer and position, what they are worth, and their controls: plain arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.errors import DatasetError
from interpwidgets.estimators.fitting import OF_THE_BASIS, Fit, Labels, fit, read_out
from interpwidgets.estimators.measuring import OF_AMOUNTS, OF_CLASSES, interval, measure
from interpwidgets.estimators.splitting import check_classes, shuffled_labels

#: Numbers of the parts of a dataset; a text that was not read has none.
TRAIN, HELD_OUT, UNREAD = 0, 1, -1

#: Draws of labels before a control is given up that leaves a side without a class.
MOST_TRIES = 20


class Progress(NamedTuple):
    """How far a sweep is."""

    stage: str
    """What is being done, in words."""
    done: int
    total: int
    seconds_left: float
    """Of this stage, at its speed so far."""

    def __str__(self) -> str:
        return f"{self.stage}: {self.done} of {self.total}, {self.seconds_left:.0f} s left"


@dataclass(frozen=True)
class SiteRows:
    """What one position rule read."""

    text: Int[np.ndarray, " row"]
    """Which text each row is of."""
    values: Float[np.ndarray, "layer row d"]
    """NaN where nothing was read."""


@dataclass(frozen=True)
class Design:
    """What is learnt, from which texts, and with which controls."""

    target: Float[np.ndarray, " text"]
    group: Int[np.ndarray, " text"]
    part: Int[np.ndarray, " text"]
    """``TRAIN``, ``HELD_OUT``, 2 and on for other datasets, or ``UNREAD``."""
    n_parts: int
    n_classes: int
    """0: amounts."""
    paired: bool = False
    """Whether every group is one text of either class."""
    regularisation: float = 1.0
    n_shuffled: int = 20
    n_random: int = 20
    n_rotations: int = 5
    seed: int = 0

    @property
    def metrics(self) -> tuple[str, str]:
        """What is measured."""
        return OF_CLASSES if self.n_classes else OF_AMOUNTS

    @property
    def n_outputs(self) -> int:
        """Scores of a text."""
        return self.n_classes if self.n_classes > 2 else 1

    def labels(self, rows: SiteRows, target: np.ndarray) -> tuple[Labels, np.ndarray]:
        """Return the labels of the rows to learn from, and which those are."""
        chosen = self.part[rows.text] == TRAIN
        text = rows.text[chosen]
        pairs = np.bincount(self.group[text]) if len(text) else np.zeros(1)
        whole = self.paired and set(pairs[pairs > 0].tolist()) == {2}
        pair = self.group[text] if whole else None
        return Labels(target[text], self.n_classes, pair), chosen


class Bench:
    """One sweep: its arrays are filled as it goes, so that an interrupt keeps what is done."""

    def __init__(
        self, design: Design, rows: Sequence[SiteRows], methods: Sequence[str]
    ) -> None:
        """Make room for everything, NaN until it is measured."""
        self.design, self.rows, self.methods = design, list(rows), list(methods)
        n_layers, _, d = self.rows[0].values.shape
        m, p, k = len(self.methods), len(self.rows), design.n_outputs
        grid = (m, p, n_layers)
        n_metrics = len(design.metrics)
        self.scores = _empty(*grid, len(design.target), k)
        self.vectors = _empty(*grid, k, d)
        self.slope, self.intercept = _empty(*grid, k), _empty(*grid, k)
        measured = (design.n_parts, n_metrics, *grid)
        self.value, self.low, self.high = (_empty(*measured) for _ in range(3))
        self.shuffled = _empty(n_metrics, *grid, design.n_shuffled)
        self.random = _empty(n_metrics, p, n_layers, design.n_random)
        self.rotated = _empty(n_metrics, *grid, design.n_rotations)
        self.site_norm = _empty(p, n_layers)
        self.unconverged = 0
        self.finished = False

    def run(self, tell: Callable[[Progress], object] | None = None) -> None:
        """Fit and measure every probe, then every control; an interrupt ends it.

        Args:
            tell: Called after each step.
        """
        steps = [*self._steps()]
        began = time.monotonic()
        try:
            for done, (stage, step) in enumerate(steps, start=1):
                step()
                if tell is not None:
                    left = (time.monotonic() - began) / done * (len(steps) - done)
                    tell(Progress(stage, done, len(steps), left))
        except KeyboardInterrupt:
            return
        self.finished = True

    def _steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        n_layers = self.rows[0].values.shape[0]
        cells = [(p, n) for p in range(len(self.rows)) for n in range(n_layers)]
        for p, n in cells:
            yield "fitting probes", partial(self._fit_cell, p, n)
        for p, n in cells:
            yield "random directions", partial(self._random_cell, p, n)
        if any(method in OF_THE_BASIS for method in self.methods):
            for draw in range(self.design.n_rotations):
                yield "random rotations", partial(self._rotate, draw)
        for draw in range(self.design.n_shuffled):
            for p, n in cells:
                yield "shuffled labels", partial(self._shuffled_cell, p, n, draw)

    # --------------------------------------------------------------------- the probes

    def _fit_cell(self, p: int, n: int) -> None:
        rows = self.rows[p]
        values = rows.values[n]
        labels, chosen = self.design.labels(rows, self.design.target)
        learnt_from = values[chosen]
        self.site_norm[p, n] = np.linalg.norm(learnt_from.astype(np.float64), axis=1).mean()
        for m, method in enumerate(self.methods):
            found = fit(method, learnt_from, labels, self.design.regularisation)
            self.unconverged += not found.converged
            self.vectors[m, p, n] = found.vectors
            self.slope[m, p, n], self.intercept[m, p, n] = found.slope, found.intercept
            self.scores[m, p, n] = self._text_scores(found, rows, values)
            self._measure_parts(m, p, n)

    def _measure_parts(self, m: int, p: int, n: int) -> None:
        design = self.design
        for part in range(design.n_parts):
            chosen = design.part == part
            if not chosen.any():
                continue
            scores = self.scores[m, p, n][chosen].astype(np.float64)
            target, group = design.target[chosen], design.group[chosen]
            for i, metric in enumerate(design.metrics):
                self.value[part, i, m, p, n] = measure(metric, scores, target)[0]
                if part != TRAIN:  # what was fitted has no honest interval
                    ends = interval(metric, scores, target, group)
                    self.low[part, i, m, p, n], self.high[part, i, m, p, n] = ends

    def _text_scores(self, found: Fit, rows: SiteRows, values: np.ndarray) -> np.ndarray:
        """Return the mean score of each text's rows; NaN for a text without any."""
        of_rows = found.scores(values)
        n_texts = len(self.design.target)
        count = np.bincount(rows.text, minlength=n_texts).astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            each = [
                np.bincount(rows.text, weights=column, minlength=n_texts) / count
                for column in of_rows.T
            ]
        return np.stack(each, axis=1)

    # ------------------------------------------------------------------- the controls

    def _random_cell(self, p: int, n: int) -> None:
        rows = self.rows[p]
        labels, chosen = self.design.labels(rows, self.design.target)
        learnt_from, d = rows.values[n][chosen], rows.values.shape[2]
        for draw in range(self.design.n_random):
            rng = np.random.default_rng([self.design.seed, 1, draw])
            vectors = rng.standard_normal((self.design.n_outputs, d)) / np.sqrt(d)
            found = read_out(vectors, learnt_from, labels)
            self.random[:, p, n, draw] = self._held_out(found, rows, rows.values[n])

    def _shuffled_cell(self, p: int, n: int, draw: int) -> None:
        target = self._shuffled_target(draw)
        if target is None:
            return
        rows = self.rows[p]
        labels, chosen = self.design.labels(rows, target)
        learnt_from = rows.values[n][chosen]
        for m, method in enumerate(self.methods):
            found = fit(method, learnt_from, labels, self.design.regularisation)
            scored = self._held_out(found, rows, rows.values[n], target)
            self.shuffled[:, m, p, n, draw] = scored

    def _shuffled_target(self, draw: int) -> np.ndarray | None:
        """Return labels in a drawn order; None where none has every class on both sides."""
        design = self.design
        used = (design.part == TRAIN) | (design.part == HELD_OUT)
        for attempt in range(MOST_TRIES):
            rng = np.random.default_rng([design.seed, 2, draw, attempt])
            target = design.target.copy()
            target[used] = shuffled_labels(design.target[used], design.group[used], rng)
            if not design.n_classes:
                return target
            try:
                check_classes(target[used], (design.part == HELD_OUT)[used])
            except DatasetError:
                continue
            return target
        return None

    def _rotate(self, draw: int) -> None:
        rng = np.random.default_rng([self.design.seed, 3, draw])
        turn = random_rotation(self.rows[0].values.shape[2], rng)
        for p, rows in enumerate(self.rows):
            labels, chosen = self.design.labels(rows, self.design.target)
            for n in range(len(rows.values)):
                values = rows.values[n] @ turn
                for m, method in enumerate(self.methods):
                    if method in OF_THE_BASIS:
                        found = fit(method, values[chosen], labels)
                        scored = self._held_out(found, rows, values)
                        self.rotated[:, m, p, n, draw] = scored

    def _held_out(
        self,
        found: Fit,
        rows: SiteRows,
        values: np.ndarray,
        target: np.ndarray | None = None,
    ) -> list[float]:
        """Return each metric of a control on the held-out texts."""
        design = self.design
        held_out = design.part == HELD_OUT
        chosen = held_out[rows.text]
        kept = SiteRows(rows.text[chosen], rows.values[:, chosen][:0])
        scores = self._text_scores(found, kept, values[chosen])[held_out]
        target = (design.target if target is None else target)[held_out]
        return [float(measure(metric, scores, target)[0]) for metric in design.metrics]


def random_rotation(d: int, rng: np.random.Generator) -> Float[np.ndarray, "d d"]:
    """Return a rotation drawn evenly from all, float32.

    Args:
        d: The number of dimensions.
        rng: The draw.

    Source:
        Mezzadri (2007), "How to generate random matrices from the classical compact groups".
        We differ in: nothing.
    """
    q, r = np.linalg.qr(rng.standard_normal((d, d)))
    return (q * np.sign(np.diag(r))).astype(np.float32)


def _empty(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan, dtype=np.float32)
