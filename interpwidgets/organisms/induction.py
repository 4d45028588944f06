"""The repeated-blocks task and the two scores that find an induction circuit.

Numpy only: knows nothing of torch, of words or of any one model. Token ids are what
``lil-attn-2l`` reads: ``<pad>`` 0, ``<bos>`` 1, words from 2 on.

Source: Olsson et al. (2022), "In-context Learning and Induction Heads".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

PAD_ID = 0
BOS_ID = 1
FIRST_WORD_ID = 2
D_VOCAB = 64
N_CTX = 32
PERIODS = (5, 16)


@dataclass(frozen=True)
class RepeatedBlocks:
    """Sequences of the task with their ground truth."""

    token_ids: Int[np.ndarray, "batch pos"]
    """``<bos>``, then a block of random words repeated until the context is full."""

    period: Int[np.ndarray, " batch"]
    """Length of each row's block, in words."""

    @property
    def predictable(self) -> Bool[np.ndarray, "batch pos"]:
        """True at a token that its own past determines.

        The first word of the second block is not: nothing says yet that the block ended.
        """
        return np.arange(self.token_ids.shape[1]) >= self.period[:, None] + 2


def repeated_blocks(
    n: int, seed: int | Sequence[int], period: int | None = None
) -> RepeatedBlocks:
    """Draw rows of ``<bos>`` and a random block repeated to fill the context.

    Words are drawn with replacement, so that a block may hold one twice.

    Args:
        n: Number of rows.
        seed: Seed, or several numbers that make one.
        period: Words in a block; None draws each row's from ``PERIODS``, ends included.

    Returns:
        ``RepeatedBlocks`` of ``N_CTX`` tokens a row.
    """
    rng = np.random.default_rng(seed)
    low, high = PERIODS if period is None else (period, period)
    periods = rng.integers(low, high + 1, size=n)
    words = rng.integers(FIRST_WORD_ID, D_VOCAB, size=(n, N_CTX - 1))
    place = np.arange(N_CTX - 1) % periods[:, None]
    bos = np.full((n, 1), BOS_ID, dtype=words.dtype)
    token_ids = np.concatenate([bos, np.take_along_axis(words, place, axis=1)], axis=1)
    return RepeatedBlocks(token_ids=token_ids, period=periods)


def second_half_accuracy(
    logits: Float[np.ndarray, "batch pos d_vocab"], blocks: RepeatedBlocks
) -> float:
    """Return the share of predictable tokens that the model ranks first.

    Args:
        logits: The model's output; position ``pos`` predicts token ``pos + 1``.
        blocks: What the model read. With period 16 the predictable tokens are the second
            half of the context, hence the name.
    """
    right = logits[:, :-1].argmax(axis=-1) == blocks.token_ids[:, 1:]
    return float(right[blocks.predictable[:, 1:]].mean())


def previous_token_score(
    pattern: Float[np.ndarray, "*batch query_pos key_pos"],
) -> Float[np.ndarray, "*batch"]:
    """Return the mean attention from each token to the one before it.

    Args:
        pattern: Softmaxed attention, with any leading axes. ``<bos>``, which has no token
            before it, is left out as a query.

    Returns:
        One number in 0..1 for each pattern; 1 is a perfect previous-token head.

    Source:
        Olsson et al. (2022), "previous token head". We differ in: nothing.
    """
    return np.diagonal(pattern, offset=-1, axis1=-2, axis2=-1).mean(axis=-1)


def prefix_matching_score(
    pattern: Float[np.ndarray, "batch head query_pos key_pos"],
    period: int | Int[np.ndarray, " batch"],
) -> Float[np.ndarray, " head"]:
    """Return the mean attention from repeated tokens to what followed them before.

    Args:
        pattern: Softmaxed attention over rows of ``repeated_blocks``.
        period: Each row's period, or one for all.

    Returns:
        One number in 0..1 for each head; 1 is a perfect induction head.

    Source:
        Olsson et al. (2022), "prefix matching". We differ in: every earlier occurrence
        counts where a block is repeated more than once, and ``<bos>`` stands before the
        first block, as it does when the model is used.
    """
    periods = np.broadcast_to(np.asarray(period), pattern.shape[:1])[:, None, None]
    query_pos = np.arange(pattern.shape[-2])[:, None]
    distance = query_pos + 1 - np.arange(pattern.shape[-1])
    is_repeated = query_pos > periods
    # The key after an earlier copy; `> 1` keeps <bos>, which is never one, out.
    is_match = is_repeated & (distance > 0) & (distance % periods == 0)
    is_match &= np.arange(pattern.shape[-1]) > 1
    mass = (pattern * is_match[:, None]).sum(axis=-1)
    rows = np.broadcast_to(is_repeated[:, None, :, 0], mass.shape)
    return mass.sum(axis=(0, 2)) / rows.sum(axis=(0, 2))
