"""One self-contained HTML page with live views in it.

Knows nothing of notebooks: it is given the page's body and the views' records.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from interpwidgets.errors import BundleError, ExportError
from interpwidgets.widgets.bundle import part_names, read_bundle, read_part
from interpwidgets.widgets.static_form import FORMAT_VERSION

#: Nothing is loaded from anywhere, whatever the page's content asks for.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; media-src data: blob:; base-uri 'none'; "
    "form-action 'none'"
)
_STYLE = Path(__file__).with_name("page.css")


class Page:
    """Collects the views of a page while its body is written."""

    def __init__(self) -> None:
        self.n_views = 0
        self._views: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, str] = {}
        self._modules: dict[str, dict[str, Any]] = {}
        self._head: dict[str, str] = {}

    def mount(self, record: Any, fallback: str) -> str:
        """Return the HTML of the place where a view stands, and remember its data.

        Args:
            record: What ``view_record`` made.
            fallback: HTML with the same numbers, for where no script runs.

        Raises:
            ExportError: This version cannot make the record live.
        """
        check_record(record)
        self._modules.setdefault(record["widget"], _module(record["widget"]))
        same = json.dumps(record, sort_keys=True)
        key = self._keys.setdefault(same, f"view-{len(self._keys) + 1}")
        self._views[key] = {name: record[name] for name in ("widget", "traits", "buffers")}
        self.n_views += 1
        return f'<div class="iw-mount" data-iw-key="{key}">{fallback}</div>'

    def need_script(self, name: str, source: str) -> None:
        """Put a script into the head, once.

        Args:
            name: What it is.
            source: Its text.
        """
        self._head[name] = f"<script>{inline_script(source)}</script>"

    def html(self, title: str, body: str) -> str:
        """Return the whole page.

        Args:
            title: Shown by the browser; plain text.
            body: HTML.
        """
        # In the head, so that broken HTML in somebody's output cannot swallow them; a
        # module runs when the page is there.
        data = {"views": self._views, "modules": self._modules}
        live = (
            f'<script type="application/vnd.interpwidgets.page+json" id="iw-page">'
            f'{inline_json(data)}</script>\n<script type="module">'
            f"{inline_script(read_bundle('host.js'))}</script>\n"
        )
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="color-scheme" content="light dark">\n'
            f"<title>{html.escape(title)}</title>\n<style>\n"
            f"{_STYLE.read_text(encoding='utf-8')}</style>\n"
            f"{''.join(self._head.values())}{live if self._views else ''}"
            f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )


def check_record(record: Any) -> None:
    """Refuse a saved view that the page's host could not restore.

    Args:
        record: What a notebook holds under the views' MIME type.

    Raises:
        ExportError: Its version is another, or it is damaged.
    """
    version = record.get("version") if isinstance(record, dict) else None
    if version != FORMAT_VERSION:
        raise ExportError(
            f"a view was saved in form {version!r}; this interpwidgets reads form "
            f"{FORMAT_VERSION}. Run its cell again with this version."
        )
    wanted = {"widget": str, "traits": dict, "buffers": list}
    wrong = [name for name, kind in wanted.items() if not isinstance(record.get(name), kind)]
    if wrong:
        raise ExportError(f"a saved view lacks its {', '.join(wrong)}. Run its cell again.")


def _module(widget: str) -> dict[str, Any]:
    if not widget.isidentifier():
        raise ExportError(f"a saved view names no widget of this package: {widget!r:.40}.")
    try:
        parts = {name: read_part(widget, name) for name in part_names(widget)}
        return {
            "esm": read_bundle(f"{widget}.js"),
            "css": read_bundle(f"{widget}.css"),
            "parts": parts,
        }
    except BundleError as error:
        raise ExportError(
            f"a saved view is of kind {widget!r}, which this interpwidgets does not have. "
            "Upgrade it, or run the view's cell again."
        ) from error


def inline_json(value: Any) -> str:
    """Return JSON that may stand in a script element.

    Args:
        value: What to write.
    """
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def inline_script(source: str) -> str:
    """Return JavaScript that may stand in a script element.

    Args:
        source: JavaScript; the two sequences below occur in its strings at most.
    """
    return source.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def write_page(path: Path, text: str) -> int:
    """Write a page; return its size in bytes.

    Args:
        path: Where to.
        text: The page.

    Raises:
        ExportError: It cannot be written there.
    """
    if not path.parent.is_dir():
        raise ExportError(
            f"there is no folder {path.parent} to write {path.name} into. Make it first, or "
            "give another path."
        )
    # Lone surrogates, which a notebook's JSON can hold, are no text.
    content = text.encode("utf-8", "replace")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}.") from error
    return len(content)
