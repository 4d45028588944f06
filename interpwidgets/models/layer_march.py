"""Patched runs of one prompt, from the patch on.

A patch at a layer and a position changes later layers and positions only. So a *march* goes
through the layers once, with the streams of many patched runs, from the first position that
one of them changes; each run joins at the layer of its patch. What is before comes from one
plain run of the prompt (``layer_calls``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.models.adapter import Model, module_of
from interpwidgets.models.exclusive import exclusive
from interpwidgets.models.layer_calls import Answer, CannotMarchError, LayerCalls
from interpwidgets.models.output_head import OutputHead
from interpwidgets.models.patching import Cell, Donor

#: Sites from which a run can be taken up again, and what of the prompt's own run that needs.
SITES: Mapping[str, tuple[str, ...]] = {
    "resid_pre": (),
    "resid_post": (),
    "resid_mid": ("resid_mid", "attn_out"),
    "attn_out": ("attn_out",),
    "z": ("z",),
    "mlp_out": ("attn_out", "mlp_out"),
}

#: Positions, over all runs, that one call of a layer takes at most (they stay in a processor's
#: cache) and that make one worth its weights.
_MOST, _LEAST = 1024, 64
_MOST_GPU, _LEAST_GPU = 16384, 1024


@dataclass(frozen=True)
class Change:
    """One patched run as far as it can differ from the prompt's own."""

    at: int
    """Which of the cells."""

    layer: int
    pairs: tuple[tuple[int, int], ...]
    heads: tuple[int, ...]

    @property
    def start(self) -> int:
        """The first position that is changed."""
        return min(here for _, here in self.pairs)


