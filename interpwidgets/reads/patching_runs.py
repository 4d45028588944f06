"""The clean and corrupted runs that a grid of patches is measured between."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from interpwidgets.models.pairs import PromptPair
from interpwidgets.models.patching import Donor, Recorded
from interpwidgets.models.patching_grid import GridPlan
from interpwidgets.reads.measured_pairs import measure_pairs, title_of
from interpwidgets.reads.metrics import Metric
from interpwidgets.results.patching import PatchingGrid


@dataclass(frozen=True)
class PatchingRuns:
    """Every pair of prompts as it is, with its metric."""

    plan: GridPlan
    pairs: Sequence[PromptPair]
    columns: tuple[int, ...]
    asked: Any
    """The metric that was asked for."""
    answers: tuple[tuple[int, ...], ...]
    sides: tuple[tuple[Recorded, Recorded], ...]
    """Of each pair the clean and the corrupted run."""
    metrics: tuple[Metric, ...]
    ends: Float[np.ndarray, "pair 2"]
    """The metric of the clean and of the corrupted run."""

    def donor(self, pair: int) -> Donor:
        """Return what is patched in."""
        return self.sides[pair][0 if self.plan.direction == "denoising" else 1].values

    def base_value(self, pair: int) -> float:
        """Return the metric of the run that is changed."""
        return float(self.ends[pair, 1 if self.plan.direction == "denoising" else 0])

    def empty(self, *axes: int) -> np.ndarray:
        """Return NaN for every cell, ``[*axes, pair, layer, column]``."""
        shape = (*axes, len(self.pairs), len(self.plan.layers), len(self.columns))
        return np.full(shape, np.nan)

    def grid(
        self, raw: np.ndarray, *, note: str = "", method: str = "activation patching"
    ) -> PatchingGrid:
        """Return the Result.

        Args:
            raw: The metric of each patched run.
            note: What else a reader must know.
            method: How the numbers were found.
        """
        plan = self.plan
        provenance = self.sides[0][0].run.provenance(plan.site, "logits", prompt=None)
        notes = ". ".join(filter(None, [provenance.note, note]))
        return PatchingGrid(
            provenance=dataclasses.replace(provenance, note=notes),
            site=plan.site,
            by=plan.by,
            direction=plan.direction,
            metric=title_of(self.metrics),
            unit=self.metrics[0].unit,
            layers=plan.layers,
            columns=self.columns,
            raw=raw,
            clean_values=self.ends[:, 0],
            corrupted_values=self.ends[:, 1],
            clean=tuple(pair.clean for pair in self.pairs),
            corrupted=tuple(pair.corrupted for pair in self.pairs),
            mapping=tuple(pair.mapping for pair in self.pairs),
            positions=tuple(plan.positions or ()) if plan.by != "position" else (),
            answers=self.answers,
            method=method,
        )


def run_pairs(
    plan: GridPlan, pairs: Sequence[PromptPair], asked: Any, answers: Any
) -> PatchingRuns:
    """Run every prompt as it is, once.

    Args:
        plan: What will be patched.
        pairs: The prompts.
        asked: The metric: a name of ``METRICS`` or a function.
        answers: What it is about.

    Raises:
        MetricError: Clean and corrupted do not differ in it, or it is no number.
        PromptError: The answers do not fit.
    """
    columns = plan.check_pairs(pairs)
    found = measure_pairs(plan.model, pairs, asked, answers, plan.record)
    return PatchingRuns(
        plan, pairs, columns, asked, found.answers, found.sides, found.metrics, found.ends
    )
