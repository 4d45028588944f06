"""A view in a notebook: the live widget, and a static copy for when there is no kernel.

JupyterLab saves no widget state by default, and prefers the widget form of an output
over its HTML. So a view is two outputs: the live one, and a static one that steps
aside while the live one stands. The static one is brought up to date at the end of
each cell that changed the view.
"""

from __future__ import annotations

import weakref
from typing import Any, Protocol, runtime_checkable

from interpwidgets.widgets.static_form import Embeddable, static_bundle


@runtime_checkable
class Displayable(Embeddable, Protocol):
    """A widget that has a static copy."""

    comm: Any
    static_stale: bool

    def _repr_mimebundle_(self) -> tuple[dict[str, Any], dict[str, Any]]: ...


_DISPLAYED: weakref.WeakSet[Displayable] = weakref.WeakSet()
_HOOKED: weakref.WeakSet[Any] = weakref.WeakSet()


LIVE_FORM = "Live view: run this cell to have it."


def display_view(view: Displayable) -> None:
    """Show a view where the current cell's output goes."""
    from IPython import get_ipython
    from IPython.display import display

    live, metadata = view._repr_mimebundle_()
    # Where this output cannot be drawn, the static copy below it says what was here.
    display({**live, "text/plain": LIVE_FORM}, metadata=metadata, raw=True)
    display(static_bundle(view), raw=True, display_id=_display_id(view))
    view.static_stale = False
    _DISPLAYED.add(view)
    shell = get_ipython()
    if shell is not None and shell not in _HOOKED:
        shell.events.register("post_run_cell", refresh_static_copies)
        _HOOKED.add(shell)


def refresh_static_copies(*_: Any) -> None:
    """Bring the static copies of changed views up to date."""
    from IPython.display import display

    for view in list(_DISPLAYED):
        if view.static_stale and view.comm is not None:
            view.static_stale = False
            display(static_bundle(view), raw=True, display_id=_display_id(view), update=True)


def _display_id(view: Displayable) -> str:
    return f"interpwidgets-{view.view_id}"
