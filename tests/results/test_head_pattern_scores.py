"""Scores of one pattern: equal to iw.head_scores, and a null that random heads stay within."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interpwidgets.errors import ResultError, ScoreError
from interpwidgets.reads.head_scores import Column, count_queries, score_heads
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.base import Provenance
from interpwidgets.results.head_pattern_scores import PatternScore, pair_score, pattern_scores
from interpwidgets.results.tokens import Tokens

BLOCK = list(range(10, 22))
REPEATED = [1, *BLOCK, *BLOCK]


def result_of(
    weights: Any, ids: list[int], *, codes: bool = False, **more: Any
) -> AttentionPattern:
    weights = np.asarray(weights, dtype=np.float32)
    n = len(ids)
    return AttentionPattern(
        provenance=Provenance(run=1),
        tokens=Tokens(tuple(ids), tuple(map(str, ids)), (False,) * n, (False,) * n),
        pattern=np.rint(weights * 254).astype(np.uint8) if codes else weights.astype("f2"),
        layers=tuple(range(weights.shape[0])),
        heads=tuple(range(weights.shape[1])),
        layer_runs=(1,) * len(weights),
        **more,
    )


def random_weights(n: int, seed: int = 0, *, heads: int = 2, causal: bool = True) -> np.ndarray:
    weights = np.random.default_rng(seed).random((2, heads, n, n)) ** 4
    if causal:
        weights = np.tril(weights)
    return weights / weights.sum(-1, keepdims=True)


def named(scores: tuple[PatternScore, ...]) -> dict[str, PatternScore]:
    return {score.name: score for score in scores}


@settings(max_examples=40, deadline=None)
@given(
    ids=st.lists(st.integers(0, 4), min_size=2, max_size=14),
    codes=st.booleans(),
    causal=st.booleans(),
)
def test_scores_equal_those_that_run_beside_a_model(
    ids: list[int], codes: bool, causal: bool
) -> None:
    result = result_of(random_weights(len(ids), causal=causal), ids, codes=codes, causal=causal)
    scores = named(pattern_scores(result))
    columns = (
        Column("previous_token"),
        Column("first_token"),
        Column("duplicate_token"),
        Column("induction", 1),
        Column("entropy"),
    )
    held = torch.tensor(
        np.array([[result.weights(la, h) for h in result.heads] for la in result.layers])
    )
    token_ids = torch.tensor([ids, ids])
    expected = score_heads(held, token_ids=token_ids, columns=columns, causal=causal)
    counts = count_queries(token_ids, columns)
    for at, column in enumerate(columns):
        if counts[at, 0] == 0:
            assert column.score not in scores
            continue
        ours = scores[column.score]
        np.testing.assert_allclose(ours.values, expected[at], atol=1e-4)
        assert ours.n_queries == counts[at, 0]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("codes", [False, True], ids=["float16", "uint8"])
def test_distance_and_same_token_are_those_of_loops(causal: bool, codes: bool) -> None:
    n = 150  # more queries than are looked at at once
    result = result_of(
        random_weights(n, causal=causal), list(range(n)), causal=causal, codes=codes
    )
    scores = named(pattern_scores(result))
    for layer in result.layers:
        for head in result.heads:
            weights = result.weights(layer, head)
            rows = [q for q in range(1, n) if weights[q].sum() > 0]
            far = [
                sum(weights[q, k] * abs(q - k) for k in range(n)) / weights[q].sum()
                for q in rows
            ]
            assert scores["distance"].values[layer, head] == pytest.approx(
                np.mean(far), rel=1e-4
            )
            same = np.mean([weights[q, q] for q in range(1, n)])
            assert scores["current_token"].values[layer, head] == pytest.approx(same, rel=1e-3)
            nats = -sum(
                p * math.log(p) for q in range(1, n) for p in weights[q].tolist() if p > 0
            )
            assert scores["entropy"].values[layer, head] == pytest.approx(
                nats / (n - 1), rel=1e-3
            )
    assert ("8 bits" in scores["entropy"].note) == codes
    assert scores["distance"].title == f"distance, positions {'back' if causal else 'away'}"


def test_without_repeats_scores_of_repeats_are_left_out() -> None:
    names = [s.name for s in pattern_scores(result_of(random_weights(5), [3, 4, 5, 6, 7]))]
    assert names == ["previous_token", "first_token", "current_token", "entropy", "distance"]


def test_plain_text_repeats_by_its_text() -> None:
    words = ["a", "b", "c", "a", "b", "c", "a"]
    result = AttentionPattern.of_arrays(words, random_weights(7).astype(np.float32))
    ids = [0, 1, 2, 0, 1, 2, 0]
    expected = named(pattern_scores(result_of(random_weights(7), ids)))
    found = named(pattern_scores(result))
    assert "induction" in found
    np.testing.assert_allclose(found["induction"].values, expected["induction"].values)


def one_hot(look: Any) -> np.ndarray:
    n = len(REPEATED)
    weights = np.zeros((1, 1, n, n))
    for query in range(n):
        key = look(query)
        weights[0, 0, query, key if 0 <= key <= query else query] = 1
    return weights


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("previous_token", lambda q: q - 1),
        ("first_token", lambda q: 0),
        ("current_token", lambda q: q),
        ("duplicate_token", lambda q: q - 12),
        ("induction", lambda q: q - 11),
    ],
)
def test_a_head_of_one_kind_scores_1_and_is_above_what_random_targets_get(
    name: str, look: Any
) -> None:
    weights = np.concatenate([one_hot(look), random_weights(25, heads=1)[:1]], axis=1)
    score = named(pattern_scores(result_of(weights, REPEATED)))[name]
    assert score.values[0, 0] == 1
    assert score.high is not None
    assert score.high < 0.6
    assert score.null_title == "random targets, n = 100"


def test_the_null_is_centred_on_an_even_share_of_the_keys() -> None:
    n = 120
    result = result_of(random_weights(n, heads=8), list(range(n)))
    score = named(pattern_scores(result))["previous_token"]
    even = np.mean([1 / (q + 1) for q in range(1, n)])
    assert score.low is not None
    assert score.high is not None
    assert score.low < even < score.high
    assert (score.low + score.high) / 2 == pytest.approx(even, rel=0.25)


def test_the_null_of_repeats_counts_keys_that_the_score_could_count() -> None:
    # All attention is on keys that neither duplicates nor induction count.
    n = len(REPEATED)
    weights = np.zeros((1, 1, n, n))
    weights[..., 0] = 1
    scores = named(pattern_scores(result_of(weights, REPEATED)))
    for name in ("duplicate_token", "induction"):
        assert (scores[name].low, scores[name].high) == (0, 0)
    # An even head gets its share of those keys: 1 / (q + 1) of each.
    even = np.tri(n) / np.arange(1, n + 1)[:, None]
    scores = named(pattern_scores(result_of(even[None, None], REPEATED)))
    expected = np.mean([1 / (q + 1) for q in range(13, 25)])
    assert scores["duplicate_token"].low == pytest.approx(expected, rel=1e-3)
    assert scores["duplicate_token"].high == pytest.approx(expected, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    ids=st.lists(st.integers(0, 3), min_size=2, max_size=12),
    hidden=st.booleans(),
    causal=st.booleans(),
)
def test_nulls_stay_within_the_weights(ids: list[int], hidden: bool, causal: bool) -> None:
    result = result_of(random_weights(len(ids), causal=causal), ids, causal=causal)
    if hidden:
        result = result.without_sink()
    for score in pattern_scores(result):
        assert score.low is not None
        assert score.high is not None
        assert np.isfinite([score.low, score.high]).all()
        if score.name not in ("entropy", "distance"):
            assert 0 <= score.low <= score.high <= 1 + 1e-3


def test_scores_are_the_same_each_time() -> None:
    result = result_of(random_weights(25), REPEATED)
    first, second = pattern_scores(result), pattern_scores(result)
    assert [(s.low, s.high) for s in first] == [(s.low, s.high) for s in second]


def test_an_even_head_stands_beside_entropy_and_distance() -> None:
    n = 9
    even = np.tri(n) / np.arange(1, n + 1)[:, None]
    scores = named(pattern_scores(result_of(even[None, None], list(range(n)))))
    for name in ("entropy", "distance"):
        score = scores[name]
        assert score.low == score.high == pytest.approx(score.values[0, 0], rel=1e-3)
        assert score.null_title == "a head that attends evenly"


def test_a_hidden_sink_has_no_first_token_score_and_its_even_head_does_not_look_there() -> None:
    n = 9
    even = np.tri(n) / np.arange(1, n + 1)[:, None]
    scores = named(pattern_scores(result_of(even[None, None], list(range(n))).without_sink()))
    assert "first_token" not in scores
    assert scores["entropy"].low == pytest.approx(scores["entropy"].values[0, 0], rel=1e-3)
    assert scores["distance"].low == pytest.approx(scores["distance"].values[0, 0], rel=1e-3)


@pytest.mark.parametrize("codes", [False, True], ids=["float16", "uint8"])
def test_a_head_with_nan_has_no_score_and_is_not_drawn_from(codes: bool) -> None:
    result = result_of(random_weights(25), REPEATED, codes=codes)
    result.pattern[0, 1, 24, 3] = 255 if codes else np.nan
    for score in pattern_scores(result):
        assert np.isnan(score.values).tolist() == [[False, True], [False, False]]
        assert score.high is not None
        assert np.isfinite(score.high)
    result.pattern[:] = 255 if codes else np.nan
    scores = named(pattern_scores(result))
    assert np.isnan(scores["induction"].values).all()
    assert scores["induction"].low is scores["induction"].high is None


def test_one_token_has_nothing_to_score() -> None:
    assert pattern_scores(result_of(np.ones((1, 1, 1, 1)), [4])) == ()


def test_a_selected_pair_is_its_weight() -> None:
    result = result_of(random_weights(6), [1, 2, 3, 4, 5, 6])
    score = pair_score(result, 4, 2)
    np.testing.assert_allclose(score.values, result.pattern[:, :, 4, 2].astype(np.float32))
    assert score.title == "from 5 (4) to 3 (2)"
    assert score.n_queries == 1
    row = result.pattern[:, :, 4, :5].astype(float)
    assert score.low is not None
    assert score.high is not None
    assert row.min() <= score.low <= score.high <= row.max()


@pytest.mark.parametrize(("query", "key"), [(2, 3), (6, 0), (3, -1), (-1, 0)])
def test_a_pair_that_is_not_there_is_refused(query: int, key: int) -> None:
    with pytest.raises(
        ScoreError, match=f"6 positions, and query {query} sees .* got key {key}"
    ):
        pair_score(result_of(random_weights(6), [1, 2, 3, 4, 5, 6]), query, key)


def test_only_weights_are_scored() -> None:
    result = result_of(random_weights(4), [1, 2, 3, 4])
    with pytest.raises(ScoreError, match="this Result holds a difference"):
        result.difference(result).pattern_scores()
    norms = np.ones((2, 2, 4), np.float32)
    moved = dataclasses.replace(result, value_norms=norms).value_weighted()
    with pytest.raises(ScoreError, match="this Result holds value_weighted"):
        moved.pattern_scores()


def test_a_null_needs_both_ends() -> None:
    with pytest.raises(ResultError, match=r"from a low to a high end; got 1.0 and None"):
        PatternScore("x", "x", np.zeros((1, 1), np.float32), 1.0, None, "", 1)


def test_of_very_many_repeats_some_queries_are_drawn_for() -> None:
    n = 400  # all the same token: 80,000 pairs
    result = result_of(random_weights(n, heads=1), [7] * n)
    score = named(pattern_scores(result))["duplicate_token"]
    weights = result.weights(0, 0)
    expected = np.mean([weights[q, 1 : q - 1].sum() for q in range(3, n)])
    assert score.values[0, 0] == pytest.approx(expected, rel=1e-3)
    # Every key that may count is one of its targets, wherever they move.
    assert score.high is not None
    assert score.high == pytest.approx(expected, rel=0.05)


def test_the_layout_of_the_array_does_not_matter() -> None:
    result = result_of(random_weights(25), REPEATED)
    turned = dataclasses.replace(result, pattern=np.asfortranarray(result.pattern))
    for ours, theirs in zip(pattern_scores(result), pattern_scores(turned), strict=True):
        np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-5)
