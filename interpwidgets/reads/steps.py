"""Puts together what the forward passes of a run gave of one prompt, without its padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Shaped

from interpwidgets.models.capture import Capture

#: Where rows of a pass belong in a prompt's square, the last key they have, and the rows.
Rows = tuple[slice, int, Shaped[torch.Tensor, "head query_pos key_pos"]]


def rows_of_passes(
    visits: Sequence[torch.Tensor],
    capture: Capture,
    prompt: int,
) -> Iterator[Rows]:
    """Yield the rows of one prompt that each forward pass gave.

    Args:
        visits: What was kept of a site, pass by pass, each of its own length:
            ``[prompt, head, query_pos, key_pos]``.
        capture: The run.
        prompt: Which prompt of the batch.
    """
    span = capture.span(prompt)
    for visit in visits:
        n_query, n_key = visit.shape[-2:]
        before = n_key - n_query  # columns that came with earlier passes
        first, last = max(span.start, before), min(span.stop, n_key)
        if first < last:
            kept = visit[prompt][:, first - before : last - before, span.start : last]
            yield slice(first - span.start, last - span.start), last - span.start, kept


def positions_of_passes(
    visits: Sequence[torch.Tensor],
    capture: Capture,
    prompt: int,
) -> Shaped[torch.Tensor, "all_pos component"]:
    """Return the positions of one prompt over all forward passes.

    A pass with a cache brings the new positions, one without brings all of them again.

    Args:
        visits: What was kept of a site, pass by pass, at least one, each of its own length:
            ``[prompt, pos, component]``.
        capture: The run.
        prompt: Which prompt of the batch.
    """
    whole = visits[0]
    for visit in visits[1:]:
        again = visit.shape[1] > whole.shape[1]
        whole = visit if again else torch.cat([whole, visit], dim=1)
    return whole[prompt, capture.span(prompt)]
