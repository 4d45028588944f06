"""Markdown, code and terminal colours as HTML, with nbconvert's own filters.

nbconvert takes a second to import, so everything here imports it where it is used.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from interpwidgets.errors import ExportError


def markdown_html(text: str, attachments: dict[str, Any], folder: Path) -> str:
    """Return a Markdown cell as HTML; formulas stay as their TeX source.

    Args:
        text: The cell.
        attachments: Pictures pasted into it, by name and MIME type.
        folder: Where pictures that it names by path are; none outside are read.

    Raises:
        ExportError: It names an attachment that it does not have.
    """
    from nbconvert.filters.markdown_mistune import (
        InvalidNotebook,
        IPythonRenderer,
        MarkdownWithMath,
    )

    renderer = IPythonRenderer(
        escape=False,
        attachments=attachments,
        embed_images=True,
        exclude_anchor_links=True,
        path=str(folder),
    )
    try:
        return str(MarkdownWithMath(renderer=renderer).render(text))
    except InvalidNotebook as error:
        raise ExportError(f"a Markdown cell refers to what is not there: {error}.") from error


def code_html(source: str, language: str) -> str:
    """Return code with its syntax marked by class names.

    Args:
        source: The cell.
        language: pygments' name of its language; an unknown one stays plain.
    """
    from nbconvert.filters.highlight import Highlight2HTML

    highlight = Highlight2HTML(  # type: ignore[no-untyped-call]
        extra_formatter_options={"nowrap": True}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a language that it does not know
        marked = highlight(source, "python3" if language == "ipython3" else language)
    return f'<pre class="code">{str(marked).rstrip()}</pre>'


def terminal_html(text: str) -> str:
    """Return a stream's text as HTML: colours kept, overwritten lines gone.

    Args:
        text: What was printed.
    """
    from nbconvert.filters.ansi import ansi2html

    marked = ansi2html(_overwrite(text))  # type: ignore[no-untyped-call]
    return f"<pre>{marked}</pre>"


def _overwrite(text: str) -> str:
    """Keep what a terminal would show of lines that a progress bar wrote over."""
    text = text.replace("\r\n", "\n")
    return "\n".join(re.sub(r"^.*\r(?=.)", "", line.rstrip("\r")) for line in text.split("\n"))


def heading_text(markdown: str) -> str | None:
    """Return the text of the first heading of level 1, if there is one.

    Args:
        markdown: A Markdown cell.
    """
    found = re.search(r"^#\s+(.+?)\s*#*\s*$", markdown, re.MULTILINE)
    return re.sub(r"[*`_]", "", found[1]) if found else None
