"""Alignment: pairs go up in both prompts, cover all positions, and swap with the prompts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpwidgets.errors import ResultError
from interpwidgets.results.alignment import Alignment, align_tokens
from interpwidgets.results.tokens import Tokens

WORDS = st.lists(st.sampled_from(["a", " b", "b", "c", " ", "<s>"]), max_size=9)


def tokens(*text: str, special: tuple[str, ...] = ("<s>", "</s>", "[CLS]")) -> Tokens:
    n = len(text)
    marks = tuple(word in special for word in text)
    return Tokens(tuple(range(n)), tuple(text), marks, (False,) * n)


@st.composite
def cut_twice(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """The same text in two tokenizers."""
    text = draw(st.text(alphabet="ab c", min_size=1, max_size=12))
    return cut(draw, text), cut(draw, text)


def cut(draw: st.DrawFn, text: str) -> list[str]:
    at = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)))) | {0})
    return [text[i:j] for i, j in zip(at, [*at[1:], len(text)], strict=True) if text[i:j]]


@settings(max_examples=200, deadline=None)
@given(a=WORDS, b=WORDS)
def test_pairs_go_up_cover_every_position_and_swap_with_the_prompts(
    a: list[str], b: list[str]
) -> None:
    found = align_tokens(tokens(*a), tokens(*b))
    one, other = [p for p, _ in found.pairs], [p for _, p in found.pairs]
    assert one == sorted(one)
    assert other == sorted(other)
    assert {*one, *found.unmatched_a} == set(range(len(a)))
    assert {*other, *found.unmatched_b} == set(range(len(b)))
    assert align_tokens(tokens(*b), tokens(*a)) == found.swapped()
    for i in range(len(a)):
        assert all(i in found.b_to_a(j) for j in found.a_to_b(i))


@settings(max_examples=200, deadline=None)
@given(pair=cut_twice())
def test_tokens_of_one_text_belong_together_where_they_share_a_character(
    pair: tuple[list[str], list[str]],
) -> None:
    a, b = (tokens(*words) for words in pair)

    def places(of: Tokens) -> list[set[int]]:
        start, found = 0, []
        for text in of.text:
            found.append({start + i for i, char in enumerate(text) if char != " "})
            start += len(text)
        return found

    found = align_tokens(a, b)
    shared = {
        (i, j)
        for i, mine in enumerate(places(a))
        for j, theirs in enumerate(places(b))
        if mine & theirs
    }
    with_characters = {
        (i, j) for i, j in found.pairs if a.text[i].strip() and b.text[j].strip()
    }
    if a.text != b.text:
        assert with_characters == shared
    assert {(i, i) for i in range(len(a))} == set(align_tokens(a, a).pairs)


def test_a_changed_word_has_no_partner() -> None:
    a = tokens("When", " Ada", " met", " Ben")
    b = tokens("When", " Ada", " never", " met", " Tom")
    found = align_tokens(a, b)
    assert found.pairs == ((0, 0), (1, 1), (2, 3))
    assert (found.unmatched_a, found.unmatched_b) == ((3,), (2, 4))
    assert found.one_to_one == found.pairs


def test_two_tokenizers_of_one_text_are_aligned_by_its_characters() -> None:
    gpt = tokens("<s>", "Inter", "pret", " it", "!")
    bert = tokens("[CLS]", "interpret".capitalize(), "it", "!", "</s>")
    found = align_tokens(gpt, bert)
    assert found.pairs == ((1, 1), (2, 1), (3, 2), (4, 3))
    assert (found.unmatched_a, found.unmatched_b) == ((0,), (0, 4))
    assert found.a_to_b(2) == (1,)
    assert found.b_to_a(1) == (1, 2)
    assert found.b_to_a(0) == ()
    assert found.one_to_one == ((3, 2), (4, 3))


def test_the_same_mark_at_the_same_place_of_one_text_belongs_together() -> None:
    a, b = tokens("<s>", "ab", "<s>", "c"), tokens("<s>", "a", "b", "<s>", "c")
    assert align_tokens(a, b).pairs == ((0, 0), (1, 1), (1, 2), (2, 3), (3, 4))


def test_a_table_has_every_pair_and_what_has_no_partner() -> None:
    frame = align_tokens(tokens("a", "b"), tokens("a", "c", "d")).to_frame()
    assert frame["a_pos"].fillna(-1).tolist() == [0, 1, -1, -1]
    assert frame["b_pos"].fillna(-1).tolist() == [0, -1, 1, 2]
    assert frame["a_token"].tolist() == ["a", "b", "", ""]
    assert frame["b_token"].tolist() == ["a", "", "c", "d"]
    assert Alignment(((0, 0),), (), ()).to_frame()["a_token"].tolist() == [""]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((((1, 0), (0, 1)), (), ()), r"pairs go up .* got \(1, 0\) before \(0, 1\)"),
        ((((0, 0), (0, 0)), (), ()), "each pair once"),
        ((((0, 0),), (0,), ()), "each of the 2 positions of a is in a pair or"),
        ((((0, 0),), (), (2,)), "each of the 2 positions of b .* unmatched_b"),
        ((((0, 0),), (), (), ("x", "y"), ("x",)), "each of the 2 positions of a"),
    ],
)
def test_what_is_no_alignment_is_refused(fields: tuple, message: str) -> None:
    with pytest.raises(ResultError, match=message):
        Alignment(*fields)


def test_a_position_that_is_not_there_is_refused() -> None:
    found = align_tokens(tokens("a", "b"), tokens("a"))
    with pytest.raises(ResultError, match="prompt b has 1 positions from 0; got 1"):
        found.b_to_a(1)
    with pytest.raises(ResultError, match="prompt a has 2 positions from 0; got -1"):
        found.a_to_b(-1)


def test_long_prompts_with_few_different_tokens_are_aligned_in_no_time() -> None:
    words = np.random.default_rng(0).choice([" a", " b", " c"], 600).tolist()
    changed = [*words[:300], " new", *words[300:]]
    found = align_tokens(tokens(*words), tokens(*changed))
    assert found.unmatched_b == (300,)