class LayerMarch:
    """Gives the logits of patched runs of one prompt."""

    def __init__(self, model: Model, ids: Sequence[int], site: str) -> None:
        """Run the prompt once, as it is.

        Args:
            model: The nnsight model; no trace of it is open.
            ids: The prompt that is changed.
            site: What is patched; one of ``SITES``.

        Raises:
            CannotMarchError: This model's layers cannot be called one by one.
            SiteError: It lacks what that needs.
        """
        self.site = site
        self._head = OutputHead(model)
        self._calls = LayerCalls(model, ids, SITES[site])
        self._module, self._n_layers = module_of(model), self._calls.n_layers
        self._device = self._calls.streams[0].device
        on_gpu = self._device.type != "cpu"
        self._most, self._least = (_MOST_GPU, _LEAST_GPU) if on_gpu else (_MOST, _LEAST)

    @property
    def dtype(self) -> torch.dtype:
        """Of the residual stream."""
        return self._calls.streams[0].dtype

    def changes(self, cells: Sequence[Cell], donor: Donor) -> list[Change]:
        """Return what cells change, but for those that change nothing the answer can see.

        Args:
            cells: What to patch.
            donor: The values to put there, ``[pos, *axes]`` by layer.
        """
        changes = (self._change(at, one, donor[one.layer]) for at, one in enumerate(cells))
        return [change for change in changes if change is not None]

    def own_logits(self, tokens: Sequence[int] = ()) -> Float[np.ndarray, " token"]:
        """Return the logits of the run that nothing changes.

        Args:
            tokens: Whose logits; all by default.
        """
        logits = self._calls.logits[list(tokens)] if tokens else self._calls.logits
        return logits.cpu().numpy()

    def logits(
        self,
        changes: Sequence[Change],
        donor: Donor,
        rows: int,
        tokens: Sequence[int] = (),
        soon: Sequence[int] = (),
    ) -> Iterator[tuple[list[int], Float[np.ndarray, "cell token"]]]:
        """Yield (which cells, logits after the last token) of some cells at a time.

        Args:
            changes: Of ``changes``.
            donor: As there.
            rows: Runs in one march at most.
            tokens: Whose logits are wanted; all by default.
            soon: Cells whose marches come first.
        """
        marches = list(self._marches(changes, rows))
        marches.sort(key=lambda march: all(change.at not in soon for change in march))
        for march in marches:
            yield [one.at for one in march], self._run(march, donor, tokens)

    # --------------------------------------------------------------- which go together

    def _change(self, at: int, cell: Cell, given: torch.Tensor) -> Change | None:
        """Return what a cell changes of the run; None for nothing that the answer can see."""
        pairs, last = cell.pairs, self._calls.n_tokens - 1
        if self._entry(cell.layer) == self._n_layers:  # the answer is read there
            pairs = tuple(pair for pair in pairs if pair[1] == last)
        if not pairs:
            return None
        there, here = (list(side) for side in zip(*pairs, strict=True))
        own = self._calls.value(self.site, cell.layer)[here]
        differs = own != given[there].to(own)
        if cell.heads:
            differs = differs[:, list(cell.heads)]
        pairs = tuple(itertools.compress(pairs, differs.flatten(1).any(1).tolist()))
        return Change(at, cell.layer, pairs, cell.heads) if pairs else None

    def _marches(self, changes: Sequence[Change], rows: int) -> Iterator[list[Change]]:
        """Group runs of about the same start: they begin together, at the first one's.

        One position or head over all layers stays together: its runs join one by one.
        """
        march: list[Change] = []
        n_columns = 0
        for _, of_column in itertools.groupby(sorted(changes, key=_column_of), _column_of):
            column = list(of_column)
            if march and not self._fits(march[0].start, column, n_columns, len(march), rows):
                yield march
                march, n_columns = [], 0
            for change in column:
                if len(march) == rows:
                    yield march
                    march, n_columns = [], 0
                march.append(change)
            n_columns += 1
        if march:
            yield march

    def _fits(
        self, start: int, column: Sequence[Change], n_columns: int, n_runs: int, rows: int
    ) -> bool:
        length = self._calls.n_tokens - start
        if n_runs + len(column) > rows:
            return False
        if n_columns * length < self._least:
            return True
        # Positions before a run's own start are computed for nothing.
        return column[0].start - start < length // 8 and n_columns * length < 4 * self._least

    # ----------------------------------------------------------------------- a march

    def _run(
        self, march: Sequence[Change], donor: Donor, tokens: Sequence[int]
    ) -> Float[np.ndarray, "cell token"]:
        start = min(change.start for change in march)
        order = sorted(range(len(march)), key=lambda at: march[at].layer)
        with exclusive(self._module), torch.no_grad():
            joining = {
                self._entry(layer): self._streams(list(of_layer), donor[layer], start)
                for layer, of_layer in itertools.groupby(
                    (march[at] for at in order), lambda change: change.layer
                )
            }
            last = self._march(joining, start)
            logits = self._logits(last, tokens).float().cpu().numpy()
        return logits[np.argsort(order)]

    def _entry(self, layer: int) -> int:
        """Return the layer that a run patched at ``layer`` joins before."""
        return layer if self.site == "resid_pre" else layer + 1

    def _march(
        self, joining: dict[int, torch.Tensor], start: int
    ) -> Float[torch.Tensor, "run d_model"]:
        stream: torch.Tensor | None = None
        for layer in range(min(joining), self._n_layers + 1):
            if (new := joining.pop(layer, None)) is not None:
                new = new[:, -1:] if layer == self._n_layers else new
                stream = new if stream is None else torch.cat([stream, new])
            assert stream is not None
            if layer < self._n_layers:
                stream = self._onward(layer, stream, start)
        assert stream is not None
        return stream[:, -1]

    def _onward(self, layer: int, stream: torch.Tensor, start: int) -> torch.Tensor:
        pieces = stream.split(max(1, self._most // stream.shape[1]))
        if layer == self._n_layers - 1:
            done = [self._calls.last_onward(piece, start) for piece in pieces]
        else:
            done = [self._calls.onward(layer, piece, start) for piece in pieces]
        return done[0] if len(done) == 1 else torch.cat(done)

    def _logits(self, last: torch.Tensor, tokens: Sequence[int]) -> torch.Tensor:
        columns = torch.tensor(tokens, device=self._device) if tokens else slice(None)
        return self._head.logits(self._head.normed(last), columns)

    # --------------------------------------------------------------- the patched values

    def _streams(
        self, changes: Sequence[Change], given: torch.Tensor, start: int
    ) -> Float[torch.Tensor, "run pos d_model"]:
        """Return the streams, from ``start``, that runs patched at one layer go on with."""
        pairs = [(run, *pair) for run, change in enumerate(changes) for pair in change.pairs]
        pieces = range(0, len(pairs), self._most)
        new = [self._changed(changes, pairs[at : at + self._most], given) for at in pieces]
        base = self._calls.streams[self._entry(changes[0].layer)]
        streams = base[:, start:].repeat(len(changes), 1, 1)
        runs, _, here = (list(side) for side in zip(*pairs, strict=True))
        streams[runs, [at - start for at in here]] = torch.cat(new)
        return streams

    def _changed(
        self,
        changes: Sequence[Change],
        pairs: Sequence[tuple[int, int, int]],
        given: torch.Tensor,
    ) -> Float[torch.Tensor, "pair d_model"]:
        """Return the stream behind a patch, at (run, position in the donor, position here)."""
        runs, there, here = (list(side) for side in zip(*pairs, strict=True))
        layer, calls = changes[0].layer, self._calls
        new = given[there].to(calls.streams[0])
        if self.site in ("resid_pre", "resid_post"):
            return new
        own = calls.value(self.site, layer)[here]
        if self.site == "z":
            ours = torch.zeros(len(changes), own.shape[1], dtype=torch.bool, device=own.device)
            for run, change in enumerate(changes):
                ours[run, list(change.heads)] = True
            mixed = torch.where(ours[runs][..., None], new, own)
            answers = self._attention_of(layer, mixed)
        elif self.site == "mlp_out":
            attention = calls.value("attn_out", layer)[here]
            answers = self._answers("attn_out", layer, attention)
            answers |= self._answers("mlp_out", layer, new)
        else:  # what attention adds, moved by as much as the stream behind it
            more = 0 if self.site == "attn_out" else calls.value("attn_out", layer)[here] - own
            answers = self._answers("attn_out", layer, new + more)
        return calls.rest_of_layer(layer, here, answers)

    def _attention_of(self, layer: int, z: torch.Tensor) -> dict[torch.nn.Module, Answer]:
        """Return what attention answers when its heads have written ``z``."""
        self._check_apart(layer)
        written = self._calls.module("z", layer)(z.flatten(-2)[None])[0]
        return {self._calls.attention(layer): Answer(written)}

    def _answers(
        self, site: str, layer: int, value: torch.Tensor
    ) -> dict[torch.nn.Module, Answer]:
        """Return what the modules of a layer answer, so that a site has a value."""
        calls = self._calls
        place, part = calls.adapter.place(site, layer), calls.module(site, layer)
        answers = {part: Answer(value, place.item or 0, flat=place.flat)}
        if site == "attn_out" and part is not (attention := calls.attention(layer)):
            self._check_apart(layer)
            answers[attention] = Answer(torch.zeros_like(value))  # a norm behind it answers
        return answers

    def _check_apart(self, layer: int) -> None:
        """Refuse attention that adds the stream itself (Bloom's)."""
        attention, part = self._calls.attention(layer), self._calls.module("attn_out", layer)
        if part is not attention and part in set(attention.modules()):
            raise CannotMarchError("its attention adds the residual stream itself")


def _column_of(change: Change) -> tuple[int, tuple[int, ...]]:
    return change.start, change.heads
