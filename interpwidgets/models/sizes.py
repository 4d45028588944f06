"""The sizes of a model, whatever its configuration calls them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from interpwidgets.errors import ModelError
from interpwidgets.interventions.value import HEAD_SITES
from interpwidgets.models.architectures.table import Architecture


@dataclass(frozen=True)
class ModelSizes:
    """Counts (``n_``) and widths (``d_``) of a model."""

    n_layers: int
    n_heads: int
    n_kv_heads: int
    n_ctx: int | None
    """Longest input it was made for; None: no limit, or its configuration does not say."""
    d_model: int
    d_head: int
    d_mlp: int | None
    d_vocab: int | None
    """Tokens it knows; None where its input is no text."""

    def width(self, site: str) -> int:
        """Return how many numbers a site has at a position, or of a head.

        Args:
            site: A name of ``interpwidgets.sites.SITES``.

        Raises:
            ModelError: The configuration does not say.
        """
        named = {"logits": self.d_vocab, "mlp_post": self.d_mlp}
        found = named.get(site, self.d_head if site in HEAD_SITES else self.d_model)
        if found is None:
            raise ModelError(f"the configuration does not say how wide {site!r} is.")
        return found


#: Names that configurations have for each size, the most common one first.
_NAMES: dict[str, tuple[str, ...]] = {
    "n_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "depth"),
    "n_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "n_kv_heads": ("num_key_value_heads", "n_kv_heads", "num_kv_heads"),
    "n_ctx": ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"),
    "d_model": ("hidden_size", "d_model", "n_embd", "dim"),
    "d_head": ("head_dim", "d_head"),
    "d_mlp": ("intermediate_size", "ffn_dim", "n_inner", "d_mlp", "d_ff", "hidden_dim"),
    "d_vocab": ("vocab_size", "d_vocab", "n_vocab"),
}


def read_sizes(config: Any, architecture: Architecture) -> ModelSizes:
    """Return a model's sizes.

    Args:
        config: The configuration of the transformer that is read.
        architecture: Its table, which may know better.

    Raises:
        ModelError: The number of layers or heads, or the width, is not found.
    """
    d_model = _needed(config, architecture, "d_model")
    n_heads = _needed(config, architecture, "n_heads")
    has_mlp = not {"mlp_out", "mlp_post"}.isdisjoint(architecture.places)
    return ModelSizes(
        n_layers=_needed(config, architecture, "n_layers"),
        n_heads=n_heads,
        n_kv_heads=_size(config, architecture, "n_kv_heads") or n_heads,
        n_ctx=_size(config, architecture, "n_ctx"),
        d_model=d_model,
        d_head=_size(config, architecture, "d_head") or d_model // n_heads,
        d_mlp=(_size(config, architecture, "d_mlp") or 4 * d_model) if has_mlp else None,
        d_vocab=_size(config, architecture, "d_vocab"),
    )


def _size(config: Any, architecture: Architecture, size: str) -> int | None:
    told = architecture.sizes.get(size, "")
    if not isinstance(told, str):
        return told
    names = (told,) if told else _NAMES[size]
    found = (getattr(config, name, None) for name in names)
    return next((int(value) for value in found if value), None)


def _needed(config: Any, architecture: Architecture, size: str) -> int:
    value = _size(config, architecture, size)
    if value is None:
        names = architecture.sizes.get(size) or " or ".join(_NAMES[size])
        raise ModelError(
            f"the configuration of {architecture.model_type!r} has no {names}, so {size} is "
            f"not known. Say its name: iw.register_architecture(..., "
            f"sizes={{{size!r}: '...'}})."
        )
    return value
