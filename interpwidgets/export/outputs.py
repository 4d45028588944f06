"""The outputs of one cell as HTML."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interpwidgets.errors import ExportError
from interpwidgets.export.markup import markdown_html, terminal_html
from interpwidgets.export.network import loads_from_network
from interpwidgets.export.page import Page, inline_json
from interpwidgets.widgets.static_form import MIME

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
PLOTLY_MIME = "application/vnd.plotly.v1+json"
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


class Outputs:
    """Writes outputs into a page, and notes what it has to leave out."""

    def __init__(self, page: Page, folder: Path, widget_names: dict[str, str]) -> None:
        """Make a writer.

        Args:
            page: The page.
            folder: The notebook's, for pictures that Markdown names.
            widget_names: Class names of saved widgets by model id.
        """
        self.notes: list[str] = []
        self._page = page
        self._folder = folder
        self._widget_names = widget_names
        self._n_figures = 0
        # Best first; what the browser can draw alone comes before pictures of it.
        self._writers: dict[str, Callable[[dict[str, Any]], str]] = {
            MIME: self._view,
            PLOTLY_MIME: self._plotly,
            WIDGET_MIME: self._widget,
            "text/html": self._html,
            "image/svg+xml": self._svg,
            **dict.fromkeys(_PICTURES, self._picture),
            "text/markdown": self._markdown,
            "text/latex": lambda data: _plain(data["text/latex"]),
            "text/plain": lambda data: terminal_html(data["text/plain"]),
        }

    def html(self, outputs: list[dict[str, Any]]) -> str:
        """Return a cell's outputs, one block each.

        Args:
            outputs: As a notebook of format 4 has them.
        """
        blocks = [self._output(output) for output in _joined(_without_live(outputs))]
        return "\n".join(f'<div class="output">{block}</div>' for block in blocks if block)

    def check_loads(self, text: str) -> str:
        """Return HTML as it is, noting when it loads from elsewhere.

        Args:
            text: HTML of the notebook's author.
        """
        if loads_from_network(text):
            self.notes.append("content that a cell loads from the network (blocked)")
        return text

    def _output(self, output: dict[str, Any]) -> str:
        kind = output.get("output_type")
        if kind == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return f'<div class="{name}">{terminal_html(output.get("text", ""))}</div>'
        if kind == "error":
            trace = "\n".join(output.get("traceback", [])) or (
                f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
            )
            return f'<div class="error">{terminal_html(trace)}</div>'
        data = output.get("data", {})
        for mime, write in self._writers.items():
            if mime in data:
                return write(data)
        if data:
            self.notes.append(f"output of type {', '.join(sorted(data))}, which no page shows")
        return ""

    def _view(self, data: dict[str, Any]) -> str:
        static = data.get("text/html") or _plain(data.get("text/plain", ""))
        try:
            return self._page.mount(data[MIME], static)
        except ExportError as error:
            self.notes.append(f"live view: {error}")
            return f'<p class="note">Not live: {html.escape(str(error))}</p>{static}'

    def _widget(self, data: dict[str, Any]) -> str:
        text = data.get("text/plain", "")
        model_id = data[WIDGET_MIME].get("model_id", "")
        named = re.match(r"<?([A-Z]\w*)[(:]", text)
        name = self._widget_names.get(model_id) or (named[1] if named else "widget")
        others = {mime: value for mime, value in data.items() if mime != WIDGET_MIME}
        if others.keys() - {"text/plain"}:
            return self._output({"output_type": "display_data", "data": others})
        self.notes.append(f"{name}, a live widget that the notebook holds no copy of")
        return f'<p class="note">{html.escape(name)}: a live widget, not in this page.</p>'

    def _plotly(self, data: dict[str, Any]) -> str:
        from plotly.offline import get_plotlyjs

        self._page.need_script("plotly", get_plotlyjs())
        self._n_figures += 1
        name = f"figure-{self._n_figures}"
        figure = data[PLOTLY_MIME]
        parts = ",".join(inline_json(figure.get(part, {})) for part in ("data", "layout"))
        return (
            f'<div id="{name}"></div><script>Plotly.newPlot("{name}",{parts},'
            '{"displaylogo":false,"responsive":true})</script>'
        )

    def _html(self, data: dict[str, Any]) -> str:
        return self.check_loads(data["text/html"])

    def _svg(self, data: dict[str, Any]) -> str:
        # As a picture: an inline one shares its ids and styles with the whole page.
        source = base64.b64encode(data["image/svg+xml"].encode()).decode("ascii")
        return f'<img class="picture" alt="" src="data:image/svg+xml;base64,{source}">'

    def _picture(self, data: dict[str, Any]) -> str:
        mime = next(mime for mime in _PICTURES if mime in data)
        source = re.sub(r"[^A-Za-z0-9+/=]", "", data[mime])
        alt = html.escape(data.get("text/plain", ""), quote=True)
        return f'<img class="picture" alt="{alt}" src="data:{mime};base64,{source}">'

    def _markdown(self, data: dict[str, Any]) -> str:
        return self.check_loads(markdown_html(data["text/markdown"], {}, self._folder))


def _without_live(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop the live output of each view whose static copy follows it."""
    kept: list[dict[str, Any]] = []
    for output in outputs:
        data = output.get("data", {})
        if MIME in data and kept and WIDGET_MIME in kept[-1].get("data", {}):
            kept.pop()
        kept.append(output)
    return kept


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join neighbouring pieces of one stream."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        is_stream = output.get("output_type") == "stream"
        if is_stream and last.get("name") == output.get("name"):
            joined[-1] = {**last, "text": last["text"] + output.get("text", "")}
        else:
            joined.append(output)
    return joined


def _plain(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"
