"""The Python that makes what a view shows, to copy into another notebook."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpwidgets.selection import PARTS, Selection

IMPORT = "import interpwidgets as iw"

#: Characters of a value that are written out; a longer one is named instead.
MAX_LITERAL = 20_000


@dataclass(frozen=True)
class Recipe:
    """How a view's numbers came to be, as lines of Python."""

    lines: tuple[str, ...]
    """From the model to a name ``view``."""


def python_text(value: Any) -> str | None:
    """Return a value as Python that makes it again; None where there is no such text.

    Arrays and tensors are written as lists, which prompts and arguments may be too.

    Args:
        value: A string, number, list, mapping, array, ...
    """
    if type(value) is range:
        return repr(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        parts = [python_text(part) for part in value]
        if None in parts:
            return None
        text = f"[{', '.join(map(str, parts))}]"
        return text if len(text) <= MAX_LITERAL else None
    if isinstance(value, Mapping):
        value = dict(value)
    try:
        text = repr(value)
        same = len(text) <= MAX_LITERAL and bool(ast.literal_eval(text) == value)
    except (ValueError, SyntaxError, TypeError, RecursionError):
        return None
    return text if same else None


def selection_text(selection: Selection) -> str:
    """Return the Python of a selection, with what is selected alone.

    Args:
        selection: What to write.
    """
    chosen = {
        name: list(part) if isinstance(part, tuple) else part
        for name, part in selection.parts().items()
        if part not in ((), None)
    }
    arguments = [f"{name}={chosen[name]!r}" for name in PARTS if name in chosen]
    return f"iw.Selection({', '.join(arguments)})"
