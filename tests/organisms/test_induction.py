import numpy as np
import pytest

from interpwidgets.organisms.induction import (
    BOS_ID,
    D_VOCAB,
    FIRST_WORD_ID,
    N_CTX,
    PERIODS,
    prefix_matching_score,
    previous_token_score,
    repeated_blocks,
    second_half_accuracy,
)


def one_hot_pattern(attended):
    """A pattern of one head that puts everything on ``attended[query_pos]``."""
    return np.eye(N_CTX)[attended][None, None]


def test_rows_are_bos_and_words_alone():
    blocks = repeated_blocks(200, seed=0)
    assert blocks.token_ids.shape == (200, N_CTX)
    assert (blocks.token_ids[:, 0] == BOS_ID).all()
    assert blocks.token_ids[:, 1:].min() >= FIRST_WORD_ID
    assert blocks.token_ids.max() < D_VOCAB


def test_every_predictable_token_repeats_the_one_a_period_before():
    blocks = repeated_blocks(200, seed=0)
    for row, period, predictable in zip(
        blocks.token_ids, blocks.period, blocks.predictable, strict=True
    ):
        positions = np.flatnonzero(predictable)
        assert (row[positions] == row[positions - period]).all()
        assert (row[positions - 1] == row[positions - 1 - period]).all()


def test_periods_span_their_range():
    periods = repeated_blocks(500, seed=0).period
    assert (periods.min(), periods.max()) == PERIODS


def test_same_seed_same_draws_and_another_differs():
    first, again, other = (repeated_blocks(4, seed=s).token_ids for s in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("period", [5, 16])
def test_given_period_holds_for_every_row(period):
    assert set(repeated_blocks(9, seed=0, period=period).period) == {period}


def test_perfect_logits_score_one_and_shifted_ones_do_not():
    blocks = repeated_blocks(50, seed=0, period=16)
    perfect = np.eye(D_VOCAB)[np.roll(blocks.token_ids, -1, axis=1)]
    assert second_half_accuracy(perfect, blocks) == 1
    assert second_half_accuracy(np.roll(perfect, 1, axis=1), blocks) < 0.1


def test_unpredictable_tokens_do_not_count():
    blocks = repeated_blocks(50, seed=0, period=16)
    logits = np.eye(D_VOCAB)[np.roll(blocks.token_ids, -1, axis=1)]
    logits[:, :17] = 0
    assert second_half_accuracy(logits, blocks) == 1


def test_perfect_previous_token_head_scores_one():
    attended = np.maximum(np.arange(N_CTX) - 1, 0)
    assert previous_token_score(one_hot_pattern(attended)) == 1


def test_head_that_rests_on_bos_scores_one_query_in_previous_token():
    scores = previous_token_score(one_hot_pattern(np.zeros(N_CTX, dtype=int)))
    assert scores == pytest.approx(1 / (N_CTX - 1))


@pytest.mark.parametrize("period", [5, 11, 16])
@pytest.mark.parametrize("back", [1, 2])
def test_attending_to_what_followed_any_earlier_copy_scores_one(period, back):
    query_pos = np.arange(N_CTX)
    latest = np.maximum(query_pos - period + 1, 0)
    attended = np.where(latest - (back - 1) * period > 1, latest - (back - 1) * period, latest)
    assert prefix_matching_score(one_hot_pattern(attended), period) == 1


@pytest.mark.parametrize("offset", [-1, 1])
def test_attending_beside_the_match_scores_zero(offset):
    attended = np.maximum(np.arange(N_CTX) - 16 + 1 + offset, 0)
    assert prefix_matching_score(one_hot_pattern(attended), 16) == 0


def test_uniform_attention_scores_one_over_the_keys():
    uniform = np.tril(np.ones((N_CTX, N_CTX)))
    uniform /= uniform.sum(axis=-1, keepdims=True)
    expected = np.mean([1 / (query_pos + 1) for query_pos in range(17, N_CTX)])
    assert prefix_matching_score(uniform[None, None], 16) == pytest.approx(expected)


def test_each_row_is_scored_by_its_own_period():
    patterns = np.concatenate(
        [one_hot_pattern(np.maximum(np.arange(N_CTX) - p + 1, 0)) for p in (5, 9)]
    )
    assert prefix_matching_score(patterns, np.array([5, 9])) == 1
    assert prefix_matching_score(patterns, np.array([9, 5])) < 0.2
