"""Opening a saved direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interpwidgets.directions.direction import Direction, Origin
from interpwidgets.directions.saving import read_parts
from interpwidgets.errors import DirectionError


def read_direction(path: str | Path) -> Direction:
    """Open a file that ``Direction.save`` wrote; neither torch nor the model is needed.

    Args:
        path: The file.

    Raises:
        DirectionError: It is no saved direction, or of a version not known here.
    """
    vector, fields = read_parts(path)
    try:
        origin: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.pop("origin").items()
        }
        return Direction(vector, **fields, origin=Origin(**origin))
    except (KeyError, TypeError, AttributeError) as error:
        raise DirectionError(f"{path} is a damaged direction: {error}") from error
