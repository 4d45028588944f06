"""Attribution patching: every cell of a grid of patches from one gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from interpwidgets.errors import InterventionError, MetricError
from interpwidgets.models.gradients import site_gradients
from interpwidgets.models.loading import ready
from interpwidgets.models.pairs import read_pairs
from interpwidgets.models.patching import Cell
from interpwidgets.reads.neuron_ranking import neuron_plan
from interpwidgets.reads.patching_runs import PatchingRuns, run_pairs
from interpwidgets.results.patching import PatchingGrid


def attribution_patching(
    model: Any,
    clean: Any,
    corrupted: Any,
    *,
    answers: Any = None,
    metric: Any = "logit_difference",
    site: str = "resid_pre",
    by: str | None = None,
    direction: str = "denoising",
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    positions: Sequence[int] | None = None,
    neurons: Sequence[int] | None = None,
    top: int | None = None,
    align: Any = None,
    prepend_bos: bool | None = None,
) -> PatchingGrid:
    """Estimate what ``activation_patching`` measures, to first order, in three forwards.

    A cell is the metric of the run that is changed, plus what is patched in minus what is
    there, times the gradient there: exact as the difference goes to 0, and wrong where the
    model is far from linear between the two. ``result.agreement(exact)`` says where.

    Args:
        model: As of ``activation_patching``, and so are the others.
        clean: See there.
        corrupted: See there.
        answers: See there.
        metric: One of the built-in ones, whose derivative is known.
        site: See there; not ``pattern``.
        by: See there.
        direction: See there.
        layers: See there.
        heads: See there.
        positions: See there.
        neurons: See there.
        top: See there.
        align: See there.
        prepend_bos: See there.

    Raises:
        MetricError: The metric is a function of your own.
        InterventionError: No module gives the site.

    Example:
        >>> import interpwidgets as iw
        >>> from interpwidgets.methods.attribution_patching import attribution_patching
        >>> model = iw.load("lil-attn-2l")
        >>> pair = [1, 5, 6, 7, 5], [1, 5, 8, 7, 5]
        >>> attribution_patching(model, *pair, answers=(6, 8)).values.shape
        (2, 5)

    Source:
        Nanda (2023), "Attribution Patching: Activation Patching At Industrial Scale";
        Syed et al. (2023). We differ in: any site that a module gives.
    """
    model = ready(model)
    pairs = read_pairs(model, clean, corrupted, align=align, prepend_bos=prepend_bos)
    members = layers, heads, positions, neurons
    plan = neuron_plan(model, site, by, direction, *members, top, pairs, metric, answers)
    if site == "pattern":
        raise InterventionError(
            "no module gives attention weights on, so there is no gradient at 'pattern'; use "
            "z, q, k or v, or iw.activation_patching."
        )
    if callable(metric):
        raise MetricError(
            "a function of your own has no derivative here; use 'logit_difference', "
            "'probability' or 'kl', or iw.activation_patching."
        )
    runs = run_pairs(plan, pairs, metric, answers)
    raw = runs.empty()
    for at in range(len(pairs)):
        _estimate(runs, at, raw[at])
    return runs.grid(raw, method="attribution patching", note="first order, by gradient")


def _estimate(runs: PatchingRuns, at: int, into: Any) -> None:
    plan, pair, slope = runs.plan, runs.pairs[at], runs.metrics[at].gradient
    assert slope is not None  # every built-in metric has one
    ids = pair.into(plan.direction)[0].ids
    values, gradients = site_gradients(plan.model, ids, plan.site, plan.layers, slope)
    donor = runs.donor(at)
    for row, layer in enumerate(plan.layers):
        for column, member in enumerate(runs.columns):
            cell = plan.cell(pair, layer, member)
            if cell is not None:
                change = _change(cell, donor[layer], values[layer], gradients[layer])
                into[row, column] = runs.base_value(at) + change


def _change(
    cell: Cell, donor: torch.Tensor, values: torch.Tensor, gradient: torch.Tensor
) -> float:
    there, here = (list(side) for side in zip(*cell.pairs, strict=True))
    moved = (donor[there].double() - values[here].double()) * gradient[here].double()
    return float((moved[:, list(cell.heads)] if cell.heads else moved).sum())
