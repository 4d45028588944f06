"""HeadScores: best lags, chance levels, intervals, notes, tables, and saving."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import ResultError, ScoreError
from interpwidgets.results.base import Provenance
from interpwidgets.results.head_scores import HeadScores, number_text

LAGS = (-2, -1, 1, 2)


def scores_of(values: Any, scores: tuple[str, ...], **more: Any) -> HeadScores:
    """A Result of ``values [column, sequence, layer, head]``; an even head scores 0.1."""
    values = np.asarray(values, dtype=np.float32)
    n_columns, n_sequences = values.shape[:2]
    fields = {
        "provenance": Provenance(model="m", run=3, sites=("pattern",)),
        "scores": scores,
        "lags": LAGS if "induction" in scores else (),
        "values": values,
        "uniform": np.full((n_columns, n_sequences), 0.1, dtype=np.float32),
        "n_queries": np.full((n_columns, n_sequences), 5),
        "token_ids": tuple((0, at) for at in range(n_sequences)),
        **more,
    }
    return HeadScores(**fields)


@pytest.fixture
def mixed() -> HeadScores:
    """Three scores of 2 × 2 heads on 8 sequences, induction in the middle."""
    values = np.random.default_rng(0).random((6, 8, 2, 2)) * 0.05
    values[0, :, 0, 1] += 0.5
    values[4, :, 1, 0] += 0.7  # lag 2
    values[1, :, 1, 1] += 0.3  # lag -2
    values[5] = 2
    return scores_of(values, ("previous_token", "induction", "entropy"), period=9, seed=4)


# ------------------------------------------------------------------------ best lags


def test_a_heads_induction_is_that_at_its_best_lag(mixed: HeadScores) -> None:
    assert mixed.best_lag[1].tolist() == [2, -2]
    means = mixed.values.mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(mixed.by_lag, np.moveaxis(means[1:5], 0, -1))
    np.testing.assert_allclose(mixed.of("induction"), means[1:5].max(axis=0))
    np.testing.assert_allclose(mixed.of("previous_token"), means[0])
    np.testing.assert_allclose(mixed.of("entropy"), means[5])


def test_of_equal_lags_the_nearest_ahead_is_chosen() -> None:
    values = np.zeros((4, 3, 1, 2))
    values[:, :, 0, 1] = np.array([0.5, 0.4, 0.4, 0.5])[:, None]
    assert scores_of(values, ("induction",)).best_lag.tolist() == [[1, 2]]


def test_chance_and_queries_are_those_of_the_chosen_lag(mixed: HeadScores) -> None:
    uniform = np.arange(6 * 8, dtype=np.float32).reshape(6, 8)
    counts = np.arange(6)[:, None] + np.ones((6, 8), int)
    other = scores_of(mixed.values, mixed.scores, uniform=uniform, n_queries=counts)
    assert other.uniform_of("induction")[1].tolist() == [uniform[4].mean(), uniform[1].mean()]
    assert other.queries_of("induction")[1].tolist() == [5 * 8, 2 * 8]
    assert (other.uniform_of("entropy") == uniform[5].mean()).all()


def test_lags_without_a_query_are_passed_over() -> None:
    values = np.full((4, 2, 1, 1), np.nan)
    values[1] = 0.2
    counts = np.array([[0, 0], [3, 3], [0, 0], [0, 0]])
    result = scores_of(values, ("induction",), n_queries=counts)
    assert result.best_lag.tolist() == [[-1]]
    assert result.of("induction") == pytest.approx(0.2)


def test_a_head_with_no_number_at_any_lag_has_lag_0() -> None:
    values = np.zeros((4, 2, 1, 2))
    values[:, 1, 0, 1] = np.nan
    result = scores_of(values, ("induction",))
    assert result.best_lag.tolist() == [[1, 0]]
    assert np.isnan(result.of("induction")).tolist() == [[False, True]]
    assert result.best("induction")["lag"].isna().tolist() == [False, True]


# ------------------------------------------------------------------------- intervals


def test_intervals_cover_the_true_mean_about_as_often_as_they_say() -> None:
    drawn = np.random.default_rng(1).beta(2, 5, size=(1, 32, 20, 20))
    low, high = scores_of(drawn, ("first_token",)).interval("first_token")
    covered = ((low < 2 / 7) & (high > 2 / 7)).mean()
    assert 0.90 < covered < 0.98


def test_sequences_without_a_query_do_not_count() -> None:
    values = np.array([0.2, np.nan, 0.4]).reshape(1, 3, 1, 1)
    result = scores_of(values, ("duplicate_token",), n_queries=np.array([[2, 0, 2]]))
    assert result.of("duplicate_token")[0, 0] == pytest.approx(0.3)
    low, high = result.interval("duplicate_token")
    assert (low[0, 0], high[0, 0]) == pytest.approx((0.2, 0.4))
    assert result.notes("duplicate_token")[0, 0] == ""


@pytest.mark.parametrize(
    ("values", "counts", "note"),
    [
        ([0.5], [2], "no interval: one prompt"),
        ([0.5, np.nan], [2, 0], "no interval: one has a query"),
        ([np.nan], [0], "no query to measure: no token repeats"),
        ([np.nan, 0.5], [2, 2], "its attention is NaN"),
        ([0.4, 0.5], [2, 2], ""),
    ],
)
def test_what_is_missing_is_said(values: list[float], counts: list[int], note: str) -> None:
    array = np.array(values).reshape(1, -1, 1, 1)
    result = scores_of(array, ("duplicate_token",), n_queries=np.array([counts]))
    assert result.notes("duplicate_token").tolist() == [[note]]
    assert result.to_frame()["note"].tolist() == [note]


def test_changing_an_answer_changes_no_later_one(mixed: HeadScores) -> None:
    low, _ = mixed.interval("entropy")
    mixed.of("entropy")[:] = low[:] = 99
    assert (mixed.of("entropy") == 2).all()
    assert (mixed.interval("entropy")[0] == 2).all()


# ---------------------------------------------------------------------------- tables


def test_the_table_has_a_row_per_score_and_head(mixed: HeadScores) -> None:
    frame = mixed.to_frame()
    assert list(frame.columns) == (
        "layer head score value low high lag uniform n_queries note".split()
    )
    assert len(frame) == 3 * 4
    row = frame.query("score == 'induction' and layer == 1 and head == 0").iloc[0]
    assert (row["lag"], row["n_queries"]) == (2, 40)
    assert row["value"] == mixed.of("induction")[1, 0]
    assert row["low"] <= row["value"] <= row["high"]
    assert row["uniform"] == pytest.approx(0.1)
    assert frame.query("score != 'induction'")["lag"].isna().all()


def test_the_best_come_first_and_of_entropies_the_lowest() -> None:
    values = np.array([[0.1, 0.9, np.nan], [2.0, 0.5, 1.0]])[:, None, None].repeat(2, axis=1)
    result = scores_of(values, ("previous_token", "entropy"))
    assert result.best("previous_token")["head"].tolist() == [1, 0, 2]
    assert result.best("previous_token", 1)["value"].tolist() == [pytest.approx(0.9)]
    assert result.best("entropy")["head"].tolist() == [1, 2, 0]


def test_named_heads_lie_beyond_an_even_one(mixed: HeadScores) -> None:
    (only,) = mixed.named("previous_token")
    assert only == f"L0 H1 {mixed.of('previous_token')[0, 1]:.2f}"
    assert [name.split(" ", 3)[3] for name in mixed.named("induction")] == [
        "(lag 2)",
        "(lag −2)",
    ]
    assert mixed.named("entropy") == []  # 2 nats, where an even head has 0.1


def test_it_prints_as_one_line_a_score(mixed: HeadScores) -> None:
    lines = repr(mixed).splitlines()
    assert lines[0] == (
        "HeadScores of m, 2 layers × 2 heads, 8 sequences of 9 random tokens twice, seed 4"
    )
    assert lines[1].startswith("  previous_token  L0 H1 0.5")
    assert lines[3] == "  entropy         no head beyond an even one"


@pytest.mark.parametrize(
    ("value", "text"), [(0.925, "0.93"), (-0.5, "−0.50"), (float("nan"), "NaN"), (0.0, "0.00")]
)
def test_numbers_are_written_with_two_digits(value: float, text: str) -> None:
    assert number_text(value) == text


# ------------------------------------------------------------------------------ checks


def test_a_score_that_was_not_measured_is_answered_with_the_nearest(
    mixed: HeadScores,
) -> None:
    with pytest.raises(ScoreError, match=r"no score 'inducton' here. Did you mean 'induction'"):
        mixed.of("inducton")
    with pytest.raises(ScoreError, match="no score 'induction' here"):
        scores_of(np.zeros((1, 2, 1, 1)), ("entropy",)).by_lag  # noqa: B018


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ResultError, match=r"values must be .* = \(2, 3\) .* begins \(1, 3\)"):
        scores_of(np.zeros((1, 3, 1, 1)), ("entropy", "first_token"))
    with pytest.raises(ResultError, match=r"= \(4, 3\) .* begins \(5, 3\)"):
        scores_of(np.zeros((5, 3, 1, 1)), ("induction",))


def test_saving_and_opening_gives_the_same(mixed: HeadScores, tmp_path: Path) -> None:
    opened = iw.load_result(mixed.save(tmp_path / "scores"))
    assert isinstance(opened, HeadScores)
    for field in HeadScores.__dataclass_fields__:
        one, other = getattr(opened, field), getattr(mixed, field)
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other
    assert repr(opened) == repr(mixed)


def test_a_saved_one_opens_and_draws_without_torch(mixed: HeadScores, tmp_path: Path) -> None:
    code = (
        "import sys, interpwidgets as iw;"
        f"result = iw.load_result({str(mixed.save(tmp_path / 'r'))!r});"
        "print(result.figure('induction').data[0].z[1][0] > 0.5, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
