"""Numbers and texts in the forms that other libraries have them in.

Torch tensors are taken as they are, on any device and of any dtype, without torch being
imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import ResultError
from interpwidgets.results.tokens import Tokens


def to_numpy(array: Any, name: str, *, halves: bool = False) -> Float[np.ndarray, "*axes"]:
    """Return numbers as float32, also those of a torch tensor in bfloat16 or on a GPU.

    Args:
        array: A tensor, an array, or nested lists (of tensors, too).
        name: What it is called in an error.
        halves: Leave float16 as it is: of hundreds of megabytes a copy takes seconds.

    Raises:
        ResultError: It holds no numbers, or has ragged rows.
    """
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        if "bfloat16" in str(array.dtype) or "float8" in str(array.dtype):
            array = array.float()
        array = array.numpy()
    elif isinstance(array, (list, tuple)) and any(_is_array(one) for one in array):
        array = _stacked(array, name)
    if halves and getattr(array, "dtype", None) == np.float16:
        return np.asarray(array)
    try:
        return np.asarray(array, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ResultError(
            f"{name} must be numbers of one shape (a tensor, an array or nested lists); got "
            f"{type(array).__name__}: {error}."
        ) from error


def _is_array(one: Any) -> bool:
    return isinstance(one, (list, tuple, np.ndarray)) or hasattr(one, "detach")


def _stacked(arrays: Sequence[Any], name: str) -> np.ndarray:
    parts = [to_numpy(one, name) for one in arrays]
    if len({part.shape for part in parts}) > 1:
        raise ResultError(f"{name} has parts of different shapes: {[p.shape for p in parts]}.")
    return np.stack(parts)


def read_texts(tokens: Any, tokenizer: Any = None) -> Tokens:
    """Return tokens, given their texts or ids.

    Args:
        tokens: ``Tokens``, texts, or ids.
        tokenizer: A Hugging Face tokenizer, for ids.

    Raises:
        ResultError: It is one text, or ids without a tokenizer.
    """
    if isinstance(tokens, Tokens):
        return tokens
    if isinstance(tokens, str):
        raise ResultError(
            f"tokens must be a list with the text of each token, not one text ({tokens!r:.40})."
        )
    entries = tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)
    if len(entries) == 1 and isinstance(entries[0], (list, tuple)):
        entries = list(entries[0])  # a batch of one
    if all(isinstance(one, str) for one in entries):
        return Tokens.of_text(entries)
    if not all(isinstance(one, int) for one in entries):
        kinds = sorted({type(one).__name__ for one in entries})
        raise ResultError(f"tokens must be texts or ids; got {' and '.join(kinds)}.")
    if tokenizer is None:
        raise ResultError("tokens are ids; give tokenizer= as well, or the text of each.")
    from interpwidgets.models.token_text import read_tokens

    return read_tokens(tokenizer, entries)
