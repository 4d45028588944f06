"""Which positions and heads of a tensor in a run an intervention means."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Int

from interpwidgets.errors import InterventionError
from interpwidgets.interventions import Threshold, Where
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Capture
from interpwidgets.models.token_text import read_tokens
from interpwidgets.sites import WHOLE_MODEL


def given_length(capture: Capture, prompt: int) -> int:
    """Return how many tokens a prompt had as it was given, before any was generated.

    Args:
        capture: The run so far.
        prompt: Which of its prompts.
    """
    end = min(capture.ends[prompt], capture.n_prompt_tokens)
    return end - capture.n_pads[prompt]


def own_positions(capture: Capture, n_columns: int) -> Int[torch.Tensor, "prompt pos"]:
    """Return where each column of a pass stands in its own prompt; −1 for padding.

    Args:
        capture: The run so far.
        n_columns: Columns of this pass: the last of all.
    """
    columns = torch.arange(capture.n_tokens - n_columns, capture.n_tokens)
    pads, ends = torch.tensor(capture.n_pads)[:, None], torch.tensor(capture.ends)[:, None]
    real = (columns >= pads) & (columns < ends)
    return torch.where(real, columns - pads, -1)


def choose_positions(
    where: Where, capture: Capture, n_columns: int, tokenizer: Any | None
) -> Bool[torch.Tensor, "prompt pos"]:
    """Return which columns of a pass are meant, thresholds aside.

    Args:
        where: What was asked for.
        capture: The run so far.
        n_columns: Columns of this pass.
        tokenizer: The model's, which ``where.tokens`` may need.

    Raises:
        InterventionError: A prompt does not have such a position.
    """
    own = own_positions(capture, n_columns)
    chosen = own >= 0
    if where.positions is not None:
        for prompt in range(capture.n_prompts):
            length = given_length(capture, prompt)
            chosen[prompt] &= _any_of(where.positions, own[prompt], length, prompt)
    if where.tokens is not None:
        chosen &= _has_token(where.tokens, capture, n_columns, tokenizer)
    return chosen


def _any_of(
    positions: tuple[Any, ...], own: Int[torch.Tensor, " pos"], length: int, prompt: int
) -> Bool[torch.Tensor, " pos"]:
    chosen = torch.zeros_like(own, dtype=torch.bool)
    for position in positions:
        if position == "prompt":
            chosen |= own < length
        elif position == "new":
            chosen |= own >= length
        elif isinstance(position, slice):
            chosen |= _in_slice(position, own, length)
        else:
            chosen |= own == _checked(position, length, prompt)
    return chosen


def _in_slice(
    wanted: slice, own: Int[torch.Tensor, " pos"], length: int
) -> Bool[torch.Tensor, " pos"]:
    start = _from_front(wanted.start or 0, length)
    stop = math.inf if wanted.stop is None else _from_front(wanted.stop, length)
    return (own >= start) & (own < stop) & ((own - start) % (wanted.step or 1) == 0)


def _from_front(position: int, length: int) -> int:
    return position if position >= 0 else max(0, length + position)


def _checked(position: int, length: int, prompt: int) -> int:
    if not -length <= position < length:
        raise InterventionError(
            f"there is no position {position} in prompt {prompt}; it has {length}, "
            f"0-{length - 1} or −{length} to −1. Positions that are generated later are "
            "'new', or a slice without an end."
        )
    return position % length


def _has_token(
    wanted: tuple[int | str, ...], capture: Capture, n_columns: int, tokenizer: Any | None
) -> Bool[torch.Tensor, "prompt pos"]:
    assert capture.ids is not None
    ids = capture.ids[:, -n_columns:]
    unique = [int(i) for i in ids.unique()]
    texts = read_tokens(tokenizer, unique).text if tokenizer is not None else ()
    named = dict(zip(unique, (text.strip() for text in texts), strict=False))
    if tokenizer is None and any(isinstance(token, str) for token in wanted):
        raise InterventionError("this model has no tokenizer: give `tokens` as ids.")
    kept = [i for i in unique if i in wanted or named.get(i) in wanted]
    return torch.isin(ids, torch.tensor(kept, dtype=ids.dtype))


def passes(tensor: torch.Tensor, when: Threshold) -> Bool[torch.Tensor, "*axes"]:
    """Return where the component along a threshold's direction passes it.

    Args:
        tensor: ``[*axes, d]``.
        when: The threshold.
    """
    wide = torch.promote_types(tensor.dtype, torch.float32)
    direction = torch.from_numpy(when.direction).to(tensor.device, wide)
    component = tensor.to(wide) @ (direction / direction.norm())
    return component < when.value if when.below else component > when.value


def check_place(where: Where, site: str, adapter: Adapter) -> tuple[int | None, ...]:
    """Return the layers that are meant, checked against the model, its heads too.

    Args:
        where: What was asked for.
        site: Of the intervention.
        adapter: The model's.

    Raises:
        InterventionError: There is no such layer or head; the message has the range.
        SiteError: The architecture has no such site.
    """
    if site in WHOLE_MODEL:
        adapter.place(site)
        return (None,)
    layers = range(adapter.n_layers) if where.layers is None else where.layers
    n_heads = adapter.n_kv_heads if site in "kv" else adapter.n_heads
    _check_range("layer", layers, adapter.n_layers, adapter.name)
    _check_range(
        "key-value head" if site in "kv" else "head", where.heads or (), n_heads, adapter.name
    )
    for layer in layers:
        adapter.place(site, layer)
    return tuple(layers)


def _check_range(axis: str, wanted: Any, n: int, name: str) -> None:
    outside = [one for one in wanted if not 0 <= one < n]
    if outside:
        raise InterventionError(
            f"there is no {axis} {outside[0]} in {name}; it has {n}, 0-{n - 1}."
        )
