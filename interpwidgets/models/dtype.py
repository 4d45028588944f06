"""What a model computes in."""

from __future__ import annotations

from interpwidgets.models.adapter import Model, module_of


def dtype_of(model: Model) -> str:
    """Return the name of the dtype of a model's weights, e.g. ``"bfloat16"``."""
    parameter = next(module_of(model).parameters(), None)
    return "" if parameter is None else str(parameter.dtype).removeprefix("torch.")
