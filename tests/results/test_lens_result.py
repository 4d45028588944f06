"""LogitLens as a value: checks, look-ups, tables, saving."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from interpwidgets.errors import ResultError
from interpwidgets.results.lens import LogitLens, recall_by_layer
from interpwidgets.results.saved import load_result
from lenses import lens_of


def test_one_prediction_is_its_tokens_with_their_log_probabilities() -> None:
    lens = lens_of()
    (text, logprob), *_ = lens.top(1, -1)
    assert text == f" w{lens.top_ids[1, 2, 0]}"
    assert logprob == lens.top_logprob[1, 2, 0]
    with pytest.raises(ResultError, match="layer 2 of resid_post is not held"):
        lens.top(2, 0)
    with pytest.raises(ResultError, match="`pos` is 3; this prompt has 3 tokens, 0-2"):
        lens.top(0, 3)


def test_a_targets_rank_within_the_targets_is_that_of_its_probability() -> None:
    lens = lens_of()
    first = lens.rank_among(" w2")
    np.testing.assert_array_equal(first + lens.rank_among(1), 1)
    np.testing.assert_array_equal(
        first == 0, lens.target_logprob[..., 0] > lens.target_logprob[..., 1]
    )
    with pytest.raises(ResultError, match=r"' w3' is no target here\. Did you mean"):
        lens.rank_among(" w3")


def test_measures_are_the_numbers_by_name() -> None:
    lens = lens_of()
    np.testing.assert_array_equal(lens.measure("kl"), lens.kl)
    np.testing.assert_allclose(lens.measure("probability"), np.exp(lens.top_logprob[..., 0]))
    np.testing.assert_allclose(lens.measure(" w5"), np.exp(lens.target_logprob[..., 1]))
    with pytest.raises(
        ResultError, match=r"no measure 'entropie' here\. Did you mean 'entropy'"
    ):
        lens.measure("entropie")


def test_recall_is_the_share_of_answers_in_the_shortlist() -> None:
    lenses = [lens_of(), lens_of()]
    ranks = [lens.target_rank[:, -1, at] for lens, at in zip(lenses, (0, 1), strict=True)]
    for k in (1, 3, 8):
        expected = np.mean([rank < k for rank in ranks], axis=0)
        np.testing.assert_allclose(recall_by_layer(lenses, [" w2", 1], k), expected)
    assert (recall_by_layer(lenses, [0, 1], 8) == 1).all()
    with pytest.raises(ResultError, match="got 2 results and 1 answers"):
        recall_by_layer(lenses, [0], 1)


def test_tables_have_every_number() -> None:
    lens = lens_of()
    frame = lens.to_frame()
    row = frame[(frame.layer == 1) & (frame.pos == 2)].iloc[0]
    assert row.token == " c"
    assert row.kl == lens.kl[1, 2]
    assert row["rank  w5"] == lens.target_rank[1, 2, 1]
    top = lens.top_frame()
    assert len(top) == 2 * 3 * 4
    assert top[(top.layer == 1) & (top.pos == 2)].logprob.tolist() == list(
        lens.top_logprob[1, 2]
    )


@pytest.mark.parametrize("bare", [False, True])
def test_saving_and_opening_gives_the_same(tmp_path: Path, bare: bool) -> None:
    lens = lens_of()
    if bare:
        none = np.zeros((2, 3, 0))
        lens = dataclasses.replace(
            lens,
            top_ids=none.astype(np.int32),
            top_logprob=none.astype(np.float32),
            target_ids=(),
            target_rank=none.astype(np.int32),
            target_logprob=none.astype(np.float32),
        )
    opened = load_result(lens.save(tmp_path / "lens"))
    assert isinstance(opened, LogitLens)
    assert opened.fingerprint == lens.fingerprint
    assert opened.vocabulary == lens.vocabulary
    assert opened.tokens == lens.tokens
    assert opened.top_ids.shape == lens.top_ids.shape


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ResultError, match=r"top_ids must have the shape \(3, 3, 4\) for 3 lay"):
        lens_of(layers=(0, 1, 2))
    with pytest.raises(ResultError, match=r"target_logprob must have the shape \(2, 3, 1\)"):
        lens_of(target_ids=(2,))
