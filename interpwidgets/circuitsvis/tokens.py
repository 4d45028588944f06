"""CircuitsVis's ``tokens``: values on the tokens of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interpwidgets.arrays.built import token_values
from interpwidgets.arrays.reading import read_texts, to_numpy
from interpwidgets.circuitsvis.ignored import warn_ignored
from interpwidgets.errors import ResultError
from interpwidgets.show import show
from interpwidgets.widgets.base import View


def colored_tokens(
    tokens: list[str],
    values: Any,
    min_value: float | None = None,
    max_value: float | None = None,
    negative_color: str | None = None,
    positive_color: str | None = None,
) -> View:
    """Draw tokens coloured by their values.

    Args:
        tokens: The text of each.
        values: ``[pos]``.
        min_value: The ramp's lower end; by default the least value below 0.
        max_value: Its upper end; by default the largest value above 0.
        negative_color: Warned about once; there is one ramp.
        positive_color: Likewise.

    Raises:
        ResultError: There is not one value for each token.
    """
    warn_ignored(negative_color=negative_color, positive_color=positive_color)
    array = to_numpy(values, "values")
    result = token_values(
        read_texts(tokens), array, title="Tokens", **_scale(array, min_value, max_value)
    )
    return show(result)


def _scale(array: np.ndarray, low: float | None, high: float | None) -> dict[str, Any]:
    """Each side of zero has its own end, as in CircuitsVis."""
    finite = array[np.isfinite(array)]
    low = float(finite.min(initial=0.0)) if low is None else low
    high = float(finite.max(initial=0.0)) if high is None else high
    if low == high:
        return {}
    return {"scale": (low, high), "signed": low < 0}


def colored_tokens_multi(
    tokens: list[str], values: Any, labels: Sequence[str] | None = None
) -> View:
    """Draw tokens coloured by one of several values, chosen by its label.

    Args:
        tokens: The text of each.
        values: ``[pos, row]``.
        labels: A name for each row.

    Raises:
        ResultError: The shapes do not fit together.
    """
    array = to_numpy(values, "values")
    if array.ndim != 2 or len(array) != len(tokens):
        raise ResultError(
            f"values must be [pos, row] with one line for each of the {len(tokens)} tokens; "
            f"they are {list(array.shape)}."
        )
    rows = tuple(labels) if labels else tuple(map(str, range(array.shape[1])))
    return show(token_values(read_texts(tokens), array.T, rows=rows, title="Tokens"))


def visualize_model_performance(tokens: Any, str_tokens: list[str], logits: Any) -> View:
    """Draw logit, log-probability and probability of each token, given the ones before.

    Args:
        tokens: Their ids, ``[pos]`` or ``[1, pos]``.
        str_tokens: Their texts.
        logits: ``[pos, d_vocab]`` or ``[1, pos, d_vocab]``; the first token is not drawn.

    Raises:
        ResultError: The shapes do not fit together.
    """
    ids = [int(i) for i in np.asarray(to_ids(tokens)).reshape(-1)]
    array = to_numpy(logits, "logits")
    array = array[0] if array.ndim == 3 else array
    if array.ndim != 2 or not len(ids) == len(str_tokens) == len(array):
        raise ResultError(
            f"tokens, str_tokens and logits are of one text; got {len(ids)} ids, "
            f"{len(str_tokens)} texts and logits {list(array.shape)}."
        )
    logprob = log_softmax(array[:-1])
    at = np.arange(len(ids) - 1), np.array(ids[1:], dtype=int)
    values = np.stack([array[at], logprob[at], np.exp(logprob[at])], axis=1)
    return colored_tokens_multi(str_tokens[1:], values, ["logits", "log_probs", "probs"])


def to_ids(ids: Any) -> Any:
    """Return token ids as nested lists, exactly.

    Args:
        ids: A tensor, an array or lists.
    """
    return ids.tolist() if hasattr(ids, "tolist") else ids


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log-probabilities.

    Args:
        logits: Over the last axis.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return total
