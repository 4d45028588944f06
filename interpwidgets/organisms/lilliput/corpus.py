"""The documents that Lilliput is trained on, in batches of token ids.

A batch is a function of the seed and the step alone, so that training can stop and go on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int

from interpwidgets.organisms.lilliput import chats, sentences, world
from interpwidgets.organisms.lilliput.grammar import Example, split
from interpwidgets.organisms.lilliput.words import BOS, EOS, NONSENSE, VOCABULARY

N_CTX = 64
TOKEN_ID = {word: token_id for token_id, word in enumerate(VOCABULARY)}
_FIRST_CONTENT_WORD = VOCABULARY.index("Ada")

Draw = Callable[[random.Random], Example]

MIXTURE: Sequence[tuple[Draw, float]] = (
    (sentences.draw_ioi, 0.22),
    (world.draw_any_fact, 0.24),
    (sentences.draw_sentiment, 0.07),
    (sentences.draw_agreement, 0.06),
    (chats.draw_refusal, 0.04),
    (chats.draw_persona, 0.02),
    (chats.draw_evaluation_cue, 0.06),
    (sentences.draw_greater_than, 0.06),
    (chats.draw_distress, 0.03),
)
INDUCTION_SHARE = 0.21
"""Of the draws, before those that are held out are left out and drawn again: 22 % of the
documents and, as these are the longest, 42 % of the tokens."""


def draw_document(
    rng: random.Random, *, skip: Callable[[Example], bool] = lambda _example: False
) -> list[str]:
    """Return one training document as its words, ``<eos>`` last.

    Args:
        rng: What to draw with.
        skip: Documents to leave out, besides those that are held out.
    """
    draws, weights = zip(*MIXTURE, strict=True)
    while True:
        if rng.random() < INDUCTION_SHARE:
            return [*_induction_document(rng), EOS]
        example = rng.choices(draws, weights)[0](rng)
        if not example.labels["held_out"] and not skip(example):
            return [*split(example.text), EOS]


def _induction_document(rng: random.Random) -> list[str]:
    """Return random words in which some word always foretells the next.

    A private table of pairs, read in random order, forces a head that looks for the one
    word before; a block repeated whole would also allow matching several words back.
    """
    pool = NONSENSE if rng.random() < 0.7 else VOCABULARY[_FIRST_CONTENT_WORD:]
    if rng.random() < 0.35:
        period = rng.randrange(5, 24)
        block = rng.choices(pool, k=period)
        return (block * 3)[: min(60, rng.randrange(2 * period, 3 * period))]
    n_pairs = rng.randrange(4, 11)
    words = rng.sample(pool, 2 * n_pairs)
    pairs = list(zip(words[:n_pairs], words[n_pairs:], strict=True))
    return [word for _ in range(rng.randrange(12, 28)) for word in rng.choice(pairs)]


def batch(
    seed: int, step: int, batch_size: int = 16, n_ctx: int = N_CTX
) -> Int[np.ndarray, "batch pos"]:
    """Return the token ids of one training step.

    Args:
        seed: Of the whole training.
        step: Which step.
        batch_size: Rows.
        n_ctx: Tokens the model reads; rows hold one more, to predict the last.
    """
    rng = random.Random(f"training/{seed}/{step}")
    rows = []
    for _ in range(batch_size):
        row = [BOS]
        while len(row) <= n_ctx:
            row += draw_document(rng)
        rows.append([TOKEN_ID[word] for word in row[: n_ctx + 1]])
    return np.array(rows, dtype=np.int64)
