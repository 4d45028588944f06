"""Activation patching: put what one run had into another, place by place."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from interpwidgets.errors import InterventionError, PromptError, ResultError
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.loading import ready
from interpwidgets.models.pairs import PromptPair, read_pairs
from interpwidgets.models.patching import Donor, Progress, ProgressTeller, record
from interpwidgets.models.patching_grid import GridPlan, as_long_as, shifted
from interpwidgets.models.prompts import token_ids_of
from interpwidgets.reads.neuron_ranking import neuron_plan
from interpwidgets.reads.patching_runs import PatchingRuns, run_pairs
from interpwidgets.reads.sweeps import (
    check_same_model,
    check_same_values,
    metric_asked,
    note_of,
)
from interpwidgets.results.patching import PatchingGrid

#: How many draws a control makes for each cell.
CONTROLS = 8

Tell = Callable[[Progress], object]


def activation_patching(
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
    batch: int | None = None,
    progress: Tell | None = None,
    watch: Callable[[PatchingGrid], object] | None = None,
) -> PatchingGrid:
    """Patch one run into another, one layer and position or head at a time.

    The cell of all positions of ``resid_pre`` at layer 0 would be the other run itself; a
    patch of what was there anyway changes nothing. An interrupt keeps the cells that are
    done; the others are NaN, and the provenance says so.

    Args:
        model: An nnsight or a Hugging Face model that predicts the next token.
        clean: The prompt whose answer is right, or a list of those.
        corrupted: The prompt that changes the answer, one for each clean one.
        answers: ``(correct, wrong)`` for a logit difference, ``correct`` for a probability,
            as text of one token or ids; or a list of those, one for each pair.
        metric: ``"logit_difference"``, ``"probability"``, ``"kl"`` (from the clean run), or
            a function from logits after the last token, float64 ``[d_vocab]``, to a number.
        site: ``resid_pre``, ``resid_mid``, ``resid_post``, ``attn_out``, ``mlp_in``,
            ``mlp_out``, ``mlp_post``, ``q``, ``k``, ``v``, ``z`` or ``pattern``.
        by: ``"position"``, ``"head"`` or, of ``mlp_post``, ``"neuron"``; by default heads or
            neurons where the site has them.
        direction: ``"denoising"``: clean patched into corrupted; ``"noising"``: corrupted
            patched into clean.
        layers: Rows of the grid; all by default.
        heads: Which heads are columns, or are patched together in a grid of positions;
            all by default (of ``k`` and ``v``: key-value heads).
        positions: Which positions of the prompt that is changed are columns, or are patched
            together in a grid of heads; all by default.
        neurons: Of ``mlp_post``: which neurons, the same of every layer, are columns.
        top: In place of ``neurons``: so many of those that matter most by attribution in any
            of the layers; ``layers=[3]`` for those of one layer.
        align: For prompts of different length: ``"tokens"`` pairs equal tokens in order, and
            changed words between them where as many; or (clean, corrupted) pairs of
            positions. Cells whose token has no partner are NaN.
        prepend_bos: As of ``iw.attention``.
        batch: How many patched runs share a forward; by default what fits 256 MB, or a
            quarter of what is free.
        progress: Called with how far it is, after each forward.
        watch: Called before that with the grid so far: cells to come are NaN.

    Returns:
        ``PatchingGrid``; ``values`` is ``[layer, column]``, 0 as the corrupted run and 1 as
        the clean one, mean over pairs; ``raw`` has the metric itself.

    Raises:
        MetricError: Clean and corrupted do not differ in the metric, or it is no number.
        PromptError: Prompts of different length without ``align``, or answers that are not
            one token.
        SiteError: The architecture has no such site.
        InterventionError: The site or the choice of heads and positions makes no grid.

    Example:
        >>> import interpwidgets as iw
        >>> from interpwidgets.methods.activation_patching import activation_patching
        >>> model = iw.load("lil-attn-2l")
        >>> clean, corrupted = [1, 5, 6, 7, 5], [1, 5, 8, 7, 5]
        >>> grid = activation_patching(model, clean, corrupted, answers=(6, 8))
        >>> grid.values.shape
        (2, 5)

    Source:
        Meng et al. (2022), "Locating and Editing Factual Associations in GPT"; Heimersheim
        and Nanda (2024), "How to use and interpret activation patching", for denoising and
        noising. We differ in: nothing.
    """
    model = ready(model)
    pairs = read_pairs(model, clean, corrupted, align=align, prepend_bos=prepend_bos)
    members = layers, heads, positions, neurons
    plan = neuron_plan(model, site, by, direction, *members, top, pairs, metric, answers)
    runs = run_pairs(plan, pairs, metric, answers)
    raw, done = runs.empty(), True

    def tell(how_far: Progress) -> None:
        if watch is not None:
            watch(runs.grid(raw.copy()))
        if progress is not None:
            progress(how_far)

    teller = ProgressTeller(raw.size, tell)
    for at, pair in enumerate(pairs):
        measure = runs.metrics[at]
        done = done and _swept(
            plan,
            pair,
            runs.donor(at),
            runs.columns,
            measure,
            raw[at],
            batch,
            teller,
            None,
            measure.tokens,
        )
    notes = plan.note, "" if done else note_of(raw)
    return runs.grid(raw, note=". ".join(filter(None, notes)))


def _swept(plan: GridPlan, *sweep: Any) -> bool:
    """Return whether a sweep came to its end; an interrupt may come before its first run."""
    try:
        return plan.sweep(*sweep)
    except KeyboardInterrupt:
        return False


# ------------------------------------------------------------------------------ control


def patching_control(
    model: Any,
    result: PatchingGrid,
    *,
    n: int = CONTROLS,
    seed: int = 0,
    prompts: Any = None,
    metric: Any = None,
    cells: Sequence[tuple[int, int]] | None = None,
    batch: int | None = None,
    progress: Tell | None = None,
) -> PatchingGrid:
    """Patch the same cells with what has no reason to matter, and return them beside it.

    From a position of the same run drawn at random, or, with ``prompts``, from the same
    position of a prompt drawn from those; every vector scaled to the length of the one that
    it stands for.

    Args:
        model: The model of the result.
        result: A grid of ``activation_patching``.
        n: Draws for each cell; fewer where there are fewer others.
        seed: Of the draws.
        prompts: Other prompts, each at least as long as the one patched from; by default
            other positions.
        metric: The function again, where the result's metric is your own.
        cells: (row, column) of the cells to control; all by default, the others are NaN.
        batch: As of ``activation_patching``.
        progress: As of ``activation_patching``.

    Returns:
        The result with its ``control``: mean and interval for each cell. An interrupt keeps
        the draws that are complete.

    Raises:
        InterventionError: It is another model, or there is nothing else to draw from.
        PromptError: A prompt is too short.

    Source:
        Zhang and Nanda (2023), "Towards Best Practices of Activation Patching", for how much
        the choice of what is patched in matters. We differ in: lengths are kept.
    """
    model = ready(model)
    check_same_model(adapter_of(model).name, result)
    plan, pairs = _plan_of(model, result)
    runs = run_pairs(plan, pairs, metric_asked(result, metric), result.answers)
    before = np.stack([result.clean_values, result.corrupted_values], axis=1)
    check_same_values(runs.ends, before)
    wanted = _wanted(result, cells)
    draws, title = _draws(runs, n, seed, prompts)
    raw = runs.empty(len(draws))
    teller, done = ProgressTeller(raw.size, progress), True
    n_done = 0
    for donors in draws:
        for at, pair in enumerate(pairs):
            done = done and _swept(
                plan,
                pair,
                donors(at),
                runs.columns,
                runs.metrics[at],
                raw[n_done, at],
                batch,
                teller,
                wanted,
                runs.metrics[at].tokens,
            )
        if not done:  # a draw that is not complete would bias the mean
            break
        n_done += 1
    if not n_done:
        raise KeyboardInterrupt
    return dataclasses.replace(result, control_raw=raw[:n_done], control_title=title)


def _draws(
    runs: PatchingRuns, n: int, seed: int, prompts: Any
) -> tuple[list[Callable[[int], Donor]], str]:
    """Return for each draw what gives a pair's values, and what is drawn in words."""
    plan, pairs, rng = runs.plan, runs.pairs, np.random.default_rng(seed)
    likes = [runs.donor(at) for at in range(len(pairs))]
    if n < 1:
        raise InterventionError(f"a control needs n of 1 or more; got {n}.")
    if prompts is not None:
        others = _others(plan, likes, prompts)
        chosen = rng.permutation(len(others))[:n].tolist()
        title = f"the same position of {len(chosen)} other prompts, as long, seed {seed}"

        def of_prompt(other: int, at: int) -> Donor:
            return as_long_as(others[other], likes[at], plan.site)

        return [functools.partial(of_prompt, other) for other in chosen], title
    length = min(len(pair.into(plan.direction)[0]) for pair in pairs)
    length = min([length, *(len(next(iter(like.values()))) for like in likes)])
    if length < 2:
        raise InterventionError("a prompt of one token has no other position to patch from.")
    shifts = (1 + rng.permutation(length - 1)[:n]).tolist()
    title = f"another position of the same run, as long, drawn at random, seed {seed}"

    def of_position(by: int, at: int) -> Donor:
        return shifted(likes[at], by, likes[at], plan.site)

    return [functools.partial(of_position, by) for by in shifts], title


