"""What a person selected in a view, as a value for the next cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from interpwidgets.errors import SelectionError


@dataclass(frozen=True)
class LostToken:
    """A selected token that a run does not have where it was selected."""

    position: int
    """Where it stood, from 0."""

    text: str
    """What stood there when it was selected."""


@dataclass(frozen=True)
class Selection:
    """What is selected: heads, token positions, a layer, a feature, a prompt of a batch.

    A value: assign a whole one to a view, or set the parts of ``board.selection``.
    Positions carry the text of their token, so a selection that outlives its prompt
    can be checked against the new one instead of silently meaning another word.
    """

    heads: Sequence[tuple[int, int]] = ()
    """(layer, head) pairs in the order they were chosen; the last is drawn large."""

    tokens: Sequence[int] = ()
    """Positions from 0, in the order they were chosen."""

    layer: int | None = None
    """A layer number; None for none."""

    feature: int | None = None
    """A feature of a dictionary; None for none."""

    prompt: int | None = None
    """Which prompt of a batch; None for the first."""

    token_text: Sequence[str] = ()
    """The text at each of ``tokens``; a view fills it in."""

    def __post_init__(self) -> None:
        # Lists are what a person types; tuples are what compares and hashes.
        heads = tuple((int(layer), int(head)) for layer, head in self.heads)
        object.__setattr__(self, "heads", heads)
        object.__setattr__(self, "tokens", tuple(int(pos) for pos in self.tokens))
        object.__setattr__(self, "token_text", tuple(self.token_text))
        for name in ("layer", "feature", "prompt"):
            number = getattr(self, name)
            if number is None:
                continue
            if int(number) < 0:
                raise SelectionError(f"`{name}` counts from 0; got {number}.")
            object.__setattr__(self, name, int(number))

    def with_text(self, text: Sequence[str]) -> Selection:
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
        return replace(self, token_text=tuple(text[pos] for pos in self.tokens))

    def changed(self, **parts: Any) -> Selection:
        """Return it with some parts replaced; new positions have no text yet.

        Args:
            parts: Fields of this class.
        """
        if "tokens" in parts:
            parts = {"token_text": (), **parts}
        return replace(self, **parts)

    def parts(self) -> dict[str, Any]:
        """Return what is selected by name, the tokens' text left out."""
        return {name: getattr(self, name) for name in PARTS}

    def tokens_of(
        self, text: Sequence[str] | None
    ) -> tuple[tuple[int, ...], tuple[LostToken, ...]]:
        """Split the selected positions into those that still hold and those that do not.

        Args:
            text: The tokens of a run; None where there are none to check against.
        """
        if text is None:
            return tuple(self.tokens), ()
        words = self.token_text or ("",) * len(self.tokens)
        pairs = list(zip(self.tokens, words, strict=True))
        same = [
            pos
            for pos, word in pairs
            if pos < len(text) and (not self.token_text or text[pos] == word)
        ]
        lost = [LostToken(pos, word) for pos, word in pairs if pos not in same]
        return tuple(same), tuple(lost)

    def to_wire(self, revision: int, lost: Sequence[LostToken] = ()) -> dict[str, Any]:
        """Return the form that travels to the browser.

        Args:
            revision: Counts Python's selections.
            lost: Selected tokens that the view does not have.
        """
        return {
            **self.parts(),
            "heads": [list(head) for head in self.heads],
            "tokens": list(self.tokens),
            "text": list(self.token_text),
            "revision": revision,
            "lost": [{"position": token.position, "text": token.text} for token in lost],
        }


#: The parts of a selection that a person sets.
PARTS = ("heads", "tokens", "layer", "feature", "prompt")


def _refuse(_: Selection, name: str, value: object) -> None:
    raise SelectionError(
        f"a Selection is a value and keeps its `{name}`. Set board.selection.{name} = "
        f"{value!r}, or give a view a new one: view.selection = iw.Selection({name}={value!r})."
    )


# Writing to `view.selection.heads` is the mistake to expect: it gets an answer in words.
Selection.__setattr__ = _refuse  # type: ignore[assignment,method-assign]
