"""How large each value is: one norm for each key-value head and position."""

from __future__ import annotations

import torch
from jaxtyping import Float

from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Read


def value_norm_reads(adapter: Adapter, layers: tuple[int, ...]) -> list[Read]:
    """Return the reads of some layers' value norms; none where the model has no such site.

    Args:
        adapter: The model's.
        layers: Layer numbers.
    """
    if "v" not in adapter.architecture.places:
        return []
    return [Read("v", layer, keep_norms) for layer in layers]


def keep_norms(
    values: Float[torch.Tensor, "prompt pos kv_head d_head"],
) -> Float[torch.Tensor, "prompt pos kv_head"]:
    """Keep the Euclidean norm of each value, in float32.

    Args:
        values: One layer's, as projected.
    """
    return torch.linalg.vector_norm(values, dim=-1, dtype=torch.float32)
