"""What the package needs to know of a model: sizes, sites, name. Made once, cached."""

from __future__ import annotations

import dataclasses
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from nnsight.intervention.envoy import Envoy

from interpwidgets.errors import ModelError, SiteError
from interpwidgets.models.architectures import Architecture, Place, find_architecture
from interpwidgets.models.lora import WRAPPER_PATH, is_wrapper
from interpwidgets.sites import WHOLE_MODEL, check_site


@dataclass(frozen=True)
class ModelFacts:
    """A model's name and sizes."""

    name: str
    revision: str
    model_type: str
    n_layers: int
    n_heads: int
    n_kv_heads: int
    n_ctx: int
    d_model: int
    d_head: int
    d_mlp: int | None
    d_vocab: int
    tokenizer: str


@dataclass(frozen=True)
class Adapter(ModelFacts):
    """A model's sizes and where its sites are. Holds no reference to the model."""

    architecture: Architecture

    def place(self, site: str, layer: int | None = None) -> Place:
        """Return where a site is, with the layer filled in.

        Args:
            site: One of ``interpwidgets.sites.SITES``.
            layer: The layer number; None for ``embed``, ``ln_final`` and ``logits``.

        Raises:
            SiteError: No such site, or this architecture lacks it, or no such layer.
        """
        check_site(site)
        places = self.architecture.places
        if site not in places:
            raise SiteError(
                f"{self.model_type} has no site {site!r}; it has {', '.join(sorted(places))}."
            )
        place = places[site]
        if site in WHOLE_MODEL:
            return place
        if layer is None or not 0 <= layer < self.n_layers:
            raise SiteError(
                f"site {site!r} needs a `layer` of 0-{self.n_layers - 1}; got {layer}."
            )
        return dataclasses.replace(place, path=place.path.format(layer=layer))

    def at_site(self, value: Any, place: Place) -> torch.Tensor:
        """Return the tensor of a site from what its module took or gave.

        Args:
            value: The module's output, or its (args, kwargs).
            place: From ``place``.
        """
        if place.slot == "input":
            args, kwargs = value
            value = args[0] if args else next(iter(kwargs.values()))
        if place.item is not None:
            value = value[place.item]
        if value is None:
            raise SiteError(
                f"{place.path} returned no attention weights: its attention "
                "implementation does not make any. Load with attn_implementation='eager'."
            )
        return value if place.split is None else self._split_heads(value, place.split)

    def _split_heads(self, value: torch.Tensor, split: str) -> torch.Tensor:
        if split.startswith("fused_"):
            value = value.chunk(3, dim=-1)["qkv".index(split[-1])]
        n_heads = self.n_kv_heads if split == "kv_heads" else self.n_heads
        return value.unflatten(-1, (n_heads, -1))


#: nnsight's model object, under the name that other rooms annotate with.
Model = Envoy

_CACHE: weakref.WeakKeyDictionary[torch.nn.Module, Adapter] = weakref.WeakKeyDictionary()


def module_of(model: Envoy) -> torch.nn.Module:
    """Return the torch module that an nnsight model wraps."""
    return model._module


def adapter_of(model: Envoy) -> Adapter:
    """Return the adapter of an nnsight model, from the cache when there is one.

    Args:
        model: An nnsight model around a Hugging Face model.

    Raises:
        ModelError: The model has no config, or its type is not known here.
    """
    module = module_of(model)
    if module not in _CACHE:
        _CACHE[module] = _make_adapter(model, module)
    return _CACHE[module]


def name_adapter(model: Envoy, name: str, revision: str) -> None:
    """Record the name under which a model was asked for."""
    adapter = adapter_of(model)
    _CACHE[module_of(model)] = dataclasses.replace(adapter, name=name, revision=revision)


def _make_adapter(model: Envoy, module: torch.nn.Module) -> Adapter:
    config = getattr(module, "config", None)
    if config is None or not hasattr(config, "model_type"):
        raise ModelError(
            f"{type(module).__name__} has no Hugging Face config, so its layers and heads "
            "are not known. Wrap a Hugging Face model."
        )
    architecture = find_architecture(config.model_type)
    if is_wrapper(module):
        architecture = _under(WRAPPER_PATH, architecture)
    d_model, n_heads = config.hidden_size, config.num_attention_heads
    tokenizer = getattr(model, "tokenizer", None)
    return Adapter(
        name=str(getattr(config, "_name_or_path", "") or type(module).__name__),
        revision=str(getattr(config, "_commit_hash", "") or "")[:7],
        model_type=config.model_type,
        architecture=architecture,
        n_layers=config.num_hidden_layers,
        n_heads=n_heads,
        n_kv_heads=getattr(config, "num_key_value_heads", None) or n_heads,
        n_ctx=config.max_position_embeddings,
        d_model=d_model,
        d_head=getattr(config, "head_dim", None) or d_model // n_heads,
        d_mlp=_d_mlp(config, architecture, d_model),
        d_vocab=config.vocab_size,
        tokenizer=type(tokenizer).__name__ if tokenizer is not None else "",
    )


def _under(path: str, architecture: Architecture) -> Architecture:
    """Return a table whose paths begin with another."""
    places = {
        name: dataclasses.replace(place, path=f"{path}{place.path}")
        for name, place in architecture.places.items()
    }
    return dataclasses.replace(architecture, places=places)


def _d_mlp(config: Any, architecture: Architecture, d_model: int) -> int | None:
    if "mlp_out" not in architecture.places:
        return None
    width = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None)
    return width or 4 * d_model
