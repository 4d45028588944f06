"""What an intervention does to the tensor of a site, in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int

from interpwidgets.errors import InterventionError
from interpwidgets.interventions import (
    Ablate,
    Add,
    Clamp,
    Intervention,
    Patch,
    ProjectOut,
    SignFlip,
)
from interpwidgets.interventions.value import HEAD_SITES
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Capture
from interpwidgets.models.choosing import (
    choose_positions,
    given_length,
    own_positions,
    passes,
)

#: Gives what is to be in a tensor's place, wide; and where it has something to give.
New = Callable[[torch.Tensor, Capture], tuple[torch.Tensor, Bool[torch.Tensor, "prompt pos"]]]

#: Changes the tensor of a site in place, given the run so far: its prompts and their pads.
Change = Callable[[torch.Tensor, Capture], None]


def change_of(
    intervention: Intervention, layer: int | None, adapter: Adapter, tokenizer: Any | None
) -> Change:
    """Return what an intervention does at one layer, for one run.

    Args:
        intervention: What to do.
        layer: Where; None for a site that exists once.
        adapter: The model's.
        tokenizer: The model's.

    Raises:
        InterventionError: A direction is not as wide as the site.
    """
    new, where = _new_of(intervention, layer, adapter), intervention.where
    words = str(intervention)
    is_pattern = intervention.site == "pattern"

    def change(tensor: torch.Tensor, capture: Capture) -> None:
        seen = tensor.transpose(1, 2) if is_pattern else tensor  # [prompt, pos, ...]
        value, available = new(seen, capture)
        chosen = choose_positions(where, capture, seen.shape[1], tokenizer) & available
        mask = _over_axes(chosen.to(tensor.device), seen)
        if where.heads is not None:
            mask = mask & _is_in(where.heads, seen.shape[2], tensor.device)[:, None]
        if where.when is not None:
            _check_width(where.when.direction, intervention, adapter)
            mask = mask & passes(seen, where.when)[..., None]
            chosen = chosen & mask.flatten(2).any(dim=2).cpu()
        capture.touched.setdefault(words, {})[capture.n_steps] = chosen
        seen.copy_(torch.where(mask, value.to(tensor.dtype), seen))

    return change


def _over_axes(chosen: Bool[torch.Tensor, "prompt pos"], tensor: torch.Tensor) -> torch.Tensor:
    return chosen.reshape(*chosen.shape, *(1,) * (tensor.ndim - 2))


def _is_in(members: tuple[int, ...], n: int, device: torch.device) -> torch.Tensor:
    mask = torch.zeros(n, dtype=torch.bool, device=device)
    mask[list(members)] = True
    return mask


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _everywhere(tensor: torch.Tensor) -> Bool[torch.Tensor, "prompt pos"]:
    return torch.ones(tensor.shape[:2], dtype=torch.bool)


def _new_of(intervention: Intervention, layer: int | None, adapter: Adapter) -> New:
    """Return what gives the new values; what it keeps between passes is of one run."""
    if isinstance(intervention, (Add, ProjectOut, Clamp)):
        _check_width(intervention.direction, intervention, adapter)
        return _directed(intervention)
    if isinstance(intervention, SignFlip):
        return _flipped(intervention, _width(intervention.site, adapter))
    if isinstance(intervention, Patch):
        return _patched(intervention, layer, adapter)
    if isinstance(intervention, Ablate):
        return _ablated(intervention, layer, adapter)
    raise InterventionError(f"nothing applies a {type(intervention).__name__}.")


def _directed(intervention: Add | ProjectOut | Clamp) -> New:
    def new(tensor: torch.Tensor, _: Capture) -> tuple[torch.Tensor, torch.Tensor]:
        wide = _wide(tensor)
        direction = torch.from_numpy(intervention.direction).to(wide)
        if isinstance(intervention, Add):
            return wide + intervention.scale * direction, _everywhere(tensor)
        unit = direction / direction.norm()
        value = intervention.value if isinstance(intervention, Clamp) else 0.0
        missing = value - wide @ unit
        return wide + missing[..., None] * unit, _everywhere(tensor)

    return new


def _flipped(intervention: SignFlip, width: int | None) -> New:
    components = intervention.components
    outside = [i for i in components or () if width is not None and not 0 <= i < width]
    if outside:
        raise InterventionError(
            f"there is no component {outside[0]} of {intervention.site}; it has {width}, "
            f"0-{(width or 1) - 1}."
        )

    def new(tensor: torch.Tensor, _: Capture) -> tuple[torch.Tensor, torch.Tensor]:
        sign = torch.ones(tensor.shape[-1], device=tensor.device, dtype=tensor.dtype)
        sign[slice(None) if components is None else list(components)] = -1
        return tensor * sign, _everywhere(tensor)

    return new


def _ablated(intervention: Ablate, layer: int | None, adapter: Adapter) -> New:
    if intervention.mode == "zero":
        return lambda tensor, _: (torch.zeros_like(tensor), _everywhere(tensor))
    if intervention.values is None:
        return _own_mean()
    if intervention.mode == "resample":
        return _resampled(intervention, layer, adapter)
    values = _layer_of(intervention.values, intervention.layers, layer, axis=0)
    _check_axes(values.shape, intervention, adapter)

    def new(tensor: torch.Tensor, _: Capture) -> tuple[torch.Tensor, torch.Tensor]:
        given = torch.from_numpy(values).to(tensor.device)
        return given.expand_as(tensor), _everywhere(tensor)

    return new


def _own_mean() -> New:
    """The mean over each prompt as it was given; taken at the pass that has it."""
    means: list[torch.Tensor] = []

    def new(tensor: torch.Tensor, capture: Capture) -> tuple[torch.Tensor, torch.Tensor]:
        own = own_positions(capture, tensor.shape[1])
        if not means or tensor.shape[1] == capture.n_tokens:
            means[:] = [
                _wide(row[(at >= 0) & (at < given_length(capture, prompt))]).mean(dim=0)
                for prompt, (row, at) in enumerate(zip(tensor, own, strict=True))
            ]
        return torch.stack(means)[:, None].expand_as(tensor), _everywhere(tensor)

    return new


def _resampled(intervention: Ablate, layer: int | None, adapter: Adapter) -> New:
    assert intervention.values is not None
    bank = _layer_of(intervention.values, intervention.layers, layer, axis=1)
    _check_axes(bank.shape[2:], intervention, adapter)
    ends = np.isfinite(bank.reshape(*bank.shape[:2], -1)).all(axis=-1).sum(axis=1)

    def new(tensor: torch.Tensor, capture: Capture) -> tuple[torch.Tensor, torch.Tensor]:
        given = [given_length(capture, prompt) for prompt in range(capture.n_prompts)]
        # The same seed at every layer and pass: one other prompt for each prompt.
        drawn = draw_prompts(ends, given, intervention.seed)
        own = own_positions(capture, tensor.shape[1])
        rows = torch.from_numpy(bank[drawn]).to(tensor.device)
        return _at(rows, own), (own >= 0) & (own < torch.tensor(given)[:, None])

    return new


def draw_prompts(
    available: Int[np.ndarray, " prompt"], lengths: Sequence[int], seed: int
) -> list[int]:
    """Return which of several prompts each prompt is resampled from.

    Args:
        available: How many tokens each prompt to draw from has.
        lengths: How many tokens each prompt that is changed has.
        seed: Of the draw.

    Raises:
        InterventionError: None is long enough.
    """
    rng, drawn = np.random.default_rng(seed), []
    for prompt, length in enumerate(lengths):
        long_enough = np.flatnonzero(available >= length)
        if not len(long_enough):
            raise InterventionError(
                f"no prompt to resample from has the {length} tokens of prompt {prompt}; "
                f"the longest has {available.max()}. Give prompts at least as long."
            )
        drawn.append(int(rng.choice(long_enough)))
    return drawn


def _patched(intervention: Patch, layer: int | None, adapter: Adapter) -> New:
    values = _layer_of(intervention.values, intervention.layers, layer, axis=0)
    if intervention.site == "pattern":
        return _patched_pattern(intervention, values)
    _check_axes(values.shape[1:], intervention, adapter)
    source = {here: there for there, here in intervention.mapping or ()}
    n = intervention.n_positions

    def new(tensor: torch.Tensor, capture: Capture) -> tuple[torch.Tensor, torch.Tensor]:
        own = own_positions(capture, tensor.shape[1])
        if intervention.mapping is None:
            _check_length(intervention, capture)
            there = torch.where(own < n, own, -1)
        else:
            there = own.clone().apply_(lambda here: source.get(here, -1))
        given = torch.from_numpy(values)[None].expand(len(own), *values.shape)
        return _at(given.to(tensor.device), there), there >= 0

    return new


def _patched_pattern(intervention: Patch, values: np.ndarray) -> New:
    def new(tensor: torch.Tensor, capture: Capture) -> tuple[torch.Tensor, torch.Tensor]:
        own = own_positions(capture, tensor.shape[1])
        out = tensor.clone()
        given = torch.from_numpy(values).transpose(0, 1).to(tensor)  # [query_pos, head, key]
        n = given.shape[0]
        for prompt in range(capture.n_prompts):
            if given_length(capture, prompt) != n:
                _refuse_length(intervention, capture, prompt)
            rows = torch.nonzero((own[prompt] >= 0) & (own[prompt] < n)).flatten()
            start = capture.n_pads[prompt]
            for row in rows.tolist():
                at = int(own[prompt, row])
                out[prompt, row, :, start : start + n] = given[at]
        return out, (own >= 0) & (own < n)

    return new


def _check_length(intervention: Patch, capture: Capture) -> None:
    if intervention.where.positions is not None:
        return
    for prompt in range(capture.n_prompts):
        if given_length(capture, prompt) != intervention.n_positions:
            _refuse_length(intervention, capture, prompt)


def _refuse_length(intervention: Patch, capture: Capture, prompt: int) -> None:
    raise InterventionError(
        f"{intervention.of} has {intervention.n_positions} positions, prompt {prompt} has "
        f"{given_length(capture, prompt)}, and which belong together was not said. Give "
        "mapping=[(there, here), ...]"
        + ("." if intervention.site != "pattern" else " for another site: no pattern fits.")
    )


def _at(rows: torch.Tensor, positions: Int[torch.Tensor, "prompt pos"]) -> torch.Tensor:
    """Return each row's entries at its positions; any at −1."""
    index = positions.clamp(0, rows.shape[1] - 1).to(rows.device)
    return rows[torch.arange(len(rows), device=rows.device)[:, None], index]


