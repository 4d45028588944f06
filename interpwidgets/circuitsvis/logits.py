"""CircuitsVis's ``logits``: what a model expected of each token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from interpwidgets.arrays.built import token_values
from interpwidgets.arrays.reading import read_texts, to_numpy
from interpwidgets.circuitsvis.tokens import to_ids
from interpwidgets.errors import ResultError
from interpwidgets.show import show
from interpwidgets.widgets.base import View


def token_log_probs(
    token_indices: Any, log_probs: Any, to_string: Callable[[int], str], top_k: int = 10
) -> View:
    """Draw tokens coloured by their log-probability, with what was expected instead.

    Args:
        token_indices: Ids, ``[pos]`` or ``[1, pos]``; nothing predicts the first.
        log_probs: ``[pos, d_vocab]`` or ``[1, pos, d_vocab]``, of the *next* token.
        to_string: From an id to its text.
        top_k: How many expected tokens to show.

    Raises:
        ResultError: The shapes do not fit together.
    """
    ids = np.asarray(to_ids(token_indices)).reshape(-1)
    logprob = to_numpy(log_probs, "log_probs")
    logprob = logprob[0] if logprob.ndim == 3 and len(logprob) == 1 else logprob
    if logprob.ndim != 2 or len(logprob) != len(ids):
        raise ResultError(
            f"log_probs must be [pos, d_vocab] for these {len(ids)} tokens; they are "
            f"{list(logprob.shape)}."
        )
    if not 0 < top_k <= logprob.shape[1]:
        raise ResultError(f"top_k is 1-{logprob.shape[1]} here; got {top_k}.")
    target = logprob[np.arange(len(ids) - 1), ids[1:]]
    best = np.argsort(-logprob[:-1], axis=-1, kind="stable")[:, :top_k]
    top = np.take_along_axis(logprob[:-1], best, axis=-1)
    rank = (logprob[:-1] > target[:, None]).sum(axis=-1)
    result = token_values(
        read_texts([to_string(int(i)) for i in ids]),
        np.concatenate([[np.nan], target]),
        title="Log-probability",
        unit="nats",
        signed=True,
        absent=(0,),
        top_text=((), *(tuple(to_string(int(i)) for i in row) for row in best)),
        top_logprob=np.concatenate([np.full((1, top_k), np.nan), top]).astype(np.float32),
        rank=np.concatenate([[-1], rank]).astype(np.int32),
    )
    return show(result)
