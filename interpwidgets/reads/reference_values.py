"""Values of other prompts, and the ablation that puts them in a site's place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from interpwidgets.axes import check_members
from interpwidgets.errors import InterventionError
from interpwidgets.interventions import Ablate, Where
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.keeping import keep
from interpwidgets.models.prompts import read_prompts
from interpwidgets.models.running import refuse_large
from interpwidgets.sites import WHOLE_MODEL, check_site


def reference_values(
    model: Model,
    prompts: Any,
    site: str,
    *,
    mode: str,
    layers: Sequence[int] | None,
    where: Where,
    seed: int,
    prepend_bos: bool | None,
    max_bytes: int,
) -> Ablate:
    """Read prompts, and return the ablation that puts what they have in a site's place.

    Args:
        model: The nnsight model.
        prompts: Prompts to take the values from.
        site: A name of ``interpwidgets.sites.SITES``.
        mode: ``"mean"`` or ``"resample"``.
        layers: Layers to read and change; all by default.
        where: Which heads and positions to change.
        seed: Of the draw of ``"resample"``.
        prepend_bos: As of ``iw.attention``.
        max_bytes: Refuse to keep more than this.

    Raises:
        SiteError: There is no such site, or not in this architecture.
        InterventionError: Such a site has no mean.
        ReadTooLargeError: More than ``max_bytes`` would be kept.
    """
    if mode not in ("mean", "resample"):
        raise InterventionError(f"mode is 'mean' or 'resample'; got {mode!r:.40}.")
    kept = _read(model, prompts, site, layers, prepend_bos, max_bytes)
    adapter = adapter_of(model)
    read = (
        ()
        if site in WHOLE_MODEL
        else check_members("layer", layers, adapter.n_layers, of=adapter.name)
    )
    n_tokens, n = sum(one.shape[1] for one in kept), len(kept)
    counted = f"{n} prompt{'' if n == 1 else 's'}"
    if mode == "mean":
        values = np.concatenate(kept, axis=1).mean(axis=1, dtype=np.float64)
        of = f"mean over {n_tokens} tokens of {counted}"
    else:
        values, of = _padded(kept), f"from one of {counted}, seed {seed}"
    where = dataclasses.replace(where, layers=read or None)
    return Ablate(
        site=site, where=where, mode=mode, values=values, layers=read, of=of, seed=seed
    )


def _read(
    model: Model,
    prompts: Any,
    site: str,
    layers: Sequence[int] | None,
    prepend_bos: bool | None,
    max_bytes: int,
) -> list[np.ndarray]:
    """Return each prompt's values, ``[layer, pos, *axes]``, float32."""
    adapter = adapter_of(model)
    chosen: Sequence[int | None] = [None]
    if check_site(site) not in WHOLE_MODEL:
        chosen = check_members("layer", layers, adapter.n_layers, of=adapter.name)
    batch = read_prompts(prompts, model, prepend_bos=prepend_bos)
    n_tokens = sum(len(prompt.ids) for prompt in batch.prompts)
    needed = 4 * len(chosen) * n_tokens * adapter.n_heads * adapter.d_head
    refuse_large(f"{site} of {n_tokens:,} tokens", needed, max_bytes, "Give fewer prompts")
    run, capture = keep(model, batch, [Read(site, layer, _float32) for layer in chosen])
    return [
        np.stack([run.visits(site, layer)[0][at, capture.span(at)].numpy() for layer in chosen])
        for at in range(capture.n_prompts)
    ]


def _float32(value: torch.Tensor) -> torch.Tensor:
    return value.to(torch.float32)


def _padded(kept: Sequence[np.ndarray]) -> np.ndarray:
    """Return ``[prompt, layer, pos, *axes]``, NaN behind the end of a shorter prompt."""
    first, longest = kept[0], max(one.shape[1] for one in kept)
    shape = (len(kept), first.shape[0], longest, *first.shape[2:])
    values = np.full(shape, np.nan, dtype=np.float32)
    for at, one in enumerate(kept):
        values[at, :, : one.shape[1]] = one
    return values
