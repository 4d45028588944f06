"""One token as plain text and as HTML, every character of it visible and harmless.

Says the same as ``js/src/shared/tokens.ts``.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata

from interpwidgets.results.tokens import Tokens

_BYTES = re.compile(r"(?:<0x[0-9a-f]{2}>)+", re.IGNORECASE)
# The line and bidi controls, zero-width characters and the other control codes.
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u00ad\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_WHITE = {"\r\n": "↵", "\n": "↵", "\t": "⇥", "\r": "␍"}
_FILLERS = "\u115f\u1160\u3164"
_DOTS = 3
MAX_CHARS = 40
_OPEN, _CLOSE = "\u2039", "\u203a"


def token_html(tokens: Tokens, pos: int, *, running: bool = False) -> str:
    """Return a token as HTML: alone, so a leading space is a dot.

    Args:
        tokens: The prompt.
        pos: Which of its tokens.
        running: It stands in running text, where leading spaces are spaces.
    """
    text = token_text(tokens, pos)
    raw = tokens.text[pos]
    lead = min(_DOTS, len(raw) - len(raw.lstrip(" ")))
    if running and not raw.isspace() and text.startswith("·" * lead):
        text = " " * lead + text[lead:]
    title = html.escape(_spelled(tokens.text[pos]), quote=True)
    return f'<bdi title="{title}"><code>{html.escape(text)}</code></bdi>'


def token_text(tokens: Tokens, pos: int, max_chars: int = MAX_CHARS) -> str:
    """Return a token as visible text; a name of ours for it stands in angle quotes.

    Args:
        tokens: The prompt.
        pos: Which of its tokens.
        max_chars: Longer text ends in ``…``.
    """
    text = tokens.text[pos]
    name = _special_name(text) if tokens.special[pos] else _name(text)
    if name is not None:
        return f"{_OPEN}{_cut(name, max_chars)}{_CLOSE}"
    if not text.strip(" "):
        return "·" * _DOTS
    body = text.lstrip(" ")
    shown = _visible(text).replace(" ", "·") if text.isspace() else _visible(body)
    lead = 0 if text.isspace() else min(_DOTS, len(text) - len(body))
    return "·" * lead + _cut(shown, max_chars)


def _special_name(text: str) -> str:
    name = re.sub(r"\|?[>\]]?$", "", re.sub(r"^[<\[]?\|?", "", text))
    return "eot" if name == "endoftext" else _visible(name) or "empty"


def _name(text: str) -> str | None:
    """Return what to call a token that has no text of its own."""
    if not text:
        return "empty"
    if _BYTES.fullmatch(text):
        return text[2:-1].replace("><0", " ")
    if not text.isspace() and all(_is_invisible(char) for char in text):
        return " ".join(f"U+{ord(char):04X}" for char in text[:3])
    return None


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char)[0] in "CM" or char in _FILLERS


def _visible(text: str) -> str:
    for white, shown in _WHITE.items():
        text = text.replace(white, shown)
    return _HIDDEN.sub(lambda match: f"{_OPEN}U+{ord(match[0]):04X}{_CLOSE}", text)


def _spelled(text: str) -> str:
    return _HIDDEN.sub(
        lambda match: f"\\u{ord(match[0]):04X}", json.dumps(text, ensure_ascii=False)
    )


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"