def _others(plan: GridPlan, likes: Sequence[Donor], prompts: Any) -> list[Donor]:
    needed = max(values.shape[-2 if plan.site == "pattern" else 0] for values in _first(likes))
    found = []
    for ids in token_ids_of(prompts, plan.model):
        exact = plan.site == "pattern" and len(ids) != needed
        if len(ids) < needed or exact:
            raise PromptError(
                f"a control's prompts need {'exactly' if exact else 'at least'} the {needed} "
                f"tokens of the prompt that is patched from; one has {len(ids)}."
            )
        found.append(record(plan.model, ids, plan.site, plan.layers).values)
    return found


def _first(likes: Sequence[Donor]) -> list[Any]:
    return [next(iter(like.values())) for like in likes]


def _plan_of(model: Model, result: PatchingGrid) -> tuple[GridPlan, list[PromptPair]]:
    parts = result.columns if result.by != "position" else None
    chosen = result.columns if parts is None else result.positions or None
    heads, neurons = (parts if result.by == name else None for name in ("head", "neuron"))
    plan = GridPlan(
        model, result.site, result.by, result.direction, result.layers, heads, chosen, neurons
    )
    sides = zip(result.clean, result.corrupted, result.mapping, strict=True)
    return plan, [PromptPair(*side) for side in sides]


def _wanted(result: PatchingGrid, cells: Sequence[tuple[int, int]] | None) -> Any:
    if cells is None:
        return None
    n_rows, n_columns = len(result.layers), len(result.columns)
    wanted = np.zeros((n_rows, n_columns), dtype=bool)
    for row, column in cells:
        if not (0 <= row < n_rows and 0 <= column < n_columns):
            raise ResultError(
                f"there is no cell ({row}, {column}); the grid is {n_rows} × {n_columns}, "
                "counted from 0."
            )
        wanted[row, column] = True
    return wanted
