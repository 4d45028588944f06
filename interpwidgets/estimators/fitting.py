"""From labelled rows to directions and to scores along them.

Every estimator gives a vector an output: one for two classes or an amount, one against the
rest for each of more classes. A score is ``slope × vector · row + intercept``: the log-odds
of the class, or the amount.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.errors import DatasetError, nearest

#: Share of examples that a component's sign has to agree on.
SIGN_SHARE = 0.9


@dataclass(frozen=True)
class Labels:
    """What rows are labelled with."""

    target: Float[np.ndarray, " row"]
    """Numbers of classes, or amounts."""

    n_classes: int
    """0: amounts."""

    pair: Int[np.ndarray, " row"] | None = None
    """The contrast pair of each row, where each pair has one of either class."""

    @property
    def n_outputs(self) -> int:
        """How many vectors an estimator gives."""
        return self.n_classes if self.n_classes > 2 else 1

    def against_rest(self, output: int) -> np.ndarray:
        """Return where an output's class is: of two classes, the second."""
        return self.target == (output if self.n_classes > 2 else 1)


@dataclass(frozen=True)
class Fit:
    """What was learnt from rows."""

    vectors: Float[np.ndarray, "output d"]
    slope: Float[np.ndarray, " output"]
    intercept: Float[np.ndarray, " output"]
    signs: bool = False
    """Whether it reads the signs of a row alone."""
    converged: bool = True

    def scores(self, rows: Float[np.ndarray, "row d"]) -> Float[np.ndarray, "row output"]:
        """Return the scores of rows.

        Args:
            rows: Values of the site.
        """
        seen = np.sign(rows) if self.signs else rows
        return (seen @ self.vectors.T) * self.slope + self.intercept


Rows = Float[np.ndarray, "row d"]
Estimator = Callable[[np.ndarray, Labels, float], Fit]


def fit(method: str, rows: Rows, labels: Labels, regularisation: float = 1.0) -> Fit:
    """Learn a direction for each output.

    Args:
        method: One of ``ESTIMATORS``.
        rows: Values of the site.
        labels: Of each row.
        regularisation: Of those that have one: scikit-learn's ``1 / C``, on standardised
            rows; larger is simpler.
    """
    return _of(method)(rows, labels, regularisation)


def check_methods(methods: tuple[str, ...], n_classes: int) -> None:
    """Refuse estimators that do not exist, or not for such labels.

    Args:
        methods: Names.
        n_classes: 0 for amounts.

    Raises:
        DatasetError: One cannot be used.
    """
    fitting = [name for name in ESTIMATORS if _suits(name, n_classes)]
    for method in methods:
        _of(method)
        if method not in fitting:
            what = f"{n_classes} classes" if n_classes else "amounts"
            raise DatasetError(f"{method!r} does not take {what}; {', '.join(fitting)} do.")


def _of(method: str) -> Estimator:
    if method not in ESTIMATORS:
        raise DatasetError(f"there is no method {method!r:.40}. {nearest(method, ESTIMATORS)}")
    return ESTIMATORS[method]


def _suits(method: str, n_classes: int) -> bool:
    if not n_classes:
        return method in ("ridge", "pca")
    return method != "ridge" and (method != "pca" or n_classes == 2)


# --------------------------------------------------------------------- the estimators


def mean_difference(rows: Rows, labels: Labels, regularisation: float = 0.0) -> Fit:  # noqa: ARG001
    """Learn the difference of means: of a class, less that of the rest.

    Args:
        rows: Values of the site.
        labels: Classes.
        regularisation: Not used.

    Source:
        Marks and Tegmark (2023), "The Geometry of Truth"; Panickssery et al. (2023),
        "Contrastive Activation Addition". We differ in: nothing.
    """
    vectors = [
        rows[is_in].mean(axis=0, dtype=np.float64) - rows[~is_in].mean(axis=0, dtype=np.float64)
        for is_in in map(labels.against_rest, range(labels.n_outputs))
    ]
    return read_out(np.array(vectors), rows, labels)


def logistic(rows: Rows, labels: Labels, regularisation: float = 1.0) -> Fit:
    """Learn a logistic regression on standardised rows; vectors are in the site's units.

    Args:
        rows: Values of the site.
        labels: Classes.
        regularisation: ``1 / C``.

    Source:
        Alain and Bengio (2016), "Understanding intermediate layers using linear classifier
        probes". We differ in: an L2 penalty.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / regularisation, max_iter=1000)
    scaled, mean, scale = _standardised(rows)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(scaled, labels.target)
    vectors = model.coef_.astype(np.float64) / scale
    ones = np.ones(len(vectors))
    return Fit(vectors, ones, model.intercept_ - vectors @ mean, converged=not said)


def lda(rows: Rows, labels: Labels, regularisation: float = 0.0) -> Fit:  # noqa: ARG001
    """Learn the difference of means, whitened: linear discriminant analysis.

    The covariance within classes is shrunk as Ledoit and Wolf say.

    Args:
        rows: Values of the site.
        labels: Classes.
        regularisation: Not used.

    Source:
        Fisher (1936); Ledoit and Wolf (2004), "A well-conditioned estimator for
        large-dimensional covariance matrices". We differ in: nothing.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model.fit(rows.astype(np.float64), labels.target)
    return Fit(model.coef_, np.ones(len(model.coef_)), model.intercept_)


