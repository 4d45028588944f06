"""Tokens hold one entry per position, and know the turns of a chat."""

from __future__ import annotations

import pytest

from interpwidgets.errors import ResultError
from interpwidgets.results.tokens import Tokens

PLAIN = (1, 2, 3), ("a", "b", "c"), (False,) * 3, (False,) * 3


def test_tokens_outside_a_chat_have_no_turns() -> None:
    tokens = Tokens(*PLAIN)
    assert (tokens.role, tokens.turn, tokens.turns()) == (("",) * 3, (-1,) * 3, ())


def test_two_turns_of_one_role_are_two() -> None:
    tokens = Tokens(*PLAIN, role=("", "user", "user"), turn=(-1, 0, 1))
    assert tokens.turns() == (("user", 1), ("user", 2))


def test_tokens_that_were_saved_without_turns_open() -> None:
    plain = dict(zip(("ids", "text", "special", "generated"), map(list, PLAIN), strict=True))
    assert Tokens.from_plain(plain) == Tokens(*PLAIN)


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ResultError, match=r"3 ids, 3 texts, .* 2 roles, 3 turns"):
        Tokens(*PLAIN, role=("user", "user"), turn=(0, 0, 0))
