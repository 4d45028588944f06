"""What a piece of HTML would load from elsewhere, so that the report can say it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_LOADING = {"src", "srcset", "poster", "data", "background", "xlink:href"}
_IN_STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?(?:https?:)?//", re.IGNORECASE)
_IN_SCRIPT = re.compile(r"[\"'`](?:https?|wss?)://", re.IGNORECASE)


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = False
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("script", "style") else ""
        for name, value in attrs:
            loads = name in _LOADING or (name == "href" and tag in ("link", "image", "use"))
            self.found |= loads and _is_remote(value or "")
            self.found |= name == "style" and bool(_IN_STYLE.search(value or ""))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.found |= bool(_IN_STYLE.search(data))
        elif self._inside == "script":
            self.found |= bool(_IN_SCRIPT.search(data))


def loads_from_network(html: str) -> bool:
    """Return whether HTML refers to a picture, script or style that is elsewhere.

    Args:
        html: A cell's output or text. A link to follow is no load; an address in a script
            counts, as nobody can say what the script does with it.
    """
    parser = _Loads()
    parser.feed(html)
    parser.close()
    return parser.found


def _is_remote(address: str) -> bool:
    return bool(re.match(r"\s*(?:(?:https?|ftp):)?//", address, re.IGNORECASE))
