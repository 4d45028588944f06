"""Other forms of a view (a page, a figure) by name, so that views import nobody above them.

``show`` and ``export`` add what they can draw when they are imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interpwidgets.errors import InterpWidgetsError

_RENDERINGS: dict[str, Callable[..., Any]] = {}


def add_rendering(name: str, draw: Callable[..., Any]) -> None:
    """Make a form of views known.

    Args:
        name: The method of ``View`` that asks for it.
        draw: Called with the view and that method's arguments.
    """
    _RENDERINGS[name] = draw


def rendering(name: str) -> Callable[..., Any]:
    """Return what draws a form of views.

    Args:
        name: The method of ``View`` that asks.

    Raises:
        InterpWidgetsError: Whoever draws it is not imported.
    """
    if name not in _RENDERINGS:
        raise InterpWidgetsError(
            f"nothing draws `{name}` yet. Import interpwidgets.show, which brings all forms."
        )
    return _RENDERINGS[name]
