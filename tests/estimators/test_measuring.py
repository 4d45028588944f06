"""Metrics against scikit-learn's, intervals against theory."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from interpwidgets.estimators.measuring import auroc, interval, measure, predicted
from interpwidgets.results.probe_numbers import calibration_of, histogram_of, roc_of, wilson

RNG = np.random.default_rng(0)
TARGET = RNG.integers(0, 2, 300).astype(float)
# Rounded, so that there are ties.
SCORE = np.round(RNG.standard_normal(300) + TARGET, 1)


def test_two_classes_are_measured_as_scikit_learn_does() -> None:
    accuracy = metrics.accuracy_score(TARGET, SCORE > 0)
    assert measure("accuracy", SCORE[:, None], TARGET)[0] == pytest.approx(accuracy)
    area = metrics.roc_auc_score(TARGET, SCORE)
    assert measure("auroc", SCORE[:, None], TARGET)[0] == pytest.approx(area)


def test_weights_are_repetitions() -> None:
    weight = RNG.integers(0, 4, (5, 300)).astype(float)
    for i, counts in enumerate(weight.astype(int)):
        again = np.repeat(np.arange(300), counts)
        wanted = metrics.roc_auc_score(TARGET[again], SCORE[again])
        assert auroc(SCORE, TARGET == 1, weight)[i] == pytest.approx(wanted)


def test_several_classes_are_measured_as_scikit_learn_does() -> None:
    target = RNG.integers(0, 3, 300).astype(float)
    raw = RNG.standard_normal((300, 3)) + np.eye(3)[target.astype(int)]
    scores = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    area = metrics.roc_auc_score(target, scores, multi_class="ovr")
    assert measure("auroc", scores, target)[0] == pytest.approx(area)
    assert measure("accuracy", scores, target)[0] == (scores.argmax(axis=1) == target).mean()


def test_amounts_are_measured_as_scikit_learn_does() -> None:
    amount = 1000 + RNG.standard_normal(300)
    said = amount + 0.3 * RNG.standard_normal(300)
    r2 = metrics.r2_score(amount, said)
    assert measure("r2", said[:, None], amount)[0] == pytest.approx(r2)
    correlation = np.corrcoef(amount, said)[0, 1]
    assert measure("correlation", said[:, None], amount)[0] == pytest.approx(correlation)


def test_the_interval_of_an_accuracy_is_the_binomial_one() -> None:
    low, high = interval("accuracy", SCORE[:, None], TARGET, np.arange(300))
    share = (predicted(SCORE[:, None]) == TARGET).mean()
    half = 1.96 * np.sqrt(share * (1 - share) / 300)
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.01)


def test_texts_of_a_group_are_resampled_together() -> None:
    # Ten copies of 30 texts tell no more than 30 texts do.
    score, target = np.tile(SCORE[:30], 10), np.tile(TARGET[:30], 10)
    few = interval("auroc", SCORE[:30, None], TARGET[:30], np.arange(30))
    copies = interval("auroc", score[:, None], target, np.tile(np.arange(30), 10))
    alone = interval("auroc", score[:, None], target, np.arange(300))
    assert copies == pytest.approx(few)
    assert alone[1] - alone[0] < 0.6 * (copies[1] - copies[0])


def test_what_is_not_known_has_no_number() -> None:
    assert np.isnan(measure("auroc", np.ones((3, 1)), np.ones(3))[0])
    assert np.isnan(measure("auroc", np.full((3, 1), np.nan), np.array([0.0, 1, 1]))[0])
    assert all(np.isnan(interval("accuracy", SCORE[:4, None], TARGET[:4], np.zeros(4, int))))
    assert predicted(np.array([[np.nan], [1.0]])).tolist() == [-1, 1]


def test_the_roc_curve_is_scikit_learns_and_its_area_the_auroc() -> None:
    found = roc_of(SCORE, TARGET)
    false, true, _ = metrics.roc_curve(TARGET, SCORE, drop_intermediate=False)
    np.testing.assert_allclose(found.false_positive, false)
    np.testing.assert_allclose(found.true_positive, true)
    area = np.trapezoid(found.true_positive, found.false_positive)
    assert area == pytest.approx(measure("auroc", SCORE[:, None], TARGET)[0])


def test_histogram_and_calibration_count_every_text() -> None:
    counts = histogram_of(SCORE, TARGET, 12)
    assert (counts.negative.sum(), counts.positive.sum()) == (
        (TARGET == 0).sum(),
        (TARGET == 1).sum(),
    )
    # Labels drawn with the probability that was said are calibrated.
    score = RNG.normal(0, 2, 20_000)
    drawn = (RNG.random(20_000) < 1 / (1 + np.exp(-score))).astype(float)
    found = calibration_of(score, drawn, 10)
    assert found.n.sum() == 20_000
    assert found.error < 0.01
    assert ((found.low <= found.said) & (found.said <= found.high)).sum() >= 8


def test_wilsons_interval_is_the_textbooks() -> None:
    low, high = wilson(np.array([0.5, 0.0]), np.array([10, 10]))
    assert low == pytest.approx([0.2366, 0.0], abs=1e-4)
    assert high == pytest.approx([0.7634, 0.2775], abs=1e-4)
