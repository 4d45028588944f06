"""Tokens as text: spaces, bytes, special ones, ids beyond the vocabulary."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models

from interpwidgets.models.token_text import read_tokens
from tiny import tiny_tokenizer


class Names:
    """A tokenizer of which only the names matter."""

    all_special_ids = (0,)

    def __init__(self, *names: str | None, byte_level: bool = False) -> None:
        self._names = names
        self.backend_tokenizer = Tokenizer(models.BPE())
        if byte_level:
            self.backend_tokenizer.decoder = decoders.ByteLevel()

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str | None]:
        return [self._names[i] for i in ids]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Ġthe", " the"),
        ("the", "the"),
        ("Ċ", "\n"),
        ("ĉ", "\t"),
        ("ĠĠĠ", "   "),
        ("Ã©", "é"),
        ("ðŁĻĤ", "🙂"),
        ("ðŁ", "<0xF0><0x9F>"),
        ("<img onerror=alert(1)>", "<img onerror=alert(1)>"),
        ("<|im start|>", "<|im start|>"),
    ],
)
def test_byte_level_spelling_becomes_text(name: str, text: str) -> None:
    assert read_tokens(Names("<s>", name, byte_level=True), [1]).text == (text,)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("▁the", " the"),
        ("<0xE2>", "<0xE2>"),
        ("<0x41>", "A"),
        ("café", "café"),
        ("Ġ", "Ġ"),
        ("שלום", "שלום"),
        ("", ""),
    ],
)
def test_other_spelling_becomes_text(name: str, text: str) -> None:
    assert read_tokens(Names("<s>", name), [1]).text == (text,)


def test_special_tokens_are_marked_and_keep_their_name() -> None:
    tokens = read_tokens(Names("<s>", "Ġa", byte_level=True), [0, 1])
    assert (tokens.text, tokens.special) == (("<s>", " a"), (True, False))


def test_an_id_beyond_the_vocabulary_is_shown_as_a_number() -> None:
    assert read_tokens(Names("<s>", None), [1]).text == ("[1]",)


def test_generated_tokens_are_the_last_ones() -> None:
    tokenizer: Any = tiny_tokenizer()
    tokens = read_tokens(tokenizer, [2, 3, 4], n_generated=2)
    assert tokens.generated == (False, True, True)
    assert tokens.text == ("the", "cat", "sat")
