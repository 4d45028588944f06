"""From a TokenValues to what travels to the browser."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.attention_payload import stamp
from interpwidgets.widgets.contract.common import TokenInfo
from interpwidgets.widgets.contract.tokens import Expected, TokensPayload

#: Bytes of the rows that travel along; others come when they are chosen.
ROWS_BUDGET = 300_000

#: Stands for no word.
NONE = 2**32 - 1


def tokens_payload(result: TokenValues, held: Sequence[int]) -> TokensPayload:
    """Return the payload of a Result.

    Args:
        result: What to draw.
        held: Rows to send along.
    """
    assert result.scale is not None  # the Result filled it in
    sites = ", ".join(result.provenance.sites)
    return {
        "version": 1,
        "kind": "token_values",
        "run": result.provenance.run,
        "tokens": token_infos(result.tokens),
        "turns": [{"role": role, "start": start} for role, start in result.tokens.turns()],
        "prompt_index": result.prompt_index,
        "prompt_count": result.prompt_count,
        "prompt_label": result.prompt_label,
        "title": result.title,
        "unit": result.unit,
        "signed": result.signed,
        "scale": result.scale,
        # Names made of axes are made again there: of layers × neurons there are many.
        "rows": [] if result.row_axes else list(result.rows),
        "row_axes": [{"name": name, "labels": list(of)} for name, of in result.row_axes],
        "held": list(held),
        "values": float32_bytes(result.values[list(held)]),
        "absent": list(result.absent),
        "nonfinite": result.nonfinite().tolist(),
        "expected": _expected(result),
        "rank": None if result.rank is None else result.rank.tolist(),
        "stamp": stamp(result.provenance, sites, "float32"),
    }


def rows_within(result: TokenValues, chosen: int) -> list[int]:
    """Return the rows that travel along: the chosen one, and as many as fit.

    Args:
        result: What to draw.
        chosen: The row on screen.
    """
    n_rows, n = result.values.shape
    fit = max(1, ROWS_BUDGET // (4 * max(1, n)))
    wanted = dict.fromkeys([min(max(chosen, 0), n_rows - 1), *range(min(n_rows, fit))])
    return sorted(list(wanted)[:fit])


def float32_bytes(values: np.ndarray) -> bytes:
    """Return numbers as they travel: float32, little-endian.

    Args:
        values: Of any shape.
    """
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def token_infos(tokens: Tokens) -> list[TokenInfo]:
    """Return tokens as they travel.

    Args:
        tokens: The text.
    """
    columns = zip(tokens.text, tokens.special, tokens.generated, strict=True)
    return [{"text": t, "special": s, "generated": g} for t, s, g in columns]


def _expected(result: TokenValues) -> Expected | None:
    """Each word once: the same few are expected again and again."""
    if result.top_logprob is None:
        return None
    n, k = result.top_logprob.shape
    words = {word: i for i, word in enumerate(dict.fromkeys(itertools.chain(*result.top_text)))}
    index = np.full((n, k), NONE, dtype="<u4")
    for pos, row in enumerate(result.top_text):
        index[pos, : len(row)] = [words[word] for word in row]
    return {
        "words": list(words),
        "k": k,
        "index": index.tobytes(),
        "logprob": float32_bytes(result.top_logprob),
    }
