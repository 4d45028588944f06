"""A view as data and as plain HTML, for where no widget runs.

The data go under a MIME type of ours, which notebooks keep and ``export`` makes live
again; the HTML has the same numbers as a picture and a table.
"""

from __future__ import annotations

import base64
import html
from typing import Any, Literal, Protocol, runtime_checkable

MIME = "application/vnd.interpwidgets.view+json"
FORMAT_VERSION = 1

Embed = Literal["none", "compact", "full"]

# The copy waits two seconds before it shows: by then a live view has hidden it for good.
# On paper there is no waiting.
_WAIT = (
    "@keyframes iw-appear{to{max-height:none}}"
    ".iw-static{max-height:0;overflow:hidden;animation:iw-appear 0s 2s forwards}"
    "@media print{.iw-static{max-height:none}}"
)
# JupyterLab and Notebook write "Loading widget..." or "model not found" straight into the
# node of the live output; a view that stands has elements there. The copy below it says
# what was here, so that a bare text is not shown.
_HIDE_LABS_ERROR = (
    ".jp-OutputArea-child:has(>.lm-Panel.jp-OutputArea-output)"
    ":not(:has(>.jp-OutputArea-output *)):has(+.jp-OutputArea-child .iw-static)"
    "{display:none!important}"
)
_STYLE = f"<style>{_WAIT}{_HIDE_LABS_ERROR}</style>"


@runtime_checkable
class Embeddable(Protocol):
    """What a static copy needs of a view."""

    bundle: str
    embed: Embed
    view_id: str

    def summary(self) -> str:
        """Return one line of text."""

    def static_html(self) -> str:
        """Return the numbers as plain HTML."""

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:
        """Return the trait values of a copy without a kernel."""


def view_record(view: Embeddable, embed: Embed | None = None) -> dict[str, Any]:
    """Return a view's traits as JSON, binary values apart as base64.

    The form is that of the exported page's ``views`` (``js/src/host``): ``{version,
    widget, traits, buffers: [{path, data}]}``.

    Args:
        view: What to save.
        embed: How much of its numbers; as the view itself says by default.
    """
    buffers: list[dict[str, Any]] = []
    traits = _without_binary(view.traits_to_embed(embed or view.embed), [], buffers)
    return {
        "version": FORMAT_VERSION,
        "widget": view.bundle,
        "traits": traits,
        "buffers": buffers,
    }


def _without_binary(value: Any, path: list[Any], buffers: list[dict[str, Any]]) -> Any:
    if isinstance(value, (bytes, memoryview)):
        buffers.append({"path": path, "data": base64.b64encode(value).decode("ascii")})
        return None
    if isinstance(value, dict):
        return {k: _without_binary(v, [*path, k], buffers) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_binary(v, [*path, i], buffers) for i, v in enumerate(value)]
    return value


def static_block(view: Embeddable) -> str:
    """Return a view's plain HTML; a live view with the same id hides it."""
    view_id = html.escape(view.view_id, quote=True)
    return f'<div class="iw-static" data-iw-view="{view_id}">{view.static_html()}</div>'


def static_bundle(view: Embeddable) -> dict[str, Any]:
    """Return the MIME bundle of a view's static copy."""
    summary = view.summary()
    if view.embed == "none":
        return {"text/plain": summary}
    return {
        "text/plain": summary,
        "text/html": _STYLE + static_block(view),
        MIME: view_record(view),
    }
