"""One patch by hand: any layer, from any position of one run to any of the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from interpwidgets.errors import InterventionError
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.loading import ready
from interpwidgets.models.patching import Progress, ProgressTeller
from interpwidgets.reads.metrics import METRICS
from interpwidgets.reads.patched_runs import PatchedRuns
from interpwidgets.results.patched_run import PatchedRun, place_in
from interpwidgets.results.patching import PatchingGrid

CONTROLS = 8
Tell = Callable[[Progress], object]


def patched_run(
    model: Any,
    grid: PatchingGrid,
    layer: int,
    pos: int | None = None,
    *,
    source_pos: int | None = None,
    head: int | None = None,
    metric: Any = None,
) -> PatchedRun:
    """Patch one place between the prompts of a grid, and see what the model says next.

    From the partner of ``pos`` it equals the cell of the grid; a patch of what was there
    anyway changes nothing.

    Args:
        model: The model of the grid.
        grid: A grid of ``activation_patching``: the prompts, the site, the metric.
        layer: Of the site.
        pos: Position in the prompt that is changed; None: all that have a partner.
        source_pos: Position in the other prompt; by default the partner of ``pos``.
        head: One head, at a site that has them; all by default.
        metric: The function again, where the grid's metric is your own.

    Raises:
        InterventionError: There is no such layer, position or head, or it is another model.

    Example:
        >>> import interpwidgets as iw
        >>> from interpwidgets.methods.activation_patching import activation_patching
        >>> from interpwidgets.methods.patched_run import patched_run
        >>> model = iw.load("lil-attn-2l")
        >>> grid = activation_patching(model, [1, 5, 6, 7, 5], [1, 5, 8, 7, 5], answers=(6, 8))
        >>> run = patched_run(model, grid, 1, 2)
        >>> bool(abs(run.share - grid.values[1, 2]) < 1e-4)
        True

    Source:
        Geiger et al. (2021), "Causal Abstractions of Neural Networks", for interchange
        between places that need not be the same. We differ in: nothing.
    """
    model = ready(model)
    place = place_in(grid, layer, pos, source_pos, head)
    return runs_of(model, grid, metric).run(place, range(grid.n))


def with_control(
    runs: PatchedRuns,
    run: PatchedRun,
    *,
    n: int = CONTROLS,
    seed: int = 0,
    progress: Tell | None = None,
) -> PatchedRun:
    """Return a patched run with its control: other positions of the same run, as long.

    An interrupt keeps the draws that are done.

    Args:
        runs: Of the grid.
        run: What was patched.
        n: How many draws.
        seed: Of the draws.
        progress: Called with how far it is.

    Raises:
        KeyboardInterrupt: No draw was done.
    """
    draws = runs.control_donors(run.place, n, seed)
    teller = ProgressTeller(len(draws), progress)
    raw: list[list[float]] = []
    try:
        for donors in draws:
            raw.append([runs.measure(run.place, at, donors[at]) for at in run.pairs])
            teller.add(1)
    except KeyboardInterrupt:
        if not raw:
            raise
    title = f"another position of the same run, as long, drawn at random, seed {seed}"
    return dataclasses.replace(run, control_raw=np.array(raw), control_title=title)


def runs_of(model: Any, grid: PatchingGrid, metric: Any = None) -> PatchedRuns:
    """Return the runs of a grid's pairs, for patches between them.

    Args:
        model: The nnsight model.
        grid: The grid.
        metric: Its metric again, where that is a function.

    Raises:
        InterventionError: It is another model, or the metric is not known.
    """
    name = adapter_of(model).name
    if name != grid.provenance.model:
        raise InterventionError(
            f"the grid is of {grid.provenance.model}, this model is {name}: patch the same one."
        )
    return PatchedRuns(model, grid, metric if metric is not None else _asked(grid))


def _asked(grid: PatchingGrid) -> str:
    if grid.metric.startswith("KL("):
        return "kl"
    n = len(grid.answers[0]) if grid.answers else 0
    known = [name for name, needed in METRICS.items() if needed == n and needed]
    if not known:
        raise InterventionError(
            f"the metric {grid.metric!r} is a function of your own: give it again as metric="
        )
    return known[0]
