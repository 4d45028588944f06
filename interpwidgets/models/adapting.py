"""Running a model with its LoRA adapter off, on, or scaled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from interpwidgets.errors import TraceError
from interpwidgets.models.adapter import module_of
from interpwidgets.models.loading import ready
from interpwidgets.models.lora import scaled


@contextlib.contextmanager
def adapter(model: Any, *, scale: float | int) -> Iterator[None]:
    """Run what is inside the block with the model's adapter at another strength.

    It holds for every forward in the block: boards, traces, calls of the model itself. At
    scale 0 they equal the model without its adapter exactly, at scale 1 the adapter as it
    was trained; the Results say which it was.

    Args:
        model: A model with an adapter: a peft, nnsight or Hugging Face model.
        scale: How much of it: 0 is off, 1 as trained; negative and above 1 too.

    Raises:
        ModelError: The model has no adapter, it is merged, or it can only be on or off.
        TraceError: It was opened inside a trace, where the forward is already under way.

    Example:
        >>> import interpwidgets as iw
        >>> from peft import LoraConfig, get_peft_model
        >>> module = iw.load("lil-attn-2l")._module
        >>> model = get_peft_model(module, LoraConfig(target_modules=["q_proj"]))
        >>> with iw.adapter(model, scale=0.5):
        ...     iw.activations(model, [1, 5], "z").provenance.adapter
        'adapter × 0.5'

    Source:
        Hu et al. (2021), "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1,
        whose α/r it multiplies. We differ in: nothing.
    """
    model = ready(model)
    if model.interleaver.interleaving:
        raise TraceError(
            "iw.adapter changes whole forwards, and this one is under way: open it around "
            "the trace, not inside."
        )
    with scaled(module_of(model), scale):
        yield
