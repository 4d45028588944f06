"""A direction as one safetensors file: the vector, and all else as JSON in its metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from interpwidgets.errors import DirectionError

FORMAT = "interpwidgets-direction"
FORMAT_VERSION = 1


def write_direction(path: str | Path, vector: np.ndarray, fields: dict[str, Any]) -> Path:
    """Write a direction's parts to one file, and return its path.

    Args:
        path: Where to; ``.safetensors`` is added when there is no suffix.
        vector: The numbers.
        fields: The rest, as JSON has it.
    """
    path = Path(path)
    if not path.suffix:
        path = path.with_suffix(".safetensors")
    metadata = {
        "format": FORMAT,
        "version": str(FORMAT_VERSION),
        "fields": json.dumps(fields),
    }
    save_file({"vector": np.ascontiguousarray(vector)}, str(path), metadata=metadata)
    return path


def read_parts(path: str | Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the vector and the other fields of a saved direction.

    Args:
        path: The file.

    Raises:
        DirectionError: It is no saved direction, or of a version not known here.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DirectionError(f"{path} is no saved direction: {error}") from error
    if metadata.get("format") != FORMAT or "vector" not in tensors:
        raise DirectionError(
            f"{path} holds tensors but no saved direction. Of an array of your own make one: "
            "iw.Direction(array, layer=...)."
        )
    if metadata.get("version") != str(FORMAT_VERSION):
        raise DirectionError(
            f"{path} is a direction of format version {metadata.get('version')}; this "
            f"interpwidgets reads version {FORMAT_VERSION}. Upgrade interpwidgets."
        )
    return tensors["vector"], json.loads(metadata["fields"])
