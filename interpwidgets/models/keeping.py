"""A forward of ours that keeps whole sites, for methods that compare runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float

from interpwidgets.interventions.value import Part
from interpwidgets.models.adapter import Model
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.intervening import Edit
from interpwidgets.models.prompts import Batch, Prompt
from interpwidgets.models.running import MethodReader, Run
from interpwidgets.models.tracing import forward


class KeepReader(MethodReader):
    """Wants given reads, and builds nothing of them."""

    def __init__(self, model: Model, reads: Sequence[Read], batch: Batch) -> None:
        super().__init__(model, [], batch)
        self._wanted = list(reads)

    def reads(self) -> list[Read]:
        """Return the reads it was given."""
        return self._wanted


def keep(
    model: Model,
    batch: Batch,
    reads: Sequence[Read],
    interventions: Sequence[Part | Edit] = (),
    *,
    last_logits: bool = False,
) -> tuple[Run, Capture]:
    """Run a batch once, and return what was kept.

    Args:
        model: The nnsight model.
        batch: Its prompts.
        reads: What to keep.
        interventions: What to change.
        last_logits: As of ``forward``.
    """
    reader = KeepReader(model, reads, batch)
    capture = forward(model, batch, reader, interventions, last_logits=last_logits)
    return reader.run_of(capture), capture


def whole(value: Any) -> torch.Tensor:
    """Keep a site as it is, in the model's own precision."""
    assert isinstance(value, torch.Tensor)
    return value


def _last(
    logits: Float[torch.Tensor, "prompt pos d_vocab"],
) -> Float[torch.Tensor, "prompt d_vocab"]:
    return logits[:, -1].to(torch.promote_types(logits.dtype, torch.float32))


#: The logits after the last token, in float32 or wider.
LAST_LOGITS = Read("logits", None, _last)


def rows_of(ids: Sequence[int], n: int) -> Batch:
    """Return a batch of one prompt, several times.

    Args:
        ids: The prompt.
        n: How many rows.
    """
    return Batch((Prompt(tuple(ids)),) * n)
