"""Which neurons a patch of them would matter for most, to first order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import InterventionError, MetricError
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.gradients import site_gradients
from interpwidgets.models.pairs import PromptPair
from interpwidgets.models.patching_grid import GridPlan
from interpwidgets.reads.patching_runs import PatchingRuns, run_pairs

Members = Sequence[int] | None


def top_neurons(
    plan: GridPlan, pairs: Sequence[PromptPair], metric: Any, answers: Any, n: int
) -> tuple[int, ...]:
    """Return the neurons with the largest attribution in any of the layers, largest first.

    Args:
        plan: Of all neurons.
        pairs: The prompts.
        metric: One of the built-in ones, whose derivative is known.
        answers: What it is about.
        n: How many.

    Raises:
        InterventionError: Fewer than one is asked for, or more than there are.
        MetricError: The metric is a function of the user's own.

    Source:
        Nanda (2023), "Attribution Patching". We differ in: nothing.
    """
    if not 1 <= n <= len(plan.neurons):
        raise InterventionError(f"top is 1 to {len(plan.neurons):,} neurons; got {n}.")
    if callable(metric):
        raise MetricError(
            "a function of your own has no derivative to rank neurons by: give neurons=[...], "
            "or 'logit_difference', 'probability' or 'kl'."
        )
    runs = run_pairs(plan, pairs, metric, answers)
    shares = [_effects(runs, at) / np.ptp(runs.ends[at]) for at in range(len(pairs))]
    strongest = np.abs(np.mean(shares, axis=0)).max(axis=0)
    return tuple(np.argsort(-strongest, kind="stable")[:n].tolist())


def _effects(runs: PatchingRuns, at: int) -> Float[np.ndarray, "layer neuron"]:
    plan, pair, slope = runs.plan, runs.pairs[at], runs.metrics[at].gradient
    assert slope is not None  # every built-in metric has one
    ids = pair.into(plan.direction)[0].ids
    values, gradients = site_gradients(plan.model, ids, plan.site, plan.layers, slope)
    found = np.zeros((len(plan.layers), adapter_of(plan.model).d_mlp or 0))
    for row, layer in enumerate(plan.layers):
        cell = plan.cell(pair, layer, 0)
        if cell is None:
            continue
        there, here = (list(side) for side in zip(*cell.pairs, strict=True))
        moved = runs.donor(at)[layer][there].double() - values[layer][here].double()
        found[row] = (moved * gradients[layer][here].double()).sum(dim=0).cpu().numpy()
    return found


def neuron_plan(
    model: Any,
    site: str,
    by: str | None,
    direction: str,
    layers: Members,
    heads: Members,
    positions: Members,
    neurons: Members,
    top: int | None,
    pairs: Sequence[PromptPair],
    metric: Any,
    answers: Any,
) -> GridPlan:
    """Return a plan of patches, with the neurons found where a number of them is asked for.

    Args:
        model: The nnsight model.
        site: As of ``activation_patching``, and so are the others.
        by: See there.
        direction: See there.
        layers: See there.
        heads: See there.
        positions: See there.
        neurons: See there.
        top: See there.
        pairs: The prompts.
        metric: See there.
        answers: See there.

    Raises:
        InterventionError: Both neurons and a number of them, or a number for another grid.
    """
    if top is None:
        return GridPlan(model, site, by, direction, layers, heads, positions, neurons)
    if neurons is not None or site != "mlp_post" or by == "position":
        raise InterventionError(
            "top= chooses neurons: give site='mlp_post', and either top or neurons."
        )
    every = range(adapter_of(model).d_mlp or 0)
    plan = GridPlan(model, site, by, direction, layers, heads, positions, every)
    chosen = top_neurons(plan, pairs, metric, answers, top)
    return GridPlan(model, site, by, direction, layers, heads, positions, chosen)
