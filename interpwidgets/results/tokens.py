"""The tokens of one prompt, as the model saw them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from interpwidgets.errors import ResultError


@dataclass(frozen=True)
class Tokens:
    """One prompt's tokens; every field has one entry per position."""

    ids: tuple[int, ...]
    """Vocabulary indices."""

    text: tuple[str, ...]
    """Decoded text with its leading space; bytes that are no text as ``<0xE2>``."""

    special: tuple[bool, ...]
    """Whether the token is one of the tokenizer's special tokens."""

    generated: tuple[bool, ...]
    """Whether the model wrote this token itself."""

    role: tuple[str, ...] = ()
    """Whose turn of a chat it belongs to, as the template names it; ``""`` for none."""

    turn: tuple[int, ...] = ()
    """The number of that turn from 0; −1 for none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", self.role or ("",) * len(self.ids))
        object.__setattr__(self, "turn", self.turn or (-1,) * len(self.ids))
        lengths = {len(getattr(self, field.name)) for field in dataclasses.fields(self)}
        if len(lengths) != 1:
            raise ResultError(
                f"tokens need one text, special and generated per id (and a role and turn, or "
                f"none); got {len(self.ids)} ids, {len(self.text)} texts, "
                f"{len(self.special)} special, {len(self.generated)} generated, "
                f"{len(self.role)} roles, {len(self.turn)} turns."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def turns(self) -> tuple[tuple[str, int], ...]:
        """Return the turns of a chat in order: whose it is, and its first position."""
        before = (-1, *self.turn)
        return tuple(
            (self.role[pos], pos)
            for pos, turn in enumerate(self.turn)
            if turn not in (-1, before[pos])
        )

    @classmethod
    def from_plain(cls, plain: dict[str, list[Any]]) -> Tokens:
        """Make them of what JSON gives."""
        return cls(**{name: tuple(column) for name, column in plain.items()})

    @classmethod
    def of_text(cls, text: list[str] | tuple[str, ...]) -> Tokens:
        """Make tokens of plain strings, with ids counted from 0."""
        n = len(text)
        return cls(tuple(range(n)), tuple(text), (False,) * n, (False,) * n)
