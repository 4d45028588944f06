"""Estimators on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from interpwidgets.errors import DatasetError
from interpwidgets.estimators.fitting import ESTIMATORS, Labels, check_methods, fit

D, N = 40, 4000


def planted(
    seed: int, strength: float = 1.0, n: int = N
) -> tuple[np.ndarray, Labels, np.ndarray]:
    """h = z · w + ε, z = ±1, ε standard normal, |w| = strength."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal(D)
    w *= strength / np.linalg.norm(w)
    z = rng.integers(0, 2, n)
    rows = (2 * z[:, None] - 1) * w + rng.standard_normal((n, D))
    return rows.astype(np.float32), Labels(z.astype(float), 2), w


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("strength", [0.3, 1.0])
@pytest.mark.parametrize("method", ["mean_difference", "lda"])
def test_the_planted_direction_is_found_to_the_theoretical_cosine(
    method: str, strength: float
) -> None:
    # The difference of means is 2 w + noise of variance 4 / n in each of D dimensions; what
    # lies along w adds to it, so that D − 1 of them lower the cosine.
    theory = 1 / np.sqrt(1 + (D - 1) / (N * strength**2))
    found = [
        cosine(fit(method, rows, labels).vectors[0], w)
        for rows, labels, w in (planted(seed, strength) for seed in range(4))
    ]
    assert np.mean(found) == pytest.approx(theory, abs=0.01)


def test_logistic_regression_finds_it_nearly_as_well() -> None:
    rows, labels, w = planted(0)
    assert cosine(fit("logistic", rows, labels).vectors[0], w) > 0.98


def test_whitening_undoes_what_the_noise_correlates() -> None:
    rows, labels, w = planted(0, 2.0)
    rng = np.random.default_rng(9)
    mixing = np.linalg.qr(rng.standard_normal((D, D)))[0] * np.geomspace(1, 30, D)
    mixed = (rows @ mixing).astype(np.float32)
    best = np.linalg.solve(mixing, w)  # Σ⁻¹ of the mean difference w · mixing
    assert cosine(fit("lda", mixed, labels).vectors[0], best) > 0.97
    assert cosine(fit("mean_difference", mixed, labels).vectors[0], best) < 0.9


def test_logistic_scores_are_those_of_scikit_learn_on_standardised_rows() -> None:
    rows, labels, _ = planted(1, n=300)
    rows = rows * np.geomspace(0.1, 10, D, dtype=np.float32) + 5
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, tol=1e-8, max_iter=5000))
    wanted = model.fit(rows.astype(float), labels.target).decision_function(rows)
    found = fit("logistic", rows, labels, 2.0)
    assert found.converged
    np.testing.assert_allclose(found.scores(rows)[:, 0], wanted, atol=0.02)


def test_the_first_component_is_scikit_learns_towards_the_positive_class() -> None:
    rows, labels, _ = planted(2, 3.0, n=100)
    vector = fit("pca", rows, labels).vectors[0]
    assert abs(cosine(vector, PCA(1).fit(rows).components_[0])) > 1 - 1e-6
    along = rows @ vector
    assert along[labels.target == 1].mean() > along[labels.target == 0].mean()
    few = Labels(labels.target[:20], 2)
    wide = fit("pca", rows[:20], few).vectors[0]
    assert abs(cosine(wide, PCA(1).fit(rows[:20]).components_[0])) > 1 - 1e-6


def test_of_pairs_the_component_is_that_of_their_differences() -> None:
    rng = np.random.default_rng(3)
    w, loud = rng.standard_normal((2, D))
    shared = rng.standard_normal((200, 1)) * loud * 20
    pairs = np.stack([shared - w, shared + w], axis=1) + rng.standard_normal((200, 2, D)) / 4
    rows = pairs.reshape(-1, D).astype(np.float32)
    target, pair = np.tile([0.0, 1.0], 200), np.repeat(np.arange(200), 2)
    mixed = rng.permutation(400)
    alone = Labels(target[mixed], 2)
    paired = Labels(target[mixed], 2, pair[mixed])
    assert cosine(fit("pca", rows[mixed], paired).vectors[0], w) > 0.99
    assert abs(cosine(fit("pca", rows[mixed], alone).vectors[0], loud)) > 0.99


def test_sign_agreement_reads_signs_alone() -> None:
    rng = np.random.default_rng(4)
    target = rng.integers(0, 2, 500).astype(float)
    rows = np.abs(rng.standard_normal((500, 8))) * rng.choice([-1, 1], (500, 8))
    rows[:, 0] = np.abs(rows[:, 0]) * np.where(target == 1, -1, 1)
    found = fit("sign", rows.astype(np.float32), Labels(target, 2))
    assert found.vectors[0].tolist() == [-1, 0, 0, 0, 0, 0, 0, 0]
    scale = np.geomspace(1e-3, 1e3, 8)
    np.testing.assert_allclose(found.scores(rows * scale), found.scores(rows))
    assert ((found.scores(rows)[:, 0] > 0) == target).all()


def test_amounts_are_read_in_their_own_unit() -> None:
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((2000, D)).astype(np.float32)
    amount = 100 + 7 * rows[:, 3] + 0.5 * rng.standard_normal(2000)
    found = fit("ridge", rows, Labels(amount, 0))
    assert found.vectors[0][3] == pytest.approx(7, abs=0.1)
    assert np.sqrt(np.mean((found.scores(rows)[:, 0] - amount) ** 2)) < 0.6


@pytest.mark.parametrize("method", ["logistic", "lda", "mean_difference", "sign"])
def test_each_of_several_classes_has_a_vector(method: str) -> None:
    rng = np.random.default_rng(6)
    target = rng.integers(0, 3, 900).astype(float)
    centre = 10 * np.eye(3, D)[target.astype(int)] - 5
    rows = (centre + rng.standard_normal((900, D))).astype(np.float32)
    found = fit(method, rows, Labels(target, 3))
    assert found.vectors.shape == (3, D)
    assert (found.scores(rows).argmax(axis=1) == target).mean() > 0.95


@pytest.mark.parametrize("method", ["logistic", "lda", "mean_difference", "pca", "sign"])
def test_rows_that_are_all_alike_tell_nothing(method: str) -> None:
    rows = np.ones((60, 5), dtype=np.float32)
    found = fit(method, rows, Labels(np.arange(60) % 2.0, 2))
    assert np.ptp(found.scores(rows)) == 0


def test_methods_that_do_not_suit_are_refused() -> None:
    check_methods(tuple(set(ESTIMATORS) - {"ridge"}), 2)
    with pytest.raises(DatasetError, match="'logistic' does not take amounts; pca, ridge do"):
        check_methods(("logistic",), 0)
    with pytest.raises(DatasetError, match="'pca' does not take 3 classes"):
        check_methods(("pca",), 3)
    with pytest.raises(DatasetError, match="no method 'svm'"):
        check_methods(("svm",), 2)
