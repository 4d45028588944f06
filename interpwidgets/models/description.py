"""What a person is told of a model."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch

from interpwidgets.models.adapter import Adapter, ModelFacts, adapter_of, module_of
from interpwidgets.models.dtype import dtype_of
from interpwidgets.models.loading import wrap
from interpwidgets.sites import SITES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Description(ModelFacts):
    """A model's name, sizes and sites."""

    context: str
    """Its longest input in words, also where that has no limit or is not known."""
    n_parameters: int
    dtype: str
    device: str
    attention: str
    sites: dict[str, str]
    """Site name to the module path where it is, ``{layer}`` for the layer number."""

    def to_frame(self) -> pd.DataFrame:
        """Return the sites as a table: name, where, what it is."""
        import pandas as pd

        rows = [(name, where, SITES[name]) for name, where in self.sites.items()]
        return pd.DataFrame(rows, columns=["site", "where", "what"])

    def __str__(self) -> str:
        mlp = "no MLP" if self.d_mlp is None else f"d_mlp {self.d_mlp:,}"
        kv = "" if self.n_kv_heads == self.n_heads else f" ({self.n_kv_heads} key-value)"
        lines = [
            " ".join(filter(None, [self.name, self.revision, f"({self.model_type})"])),
            f"  {self.n_layers} layers × {self.n_heads} heads{kv}, d_model {self.d_model:,}, "
            f"d_head {self.d_head}, {mlp}",
            f"  {self._limits()}, {self.n_parameters:,} parameters",
            f"  {self.dtype} on {self.device}, {self.attention or 'own'} attention, "
            f"{self.tokenizer or 'no tokenizer'}",
            "  sites:",
            *(f"    {name:<11} {where}" for name, where in self.sites.items()),
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _limits(self) -> str:
        if self.d_vocab is None:
            return f"{self.context}, no vocabulary"
        return f"{self.context}, vocabulary {self.d_vocab:,}"


def describe(model: Any) -> Description:
    """Return a model's sizes and where each site is.

    Args:
        model: An nnsight or a Hugging Face model.

    Example:
        >>> import interpwidgets as iw
        >>> iw.describe(iw.load("lil-attn-2l")).sites["z"]
        'model.layers.{layer}.attn.o_proj.input'
    """
    model = wrap(model)
    adapter, module = adapter_of(model), module_of(model)
    facts = {field.name: getattr(adapter, field.name) for field in fields(ModelFacts)}
    return Description(
        **facts,
        context=_context_of(adapter),
        n_parameters=sum(p.numel() for p in module.parameters()),
        dtype=dtype_of(model),
        device=_devices_of(module),
        attention=str(getattr(module.config, "_attn_implementation", "") or ""),
        sites=_sites_of(adapter),
    )


def _context_of(adapter: Adapter) -> str:
    if adapter.n_ctx is not None:
        return f"context {adapter.n_ctx:,}"
    told = "n_ctx" in adapter.architecture.sizes
    return "no limit of context" if told else "context unknown"


def _devices_of(module: torch.nn.Module) -> str:
    """Return where the weights are; several, when they are split over devices."""
    found = {str(parameter.device) for parameter in module.parameters()}
    return ", ".join(sorted("off-loaded" if name == "meta" else name for name in found))


def _sites_of(adapter: Adapter) -> dict[str, str]:
    places = adapter.architecture.places
    return {name: str(places[name]) for name in SITES if name in places}
