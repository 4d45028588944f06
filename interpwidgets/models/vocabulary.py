"""Which tokens of a model's vocabulary are words like any other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from interpwidgets.models.adapter import Model, adapter_of, module_of

_SPECIAL_IN_CONFIG = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


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
    """
    tokenizer, d_vocab = getattr(model, "tokenizer", None), adapter_of(model).d_vocab
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
    config = module_of(model).config
    ids = [getattr(config, name, None) for name in _SPECIAL_IN_CONFIG]
    # Llama 3 has several ends: a list
    return {
        i for one in ids for i in (one if isinstance(one, list) else [one]) if i is not None
    }
