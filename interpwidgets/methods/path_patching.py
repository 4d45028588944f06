"""Path patching: what a part of the model tells another directly, path by path."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from interpwidgets.errors import InterventionError
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.chance import AS_FAR, as_far
from interpwidgets.models.loading import ready
from interpwidgets.models.pairs import Mapping as Positions
from interpwidgets.models.pairs import PromptPair, read_pairs
from interpwidgets.models.patching import Progress, ProgressTeller
from interpwidgets.models.paths import Key, PathPlan, PathRun
from interpwidgets.reads.measured_pairs import MeasuredPairs, measure_pairs, title_of
from interpwidgets.reads.sweeps import (
    check_same_model,
    check_same_values,
    metric_asked,
    note_of,
)
from interpwidgets.results.path_patching import PathPatching

#: How many draws a control makes for each path.
CONTROLS = 8

Tell = Callable[[Progress], object]


def path_patching(
    model: Any,
    clean: Any,
    corrupted: Any,
    *,
    answers: Any = None,
    metric: Any = "logit_difference",
    senders: Any = "heads",
    receivers: Any = "logits",
    through: str = "mlps",
    last_norm: str = "live",
    direction: str = "denoising",
    positions: Sequence[int] | None = None,
    align: Any = None,
    prepend_bos: bool | None = None,
    batch: int | None = None,
    progress: Tell | None = None,
) -> PathPatching:
    """Patch what a sender writes into what a receiver alone reads of it, path by path.

    Every other head is held at what it wrote in the run that is changed; what the receiver
    then gets is put into that run, and everything behind the receiver runs on. With the
    last norm frozen and MLPs held, the effects of all senders on the logits add up to that
    of changing them all. A run patched into itself changes nothing. An interrupt keeps the
    paths that are done; the others are NaN, and the provenance says so.

    Args:
        model: An nnsight or a Hugging Face model that predicts the next token.
        clean: As of ``iw.activation_patching``.
        corrupted: See there.
        answers: See there.
        metric: See there.
        senders: ``"heads"``, ``"mlps"``, ``"embed"``, names (``"L0 H1"``, ``"L2 mlp"``),
            (layer, head) pairs, or a list of those.
        receivers: ``"logits"``, ``"heads"``, ``"q"``, ``"k"``, ``"v"`` (that input of every
            head; of ``k`` and ``v`` key-value heads), ``"mlps"``, names (``"L1 H3 k"``), or
            a list of those. A whole head gets what it would write, given all its inputs.
        through: What a path may go through beside the residual stream: ``"mlps"``, which are
            recomputed on the way, as in the source, or ``"residual"``: nothing, MLPs are
            held like heads.
        last_norm: ``"live"``, or ``"frozen"``: with the scale of the run that is changed;
            for ``receivers="logits"``. Other norms are recomputed.
        direction: ``"denoising"``: clean patched into corrupted; ``"noising"``: corrupted
            patched into clean, as in the source.
        positions: At which positions of the prompt that is changed senders change; all by
            default.
        align: As of ``iw.activation_patching``.
        prepend_bos: As of ``iw.attention``.
        batch: How many runs share a forward; by default what fits 256 MB.
        progress: Called with how far it is, after each path.

    Returns:
        ``PathPatching``; ``values`` is ``[sender, receiver]``, 0 as the corrupted run and 1
        as the clean one, mean over pairs; NaN where the sender comes after the receiver.

    Raises:
        MetricError: Clean and corrupted do not differ in the metric, or it is no number.
        PromptError: Prompts of different length without ``align``, or answers that are not
            one token.
        SiteError: The architecture has no such site.
        InterventionError: A sender or receiver is none of this model's, or none reaches one.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> clean, corrupted = [1, 5, 6, 7, 5], [1, 5, 8, 7, 5]
        >>> paths = iw.path_patching(
        ...     model, clean, corrupted, answers=(6, 8), senders=[(0, 0), (0, 1)], receivers="k"
        ... )
        >>> paths.values.shape
        (2, 8)

    Source:
        Wang et al. (2022), "Interpretability in the Wild"; Goldowsky-Dill et al. (2023),
        "Localizing Model Behavior with Path Patching". We differ in: MLPs can be held too,
        and a grid of receivers comes from one run of each sender.
    """
    model = ready(model)
    plan = PathPlan(
        model,
        senders,
        receivers,
        through=through,
        last_norm=last_norm,
        direction=direction,
        positions=positions,
    )
    pairs = read_pairs(model, clean, corrupted, align=align, prepend_bos=prepend_bos)
    runs = _run(plan, pairs, metric, answers)
    raw = np.full((len(pairs), *plan.is_path.shape), np.nan)
    teller = ProgressTeller(raw.size, progress)
    done = all(
        runs.sweep(at, raw[at], batch, teller, runs.donor(at), plan.mapping(pair))
        for at, pair in enumerate(pairs)
    )
    return _result(runs, raw, "" if done else note_of(raw))


def path_patching_control(
    model: Any,
    result: PathPatching,
    *,
    n: int = CONTROLS,
    seed: int = 0,
    metric: Any = None,
    batch: int | None = None,
    progress: Tell | None = None,
) -> PathPatching:
    """Change the senders as far in random directions, and return that beside the result.

    At each position a sender writes something as far from what it wrote as the other run's
    is, in a direction drawn at random: so a path that matters for any change is told from
    one that carries this one.

    Args:
        model: The model of the result.
        result: A grid of ``path_patching``.
        n: Draws for each path.
        seed: Of the draws.
        metric: The function again, where the result's metric is your own.
        batch: As of ``path_patching``.
        progress: As of ``path_patching``.

    Returns:
        The result with its ``control``: mean and interval for each path.

    Raises:
        InterventionError: It is another model, or it changed.

    Source:
        Zhang and Nanda (2023), "Towards Best Practices of Activation Patching", for how much
        the choice of what is patched in matters. We differ in: the change keeps its length.
    """
    model = ready(model)
    check_same_model(adapter_of(model).name, result)
    if n < 1:
        raise InterventionError(f"a control needs n of 1 or more; got {n}.")
    plan = PathPlan(
        model,
        list(result.senders),
        list(result.receivers),
        through=result.through,
        last_norm=result.last_norm,
        direction=result.direction,
        positions=result.positions or None,
    )
    sides = zip(result.clean, result.corrupted, result.mapping, strict=True)
    pairs = [PromptPair(*side) for side in sides]
    runs = _run(plan, pairs, metric_asked(result, metric), result.answers)
    before = np.stack([result.clean_values, result.corrupted_values], axis=1)
    check_same_values(runs.measured.ends, before)
    raw, rng = np.full((n, *result.raw.shape), np.nan), np.random.default_rng(seed)
    teller = ProgressTeller(raw.size, progress)
    for draw in range(n):
        for at in range(len(pairs)):
            donor, mapping = runs.drawn(at, rng)
            if not runs.sweep(at, raw[draw, at], batch, teller, donor, mapping):
                raise KeyboardInterrupt  # a draw that is not complete would bias the mean
    title = f"{AS_FAR}, seed {seed}"
    return dataclasses.replace(result, control_raw=raw, control_title=title)


@dataclass(frozen=True)
class _Runs:
    """Every pair as it is, and which of its runs is changed by which."""

    plan: PathPlan
    pairs: Sequence[PromptPair]
    measured: MeasuredPairs[PathRun]

    def base(self, at: int) -> PathRun:
        """Return a pair's run that is changed."""
        return self.measured.sides[at][1 if self.plan.direction == "denoising" else 0]

    def donor(self, at: int) -> Mapping[Key, torch.Tensor]:
        """Return what its senders write instead."""
        return self.measured.sides[at][0 if self.plan.direction == "denoising" else 1].values

    def drawn(
        self, at: int, rng: np.random.Generator
    ) -> tuple[Mapping[Key, torch.Tensor], Positions]:
        """Return changes as large in random directions, and where they stand."""
        there, here = (
            list(side) for side in zip(*self.plan.mapping(self.pairs[at]), strict=True)
        )
        base, donor = self.base(at).values, self.donor(at)
        found = {
            key: as_far(base[key][here], donor[key][there], rng)
            for key in dict.fromkeys((node.site, node.layer) for node in self.plan.senders)
        }
        return found, tuple(enumerate(here))

    def sweep(
        self,
        at: int,
        into: np.ndarray,
        batch: int | None,
        teller: ProgressTeller,
        donor: Mapping[Key, torch.Tensor],
        mapping: Positions,
    ) -> bool:
        """Run one pair's paths."""
        ids = self.pairs[at].into(self.plan.direction)[0].ids
        measure = self.measured.metrics[at]
        return self.plan.sweep(ids, self.base(at), donor, mapping, measure, into, batch, teller)


