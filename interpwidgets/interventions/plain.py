"""Arrays, slices and dataclasses as JSON has them, and back."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import numpy as np

from interpwidgets.errors import InterventionError


def to_plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Args:
        value: Numbers, text, None, slices, arrays, and dataclasses and tuples of those.
    """
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": str(value.dtype), "shape": list(value.shape), "base64": data}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: to_plain(getattr(value, field.name)) for field in fields}
    return [to_plain(one) for one in value] if isinstance(value, tuple) else value


def from_plain(plain: Any) -> Any:
    """Return what ``to_plain`` was given; a dataclass as the mapping of its fields.

    Raises:
        InterventionError: An array does not have the form that ``to_plain`` gives it.
    """
    if isinstance(plain, list):
        return tuple(from_plain(one) for one in plain)
    if not isinstance(plain, dict):
        return plain
    if set(plain) == {"slice"} and len(plain["slice"]) == 3:
        return slice(*plain["slice"])
    if set(plain) == {"dtype", "shape", "base64"}:
        return _array(plain)
    return {name: from_plain(value) for name, value in plain.items()}


def _array(plain: dict[str, Any]) -> np.ndarray:
    try:
        data = base64.b64decode(plain["base64"], validate=True)
        return np.frombuffer(data, dtype=plain["dtype"]).reshape(plain["shape"]).copy()
    except (TypeError, ValueError) as error:
        raise InterventionError(f"an array in this JSON cannot be read: {error}") from error
