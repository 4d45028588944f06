"""Which tokens of a model's vocabulary are words like any other."""

from __future__ import annotations

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
    d_vocab, tokenizer = check_words(model), getattr(model, "tokenizer", None)
    return list(dict.fromkeys(_word_id(word, d_vocab, tokenizer) for word in words))


def _word_id(word: int | str, d_vocab: int, tokenizer: Any | None) -> int:
    if not isinstance(word, str):
        if not 0 <= int(word) < d_vocab:
            raise PromptError(f"token ids are 0-{d_vocab - 1:,} for this model; got {word}.")
        return int(word)
    if tokenizer is None:
        raise PromptError(f"the model has no tokenizer; give {word!r} as a token id.")
    ids = tokenizer.encode(word, add_special_tokens=False)
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        parts = tokenizer.convert_ids_to_tokens(ids)
        raise PromptError(
            f"{word!r} must be one token of this model's; it is {len(ids)}: {parts}. Give the "
            "text as it stands in a prompt, with the space before it, or a token id."
        )
    return int(ids[0])
