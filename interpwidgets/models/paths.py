"""Paths between two parts of a model: what a receiver gets when only a sender changed.

Two kinds of forward. In the first, a row for each sender, every head is held at what it
wrote in the run that is changed, the sender's own aside; what the receivers then get is
kept. In the second, a row for each path, the receiver is given that, and everything
behind it runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.axes import check_members
from interpwidgets.errors import InterventionError, PromptError
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.intervening import Edit
from interpwidgets.models.keeping import LAST_LOGITS, keep, rows_of, whole
from interpwidgets.models.pairs import Mapping as Positions
from interpwidgets.models.pairs import PromptPair
from interpwidgets.models.patching import (
    Cell,
    ProgressTeller,
    patched_logits,
    rows_that_fit,
)
from interpwidgets.models.path_nodes import read_nodes
from interpwidgets.models.readout import last_norm
from interpwidgets.models.running import Run
from interpwidgets.results.pair_grid import DIRECTIONS
from interpwidgets.results.path_nodes import PathNode

#: What a path may go through on its way, beside the residual stream.
THROUGH = {
    "mlps": "MLPs on the way are recomputed, heads are held",
    "residual": "MLPs and heads on the way are held",
}
LAST_NORM = ("live", "frozen")

Key = tuple[str, int | None]
Measure = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class PathRun:
    """A run as it is: its logits after the last token, and what its parts wrote."""

    run: Run
    logits: Float[np.ndarray, " d_vocab"]
    values: Mapping[Key, torch.Tensor]
    """By (site, layer), ``[pos, *axes]``."""


class PathPlan:
    """Which paths there are, checked against the model."""

    def __init__(
        self,
        model: Model,
        senders: Any,
        receivers: Any,
        *,
        through: str,
        last_norm: str,
        direction: str,
        positions: Sequence[int] | None,
    ) -> None:
        """Check what was asked for.

        Raises:
            InterventionError: No such part, direction or way; or no sender reaches a receiver.
            SiteError: The architecture lacks a site.
        """
        for name, given, known in (
            ("direction", direction, DIRECTIONS),
            ("through", through, THROUGH),
            ("last_norm", last_norm, LAST_NORM),
        ):
            if given not in known:
                words = " or ".join(map(repr, known))
                raise InterventionError(f"{name} is {words}; got {given!r:.40}.")
        self.model, self._adapter = model, adapter_of(model)
        self.senders = read_nodes(self._adapter, senders, "senders")
        self.receivers = read_nodes(self._adapter, receivers, "receivers")
        self.direction, self.through, self.last_norm = direction, through, last_norm
        self.positions = positions
        if not self.is_path.any():
            raise InterventionError(
                f"no sender comes before a receiver: {self.senders[0].name} … cannot write to "
                f"what {self.receivers[0].name} … reads."
            )
        if last_norm == "frozen" and any(node.part != "logits" for node in self.receivers):
            raise InterventionError(
                "last_norm='frozen' is for the direct path to the logits, which it makes a "
                "sum; give receivers='logits'."
            )

    @cached_property
    def is_path(self) -> np.ndarray:
        """``[sender, receiver]``: whether the sender comes before the receiver."""
        return np.array([[s.reaches(r) for r in self.receivers] for s in self.senders])

    def check_pairs(self, pairs: Sequence[PromptPair]) -> None:
        """Refuse positions that are not one place in all pairs.

        Raises:
            PromptError: The pairs differ in length, and positions were chosen.
            ResultError: A position is not there.
        """
        if self.positions is None:
            return
        lengths = sorted({len(pair.into(self.direction)[0]) for pair in pairs})
        if len(lengths) > 1:
            raise PromptError(
                f"the prompts to change have {lengths[0]} to {lengths[-1]} tokens, so a "
                "position would mean another place in each. Give pairs of one length."
            )
        check_members("position", self.positions, lengths[0], of="the prompt")

    # ------------------------------------------------------------------------------ runs

    def record(self, pair: PromptPair) -> tuple[PathRun, PathRun]:
        """Run the clean and the corrupted prompt as they are.

        Args:
            pair: The prompts.
        """
        return self._record(pair.clean.ids), self._record(pair.corrupted.ids)

    def _record(self, ids: Sequence[int]) -> PathRun:
        keys = self._kept()
        reads = [Read(site, layer, whole) for site, layer in keys]
        run, _ = keep(self.model, rows_of(ids, 1), [*reads, LAST_LOGITS], last_logits=True)
        values = {key: run.visits(*key)[0][0] for key in keys}
        return PathRun(run, run.visits("logits")[0][0].numpy(), values)

    def _kept(self) -> list[Key]:
        """What is kept of a run: what is held, and what senders wrote."""
        wanted = [*self._held, *((node.site, node.layer) for node in self.senders)]
        if self.last_norm == "frozen":
            wanted += [("resid_post", self._adapter.n_layers - 1), ("ln_final", None)]
        return list(dict.fromkeys(wanted))

    @cached_property
    def _held(self) -> list[Key]:
        a = self._adapter
        held: list[Key] = [("z", layer) for layer in range(a.n_layers)]
        if self.through == "residual" and a.d_mlp:
            a.place("mlp_out", 0)
            held += [("mlp_out", layer) for layer in range(a.n_layers)]
        return held

    # ----------------------------------------------------------------------------- sweep

    def mapping(self, pair: PromptPair) -> Positions:
        """Return (position in the other run, position here) of what is patched."""
        _, mapping = pair.into(self.direction)
        return tuple(
            two for two in mapping if self.positions is None or two[1] in self.positions
        )

    def sweep(
        self,
        ids: Sequence[int],
        base: PathRun,
        donor: Mapping[Key, torch.Tensor],
        mapping: Positions,
        measure: Measure,
        into: np.ndarray,
        rows: int | None,
        teller: ProgressTeller,
    ) -> bool:
        """Run one pair's paths, and return whether all were; an interrupt ends it.

        Args:
            ids: The prompt that is changed.
            base: Its run.
            donor: What senders write instead.
            mapping: (position in the donor, position here).
            measure: The metric.
            into: ``[sender, receiver]``, filled in place.
            rows: Runs in one forward; None: what fits.
            teller: Is told how many are done.
        """
        rows = rows or rows_that_fit(self.model, len(ids))
        if not mapping:
            teller.add(into.size)
            return True
        teller.add(int((~self.is_path).sum()))
        try:
            for start in range(0, len(self.senders), rows):
                chunk = range(start, min(start + rows, len(self.senders)))
                sent = self._send(ids, base, donor, mapping, chunk)
                for sender, receiver, logits in self._receive(ids, sent, mapping, chunk, rows):
                    into[sender, receiver] = measure(logits)
                    teller.add(1)
        except KeyboardInterrupt:
            return False
        return True

    def _send(
        self,
        ids: Sequence[int],
        base: PathRun,
        donor: Mapping[Key, torch.Tensor],
        mapping: Positions,
        chunk: range,
    ) -> Mapping[Key, torch.Tensor]:
        """Return what receivers get when each sender alone writes something else.

        By (site, layer), ``[sender, pos, *axes]``; logits ``[sender, d_vocab]``.
        """
        senders = [self.senders[at] for at in chunk]
        first = min(-1 if node.layer is None else node.layer for node in senders)
        received = {(node.site, node.layer) for node in self.receivers}
        seen: dict[Key, torch.Tensor] = {}
        keys = [*self._held, *received, *((node.site, node.layer) for node in senders)]
        edits = [
            self._sending(key, base, donor, mapping, senders, seen if key in received else None)
            for key in dict.fromkeys(keys)
            if key[0] in ("embed", "z", "mlp_out") and (key[1] is None or key[1] >= first)
        ]
        edits += self._freezing(base) if self.last_norm == "frozen" else []
        reads = [
            Read(site, layer, whole) for site, layer in received if site in ("q", "k", "v")
        ]
        batch = rows_of(ids, len(senders))
        run, _ = keep(self.model, batch, [*reads, LAST_LOGITS], edits, last_logits=True)
        found = {
            (read.site, read.layer): run.visits(read.site, read.layer)[0] for read in reads
        }
        return seen | found | {("logits", None): run.visits("logits")[0]}

    def _sending(
        self,
        key: Key,
        base: PathRun,
        donor: Mapping[Key, torch.Tensor],
        mapping: Positions,
        senders: Sequence[PathNode],
        seen: dict[Key, torch.Tensor] | None,
    ) -> Edit:
        """Return what holds a place, and lets the senders there write something else.

        Args:
            key: The place.
            base: The run that is changed.
            donor: What senders write instead.
            mapping: Positions in the two.
            senders: One for each row.
            seen: Takes what the place would have been if it were not held.
        """
        own = [(row, s.head) for row, s in enumerate(senders) if (s.site, s.layer) == key]
        there, here = (list(side) for side in zip(*mapping, strict=True))

        def change(tensor: torch.Tensor, _: Capture) -> None:
            if seen is not None:
                seen[key] = tensor.detach().cpu().clone()
            if key in self._held:
                tensor.copy_(base.values[key].to(tensor).expand_as(tensor))
            for row, head in own:
                given = donor[key][there].to(tensor)
                if head is None:
                    tensor[row, here] = given
                else:
                    tensor[row, here, head] = given[:, head]

        return Edit(*key, change, words="")

    def _freezing(self, base: PathRun) -> list[Edit]:
        """Return what gives the last norm the scale that it had in a run."""
        last = self._adapter.n_layers - 1
        norm = last_norm(self.model)
        own, given = (
            base.values[k].double() for k in (("resid_post", last), ("ln_final", None))
        )
        one_over = norm.one_over_scale(own, given)
        kept: dict[str, torch.Tensor] = {}

        def note(tensor: torch.Tensor, _: Capture) -> None:
            kept["x"] = tensor.detach().cpu().double()

        def freeze(tensor: torch.Tensor, _: Capture) -> None:
            behind = norm.frozen(kept["x"], one_over[None]) + norm.bias
            tensor.copy_(behind.to(tensor))

        return [Edit("resid_post", last, note, ""), Edit("ln_final", None, freeze, "")]

    def _receive(
        self,
        ids: Sequence[int],
        sent: Mapping[Key, torch.Tensor],
        mapping: Positions,
        chunk: range,
        rows: int,
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield (sender, receiver, logits), each receiver given what the sender made of it."""
        first = min(here for _, here in mapping)
        for site in dict.fromkeys(node.site for node in self.receivers):
            at = [
                (sender, column)
                for column, node in enumerate(self.receivers)
                for sender in chunk
                if node.site == site and self.is_path[sender, column]
            ]
            if site == "logits":
                for sender, column in at:
                    yield sender, column, sent["logits", None][sender - chunk.start].numpy()
                continue
            # The senders' values stand one behind the other, as positions of one donor.
            donor = {
                layer: values.flatten(0, 1)
                for (of, layer), values in sent.items()
                if of == site and layer is not None
            }
            positions = range(first, len(ids))  # none before hears of a change
            cells = [
                self._cell(column, (sender - chunk.start) * len(ids), positions)
                for sender, column in at
            ]
            for start, logits in patched_logits(self.model, ids, site, cells, donor, rows):
                for (sender, column), row in zip(at[start:], logits, strict=False):
                    yield sender, column, row

    def _cell(self, column: int, start: int, positions: range) -> Cell:
        node = self.receivers[column]
        assert node.layer is not None
        pairs = tuple((start + pos, pos) for pos in positions)
        return Cell(node.layer, pairs, () if node.head is None else (node.head,))
