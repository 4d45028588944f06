"""Loading models, and wrapping those that a user has."""

from __future__ import annotations

import hashlib
import weakref
from pathlib import Path
from typing import Any

import torch
from nnsight import NNsight, TransformersModel
from nnsight.intervention.envoy import Envoy
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from interpwidgets.errors import ModelError, nearest
from interpwidgets.models.adapter import adapter_of, module_of, name_adapter
from interpwidgets.models.lora import attach, follow_adapters, is_wrapper, unwrapped
from interpwidgets.organisms import ADAPTERS, ORGANISMS, adapter_path, organism_path
from interpwidgets.organisms.loading import load_organism

_LOADED_BY: weakref.WeakKeyDictionary[torch.nn.Module, str] = weakref.WeakKeyDictionary()
_WRAPPED: weakref.WeakValueDictionary[int, Envoy] = weakref.WeakValueDictionary()


def load(
    name: str | Path,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    revision: str | None = None,
    adapter: str | Path | None = None,
) -> Envoy:
    """Return a model as nnsight's own model object, its weights loaded.

    Args:
        name: A model that ships with the package (``"lil-attn-2l"``, offline), a Hub id,
            or a local folder in Hugging Face format.
        device: Where to put it, e.g. ``"cuda"``; the CPU by default.
        dtype: What to compute in, e.g. ``"bfloat16"``; as saved by default.
        revision: Branch, tag or commit on the Hub.
        adapter: A LoRA adapter by peft to put into it: one that ships with the model
            (``"pirate"`` with ``"lilliput"``), a local folder, or a Hub id.
            ``iw.adapter(model, scale=...)`` turns it down or off.

    Returns:
        An nnsight ``TransformersModel``: traces are plain nnsight.

    Raises:
        ModelError: No such model or adapter, or its weights cannot be opened.
        MissingExtraError: An adapter was asked for and peft is not installed.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> iw.describe(model).n_layers
        2
    """
    dtype = _as_dtype(dtype)
    folder = organism_path(str(name))
    if folder is not None:
        module, tokenizer = load_organism(str(name), device=device, dtype=dtype)
        model = TransformersModel(module, tokenizer=tokenizer)
        name_adapter(model, str(name), _hash_of(folder / "model.safetensors"))
    else:
        model = _load_hugging_face(str(name), device, dtype, revision)
        name_adapter(model, str(name), adapter_of(model).revision)
    if adapter is not None:
        known = ADAPTERS.get(str(name), ())
        _refuse_misspelt(str(name), str(adapter), known)
        bundled = adapter_path(str(name), str(adapter)) or adapter
        attach(model, str(bundled), name=str(adapter), known=known)
    asked = {"device": device, "dtype": dtype, "revision": revision, "adapter": adapter}
    _LOADED_BY[module_of(model)] = _call(name, asked)
    return model


def load_call(model: Envoy) -> str | None:
    """Return the Python that loaded a model; None where ``load`` did not.

    Args:
        model: An nnsight model.
    """
    return _LOADED_BY.get(module_of(model))


def _call(name: str | Path, asked: dict[str, Any]) -> str:
    given = {
        key: str(value).removeprefix("torch.")
        for key, value in asked.items()
        if value is not None
    }
    return f"iw.load({', '.join([repr(str(name)), *(f'{k}={v!r}' for k, v in given.items())])})"


def _refuse_misspelt(name: str, adapter: str, known: tuple[str, ...]) -> None:
    """Refuse at once what can be neither a bundled adapter, nor a folder, nor a Hub id."""
    if known and adapter not in known and "/" not in adapter and not Path(adapter).is_dir():
        raise ModelError(
            f"{name} has no adapter {adapter!r}, and there is no such folder. "
            f"{nearest(adapter, known)}"
        )


def _load_hugging_face(
    name: str,
    device: str | torch.device | None,
    dtype: torch.dtype | None,
    revision: str | None,
) -> Envoy:
    more: dict[str, Any] = {} if dtype is None else {"dtype": dtype}
    try:
        module = AutoModelForCausalLM.from_pretrained(name, revision=revision, **more)
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{name!r} could not be loaded: {error}\nIt must be a model that ships with "
            f"interpwidgets ({', '.join(ORGANISMS)}), a Hugging Face id, or a local folder."
        ) from error
    if device is not None:
        module = module.to(device)
    return TransformersModel(module.eval(), tokenizer=tokenizer)


def wrap(model: Any, *, tokenizer: Any | None = None) -> Envoy:
    """Return an nnsight model around what a user has; wrapping twice gives the same.

    Args:
        model: An nnsight model (returned as it is), a Hugging Face model, or a peft model:
            then paths are those of the model inside, its adapter's layers in place.
        tokenizer: For text prompts; found from the model's name when not given.

    Raises:
        ModelError: It is neither, or its weights are on the meta device.
    """
    if isinstance(model, Envoy):
        return model
    if is_wrapper(model):
        model = unwrapped(model)
    if not isinstance(model, PreTrainedModel):
        raise ModelError(
            f"wanted an nnsight model or a Hugging Face model; got {type(model).__name__}."
        )
    wrapped = _WRAPPED.get(id(model))
    if wrapped is not None and module_of(wrapped) is model and tokenizer is None:
        return wrapped
    _refuse_meta(model)
    wrapped = _wrap_hugging_face(model, tokenizer)
    _WRAPPED[id(model)] = wrapped
    return wrapped


def _wrap_hugging_face(module: PreTrainedModel, tokenizer: Any | None) -> Envoy:
    if tokenizer is None and module.name_or_path:
        try:
            tokenizer = AutoTokenizer.from_pretrained(module.name_or_path)
        except (OSError, ValueError):
            tokenizer = None  # prompts must then be ids; a text prompt says so
    if tokenizer is None:
        return NNsight(module)
    # Of an encoder nnsight makes what fills masks, which takes no text without a mask.
    task = None if module.can_generate() else "feature-extraction"
    return TransformersModel(module, tokenizer=tokenizer, task=task)


def ready(model: Any) -> Envoy:
    """Return the nnsight model with its weights in memory.

    Raises:
        ModelError: There are none to load: the module itself was made on the meta device.
    """
    model = wrap(model)
    if not getattr(model, "dispatched", True):
        model.dispatch()
    _refuse_meta(module_of(model))
    follow_adapters(model)
    return model


def _refuse_meta(module: torch.nn.Module) -> None:
    on_meta = [parameter.is_meta for parameter in module.parameters()]
    if not any(on_meta):
        return
    name = type(module).__name__
    # accelerate keeps weights on meta between uses; its hooks bring them in time.
    if not any(hasattr(part, "_hf_hook") for part in module.modules()):
        raise ModelError(
            f"{name} is on the meta device: it has shapes but no weights. "
            'Load it with iw.load(name), or outside `torch.device("meta")`.'
        )
    if on_meta[0]:
        raise ModelError(
            f"the first weights of {name} are off-loaded, and nnsight puts a prompt where the "
            "first weights are. Keep the embedding in memory: give it a device in device_map."
        )


def _as_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    if not isinstance(dtype, str):
        return dtype
    named = getattr(torch, dtype, None)
    if not isinstance(named, torch.dtype):
        raise ModelError(f"there is no dtype {dtype!r}; try 'float32', 'bfloat16', 'float16'.")
    return named


def _hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:6]
