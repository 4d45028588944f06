"""One view as a page."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from interpwidgets.errors import ExportError
from interpwidgets.export.page import Page, write_page
from interpwidgets.export.report import size_text
from interpwidgets.widgets.base import View
from interpwidgets.widgets.static_form import Embed, static_block, view_record

HELD = {
    "none": "a picture and a table, nothing live",
    "compact": "the chosen heads in full, the others as in the thumbnails",
    "full": "every head in full",
}


def view_page(view: View, path: str | Path | None = None, embed: str = "compact") -> str | Path:
    """Make a page of one view.

    Args:
        view: What to show.
        path: Where to write it; prints one line of what the page holds.
        embed: How much of the numbers it holds.

    Returns:
        The path, or the page's text when no path was given.

    Raises:
        ExportError: ``embed`` is unknown, or the page cannot be written.
    """
    if embed not in HELD:
        raise ExportError(f"`embed` is one of {', '.join(map(repr, HELD))}; got {embed!r}.")
    how_much = cast(Embed, embed)
    page = Page()
    body = static_block(view)
    if embed != "none":
        body = page.mount(view_record(view, how_much), body)
    text = page.html(view.summary(), body)
    if path is None:
        return text
    target = Path(path)
    n_bytes = write_page(target, text)
    held = view.held_in_words or HELD
    print(f"{target}: {size_text(n_bytes)}, {held[embed]}")  # noqa: T201 - what the page holds
    return target
