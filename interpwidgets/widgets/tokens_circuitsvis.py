"""A TokenValues drawn by the circuitsvis package, with no network."""

from __future__ import annotations

import json

import numpy as np

from interpwidgets.errors import ResultError
from interpwidgets.results.token_values import TokenValues
from interpwidgets.widgets.attention_circuitsvis import MAX_BYTES, InlinePage, inline_page

_BYTES_A_VALUE = 24  # of the shortest text that gives the same double


def tokens_circuitsvis(result: TokenValues, row: int | str) -> InlinePage:
    """Return circuitsvis's ``colored_tokens`` of one row.

    Args:
        result: The values.
        row: Its number or its name.

    Raises:
        ResultError: There is no such row, or its page would pass 20 MB.
    """
    values = result.row(row).astype(np.float64)
    size = len(json.dumps(result.tokens.text)) + _BYTES_A_VALUE * len(values)
    if size > MAX_BYTES:
        raise ResultError(
            f"circuitsvis needs every token as text: {size / 1e6:.0f} MB for {len(values):,} "
            f"tokens, above {MAX_BYTES / 1e6:.0f} MB. Show a shorter text."
        )
    bad = ~np.isfinite(values)
    note = f"<p>{bad.sum()} values that are not there are drawn as 0.</p>" if bad.any() else ""
    return InlinePage(inline_page(_local_source(result, np.where(bad, 0, values)), note))


def _local_source(result: TokenValues, values: np.ndarray) -> str:
    from circuitsvis.tokens import colored_tokens

    assert result.scale is not None
    low, high = result.scale
    rendered = colored_tokens(
        tokens=list(result.tokens.text), values=values, min_value=low, max_value=high
    )
    source: str = rendered.local_src
    return source