def _run(plan: PathPlan, pairs: Sequence[PromptPair], metric: Any, answers: Any) -> _Runs:
    plan.check_pairs(pairs)
    return _Runs(plan, pairs, measure_pairs(plan.model, pairs, metric, answers, plan.record))


def _result(runs: _Runs, raw: np.ndarray, note: str) -> PathPatching:
    plan, measured = runs.plan, runs.measured
    sites = {node.site for node in (*plan.senders, *plan.receivers)}
    provenance = measured.sides[0][0].run.provenance(*sorted(sites), prompt=None)
    notes = ". ".join(filter(None, [provenance.note, note]))
    return PathPatching(
        provenance=dataclasses.replace(provenance, note=notes),
        direction=plan.direction,
        metric=title_of(measured.metrics),
        unit=measured.metrics[0].unit,
        senders=tuple(node.name for node in plan.senders),
        receivers=tuple(node.name for node in plan.receivers),
        through=plan.through,
        last_norm=plan.last_norm,
        raw=raw,
        clean_values=measured.ends[:, 0],
        corrupted_values=measured.ends[:, 1],
        clean=tuple(pair.clean for pair in runs.pairs),
        corrupted=tuple(pair.corrupted for pair in runs.pairs),
        mapping=tuple(pair.mapping for pair in runs.pairs),
        positions=tuple(plan.positions or ()),
        answers=measured.answers,
    )
