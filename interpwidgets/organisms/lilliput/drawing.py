"""Drawing many examples of one side of a split."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from typing import Literal, get_args

from interpwidgets.errors import nearest
from interpwidgets.organisms.lilliput.grammar import Example

Split = Literal["held_out", "trained"]


def draws(
    draw: Callable[[random.Random], Example], n: int, seed: int, task: str, split: Split
) -> list[Example]:
    """Return ``n`` examples of one side of the split, however many it takes.

    Args:
        draw: Draws an example of either side.
        n: How many.
        seed: Of the draws.
        task: Name of the task.
        split: Which side.

    Raises:
        ValueError: There is no such side.
    """
    check_choice("split", split, get_args(Split))
    rng = random.Random(f"{task}/{split}/{seed}")
    kept: list[Example] = []
    while len(kept) < n:
        example = draw(rng)
        if bool(example.labels["held_out"]) == (split == "held_out"):
            kept.append(example)
    return kept


def check_choice(argument: str, given: str, known: Collection[str]) -> None:
    """Refuse what is none of a few known words.

    Args:
        argument: What it was given as.
        given: What was given.
        known: What may be given.

    Raises:
        ValueError: It is none of them.
    """
    if given not in known:
        raise ValueError(f"{argument} is {given!r}. {nearest(given, known)}")
