"""The reduction of patterns to scores: heads of a known kind, and an oracle of loops."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interpwidgets.errors import ScoreError
from interpwidgets.organisms.induction import prefix_matching_score, previous_token_score
from interpwidgets.reads.head_scores import Column, count_queries, even_pattern, score_heads

PERIOD = 12
BLOCK = list(range(10, 10 + PERIOD))
IDS = torch.tensor([[1, *BLOCK, *BLOCK]])
N = IDS.shape[1]


def one_hot(look: Callable[[int], int]) -> torch.Tensor:
    """A head that puts everything on ``look(query)``, or on itself where that is no key."""
    pattern = torch.zeros(1, 1, N, N)
    for query in range(N):
        key = look(query)
        pattern[0, 0, query, key if 0 <= key <= query else query] = 1
    return pattern


def score(pattern: torch.Tensor, name: str, lag: int = 0, ids: torch.Tensor = IDS) -> float:
    return float(score_heads(pattern, token_ids=ids, columns=(Column(name, lag),))[0, 0, 0])


def loops(pattern: np.ndarray, ids: list[int], name: str, lag: int) -> tuple[float, int]:
    """The definition, one query after another: the mean, and of how many queries."""
    found = []
    for query in range(1, len(ids)):
        row = pattern[query]
        if name == "entropy":
            found.append(-sum(p * math.log(p) for p in row if p > 0))
        elif name == "entropy_share":
            nats = -sum(p * math.log(p) for p in row if p > 0)
            found.append(nats / math.log(query + 1))
        elif name == "previous_token":
            found.append(row[query - 1])
        elif name == "first_token":
            found.append(row[0])
        else:
            keys = {s + lag for s in range(query) if ids[s] == ids[query]}
            keys = {k for k in keys if 1 <= k <= query - 2}
            if name == "induction":
                keys = {k for k in keys if ids[k] != ids[query]}
            if keys:
                found.append(sum(row[k] for k in keys))
    return (float(np.mean(found)) if found else math.nan), len(found)


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(st.integers(0, 4), min_size=1, max_size=14),
    lag=st.integers(-16, 16).filter(bool),
)
def test_scores_are_those_of_loops_over_queries_and_keys(ids: list[int], lag: int) -> None:
    n = len(ids)
    pattern = torch.rand(1, 2, n, n, generator=torch.Generator().manual_seed(n)).tril()
    pattern /= pattern.sum(-1, keepdim=True)
    names = ("previous_token", "first_token", "duplicate_token", "entropy", "entropy_share")
    columns = (*(Column(name) for name in names), Column("induction", lag))
    token_ids = torch.tensor([ids])
    scores = score_heads(pattern, token_ids=token_ids, columns=columns)
    counts = count_queries(token_ids, columns)
    for at, column in enumerate(columns):
        for head in range(2):
            mean, count = loops(
                pattern[0, head].double().numpy(), ids, column.score, column.lag
            )
            assert float(scores[at, 0, head]) == pytest.approx(mean, abs=1e-5, nan_ok=True)
            assert int(counts[at, 0]) == count


@pytest.mark.parametrize("lag", [1, 4, -3])
def test_a_head_of_one_lag_scores_1_there_and_0_at_every_other(lag: int) -> None:
    head = one_hot(lambda query: query - PERIOD + lag)
    assert score(head, "induction", lag) == 1
    others = [other for other in range(-8, 9) if other not in (0, lag)]
    assert [score(head, "induction", other) for other in others] == [0] * 15
    assert score(head, "duplicate_token") == 0


def test_previous_token_duplicate_and_resting_heads_are_told_apart() -> None:
    previous, rests = one_hot(lambda query: query - 1), one_hot(lambda query: 0)
    duplicate = one_hot(lambda query: query - PERIOD if query > PERIOD else query)
    heads = torch.cat([previous, duplicate, rests], dim=1)
    names = ("previous_token", "duplicate_token", "first_token")
    scores = score_heads(heads, token_ids=IDS, columns=tuple(map(Column, names)))[:, 0]
    assert torch.equal(scores.diagonal(), torch.ones(3))
    # Query 1 is the one place where the token before is the first.
    assert scores[0, 2] == scores[2, 0] == pytest.approx(1 / (N - 1))
    assert scores[1, 0] == scores[1, 2] == scores[0, 1] == scores[2, 1] == 0
    lags = tuple(Column("induction", lag) for lag in range(-8, 9) if lag)
    assert not score_heads(heads, token_ids=IDS, columns=lags).any()


def test_a_head_that_looks_a_fixed_way_back_changes_its_lag_with_the_period() -> None:
    def look(query: int) -> int:
        return query - 9

    assert score(one_hot(look), "induction", PERIOD - 9) == 1
    block = list(range(10, 20))
    ids = torch.tensor([[1, *block, *block]])
    assert score(one_hot(look)[..., :21, :21], "induction", 1, ids) == 1


def test_the_token_before_is_no_induction_where_a_prompt_repeats_at_once() -> None:
    ids = torch.tensor([[1, 5, 6, 5, 6, 5, 6]])
    previous = one_hot(lambda query: query - 1)[..., :7, :7]
    # Only earlier repeats count: queries 5 and 6 look at 4 and 5, whose keys are left out.
    assert score(previous, "induction", 1, ids) == 0
    assert int(count_queries(ids, (Column("induction", 1),))[0, 0]) == 2


def test_an_even_head_scores_the_share_of_keys_that_count() -> None:
    even = even_pattern(N, causal=True)[None, None]
    repeats = range(PERIOD + 1, N)
    expected = np.mean([1 / (query + 1) for query in repeats])
    assert score(even, "induction", 1) == pytest.approx(expected)
    assert score(even, "entropy_share") == pytest.approx(1)
    assert score(even, "first_token") == pytest.approx(
        np.mean([1 / (query + 1) for query in range(1, N)])
    )


def test_without_a_mask_an_even_head_spreads_over_all() -> None:
    even = even_pattern(N, causal=False)[None, None]
    column = (Column("entropy"), Column("entropy_share"))
    nats, share = score_heads(even, token_ids=IDS, columns=column, causal=False)[:, 0, 0]
    assert float(nats) == pytest.approx(math.log(N))
    assert float(share) == pytest.approx(1)


def test_scores_agree_with_those_that_the_bundled_model_is_accepted_by() -> None:
    pattern = torch.rand(1, 3, N, N, generator=torch.Generator().manual_seed(0)).tril()
    columns = (Column("previous_token"), Column("induction", 1))
    scores = score_heads(pattern, token_ids=IDS, columns=columns)[:, 0].numpy()
    array = pattern.numpy()
    np.testing.assert_allclose(scores[0], previous_token_score(array)[0], rtol=1e-5)
    np.testing.assert_allclose(scores[1], prefix_matching_score(array, PERIOD), rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype: torch.dtype) -> None:
    even = even_pattern(N, causal=True)[None, None].to(dtype)
    columns = (Column("entropy"), Column("first_token"))
    scores = score_heads(even, token_ids=IDS, columns=columns)
    whole = score_heads(even.float(), token_ids=IDS, columns=columns)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, whole)


def test_nan_in_one_head_is_nan_for_it_alone() -> None:
    pattern = even_pattern(N, causal=True).repeat(1, 2, 1, 1)
    pattern[0, 1, 5, 2] = torch.nan
    names = ("previous_token", "induction", "duplicate_token", "first_token", "entropy")
    columns = tuple(Column(name, int(name == "induction")) for name in names)
    scores = score_heads(pattern, token_ids=IDS, columns=columns)[:, 0]
    assert scores[:, 0].isfinite().all()
    assert scores[:, 1].isnan().all()


# --------------------------------------------------------------------------- own scores


def own(function: Callable[..., object], pattern: torch.Tensor | None = None) -> torch.Tensor:
    pattern = even_pattern(N, causal=True).repeat(2, 3, 1, 1) if pattern is None else pattern
    ids = IDS.repeat(len(pattern), 1)
    return score_heads(pattern, token_ids=ids, columns=(Column("mine", own=function),))


def test_an_own_score_is_given_one_sequence_at_a_time() -> None:
    seen = []

    def last_weight(pattern: np.ndarray, token_ids: np.ndarray) -> np.ndarray:
        seen.append((pattern.shape, pattern.dtype, token_ids.tolist()))
        return pattern[:, :, -1, -1]

    pattern = torch.rand(2, 3, N, N).to(torch.bfloat16)
    scores = own(last_weight, pattern)
    assert torch.equal(scores[0], pattern[:, :, -1, -1].float())
    assert seen == [((1, 3, N, N), np.float32, IDS.tolist())] * 2
    as_tensor = own(lambda pattern, ids: torch.from_numpy(pattern[0, :, -1, -1]), pattern)
    assert torch.equal(as_tensor, scores)


def test_an_own_score_cannot_change_the_models_values() -> None:
    def erase(pattern: np.ndarray, token_ids: np.ndarray) -> np.ndarray:
        pattern[:] = token_ids[:] = 0
        return np.zeros(3)

    pattern, before = torch.rand(1, 3, N, N), IDS.clone()
    kept = pattern.clone()
    own(erase, pattern)
    assert torch.equal(pattern, kept)
    assert torch.equal(IDS, before)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda pattern, ids: pattern.mean((0, 1)), r"'mine' must return .* shape \(3,\) or"),
        (lambda pattern, ids: 1.0, r"'mine' must return one number a head.*returned \(\)"),
        (lambda pattern, ids: 1 / 0, "'mine' failed .* ZeroDivisionError: division by zero"),
        (lambda pattern, ids: ["a", "b", "c"], "'mine' failed .* ValueError"),
        (lambda pattern, ids: None, r"'mine' must return one number a head.*returned \(\)"),
        (lambda pattern, ids: [0, np.inf, 0], "'mine' returned inf for head 1, whose pattern"),
    ],
)
def test_an_own_score_that_fails_is_named(
    function: Callable[..., object], message: str
) -> None:
    with pytest.raises(ScoreError, match=message):
        own(function)


def test_an_own_score_may_be_nan_where_the_pattern_is() -> None:
    pattern = even_pattern(N, causal=True).repeat(1, 3, 1, 1)
    pattern[0, 1, 4, 0] = torch.nan
    scores = own(lambda pattern, ids: pattern.sum((2, 3)), pattern)[0, 0]
    assert scores.isnan().tolist() == [False, True, False]
