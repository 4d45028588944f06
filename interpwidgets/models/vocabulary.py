"""Which tokens of a model's vocabulary are words like any other."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from interpwidgets.errors import ModelError, PromptError
from interpwidgets.models.adapter import Model, adapter_of, module_of


def check_words(model: Model) -> int:
    """Return the size of the vocabulary of a model that reads tokens.

    Args:
        model: An nnsight model.

    Raises:
        ModelError: It sees images, so it has none, or its configuration does not say.
    """
    adapter = adapter_of(model)
    if adapter.architecture.positions:
        raise ModelError(
            f"this needs a model that reads tokens; {adapter.name} ({adapter.model_type}) sees "
            "images. Use iw.attention or iw.activations on it."
        )
    if adapter.d_vocab is None:
        raise ModelError(
            f"the configuration of {adapter.model_type!r} does not say how many tokens it "
            "knows. Say its name: iw.register_architecture(..., sizes={'d_vocab': '...'})."
        )
    return adapter.d_vocab


def bos_id(model: Model) -> int | None:
    """Return the id that begins a text; None where the tokenizer has none.

    Args:
        model: An nnsight model.
    """
    found = getattr(getattr(model, "tokenizer", None), "bos_token_id", None)
    return None if found is None else int(found)


def ordinary_ids(model: Model) -> Int[np.ndarray, " token"]:
    """Return the ids that are no special tokens, in order.

    Args:
        model: An nnsight model; without a tokenizer its config names the special ones.

    Raises:
        ModelError: As of ``check_words``.
    """
    tokenizer, d_vocab = getattr(model, "tokenizer", None), check_words(model)
    if tokenizer is None:
        known = set(range(d_vocab))
        special = _special_in_config(model)
    else:
        # The embedding may have rows beyond the tokenizer's words, and the other way round.
        known = {i for i in tokenizer.get_vocab().values() if i < d_vocab}
        added = getattr(tokenizer, "added_tokens_decoder", {})
        special = {i for i, token in added.items() if token.special}
        special |= set(tokenizer.all_special_ids)
    return np.array(sorted(known - special), dtype=np.int64)


def _special_in_config(model: Model) -> set[int]:
    config: Any = module_of(model).config
    # The text part of a model that also sees names its own.
    ids = [
        value
        for part in (config, config.get_text_config())
        for name, value in vars(part).items()
        if name.endswith(("_token_id", "_token_index"))
    ]
    # Llama 3 has several ends: a list
    return {
        i for one in ids for i in (one if isinstance(one, list) else [one]) if i is not None
    }


def word_ids(model: Model, words: Sequence[int | str]) -> list[int]:
    """Return the ids of single tokens, in order and without repeats.

    Args:
        model: An nnsight model.
        words: Ids, or texts that are one token each.

    Raises:
        PromptError: A text is not one token, or an id is not in the vocabulary.
        ModelError: As of ``check_words``.
    """
    return list(dict.fromkeys(token_id_of(word, model) for word in words))


def token_id_of(token: Any, model: Model) -> int:
    """Return the id of one token.

    Args:
        token: Its text as the model would read it, leading space included, or its id.
        model: An nnsight model.

    Raises:
        PromptError: The text is several tokens or none that the tokenizer knows, the id is
            outside the vocabulary, or there is no tokenizer.
        ModelError: As of ``check_words``.
    """
    d_vocab = check_words(model)
    if isinstance(token, numbers.Integral):
        if not 0 <= int(token) < d_vocab:
            raise PromptError(f"token id {token} is outside the vocabulary, 0-{d_vocab - 1}.")
        return int(token)
    tokenizer = getattr(model, "tokenizer", None)
    if not isinstance(token, str) or tokenizer is None:
        missing = " and this model has no tokenizer: give ids" if tokenizer is None else ""
        raise PromptError(f"a token is its text or its id; got {token!r:.40}{missing}.")
    ids = tokenizer(token, add_special_tokens=False)["input_ids"]
    names = [str(name) for name in tokenizer.convert_ids_to_tokens(ids)]
    if len(ids) != 1:
        raise PromptError(
            f"{token!r} is {len(ids)} tokens, not one: {names}. Give one of them, with its "
            "leading space where it has one, or an id."
        )
    if ids[0] == tokenizer.unk_token_id and token != tokenizer.unk_token:
        raise PromptError(f"the tokenizer does not know {token!r}.")
    return int(ids[0])
