"""Attention that makes its weights: fused kernels are switched off for a read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from interpwidgets.errors import ModelError


@contextlib.contextmanager
def eager_attention(module: torch.nn.Module, *, needed: bool) -> Iterator[str]:
    """Run the block with eager attention, and put back what was set before.

    Args:
        module: The model's root module.
        needed: False leaves the model alone.

    Yields:
        A note for the Result's provenance; empty when nothing was switched.

    Raises:
        ModelError: The model cannot switch.
    """
    before = _implementation(module)
    if not needed or before in (None, "eager"):
        yield ""
        return
    module.set_attn_implementation("eager")  # type: ignore[operator]
    try:
        if _implementation(module) != "eager":
            raise ModelError(
                f"{type(module).__name__} cannot switch from {before!r} to eager attention, "
                "so it makes no attention weights. Load it with attn_implementation='eager'."
            )
        yield f"eager attention for this read, {before} before and after"
    finally:
        module.set_attn_implementation(before)  # type: ignore[operator]


def _implementation(module: torch.nn.Module) -> str | None:
    return getattr(getattr(module, "config", None), "_attn_implementation", None)
