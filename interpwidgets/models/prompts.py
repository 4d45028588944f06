"""Checks on what a user gives as a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from interpwidgets.errors import PromptError
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Capture
from interpwidgets.models.images import as_pixels, check_image, is_image


def check_prompt(prompt: Any, adapter: Adapter, tokenizer: Any | None) -> None:
    """Refuse a prompt that cannot be run, before the model starts.

    Args:
        prompt: Text, several texts, token ids, or an encoding.
        adapter: The model's.
        tokenizer: The model's; None when it has none.

    Raises:
        PromptError: No tokens, text without a tokenizer, or ids out of range.
    """
    if adapter.architecture.positions:
        check_image(prompt, adapter)
    elif isinstance(prompt, str):
        _check_text(prompt, adapter, tokenizer)
    elif _is_list_of(prompt, str) and prompt:
        for text in prompt:
            _check_text(text, adapter, tokenizer)
    elif _is_list_of(prompt, int):
        _check_ids(prompt, adapter)
    elif _is_list_of(prompt, list):
        for ids in prompt:
            _check_ids(ids, adapter)
    elif hasattr(prompt, "tolist") and not _is_floating(prompt):
        _check_ids(np.ravel(prompt.tolist()).tolist(), adapter)
    elif not (_is_list_of(prompt, Mapping) or _is_encoding(prompt)):
        raise PromptError(
            "a prompt is text, a list of texts, a list or tensor of token ids, chat messages, "
            f"or an encoding with input_ids; got {type(prompt).__name__} {prompt!r:.40}."
        )


def _is_list_of(prompt: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(prompt, (list, tuple)) and all(isinstance(p, kind) for p in prompt)


def _is_encoding(prompt: Any) -> bool:
    return isinstance(prompt, Mapping) and "input_ids" in prompt


def _is_floating(array: Any) -> bool:
    return "float" in str(array.dtype)


def as_input(prompt: Any, tokenizer: Any | None) -> Any:
    """Return a prompt as nnsight takes it for this model.

    nnsight turns a list of ids into a tensor only for models with a tokenizer, and takes
    no numpy array.

    Args:
        prompt: What the user gave.
        tokenizer: The model's; None when it has none.
    """
    if is_image(prompt):
        return as_pixels(prompt)
    if isinstance(prompt, np.ndarray):
        prompt = torch.from_numpy(prompt)
        return prompt if prompt.dim() > 1 else prompt[None]
    if tokenizer is None and _is_list_of(prompt, int):
        return torch.tensor([prompt])
    if tokenizer is None and _is_list_of(prompt, list):
        return torch.tensor(prompt)
    return prompt


def token_ids_of(prompt: Any, adapter: Adapter, tokenizer: Any | None) -> list[list[int]]:
    """Return the token ids of one or several prompts, as the model would read each alone.

    Args:
        prompt: Text, several texts, or token ids, also several rows of them.
        adapter: The model's.
        tokenizer: The model's; None when it has none.

    Raises:
        PromptError: It is something else, or has no tokens.
    """
    check_prompt(prompt, adapter, tokenizer)
    rows: Any
    if isinstance(prompt, str):
        rows = [_ids_of_text(prompt, tokenizer)]
    elif _is_list_of(prompt, str):
        rows = [_ids_of_text(text, tokenizer) for text in prompt]
    elif _is_list_of(prompt, int):
        rows = [prompt]
    else:
        rows = prompt.tolist() if hasattr(prompt, "tolist") else prompt
        rows = [rows] if _is_list_of(rows, int) else rows
    if not _is_list_of(rows, (list, tuple)) or not all(_is_list_of(row, int) for row in rows):
        raise PromptError(
            "this takes text or token ids, one prompt or a list of them; got "
            f"{type(prompt).__name__} {prompt!r:.40}."
        )
    return [list(row) for row in rows]


def _ids_of_text(text: str, tokenizer: Any) -> list[int]:
    ids = list(tokenizer(text)["input_ids"])
    if not ids:
        raise PromptError(f"the prompt {text!r:.40} has no tokens; give at least one word.")
    return ids


def _check_text(text: str, adapter: Adapter, tokenizer: Any | None) -> None:
    if tokenizer is None:
        raise PromptError(
            f"{adapter.name} has no tokenizer, so it takes token ids, not text: "
            "pass a list of ids, or iw.wrap(model, tokenizer=...)."
        )
    if not text and not tokenizer(text)["input_ids"]:
        raise PromptError(
            f"the prompt is empty, and the tokenizer of {adapter.name} adds no token of "
            "its own; give at least one word."
        )


def _check_ids(ids: Sequence[int], adapter: Adapter) -> None:
    if not ids:
        raise PromptError("the prompt has no token ids; give at least one.")
    outside = [(pos, i) for pos, i in enumerate(ids) if not 0 <= i < (adapter.d_vocab or 0)]
    if outside:
        pos, token_id = outside[0]
        raise PromptError(
            f"token id {token_id} at position {pos} is outside the vocabulary of "
            f"{adapter.name}, 0-{(adapter.d_vocab or 0) - 1}."
        )


def check_length(capture: Capture, adapter: Adapter) -> None:
    """Refuse a run whose input has more positions than the model was made for.

    Raises:
        PromptError: It has; the message says by how many.
    """
    n_tokens = capture.n_tokens - min(capture.n_pads, default=0)
    if adapter.n_ctx is not None and n_tokens > adapter.n_ctx:
        generated = n_tokens - capture.n_prompt_tokens
        what = (
            f"prompt and {generated} generated tokens have" if generated > 0 else "prompt has"
        )
        raise PromptError(
            f"the {what} {n_tokens:,} tokens; {adapter.name} was made for {adapter.n_ctx:,} "
            f"(n_ctx). Shorten it by {n_tokens - adapter.n_ctx:,}."
        )