def pca(rows: Rows, labels: Labels, regularisation: float = 0.0) -> Fit:  # noqa: ARG001
    """Learn where the rows vary most; of contrast pairs, where their differences do.

    Labels say only which of its two ends is which.

    Args:
        rows: Values of the site.
        labels: Two classes, or amounts.
        regularisation: Not used.

    Source:
        Zou et al. (2023), "Representation Engineering", section 3.1. We differ in: all
        examples at once, and the differences of pairs are not centred.
    """
    if labels.pair is None:
        centred = rows - rows.mean(axis=0, dtype=np.float64)
    else:
        order = np.lexsort((labels.target, labels.pair))
        centred = (rows[order[1::2]] - rows[order[::2]]).astype(np.float64)
    vector = _first_component(centred)
    along = rows @ vector
    sign = np.sign(np.cov(along, labels.target)[0, 1]) or 1.0
    return read_out(sign * vector[None], rows, labels)


def sign(rows: Rows, labels: Labels, regularisation: float = 0.0) -> Fit:  # noqa: ARG001
    """Learn which components have the same sign on nearly all examples of a class.

    A row scores the share of those components whose sign it has, from −1 to 1.

    Args:
        rows: Values of the site.
        labels: Classes.
        regularisation: Not used.

    Source:
        "Bag of Dims" (arXiv 2606.12629). We differ in: a threshold learnt on the same
        examples. It says nothing of a privileged basis unless a random rotation does worse.
    """
    vectors = []
    for output in range(labels.n_outputs):
        agreement = np.sign(rows[labels.against_rest(output)]).mean(axis=0)
        agreed = np.where(np.abs(agreement) >= 2 * SIGN_SHARE - 1, np.sign(agreement), 0)
        vectors.append(agreed / max(1, np.abs(agreed).sum()))
    return read_out(np.array(vectors, dtype=np.float64), rows, labels, signs=True)


def ridge(rows: Rows, labels: Labels, regularisation: float = 1.0) -> Fit:
    """Learn a ridge regression of amounts on standardised rows.

    Args:
        rows: Values of the site.
        labels: Amounts.
        regularisation: Its alpha.

    Source:
        Hoerl and Kennard (1970), "Ridge Regression". We differ in: nothing.
    """
    from sklearn.linear_model import Ridge

    scaled, mean, scale = _standardised(rows)
    model = Ridge(alpha=regularisation).fit(scaled.astype(np.float64), labels.target)
    vectors = np.atleast_2d(model.coef_) / scale
    return Fit(vectors, np.ones(1), np.atleast_1d(model.intercept_) - vectors @ mean)


def read_out(
    vectors: Float[np.ndarray, "output d"], rows: Rows, labels: Labels, *, signs: bool = False
) -> Fit:
    """Return given vectors with the slope and intercept that fit the labels best.

    Args:
        vectors: One an output.
        rows: Values of the site.
        labels: Of each row.
        signs: Whether signs of the rows alone are read.
    """
    along = (np.sign(rows) if signs else rows) @ vectors.T
    lines = [_line(along[:, i], labels, i) for i in range(len(vectors))]
    slope, intercept = np.array(lines).T
    return Fit(vectors, slope, intercept, signs)


ESTIMATORS: dict[str, Estimator] = {
    "logistic": logistic,
    "mean_difference": mean_difference,
    "lda": lda,
    "pca": pca,
    "sign": sign,
    "ridge": ridge,
}

#: Those that speak of single components, so of the basis: a random rotation is their control.
OF_THE_BASIS = frozenset({"sign"})

# --------------------------------------------------------------------------- smaller parts


def _standardised(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of mean 0 and variance 1, float32; what was taken, and divided by."""
    mean, scale = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    scale[scale <= 1e-7 * np.maximum(1e-30, np.abs(mean))] = 1.0
    return ((rows - mean) / scale).astype(np.float32), mean, scale


def _first_component(centred: np.ndarray) -> Float[np.ndarray, " d"]:
    """Return the first right singular vector, from the smaller of both Gram matrices."""
    n, d = centred.shape
    if d <= n:
        return np.linalg.eigh(centred.T @ centred)[1][:, -1]
    vector = centred.T @ np.linalg.eigh(centred @ centred.T)[1][:, -1]
    return vector / max(np.linalg.norm(vector), np.finfo(float).tiny)


def _line(along: np.ndarray, labels: Labels, output: int) -> tuple[float, float]:
    """Return slope and intercept from one number a row to log-odds, or to the amount."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = along.mean(), along.std()
    if not scale > 0:
        return 0.0, _constant(labels, output)
    unit = (along - mean) / scale
    if not labels.n_classes:
        slope = float(unit @ labels.target) / len(unit)
        return slope / scale, float(labels.target.mean()) - slope * mean / scale
    model = LogisticRegression().fit(unit[:, None], labels.against_rest(output))
    slope = float(model.coef_[0, 0]) / scale
    return slope, float(model.intercept_[0]) - slope * mean


def _constant(labels: Labels, output: int) -> float:
    """Return the score where there is nothing to tell rows apart by."""
    if not labels.n_classes:
        return float(labels.target.mean())
    share = labels.against_rest(output).mean()
    return float(np.log(share / (1 - share)))
