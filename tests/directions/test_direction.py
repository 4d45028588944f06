"""Directions as values: arithmetic, saving, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from interpwidgets.directions import Direction, Origin, read_direction
from interpwidgets.errors import DirectionError, InterpWidgetsError
from interpwidgets.interventions import Add, Clamp, ProjectOut, Threshold, Where, from_json

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 12))
ORIGIN = Origin(
    method="mean_difference",
    how="mean difference of pairs",
    model="m",
    revision="abc",
    classes=("deploy", "test"),
    n_examples=2,
    examples=("é \n text", "two"),
    site_norm=4.0,
)


def made(vector: object = A, **more: object) -> Direction:
    return Direction(vector, **{"layer": 2, "name": "happy", "origin": ORIGIN, **more})


def test_arithmetic_is_numpys() -> None:
    a, b = made(A), made(B, name="sad")
    np.testing.assert_allclose((a + b).vector, A + B, rtol=1e-5)
    np.testing.assert_allclose((a - b).vector, A - B, rtol=1e-5)
    np.testing.assert_allclose((-a).vector, -A, rtol=1e-5)
    np.testing.assert_allclose((2.5 * a / 5).vector, A / 2, rtol=1e-5)
    assert a.norm == pytest.approx(np.linalg.norm(A))
    assert a.unit.norm == pytest.approx(1)
    assert a.strength == pytest.approx(np.linalg.norm(A) / 4)
    assert a.cosine(b) == pytest.approx(A @ B / np.linalg.norm(A) / np.linalg.norm(B))


def test_arithmetic_is_remembered() -> None:
    made_of = made(A) - 2 * made(B, name="sad")
    assert made_of.name == "happy − 2 × sad"
    assert made_of.origin.how.startswith("(mean difference of pairs) − (2 × (")
    assert made_of.place == "resid_post L2"


def test_what_is_projected_out_is_gone() -> None:
    left = made(A).project_out(B)
    assert left.cosine(B) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(left.project_out(B).vector, left.vector, atol=1e-6)


def test_a_random_one_is_as_long_and_the_same_for_a_seed() -> None:
    a = made()
    drawn = [a.random_like(seed) for seed in range(3)]
    assert all(one.norm == pytest.approx(a.norm) for one in drawn)
    assert np.array_equal(drawn[1].vector, a.random_like(1).vector)
    assert abs(drawn[0].cosine(drawn[1])) < 0.9
    assert drawn[0].origin.method == "random"


def test_random_ones_favour_no_direction() -> None:
    a = made(np.ones(64))
    cosines = [a.random_like(seed).cosine(a) for seed in range(300)]
    assert abs(np.mean(cosines)) < 0.03
    assert np.std(cosines) == pytest.approx(1 / 8, rel=0.15)


@pytest.mark.parametrize("layer", [None, 3])
def test_a_saved_one_comes_back_bit_by_bit(tmp_path: Path, layer: int | None) -> None:
    a = made(layer=layer)
    back = read_direction(a.save(tmp_path / "happy"))
    assert back.vector.tobytes() == a.vector.tobytes()
    assert (back.site, back.layer, back.name, back.origin) == (a.site, layer, a.name, ORIGIN)


def test_other_files_are_refused(tmp_path: Path) -> None:
    plain, newer = tmp_path / "plain.safetensors", tmp_path / "newer.safetensors"
    save_file({"vector": np.ones(3)}, str(plain))
    with pytest.raises(DirectionError, match="no saved direction"):
        read_direction(plain)
    metadata = {"format": "interpwidgets-direction", "version": "99", "fields": json.dumps({})}
    save_file({"vector": np.ones(3)}, str(newer), metadata=metadata)
    with pytest.raises(DirectionError, match="format version 99"):
        read_direction(newer)
    newer.write_text("nothing")
    with pytest.raises(DirectionError, match="no saved direction"):
        read_direction(newer)


@pytest.mark.parametrize(
    "vector", [np.zeros(3), [np.nan, 1], [np.inf, 1], np.ones((2, 2)), [1e300, 1.0]]
)
def test_what_is_no_direction_is_refused(vector: object) -> None:
    with pytest.raises(DirectionError, match="one axis of finite numbers"):
        Direction(vector)


def test_impossible_places_and_sums_are_refused() -> None:
    with pytest.raises(InterpWidgetsError, match="no site 'residue'"):
        made(site="residue")
    with pytest.raises(DirectionError, match="`layer`"):
        made(site="embed")
    with pytest.raises(DirectionError, match=r"12 wide; an array has shape \[3\]"):
        made() + np.ones(3)
    with pytest.raises(DirectionError, match="nothing is left"):
        made().project_out(made() * -3)
    with pytest.raises(DirectionError, match="divided by 0"):
        made() / 0
    with pytest.raises(ValueError, match="read-only"):
        made().vector[0] = 1


# ------------------------------------------------------------------------- interventions


def test_an_intervention_takes_over_place_and_name() -> None:
    a = made(site="mlp_out")
    for part in (Add(a, 2.0), ProjectOut(a), Clamp(a, 1.0)):
        assert part.site == "mlp_out"
        assert part.where.layers == (2,)
        assert part.name == "happy"
        assert np.array_equal(part.direction, a.vector)
        assert from_json(part.to_json()) == part


def test_what_is_said_goes_before_what_is_taken_over() -> None:
    where = Where(layers=[0, 1], positions=-1)
    part = Add(made(), 2.0, site="resid_pre", where=where, name="joy")
    assert (part.site, part.where.layers, part.name) == ("resid_pre", (0, 1), "joy")
    assert Add(made(), where=Where(positions=-1)).where.layers == (2,)
    assert Threshold(made(), 0.5).name == "happy"


def test_an_array_is_still_meant_for_every_layer_of_the_residual_stream() -> None:
    part = Add(A)
    assert (part.site, part.where.layers, part.name) == ("resid_post", None, "a direction")
