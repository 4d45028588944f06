"""Ablation sweeps: what a metric loses without each head, layer or position."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from interpwidgets.errors import InterventionError, nearest
from interpwidgets.interventions import Ablate, Where
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.chance import AS_FAR, as_far
from interpwidgets.models.changing import draw_prompts
from interpwidgets.models.loading import ready
from interpwidgets.models.pairs import PromptPair, answer_ids, check_predicts
from interpwidgets.models.patching import (
    Cell,
    Donor,
    Progress,
    ProgressTeller,
    Recorded,
    record,
)
from interpwidgets.models.patching_grid import BY_HEAD, GridPlan
from interpwidgets.models.prompts import read_prompts
from interpwidgets.models.token_text import read_tokens
from interpwidgets.reads.measured_pairs import title_of
from interpwidgets.reads.metrics import Metric, metric_of, n_answers
from interpwidgets.reads.reference_values import reference_values
from interpwidgets.reads.sweeps import (
    check_same_model,
    check_same_values,
    metric_asked,
    note_of,
)
from interpwidgets.results.ablation_sweep import BY, AblationSweep
from interpwidgets.results.tokens import Tokens

#: How many draws a control makes for each cell.
CONTROLS = 8
MODES = ("zero", "mean", "resample")
MAX_BYTES = 2**30

Tell = Callable[[Progress], object]


def ablation_sweep(
    model: Any,
    prompts: Any,
    *,
    answers: Any = None,
    metric: Any = "logit_difference",
    site: str = "z",
    by: str | None = None,
    mode: str = "zero",
    references: Any = None,
    seed: int = 0,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    positions: Sequence[int] | None = None,
    prepend_bos: bool | None = None,
    batch: int | None = None,
    progress: Tell | None = None,
) -> AblationSweep:
    """Ablate one head, layer or position at a time, and measure what that does.

    A cell is the metric ablated less as it is, a mean over prompts; each is what
    ``iw.interventions.Ablate`` does there. Putting a prompt's own values there changes
    nothing. An interrupt keeps the cells that are done; the others are NaN, and the
    provenance says so.

    Args:
        model: An nnsight or a Hugging Face model that predicts the next token.
        prompts: A prompt or a list of those.
        answers: ``(correct, wrong)`` for a logit difference, ``correct`` for a probability,
            as text of one token or ids; or a list of those, one for each prompt.
        metric: ``"logit_difference"``, ``"probability"``, ``"kl"`` (from the run as it is), or
            a function from logits after the last token, float64 ``[d_vocab]``, to a number.
        site: ``z``, ``attn_out``, ``mlp_out``, ``resid_pre`` and the others that
            ``iw.activation_patching`` patches; not ``pattern``.
        by: ``"head"``, ``"layer"`` or ``"position"``; by default heads where the site has
            them, else layers.
        mode: ``"zero"``; ``"mean"``: over all positions of the references; ``"resample"``:
            what one of them, drawn for each prompt, has at the same position.
        references: Prompts that a mean is over, or that are drawn from.
        seed: Of the draw of ``"resample"``.
        layers: Rows of the grid; all by default.
        heads: Which heads are columns, or are ablated together; all by default.
        positions: Which positions are columns, or are ablated together; all by default.
        prepend_bos: As of ``iw.attention``; of the references, too.
        batch: How many ablated runs share a forward; by default what fits 256 MB.
        progress: Called with how far it is, after each forward.

    Returns:
        ``AblationSweep``; ``values`` is ``[layer, column]`` in the metric's unit, below 0
        where the metric falls.

    Raises:
        MetricError: It is no number.
        PromptError: Answers are not one token, or prompts differ in length where columns are
            positions.
        SiteError: The architecture has no such site.
        InterventionError: No such sweep, or references are missing.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> iw.ablation_sweep(model, [1, 5, 6, 7, 5], answers=(6, 7)).values.shape
        (2, 4)

    Source:
        Michel et al. (2019), "Are Sixteen Heads Really Better than One?", for heads; Chan et
        al. (2022), "Causal Scrubbing", for resampling; Wang et al. (2022) for means over
        prompts. We differ in: a mean is over positions, too.
    """
    model = ready(model)
    plan = AblationPlan(model, site, by, layers, heads, positions)
    ablate = _ablate(plan, mode, references, seed, prepend_bos)
    check_predicts(model)
    tokenizer = getattr(model, "tokenizer", None)
    batch_of = read_prompts(prompts, model, prepend_bos=prepend_bos)
    cases = [read_tokens(tokenizer, one.ids) for one in batch_of.prompts]
    runs = _run(plan, cases, metric, answers)
    raw = np.full((len(cases), len(plan.layers), len(runs.columns)), np.nan)
    teller = ProgressTeller(raw.size, progress)
    donors = _donors(runs, ablate)
    done = all(runs.sweep(at, donor, raw[at], batch, teller) for at, donor in enumerate(donors))
    return _result(runs, ablate, raw, "" if done else note_of(raw))


def ablation_control(
    model: Any,
    result: AblationSweep,
    *,
    references: Any = None,
    n: int = CONTROLS,
    seed: int = 0,
    metric: Any = None,
    prepend_bos: bool | None = None,
    batch: int | None = None,
    progress: Tell | None = None,
) -> AblationSweep:
    """Move the same cells as far in random directions, and return that beside the result.

    At each position a head or layer gets a value as far from its own as the ablation's is,
    in a direction drawn at random: so what is lost with this value is told from what any
    change of that size would cost.

    Args:
        model: The model of the result.
        result: Of ``ablation_sweep``.
        references: The same prompts again, where the result's ablation has some.
        n: Draws for each cell.
        seed: Of the draws.
        metric: The function again, where the result's metric is your own.
        prepend_bos: As it was given for the references.
        batch: As of ``ablation_sweep``.
        progress: As of ``ablation_sweep``.

    Returns:
        The result with its ``control``: mean and interval for each cell.

    Raises:
        InterventionError: It is another model, or it or the references changed.

    Source:
        Zhang and Nanda (2023), "Towards Best Practices of Activation Patching", for how much
        the choice of what is put there matters. We differ in: the change keeps its length.
    """
    model = ready(model)
    check_same_model(adapter_of(model).name, result)
    if n < 1:
        raise InterventionError(f"a control needs n of 1 or more; got {n}.")
    by_head = result.by == "head"
    plan = AblationPlan(
        model,
        result.site,
        result.by,
        result.layers,
        result.columns if by_head else result.heads or None,
        result.columns if result.by == "position" else result.positions or None,
    )
    ablate = _ablate(plan, result.mode, references, result.seed, prepend_bos)
    if ablate.of != result.of:
        raise InterventionError(
            f"the sweep put there what is {result.of!r}, these references give {ablate.of!r}: "
            "give the same prompts."
        )
    runs = _run(plan, result.prompts, metric_asked(result, metric), result.answers)
    check_same_values(runs.base_values, result.base_values)
    raw, rng = np.full((n, *result.raw.shape), np.nan), np.random.default_rng(seed)
    teller = ProgressTeller(raw.size, progress)
    donors = _donors(runs, ablate)
    for draw in range(n):
        for at, donor in enumerate(donors):
            own = runs.recorded[at].values
            drawn = {layer: as_far(own[layer], donor[layer], rng) for layer in plan.layers}
            if not runs.sweep(at, drawn, raw[draw, at], batch, teller):
                raise KeyboardInterrupt  # a draw that is not complete would bias the mean
    title = f"{AS_FAR}, seed {seed}"
    return dataclasses.replace(result, control_raw=raw, control_title=title)


class AblationPlan(GridPlan):
    """What is ablated in each cell: as what is patched, from values made up."""

    def __init__(
        self,
        model: Model,
        site: str,
        by: str | None,
        layers: Sequence[int] | None,
        heads: Sequence[int] | None,
        positions: Sequence[int] | None,
    ) -> None:
        """Check what was asked for.

        Raises:
            SiteError: The site cannot be ablated, or the architecture lacks it.
            InterventionError: No such sweep.
        """
        by = by or ("head" if site in BY_HEAD else "layer")
        if by not in BY or site == "pattern":
            raise InterventionError(
                f"a sweep is by {', '.join(BY)}, of a site that is no pattern; got {by!r} of "
                f"{site!r}. {nearest(by, BY)}"
            )
        self.sweeps = by
        patched_by = "head" if by == "head" else "position"
        super().__init__(model, site, patched_by, "denoising", layers, heads, positions)

    def check_prompts(self, prompts: Sequence[Tokens]) -> tuple[int, ...]:
        """Return the columns for some prompts.

        Raises:
            PromptError: They differ in length, so that no column is one position of all.
            ResultError: A position is not there.
        """
        if self.sweeps == "layer" and self.positions is None:
            return (0,)
        columns = self.check_pairs([_as_pair(one) for one in prompts])
        return (0,) if self.sweeps == "layer" else columns

    def cell(self, pair: PromptPair, layer: int, column: int) -> Cell | None:
        """Return one cell; of a sweep by layer all positions that were chosen."""
        if self.sweeps != "layer":
            return super().cell(pair, layer, column)
        chosen = self.positions
        pairs = tuple(two for two in pair.mapping if chosen is None or two[1] in chosen)
        return Cell(layer, pairs, self.heads)


@dataclass(frozen=True)
class _Runs:
    """Every prompt as it is, with its metric."""

    plan: AblationPlan
    prompts: Sequence[Tokens]
    columns: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...]
    recorded: tuple[Recorded, ...]
    metrics: tuple[Metric, ...]
    base_values: np.ndarray

    def sweep(
        self,
        at: int,
        donor: Donor,
        into: np.ndarray,
        batch: int | None,
        teller: ProgressTeller,
    ) -> bool:
        """Run one prompt's cells."""
        pair, measure = _as_pair(self.prompts[at]), self.metrics[at]
        return self.plan.sweep(
            pair,
            donor,
            self.columns,
            measure,
            into,
            batch,
            teller,
            tokens=measure.tokens,
        )


