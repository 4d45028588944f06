"""What a person selected in a view, as a value for the next cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interpwidgets.errors import SelectionError


@dataclass(frozen=True)
class Selection:
    """Heads and token positions that are selected.

    Positions carry the text of their token, so a selection that outlives its prompt
    can be checked against the new one instead of silently meaning another word.
    """

    heads: Sequence[tuple[int, int]] = ()
    """(layer, head) pairs in the order they were chosen; the last is drawn large."""

    tokens: Sequence[int] = ()
    """Positions from 0."""

    token_text: Sequence[str] = ()
    """The text at each of ``tokens``; a view fills it in."""

    def __post_init__(self) -> None:
        # Lists are what a person types; tuples are what compares and hashes.
        heads = tuple((int(layer), int(head)) for layer, head in self.heads)
        object.__setattr__(self, "heads", heads)
        object.__setattr__(self, "tokens", tuple(int(pos) for pos in self.tokens))
        object.__setattr__(self, "token_text", tuple(self.token_text))

    def with_text(self, text: tuple[str, ...]) -> Selection:
        """Return the same selection with the text of its tokens filled in.

        Args:
            text: The prompt's tokens.

        Raises:
            SelectionError: A position is outside the prompt.
        """
        outside = [pos for pos in self.tokens if not 0 <= pos < len(text)]
        if outside:
            raise SelectionError(
                f"position {outside[0]} is outside the prompt's 0-{len(text) - 1}."
            )
        return Selection(self.heads, self.tokens, tuple(text[pos] for pos in self.tokens))

    def kept_for(
        self, layers: tuple[int, ...], heads: tuple[int, ...], text: tuple[str, ...]
    ) -> Selection:
        """Return what of this selection still means the same in another run.

        Args:
            layers: Layers that the new run holds.
            heads: Heads that it holds.
            text: Its tokens.
        """
        kept_heads = tuple(h for h in self.heads if h[0] in layers and h[1] in heads)
        same = [
            (pos, word)
            for pos, word in zip(self.tokens, self.token_text, strict=True)
            if pos < len(text) and text[pos] == word
        ]
        return Selection(
            heads=kept_heads,
            tokens=tuple(pos for pos, _ in same),
            token_text=tuple(word for _, word in same),
        )

    def to_wire(self, revision: int) -> dict[str, Any]:
        """Return the form that travels to the browser."""
        return {
            "heads": [list(head) for head in self.heads],
            "tokens": list(self.tokens),
            "revision": revision,
        }
