"""Sequences that repeat themselves: a block of random ordinary tokens, said twice."""

from __future__ import annotations

import numpy as np

from interpwidgets.errors import PromptError
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.vocabulary import bos_id, ordinary_ids

PERIOD = 20

#: The shortest block in which what follows a token is not what comes before its repeat.
SHORTEST = 3


def choose_period(model: Model, period: int | None) -> int:
    """Return how many tokens a block has: as asked, or 20 or what the model has room for.

    Args:
        model: An nnsight model.
        period: What was asked; None for the default.

    Raises:
        PromptError: The model's context or vocabulary is too small for it.
    """
    adapter = adapter_of(model)
    longest, why = len(ordinary_ids(model)), "the vocabulary has that many ordinary tokens"
    if (
        adapter.n_ctx is not None
        and (fits := (adapter.n_ctx - len(_start(model))) // 2) < longest
    ):
        longest, why = fits, f"twice that fills its context of {adapter.n_ctx:,} (n_ctx)"
    if longest < SHORTEST:
        raise PromptError(
            f"{adapter.name} has room for a block of {longest} tokens ({why}), which takes at "
            f"least {SHORTEST}; give a prompt."
        )
    if period is not None and not SHORTEST <= period <= longest:
        raise PromptError(
            f"for {adapter.name} a period is {SHORTEST} to {longest:,} tokens ({why}); got "
            f"period={period}."
        )
    return min(PERIOD, longest) if period is None else period


def draw_repeated_blocks(model: Model, n: int, period: int, seed: int) -> list[list[int]]:
    """Return sequences of the tokenizer's first token, if any, and a block twice.

    Args:
        model: An nnsight model.
        n: How many.
        period: Tokens in a block, all different and none of them special.
        seed: Of the draws.

    Raises:
        PromptError: ``n`` is below 1.
    """
    if n < 1:
        raise PromptError(f"at least one sequence must be drawn; got n={n}.")
    rng, words, start = np.random.default_rng(seed), ordinary_ids(model), _start(model)
    blocks = [rng.choice(words, period, replace=False).tolist() for _ in range(n)]
    return [start + block + block for block in blocks]


def _start(model: Model) -> list[int]:
    bos = bos_id(model)
    return [] if bos is None else [bos]
