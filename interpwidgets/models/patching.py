"""Many patched runs of one prompt, several in a forward."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.intervening import Edit, Skip
from interpwidgets.models.keeping import keep, whole
from interpwidgets.models.memory import budget
from interpwidgets.models.prompts import Batch, Prompt
from interpwidgets.models.running import Run

MOST_ROWS = 64

#: Of one pair and one layer: ``[pos, *axes]`` of the other run; of a pattern ``[head, ...]``.
Donor = Mapping[int, torch.Tensor]


@dataclass(frozen=True)
class Cell:
    """One patched run."""

    layer: int
    pairs: tuple[tuple[int, int], ...]
    """(position in the donor, position here)."""

    heads: tuple[int, ...] = ()
    """Which heads; empty: a site without."""


@dataclass(frozen=True)
class Progress:
    """How far a sweep is."""

    done: int
    total: int
    seconds: float
    """Since it began."""

    @property
    def seconds_left(self) -> float:
        """At the speed so far."""
        return self.seconds / max(1, self.done) * (self.total - self.done)

    def __str__(self) -> str:
        return f"{self.done} of {self.total} patched runs, {self.seconds_left:.0f} s left"


class ProgressTeller:
    """Tells who asked how far a sweep of several parts is."""

    def __init__(self, total: int, tell: Callable[[Progress], object] | None) -> None:
        self._total, self._tell, self._done = total, tell, 0
        self._began = time.monotonic()

    def add(self, n: int) -> None:
        """Count runs that are done."""
        self._done += n
        if self._tell is not None:
            self._tell(Progress(self._done, self._total, time.monotonic() - self._began))


@dataclass(frozen=True)
class Recorded:
    """A run as it is: its logits after the last token, and what can be patched from it."""

    run: Run
    logits: Float[np.ndarray, " d_vocab"]
    values: Donor


def record(model: Model, ids: Sequence[int], site: str, layers: Sequence[int]) -> Recorded:
    """Run one prompt as it is.

    Args:
        model: The nnsight model.
        ids: The prompt.
        site: What to keep.
        layers: Of which layers.
    """
    reads = [Read(site, layer, whole) for layer in layers]
    run, _ = keep(model, _batch(ids, 1), [*reads, _LAST_LOGITS], last_logits=True)
    values = {layer: run.visits(site, layer)[0][0] for layer in layers}
    return Recorded(run, run.visits("logits")[0][0].numpy(), values)


def patched_logits(
    model: Model,
    ids: Sequence[int],
    site: str,
    cells: Sequence[Cell],
    donor: Donor,
    rows: int | None = None,
    before: Donor | None = None,
) -> Iterator[tuple[int, Float[np.ndarray, "cell d_vocab"]]]:
    """Yield (first cell, logits after the last token) of several cells at a time.

    One forward each, of as many rows of the same prompt; each row is patched at its cell.

    Args:
        model: The nnsight model.
        ids: The prompt that is changed.
        site: What is patched.
        cells: What to patch; neighbours share a forward.
        donor: The values to put there.
        rows: Rows of one forward; by default what fits 256 MB, at most 64.
        before: The prompt's own stream before layers, ``[pos, d_model]``: what is before a
            patch is not computed again. Cells are then in order of layer.
    """
    rows = rows or rows_that_fit(model, len(ids))
    for start, chunk in _chunks(cells, rows, apart=bool(before)):
        edits = [*_skips(model, chunk, before or {}), *_edits(site, chunk, donor)]
        run, _ = keep(model, _batch(ids, len(chunk)), [_LAST_LOGITS], edits, last_logits=True)
        yield start, run.visits("logits")[0].numpy()


def rows_that_fit(model: Model, n_tokens: int) -> int:
    """Return how many rows of a prompt one forward may have.

    Args:
        model: The nnsight model.
        n_tokens: Tokens of the prompt.
    """
    adapter, device = adapter_of(model), next(module_of(model).parameters()).device
    widest = 8 * adapter.d_model + 2 * (adapter.d_mlp or 0) + 2 * adapter.n_heads * n_tokens
    one = 4 * n_tokens * (widest + (adapter.d_vocab or 0))
    return max(1, min(MOST_ROWS, budget(device) // one))


def _chunks(
    cells: Sequence[Cell], rows: int, *, apart: bool
) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Yield neighbours that share a forward; ``apart``: of one layer each."""
    start = 0
    while start < len(cells):
        chunk = cells[start : start + rows]
        if apart:
            chunk = [cell for cell in chunk if cell.layer == chunk[0].layer]
        yield start, chunk
        start += len(chunk)


def _skips(model: Model, cells: Sequence[Cell], before: Donor) -> list[Skip]:
    """Return what stands in for the layers before the first patch."""
    first = min(cell.layer for cell in cells)
    if first not in before:
        return []
    stream = before[first].to(next(module_of(model).parameters()).device)
    stream = stream.expand(len(cells), *stream.shape)
    return [Skip.of_layer(layer, stream) for layer in range(first)]


def _last_logits(
    logits: Float[torch.Tensor, "prompt pos d_vocab"],
) -> Float[torch.Tensor, "prompt d_vocab"]:
    return logits[:, -1].to(torch.promote_types(logits.dtype, torch.float32))


_LAST_LOGITS = Read("logits", None, _last_logits)


def _batch(ids: Sequence[int], n: int) -> Batch:
    return Batch((Prompt(tuple(ids)),) * n)


def _edits(site: str, cells: Sequence[Cell], donor: Donor) -> list[Edit]:
    by_layer: dict[int, list[tuple[int, Cell]]] = {}
    for row, cell in enumerate(cells):
        by_layer.setdefault(cell.layer, []).append((row, cell))
    return [
        Edit(site, layer, _patching(site, of_layer, donor[layer]), words="")
        for layer, of_layer in by_layer.items()
    ]


def _patching(
    site: str, cells: Sequence[tuple[int, Cell]], values: torch.Tensor
) -> Callable[[torch.Tensor, Capture], None]:
    def change(tensor: torch.Tensor, _: Capture) -> None:
        given = values.to(tensor)
        for row, cell in cells:
            there, here = (list(side) for side in zip(*cell.pairs, strict=True))
            heads = torch.tensor(cell.heads)
            if site == "pattern":  # [head, query_pos, key_pos], all keys of a query
                tensor[row, heads[:, None], here] = given[heads[:, None], there]
            elif cell.heads:
                at, of = torch.tensor(here)[:, None], torch.tensor(there)[:, None]
                tensor[row, at, heads] = given[of, heads]
            else:
                tensor[row, here] = given[there]

    return change
