"""Adapters by peft in a torch module: which there are, how strong, and scaling them.

peft is optional: a model that has an adapter has brought it, so nothing here imports it
before that.
"""

from __future__ import annotations

import contextlib
import math
import sys
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from interpwidgets.errors import MissingExtraError, ModelError

#: Where the model is under peft's wrapper.
WRAPPER_PATH = "base_model.model"

_NAMES: weakref.WeakKeyDictionary[torch.nn.Module, str] = weakref.WeakKeyDictionary()


def need_peft() -> None:
    """Raise ``MissingExtraError`` where peft is not installed."""
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "adapters need peft, which is not installed: pip install 'interpwidgets[adapters]'."
        ) from error


def is_wrapper(module: Any) -> bool:
    """Whether something is peft's wrapper around a model."""
    peft = sys.modules.get("peft")
    return peft is not None and isinstance(module, peft.PeftModel)


def unwrapped(wrapper: Any) -> Any:
    """Return the model inside peft's wrapper, the adapter's layers in it.

    Its module paths are those that it had without an adapter.

    Raises:
        ModelError: The adapter is none of layers: it works in the wrapper's own forward.
    """
    config = wrapper.active_peft_config
    if config.is_prompt_learning or getattr(config, "is_adaption_prompt", False):
        raise ModelError(
            f"this {config.peft_type.value} adapter works by changing the prompt, not the "
            "model's layers, so its runs cannot be read. LoRA and its relatives can."
        )
    return wrapper.get_base_model()


def tuner_layers(module: torch.nn.Module) -> list[Any]:
    """Return the layers of a model that an adapter has put in."""
    peft = sys.modules.get("peft")
    if peft is None:
        return []
    kinds = (peft.tuners.tuners_utils.BaseTunerLayer, peft.utils.other.AuxiliaryTrainingWrapper)
    return [layer for layer in module.modules() if isinstance(layer, kinds)]


def name_adapter_of(module: torch.nn.Module, name: str) -> None:
    """Record the name under which a model's adapter was asked for."""
    _NAMES[module] = name


def describe_adapter(module: torch.nn.Module) -> str:
    """Return what a model's adapters add just now, e.g. ``"my-lora × 0.5"``; empty for none.

    Args:
        module: The model's root module.
    """
    layers = tuner_layers(module)
    names = dict.fromkeys(name for layer in layers for name in layer.active_adapters)
    return " + ".join(_describe(module, layers, name) for name in names)


def _describe(module: torch.nn.Module, layers: list[Any], name: str) -> str:
    on = [layer for layer in layers if name in layer.active_adapters]
    shown = name
    if name == "default":
        shown = _NAMES.get(module, "adapter")
    if all(layer.disable_adapters for layer in on):
        return f"{shown} off"
    factors = sorted({round(_factor(layer, name), 6) for layer in on if _scales(layer, name)})
    strength = "–".join(f"{factor:g}" for factor in dict.fromkeys(factors[:1] + factors[-1:]))
    merged = ", merged" if any(getattr(layer, "merged", False) for layer in on) else ""
    return f"{shown} × {strength or 1}{merged}"


def _scales(layer: Any, name: str) -> bool:
    return name in getattr(layer, "scaling", {}) and hasattr(layer, "set_scale")


def _factor(layer: Any, name: str) -> float:
    """Return an adapter's strength in a layer, 1 as it was trained."""
    rank = layer.r[name]
    as_trained = layer.lora_alpha[name] / (
        math.sqrt(rank) if layer.use_rslora.get(name, False) else rank
    )
    return 0.0 if layer.disable_adapters else float(layer.scaling[name] / as_trained)


@contextlib.contextmanager
def scaled(module: torch.nn.Module, scale: float | int) -> Iterator[None]:
    """Run the block with a model's active adapters at another strength.

    Args:
        module: The model's root module.
        scale: 0 is the model without adapter, exactly; 1 as it was trained.

    Raises:
        ModelError: There is no adapter, it is merged, or it cannot be scaled.
    """
    layers = tuner_layers(module)
    _check_scalable(module, layers, scale)
    before = [(layer, layer._disable_adapters, _scaling(layer)) for layer in layers]
    try:
        for layer in layers:
            # Not `enable_adapters`, which also sets what is trainable.
            layer._disable_adapters = scale == 0
            for name in layer.active_adapters:
                if _scales(layer, name):
                    layer.set_scale(name, scale)
        yield
    finally:
        for layer, disabled, scaling in before:
            layer._disable_adapters = disabled
            if scaling is not None:
                layer.scaling.update(scaling)


def _scaling(layer: Any) -> dict[str, float] | None:
    scaling = getattr(layer, "scaling", None)
    return None if scaling is None else dict(scaling)


def _check_scalable(module: torch.nn.Module, layers: list[Any], scale: float | int) -> None:
    if not layers:
        raise ModelError(
            f"{type(module).__name__} has no adapter: wrap a PeftModel, or load one with "
            "iw.load(name, adapter=folder)."
        )
    if any(getattr(layer, "merged", False) for layer in layers):
        raise ModelError(
            "the adapter is merged into the weights; call unmerge_adapter() on the PeftModel "
            "before scaling it."
        )
    rigid = [
        layer
        for layer in layers
        if not all(_scales(layer, name) for name in layer.active_adapters)
    ]
    if rigid and scale not in (0, 1):
        raise ModelError(
            f"this adapter has parts that are on or off, of type {type(rigid[0]).__name__}; "
            f"give scale=0 or scale=1, not {scale:g}."
        )


def attach(model: Any, adapter: str, *, name: str, known: Sequence[str] = ()) -> None:
    """Put a saved adapter's layers into a model; paths stay those of the model.

    Args:
        model: An nnsight model.
        adapter: A folder, or an id on the Hub.
        name: What Results call it.
        known: Names of those that ship with this model, for the message.

    Raises:
        MissingExtraError: peft is not installed.
        ModelError: There is no such adapter, or it is not this model's.
    """
    need_peft()
    try:
        model.load_adapter(adapter)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        ships = f" With this model ship {', '.join(known)}." if known else ""
        raise ModelError(
            f"the adapter {adapter!r} could not be put into {type(model._module).__name__}: "
            f"{error}\nIt must be a folder or a Hugging Face id with adapter_config.json, made "
            f"for this model.{ships}"
        ) from error
    # New layers begin in training mode, where their dropout is on.
    model._module.eval()
    name_adapter_of(model._module, name)


_SEEN: weakref.WeakKeyDictionary[Any, frozenset[int]] = weakref.WeakKeyDictionary()


def follow_adapters(model: Any) -> None:
    """Bring nnsight's tree up to date when an adapter came or went since the last call.

    Else a path would go on naming the layer inside the adapter's.

    Args:
        model: An nnsight model.
    """
    now = frozenset(id(layer) for layer in tuner_layers(model._module))
    if now != _SEEN.get(model, frozenset()):
        model._update(model._module)
        _SEEN[model] = now