def _as_pair(prompt: Tokens) -> PromptPair:
    return PromptPair(prompt, prompt, tuple((pos, pos) for pos in range(len(prompt))))


def _run(plan: AblationPlan, prompts: Sequence[Tokens], asked: Any, answers: Any) -> _Runs:
    needed, columns = n_answers(asked), plan.check_prompts(prompts)
    n, tokenizer = len(prompts), getattr(plan.model, "tokenizer", None)
    ids = answer_ids(plan.model, answers, needed, n) if needed else [()] * n
    recorded = [record(plan.model, one.ids, plan.site, plan.layers) for one in prompts]
    metrics = [
        metric_of(asked, read_tokens(tokenizer, of).text if of else (), of, run.logits)
        for of, run in zip(ids, recorded, strict=True)
    ]
    values = [measure(run.logits) for measure, run in zip(metrics, recorded, strict=True)]
    return _Runs(
        plan, prompts, columns, tuple(ids), tuple(recorded), tuple(metrics), np.array(values)
    )


def _ablate(
    plan: AblationPlan, mode: str, references: Any, seed: int, prepend_bos: bool | None
) -> Ablate:
    """Return what is put there, everywhere."""
    if mode not in MODES:
        raise InterventionError(f"mode is 'zero', 'mean' or 'resample'; got {mode!r:.40}.")
    if (mode == "zero") != (references is None):
        raise InterventionError(
            f"mode {mode!r} takes no references; leave them out."
            if mode == "zero"
            else f"a {mode} ablation needs references=[...]: the prompts that its values are "
            "taken from, for instance the same ones."
        )
    if mode == "zero":
        return Ablate(site=plan.site, where=Where(layers=plan.layers), mode="zero")
    return reference_values(
        plan.model,
        references,
        plan.site,
        mode=mode,
        layers=plan.layers,
        where=Where(),
        seed=seed,
        prepend_bos=prepend_bos,
        max_bytes=MAX_BYTES,
    )


