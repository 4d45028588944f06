"""Attention that makes its weights: fused kernels are switched off for a read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


@contextlib.contextmanager
def eager_attention(module: torch.nn.Module, *, needed: bool) -> Iterator[str]:
    """Run the block with eager attention, and put back what was set before.

    Attention modules look at their configuration each time they run. A model of several
    parts has several configurations, each with a setting of its own. They are set one by
    one: transformers' own switch takes one name for all, and refuses models that it does
    not recognise. One that cannot do without its kernel gives no weights, and the read
    says so.

    Args:
        module: The model's root module.
        needed: False leaves the model alone.

    Yields:
        A note for the Result's provenance; empty when nothing was switched.
    """
    before = [(config, config._attn_implementation) for config in _configs(module)]
    fused = sorted({str(name) for _, name in before if name not in (None, "eager")})
    if not needed or not fused:
        yield ""
        return
    try:
        for config, name in before:
            if name is not None:
                config._attn_implementation_internal = "eager"
        yield f"eager attention for this read, {', '.join(fused)} before and after"
    finally:
        for config, name in before:
            config._attn_implementation_internal = name


def _configs(module: torch.nn.Module) -> list[Any]:
    """Return every configuration that a part of the model looks at, once."""
    held = (getattr(part, "config", None) for part in module.modules())
    found = {id(config): config for config in held if hasattr(config, "_attn_implementation")}
    for config in list(found.values()):
        for name in getattr(config, "sub_configs", {}):
            part = getattr(config, name, None)
            if part is not None:
                found[id(part)] = part
    return list(found.values())
