"""What a user points at in each prompt: tokens, directions, positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from interpwidgets.errors import PromptError, ResultError
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.prompts import Batch
from interpwidgets.models.vocabulary import check_words, token_id_of


class Words(NamedTuple):
    """What numbers push towards on each prompt, in words."""

    toward: tuple[str, ...] = ()
    """The target's text; empty for a direction."""

    over: tuple[str, ...] = ()
    """The text of the token whose logit is subtracted; empty for none."""

    def of(self, prompt: int) -> str:
        """Return both, ``"' Ben' − ' Ada'"``.

        Args:
            prompt: Which prompt.
        """
        if not self.toward:
            return "direction"
        over = f" − {self.over[prompt]!r}" if self.over else ""
        return f"{self.toward[prompt]!r}{over}"


def check_count(name: str, n: int, n_prompts: int | None) -> None:
    """Refuse entries for another number of prompts.

    Args:
        name: The argument.
        n: How many entries it has.
        n_prompts: How many prompts there are; None: not known yet.

    Raises:
        PromptError: Neither one nor one per prompt.
    """
    if n_prompts is not None and n not in (0, 1, n_prompts):
        raise PromptError(
            f"`{name}` has {n} entries for {n_prompts} prompts; give one for all, or one each."
        )


def token_ids(given: Any, n: int | None, model: Model, name: str) -> tuple[int, ...]:
    """Return the ids of one token for all prompts, or of one for each; none of None.

    Args:
        given: Text, an id, or a list of those.
        n: How many prompts there are; None: not known yet.
        model: An nnsight model.
        name: The argument's name.

    Raises:
        PromptError: Another number of them, or one is no single token of the model's.
    """
    if given is None:
        return ()
    given = given.tolist() if hasattr(given, "tolist") else given
    tokens = list(given) if isinstance(given, (list, tuple)) else [given]
    check_count(name, len(tokens), n)
    check_words(model)
    return tuple(token_id_of(token, model) for token in tokens)


def directions(given: Any, n: int | None, model: Model) -> tuple[tuple[float, ...], ...]:
    """Return one direction for all prompts, or one for each; none of None.

    Args:
        given: ``[d_model]`` or ``[prompt, d_model]``.
        n: How many prompts there are; None: not known yet.
        model: An nnsight model.

    Raises:
        ResultError: They have another width.
        PromptError: Another number of them.
    """
    if given is None:
        return ()
    rows = torch.as_tensor(np.asarray(given) if isinstance(given, list) else given)
    rows = rows.detach().double().cpu()
    width = adapter_of(model).d_model
    if rows.dim() not in (1, 2) or rows.shape[-1] != width:
        raise ResultError(
            f"a direction is [d_model] or [prompt, d_model], d_model {width}; got "
            f"{list(rows.shape)}."
        )
    rows = rows if rows.dim() == 2 else rows[None]
    check_count("direction", len(rows), n)
    return tuple(tuple(row) for row in rows.tolist())


def targets_of(
    model: Model, target: Any, against: Any, direction: Any, n: int | None = None
) -> dict[str, tuple[Any, ...]]:
    """Return what a person wants explained, as a method keeps it: by the same names.

    Args:
        model: An nnsight model.
        target: Text, an id, or a list of those; None for none.
        against: The same.
        direction: ``[d_model]`` or ``[prompt, d_model]`` in place of both; None for none.
        n: How many prompts there are; None: not known yet.

    Raises:
        ResultError: A direction beside tokens, or one of another width.
        PromptError: What is no token of the model's, or another number of them.
    """
    if direction is not None and (target is not None or against is not None):
        raise ResultError(
            "a direction takes the place of tokens; leave out target and against."
        )
    return {
        "target": token_ids(target, n, model, "target"),
        "against": token_ids(against, n, model, "against"),
        "direction": directions(direction, n, model),
    }


def from_end(pos: int | Sequence[int], batch: Batch) -> tuple[int, ...]:
    """Return the position of each prompt counted from its end, −1 the last.

    Args:
        pos: One for all prompts, or one each; from 0, or negative from the end.
        batch: The prompts.

    Raises:
        PromptError: A prompt has no such position, or another number of them.
    """
    given = [pos] if isinstance(pos, int) else [int(one) for one in pos]
    lengths = [len(prompt.ids) for prompt in batch.prompts]
    check_count("pos", len(given), len(lengths))
    given = given * len(lengths) if len(given) == 1 else given
    for at, (one, length) in enumerate(zip(given, lengths, strict=True)):
        if not -length <= one < length:
            raise PromptError(
                f"`pos` is {one}; prompt {at} has {length} tokens, 0-{length - 1} or "
                f"{-length} to -1 from the end."
            )
    return tuple(
        one if one < 0 else one - length for one, length in zip(given, lengths, strict=True)
    )
