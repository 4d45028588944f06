"""The user's own values on tokens: what is taken, and what is refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.errors import ResultError
from interpwidgets.results.tokens import Tokens
from tiny import tiny_tokenizer

WORDS = ["The", " cat", " sat"]


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        np.array([1.0, 2.0, 3.0]),
        torch.tensor([1, 2, 3]),
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.bfloat16, requires_grad=True),
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64),
        [torch.tensor(1.0), torch.tensor(2.0), torch.tensor(3.0)],
        [[1, 2, 3]],
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_values_come_in_many_forms(values: Any) -> None:
    result = iw.show_tokens(WORDS, values).result
    assert result.values.tolist() == [[1, 2, 3]]
    assert result.tokens.text == tuple(WORDS)


def test_negative_values_make_a_signed_scale() -> None:
    assert iw.show_tokens(WORDS, [1, -3, 2]).result.scale == (-3, 3)
    plain = iw.show_tokens(WORDS, [1, -3, 2], signed=False, scale=(-3.0, 2.0)).result
    assert (plain.signed, plain.scale) == (False, (-3, 2))


def test_several_rows_have_names() -> None:
    result = iw.show_tokens(WORDS, np.ones((2, 3)), rows=["a", "b"], unit="nats").result
    assert (result.rows, result.unit) == (("a", "b"), "nats")
    assert iw.show_tokens(WORDS, np.ones((2, 3))).result.rows == ("row 0", "row 1")


def test_tokens_may_be_ids_or_those_of_another_result() -> None:
    ids = torch.tensor([[2, 3, 4]])
    result = iw.show_tokens(ids, [1, 2, 3], tokenizer=tiny_tokenizer()).result
    assert (result.tokens.ids, result.tokens.text[1]) == ((2, 3, 4), "cat")
    of = Tokens((7,), ("x",), (True,), (True,), ("user",), (0,))
    assert iw.show_tokens(of, [1]).result.tokens == of


@pytest.mark.parametrize(
    ("tokens", "values", "message"),
    [
        (WORDS, [1, 2], r"one for each of the 3 tokens; they are \[2\]\.$"),
        (WORDS, np.ones((3, 2)), r"they are \[3, 2\]\. They are \[pos, row\]: give values\.T"),
        (WORDS, np.ones((1, 1, 3)), r"they are \[1, 1, 3\]"),
        (WORDS, "abc", "values must be numbers of one shape"),
        (WORDS, [[1, 2, 3], [1, 2]], "parts of different shapes"),
        ("The cat", [1, 2], r"the text of each token, not one text \('The cat'\)"),
        ([1, 2], [1, 2], "tokens are ids; give tokenizer="),
        (["a", 2], [1, 2], "texts or ids; got int and str"),
    ],
)
def test_what_does_not_fit_is_refused(tokens: Any, values: Any, message: str) -> None:
    with pytest.raises(ResultError, match=message):
        iw.show_tokens(tokens, values)


def test_row_names_are_as_many_as_rows() -> None:
    with pytest.raises(ResultError, match="rows names 1 rows; values have 2"):
        iw.show_tokens(WORDS, np.ones((2, 3)), rows=["a"])
