"""What a forward needs beside the model to make attention weights, and what is free."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from interpwidgets.errors import ReadTooLargeError
from interpwidgets.models.adapter import Adapter

#: Bytes of one attention weight while eager attention makes it: the scores in the model's
#: dtype, their softmax in float32, and that in the model's dtype again.
BYTES_PER_WEIGHT = 8

_MEMINFO = Path("/proc/meminfo")

#: Of the memory that is free, how much work of ours may take beside the model, and at most
#: how many bytes.
_SHARE, _BUDGET = 1 / 4, 2**28


def pattern_peak(adapter: Adapter, n_prompts: int, n_tokens: int) -> int:
    """Return the bytes that making attention weights needs beside the model.

    It is one layer's, however many layers are read: each is reduced, and let go of, before
    the next one runs.

    Args:
        adapter: The model's.
        n_prompts: Rows of the batch.
        n_tokens: Positions of each, pads included.
    """
    return BYTES_PER_WEIGHT * n_prompts * adapter.n_heads * n_tokens**2


def free_bytes(device: torch.device) -> int | None:
    """Return how much memory a device has left; None where that is not known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + held)
    if device.type == "cpu" and _MEMINFO.exists():
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else None
    return None


def budget(device: torch.device) -> int:
    """Return how many bytes the rows of a forward may take: 256 MB, less where less is free."""
    free = free_bytes(device)
    return _BUDGET if free is None else min(_BUDGET, int(free * _SHARE))


def check_pattern_memory(
    module: torch.nn.Module, adapter: Adapter, n_prompts: int, n_tokens: int
) -> None:
    """Refuse a run whose attention weights would not fit beside the model.

    Args:
        module: The model's root module.
        adapter: Its adapter.
        n_prompts: Rows of the batch.
        n_tokens: Positions of each, pads included.

    Raises:
        ReadTooLargeError: One layer's weights would not fit, with what would.
    """
    device = next(module.parameters()).device
    needed, free = pattern_peak(adapter, n_prompts, n_tokens), free_bytes(device)
    if free is None or needed <= free:
        return
    fit_prompts = free // pattern_peak(adapter, 1, n_tokens)
    fit_tokens = math.isqrt(free // pattern_peak(adapter, 1, 1))
    advice = (
        f"Give at most {fit_prompts} prompt{'s' if fit_prompts > 1 else ''} at a time"
        if fit_prompts
        else f"Shorten the prompt to {fit_tokens:,} tokens"
    )
    raise ReadTooLargeError(
        f"attention weights of {n_prompts} × {adapter.n_heads} heads × {n_tokens:,}² tokens "
        f"need {needed / 2**20:,.1f} MB beside the model for each layer in turn; {device} has "
        f"{free / 2**20:,.1f} MB free. {advice}: fewer layers would not need less."
    )
