"""The tokens of one prompt, as the model saw them."""

from __future__ import annotations

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

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.text), len(self.special), len(self.generated)}
        if len(lengths) != 1:
            raise ResultError(
                f"tokens need one text, special and generated per id; got {len(self.ids)} "
                f"ids, {len(self.text)} texts, {len(self.special)} special, "
                f"{len(self.generated)} generated."
            )

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_plain(cls, plain: dict[str, list[Any]]) -> Tokens:
        """Make them of what JSON gives."""
        return cls(**{name: tuple(column) for name, column in plain.items()})

    @classmethod
    def of_text(cls, text: list[str] | tuple[str, ...]) -> Tokens:
        """Make tokens of plain strings, with ids counted from 0."""
        n = len(text)
        return cls(tuple(range(n)), tuple(text), (False,) * n, (False,) * n)
