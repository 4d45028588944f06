"""Weight circuits and singular directions as HTML, as figures and on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
import interpwidgets.show
from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance
from interpwidgets.results.singular_directions import SingularDirections
from interpwidgets.results.weight_circuits import WeightCircuits
from interpwidgets.widgets.weights_static import (
    singular_directions_html,
    weight_circuits_html,
)

HOSTILE = '"><script>alert(1)</script>'


def circuits(**more: Any) -> WeightCircuits:
    rng = np.random.default_rng(0)
    composition = rng.random((3, 2, 2, 2, 2)).astype(np.float32) * 0.1
    composition[:, :, :, 0] = np.nan
    composition[:, 1] = np.nan
    composition[1, 0, 1, 1, 0] = 0.9
    fields: dict[str, Any] = {
        "provenance": Provenance(model="m", dtype="float32", note="weights alone"),
        "layers": (0, 3),
        "eigenvalues": rng.normal(size=(2, 2, 4, 2)).astype(np.float32),
        "copying_random": rng.normal(size=50).astype(np.float32) * 0.1,
        "diagonal_rank": rng.random((2, 2)).astype(np.float32),
        "top_1": rng.random((2, 2)).astype(np.float32),
        "top_5": rng.random((2, 2)).astype(np.float32),
        "composition": composition,
        "composition_random": np.linspace(0.1, 0.2, 50, dtype=np.float32),
        "d_vocab": 1000,
        "n_tokens": 256,
        **more,
    }
    return WeightCircuits(**fields)


def directions(word: str = " cat", **more: Any) -> SingularDirections:
    fields: dict[str, Any] = {
        "provenance": Provenance(model="m"),
        "layer": 1,
        "head": 2,
        "singular": np.array([3.0, 1.0], np.float32),
        "share": np.array([0.9, 0.1], np.float32),
        "write": ((word, "b"), ("c", "d")),
        "write_logit": np.ones((2, 2), np.float32),
        "lower": (("e", "f"), ("g", "h")),
        "lower_logit": -np.ones((2, 2), np.float32),
        "read": (("i", "j"), ("k", "l")),
        "random_top": np.linspace(0.5, 0.7, 20, dtype=np.float32),
        **more,
    }
    return SingularDirections(**fields)


def test_pairs_are_named_by_their_layers_and_come_by_strength() -> None:
    result = circuits()
    pairs = result.pairs()
    assert pairs["name"][0] == "L0 H1 → L3 H0 K"
    assert pairs["ratio"][0] == pytest.approx(0.9 / 0.15, rel=1e-5)
    assert len(pairs) == 3 * 4
    assert pairs["score"].is_monotonic_decreasing
    with pytest.raises(ResultError, match="no composition 'ov'"):
        result.of("ov")


def test_the_page_has_the_pairs_and_what_random_ones_reach() -> None:
    page = weight_circuits_html(circuits())
    assert ">L0 H1 → L3 H0</th>" in page
    assert ">0.900</td>" in page
    assert "random matrices compose by 0.10" in page
    assert "among 1,000, over 256 tokens" in page
    # Only what is beyond random matrices is shaded.
    tables = page.split("<table")
    assert [table.count("background-color:rgba(49") for table in tables[2:]] == [0, 1, 0]


def test_the_page_of_directions_has_their_words() -> None:
    page = singular_directions_html(directions())
    for text in ("' cat' 'b'", "'e' 'f'", "'k' 'l'"):
        assert text.replace("'", "&#x27;") in page
    assert ">90%</td>" in page
    assert "largest logit of a random direction is 0.5" in page


def test_texts_are_harmless() -> None:
    hostile = Provenance(model=HOSTILE)
    assert "<script" not in weight_circuits_html(circuits(provenance=hostile))
    assert "<script" not in singular_directions_html(directions(HOSTILE))
    figure = directions(HOSTILE).figure()
    assert "<script" not in "".join(figure.data[0].y)


def test_figures_have_the_numbers() -> None:
    result = circuits()
    grid = result.figure("k").data[0]
    np.testing.assert_allclose(grid.z, result.of("k").reshape(4, 4))
    assert grid.zmin == pytest.approx(result.baseline)
    np.testing.assert_allclose(result.figure("copying").data[0].z, result.copying)
    points = result.figure("eigenvalues").data[0]
    sizes = np.linalg.norm(result.eigenvalues, axis=-1).ravel()
    np.testing.assert_allclose(10.0 ** np.array(points.r), sizes, rtol=1e-4)
    np.testing.assert_allclose(directions().figure().data[0].x, [3, 1])
    with pytest.raises(ResultError, match=r"no measure 'kk'\. Did you mean 'k'"):
        result.figure("kk")


@pytest.mark.parametrize("result", [circuits(), directions()])
def test_saved_ones_open_as_they_were(result: Any, tmp_path: Path) -> None:
    again = iw.load_result(result.save(tmp_path / "found"))
    assert repr(again) == repr(result)
    assert again.fingerprint == result.fingerprint
    assert again.to_frame().equals(result.to_frame())


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ResultError, match="circuits of 1 layers need"):
        circuits(layers=(0,))
    with pytest.raises(ResultError, match="one entry for each of 2 directions"):
        directions(write=(("a",),))