def _layer_of(
    values: np.ndarray, layers: Sequence[int], layer: int | None, *, axis: int
) -> np.ndarray:
    at = 0 if layer is None else list(layers).index(layer)
    return values.take(at, axis=axis)


# ------------------------------------------------------------------------------- widths


def _width(site: str, adapter: Adapter) -> int | None:
    sizes = {"logits": adapter.d_vocab, "mlp_post": adapter.d_mlp}
    return sizes.get(site, adapter.d_head if site in HEAD_SITES else adapter.d_model)


def _check_width(direction: np.ndarray, of: Intervention, adapter: Adapter) -> None:
    width = _width(of.site, adapter)
    if width is not None and direction.shape != (width,):
        raise InterventionError(
            f"{of.site} of {adapter.name} is {width} wide; this direction has "
            f"{direction.shape[0]} numbers. Take one from that site of that model."
        )


def _check_axes(shape: tuple[int, ...], of: Intervention, adapter: Adapter) -> None:
    n_heads = adapter.n_kv_heads if of.site in ("k", "v") else adapter.n_heads
    wanted = (n_heads, adapter.d_head) if of.site in HEAD_SITES else (_width(of.site, adapter),)
    if None not in wanted and tuple(shape) != wanted:
        raise InterventionError(
            f"{of.site} of {adapter.name} is {list(wanted)} at each position; `values` has "
            f"{list(shape)}: it is of another model or another site."
        )
