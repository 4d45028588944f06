"""Other forms of a view or Result (a page, a figure) by name.

So neither imports what draws it: ``show`` adds what it can draw when it is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interpwidgets.errors import InterpWidgetsError

_RENDERINGS: dict[str, Callable[..., Any]] = {}


def add_rendering(name: str, draw: Callable[..., Any]) -> None:
    """Make a form known.

    Args:
        name: What the view's or Result's method asks for.
        draw: Called with the view or Result, and that method's arguments.
    """
    _RENDERINGS[name] = draw


def rendering(name: str) -> Callable[..., Any]:
    """Return what draws a form.

    Args:
        name: What the view's or Result's method asks for.

    Raises:
        InterpWidgetsError: Whoever draws it is not imported.
    """
    if name not in _RENDERINGS:
        raise InterpWidgetsError(
            f"nothing draws `{name}` yet. Import interpwidgets.show, which brings all forms."
        )
    return _RENDERINGS[name]