def _donors(runs: _Runs, ablate: Ablate) -> list[Donor]:
    """Return what is put into each prompt, by layer."""
    drawn = [0] * len(runs.prompts)
    if ablate.mode == "resample":
        assert ablate.values is not None
        known = np.isfinite(ablate.values[:, 0].reshape(*ablate.values[:, 0].shape[:2], -1))
        lengths = [len(prompt) for prompt in runs.prompts]
        drawn = draw_prompts(known.all(axis=-1).sum(axis=1), lengths, ablate.seed)
    return [
        {
            layer: _given(ablate, row, own[layer], of)
            for row, layer in enumerate(runs.plan.layers)
        }
        for own, of in zip([one.values for one in runs.recorded], drawn, strict=True)
    ]


def _given(ablate: Ablate, row: int, own: torch.Tensor, drawn: int) -> torch.Tensor:
    """Return what is put in the place of one layer of one prompt, ``[pos, *axes]``."""
    if ablate.values is None:
        return torch.zeros_like(own)
    if ablate.mode == "mean":
        return torch.from_numpy(ablate.values[row]).to(own).expand_as(own)
    return torch.from_numpy(ablate.values[drawn, row, : len(own)]).to(own)


def _result(runs: _Runs, ablate: Ablate, raw: np.ndarray, note: str) -> AblationSweep:
    plan = runs.plan
    provenance = runs.recorded[0].run.provenance(plan.site, "logits", prompt=None)
    notes = ". ".join(filter(None, [provenance.note, note]))
    return AblationSweep(
        provenance=dataclasses.replace(provenance, note=notes),
        site=plan.site,
        by=plan.sweeps,
        mode=ablate.mode,
        of=ablate.of,
        seed=ablate.seed,
        metric=title_of(runs.metrics, "prompt"),
        unit=runs.metrics[0].unit,
        layers=plan.layers,
        columns=runs.columns,
        heads=() if plan.sweeps == "head" else plan.heads,
        positions=() if plan.sweeps == "position" else tuple(plan.positions or ()),
        raw=raw,
        base_values=runs.base_values,
        prompts=tuple(runs.prompts),
        answers=runs.answers,
    )
