"""What the package needs to know of a model: sizes, sites, name. Made once, cached."""

from __future__ import annotations

import dataclasses
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from nnsight.intervention.envoy import Envoy

from interpwidgets.errors import ModelError, SiteError
from interpwidgets.models.architectures.registry import find_architecture, model_types
from interpwidgets.models.architectures.table import Architecture, Place, Split
from interpwidgets.models.lora import WRAPPER_PATH, is_wrapper
from interpwidgets.models.sizes import ModelSizes, read_sizes
from interpwidgets.sites import WHOLE_MODEL, check_site


@dataclass(frozen=True)
class ModelFacts(ModelSizes):
    """A model's name and sizes."""

    name: str
    revision: str
    model_type: str
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

    def check_writes(self) -> None:
        """Refuse to generate with what only reads.

        Raises:
            ModelError: It is an encoder, or sees images.
        """
        if not self.architecture.writes:
            raise ModelError(
                f"{self.name} ({self.model_type}) is no decoder: it takes in a whole prompt "
                "at once and writes none, so it cannot generate. Use board.run or board.trace."
            )

    def at_site(self, value: Any, place: Place, n_prompts: int = 1) -> torch.Tensor:
        """Return the tensor of a site from what its module took or gave.

        Args:
            value: The module's output, or its (args, kwargs).
            place: From ``place``.
            n_prompts: Size of the batch.
        """
        if place.slot == "input":
            args, kwargs = value
            value = args[0] if args else next(iter(kwargs.values()))
        if place.item is not None:
            value = _item_of(value, place)
        if value is None:
            raise SiteError(
                f"{place.path} returned no attention weights: its attention "
                "implementation does not make any. Load with attn_implementation='eager'."
            )
        if place.flat:
            value = value.unflatten(0, (n_prompts, -1))
        return value if place.split is None else self._split_heads(value, place.split)

    def write_back(self, value: Any, place: Place, tensor: torch.Tensor) -> None:
        """Put a changed tensor of a site back, where ``at_site`` gave no view of the value.

        Args:
            value: The module's output that ``at_site`` was given.
            place: From ``place``.
            tensor: What ``at_site`` gave.
        """
        if place.split == "grouped_q":
            per_group = self.n_heads // self.n_kv_heads
            groups = value.unflatten(-1, (self.n_kv_heads, per_group + 2, self.d_head))
            groups[..., :per_group, :] = tensor.unflatten(-2, (self.n_kv_heads, per_group))

    def _split_heads(self, value: torch.Tensor, split: Split) -> torch.Tensor:
        kind, _, part = split.rpartition("_")
        if kind == "fused":
            widths = [n * self.d_head for n in (self.n_heads, *2 * (self.n_kv_heads,))]
            value = value.split(widths, dim=-1)["qkv".index(part)]
        elif kind == "grouped":
            per_group = self.n_heads // self.n_kv_heads
            groups = value.unflatten(-1, (self.n_kv_heads, per_group + 2, self.d_head))
            parts = groups.split([per_group, 1, 1], dim=-2)
            return parts["qkv".index(part)].flatten(-3, -2)
        return value.unflatten(-1, (-1, self.d_head))


def _item_of(value: Any, place: Place) -> Any:
    if isinstance(value, torch.Tensor):  # its item would be a prompt of the batch
        raise SiteError(
            f"{place.path} gives one tensor, but the table takes [{place.item!r}] of it: "
            "correct the table, iw.register_architecture(..., places={...})."
        )
    return value[place.item]


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


def forget_adapters(model_type: str) -> None:
    """Make the adapters of a model type anew when they are next asked for."""
    for module, adapter in list(_CACHE.items()):
        if adapter.model_type == model_type:
            del _CACHE[module]


def _make_adapter(model: Envoy, module: torch.nn.Module) -> Adapter:
    root_config = getattr(module, "config", None)
    if root_config is None or not hasattr(root_config, "model_type"):
        raise ModelError(
            f"{type(module).__name__} has no Hugging Face config, so its layers and heads "
            "are not known. Wrap a Hugging Face model."
        )
    inside = module.get_submodule(WRAPPER_PATH) if is_wrapper(module) else module
    config, part = _transformer_of(inside, root_config)
    architecture = find_architecture(config, inside, part)
    if inside is not module:
        architecture = _under(WRAPPER_PATH, architecture)
    tokenizer = getattr(model, "tokenizer", None)
    return Adapter(
        **dataclasses.asdict(read_sizes(config, architecture)),
        name=str(getattr(root_config, "_name_or_path", "") or type(module).__name__),
        revision=str(getattr(root_config, "_commit_hash", "") or "")[:7],
        model_type=config.model_type,
        architecture=architecture,
        tokenizer=type(tokenizer).__name__ if tokenizer is not None else "",
    )


def _transformer_of(module: torch.nn.Module, config: Any) -> tuple[Any, str]:
    """Return the configuration of the transformer that is read, and its path in the root.

    Of a model that sees and writes it is the part that writes.
    """
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    if text is config or config.model_type in model_types():
        return config, ""
    parts = {
        path: part.config
        for path, part in module.named_modules()
        if path and hasattr(getattr(part, "config", None), "model_type")
    }
    towers = [path for path in parts if path.endswith("_model") and "." not in path]
    if len(towers) > 1 and not hasattr(module, "lm_head"):
        raise ModelError(
            f"{type(module).__name__} has several transformers, {' and '.join(towers)}; wrap "
            f"the one to look into, e.g. iw.wrap(model.{towers[0]})."
        )
    return text, next((path for path, held in parts.items() if held is text), "")


def _under(path: str, architecture: Architecture) -> Architecture:
    """Return a table whose paths begin with another."""
    places = {
        name: dataclasses.replace(place, path=f"{path}.{place.path}".rstrip("."))
        for name, place in architecture.places.items()
    }
    base = f"{path}.{architecture.base}".rstrip(".")
    return dataclasses.replace(architecture, places=places, base=base)
