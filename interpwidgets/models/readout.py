"""From the last residual stream to a logit: the last norm and the unembedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import nn

from interpwidgets.errors import ModelError
from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.linear import rows_of_output
from interpwidgets.models.norms import FrozenNorm, read_norm


@dataclass(frozen=True)
class Targets:
    """Directions behind the last norm, one per prompt, and what is added to each."""

    directions: Float[torch.Tensor, "prompt d_model"]
    """float64; unembedding rows, their differences, or the user's own."""

    offset: Float[torch.Tensor, " prompt"]
    """float64; the unembedding's bias, 0 for the user's own directions."""


def last_norm(model: Model) -> FrozenNorm:
    """Return a model's last norm with its scale held.

    Args:
        model: An nnsight model.

    Raises:
        SiteError: It has none.
        ModelError: It is neither a LayerNorm nor an RMSNorm.
    """
    adapter = adapter_of(model)
    path = adapter.place("ln_final").path
    return read_norm(module_of(model).get_submodule(path), model, adapter.d_model)


def unembedding(model: Model) -> nn.Module:
    """Return the module that makes logits of what the last norm gives.

    Args:
        model: An nnsight model.

    Raises:
        ModelError: It is not found.
    """
    module = module_of(model)
    path = adapter_of(model).place("logits").path
    if path:
        return module.get_submodule(path)
    found = getattr(module, "get_output_embeddings", lambda: None)()
    if found is None:
        raise ModelError(
            f"{type(module).__name__} does not say which module its unembedding is "
            "(get_output_embeddings)."
        )
    return cast(nn.Module, found)


def soft_cap(model: Model) -> float:
    """Return what a model's logits are capped to by a tanh; 0 for no cap.

    Args:
        model: An nnsight model.
    """
    config: Any = module_of(model).config
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return float(getattr(text, "final_logit_softcapping", None) or 0.0)


def target_directions(
    model: Model,
    ids: Int[torch.Tensor, " prompt"],
    against: Int[torch.Tensor, " prompt"] | None,
) -> Targets:
    """Return the directions of tokens' logits, or of the differences of two tokens'.

    Args:
        model: An nnsight model.
        ids: The token of each prompt.
        against: The token of each whose logit is subtracted.
    """
    head, d_model = unembedding(model), adapter_of(model).d_model
    directions, offset = rows_of_output(head, model, ids, d_model)
    if against is not None:
        less, less_offset = rows_of_output(head, model, against, d_model)
        directions, offset = directions - less, offset - less_offset
    return Targets(directions, offset)
