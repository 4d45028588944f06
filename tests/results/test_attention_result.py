"""A Result checks itself, saves itself and opens again without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import interpwidgets as iw
from interpwidgets.errors import ResultError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.base import Provenance
from interpwidgets.results.tokens import Tokens


def result_of(pattern: Any, **more: Any) -> AttentionPattern:
    n_layers, n_heads, n, _ = pattern.shape
    fields = {
        "provenance": Provenance(model="m", run=3, intervened=("a.b",), sites=("pattern",)),
        "tokens": Tokens.of_text([f"t{i}" for i in range(n)]),
        "layers": tuple(range(n_layers)),
        "heads": tuple(range(n_heads)),
        "layer_runs": (3,) * n_layers,
        **more,
    }
    return AttentionPattern(pattern=pattern, **fields)


def same(one: AttentionPattern, other: AttentionPattern) -> bool:
    fields = [f for f in one.__dataclass_fields__ if f != "pattern"]
    return np.array_equal(
        one.pattern, other.pattern, equal_nan=one.precision != "uint8"
    ) and all(getattr(one, f) == getattr(other, f) for f in fields)


@settings(max_examples=20, deadline=None)
@given(
    text=st.lists(st.text(max_size=5), min_size=1, max_size=4),
    coded=st.booleans(),
    run=st.one_of(st.none(), st.integers(0, 9)),
)
def test_saving_and_opening_gives_the_same(
    text: list[str], coded: bool, run: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    n = len(text)
    pattern = np.random.default_rng(n).random((1, 2, n, n))
    pattern = (pattern * 255).astype(np.uint8) if coded else pattern.astype(np.float16)
    result = result_of(pattern, tokens=Tokens.of_text(text), layer_runs=(run,))
    path = result.save(tmp_path_factory.mktemp("saved") / "result")
    opened = iw.load_result(path)
    assert isinstance(opened, AttentionPattern)
    assert same(opened, result)


def test_a_saved_result_opens_without_torch(tmp_path: Path) -> None:
    path = result_of(np.zeros((1, 1, 2, 2), np.float16)).save(tmp_path / "r.safetensors")
    code = (
        "import sys; from interpwidgets.results.saved import load_result;"
        f"print(load_result({str(path)!r}).tokens.text, 'torch' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == ["('t0',", "'t1')", "False"]


def test_a_file_that_is_no_result_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no tensors here")
    with pytest.raises(ResultError, match="is no saved Result"):
        iw.load_result(text)
    save_file({"x": np.zeros(1)}, str(tmp_path / "tensors"))
    with pytest.raises(ResultError, match="no saved Result of interpwidgets"):
        iw.load_result(tmp_path / "tensors")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"version": "99", "kind": "attention"}, "format version 99; this .* reads version 1"),
        ({"version": "1", "kind": "dream"}, "unknown kind 'dream'"),
    ],
)
def test_a_newer_file_says_to_upgrade(
    tmp_path: Path, metadata: dict[str, str], message: str
) -> None:
    path = str(tmp_path / "new")
    full = {"format": "interpwidgets-result", "fields": "{}", **metadata}
    save_file({"x": np.zeros(1)}, path, metadata=full)
    with pytest.raises(ResultError, match=message):
        iw.load_result(path)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ResultError, match=r"= \(1, 1, 3, 3\) .* it is \(1, 1, 2, 2\)"):
        result_of(np.zeros((1, 1, 2, 2), np.float16), tokens=Tokens.of_text(["a", "b", "c"]))
    with pytest.raises(ResultError, match="float16 or uint8, not float64"):
        result_of(np.zeros((1, 1, 2, 2)))
    with pytest.raises(ResultError, match="layer_runs has 2 entries for 1 layers"):
        result_of(np.zeros((1, 1, 2, 2), np.float16), layer_runs=(1, 1))


NORMS = np.ones((1, 1, 2), np.float32)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"measure": "mass"}, "measure is one of weight, value_weighted, score, not 'mass'"),
        ({"signed": True}, "scores and differences are signed, and nothing else is"),
        ({"less": "run 2"}, "scores and differences are signed"),
        ({"measure": "score"}, "scores and differences are signed"),
        ({"scale": 0.0}, "scale is a finite number above 0, not 0"),
        ({"scale": float("nan")}, "scale is a finite number above 0, not nan"),
        ({"value_norms": NORMS[..., :1]}, r"value_norms must be float32 \(1, 1, 2\)"),
        ({"value_norms": NORMS.astype(float)}, "it is float64"),
        (
            {"scores": np.zeros((1, 1, 2, 2), np.float32)},
            r"scores must be float16 \(1, 1, 2, 2\)",
        ),
        ({"n_heads": 4, "n_kv_heads": 3}, "4 heads do not share 3 key-value heads evenly"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultError, match=message):
        result_of(np.zeros((1, 1, 2, 2), np.float16), **fields)


def test_a_file_of_before_there_were_measures_opens(tmp_path: Path) -> None:
    fields = {
        "provenance": {"model": "m", "run": 3, "sites": ["pattern"]},
        "tokens": {"ids": [4, 5], "text": ["a", "b"], "special": [False] * 2,
                   "generated": [False] * 2},
        "layers": [0], "heads": [0], "layer_runs": [3], "causal": True, "scale": 1.0,
        "prompt_index": 0, "prompt_count": 1,
    }  # fmt: skip
    metadata = {"format": "interpwidgets-result", "version": "1", "kind": "attention"}
    metadata["fields"] = json.dumps(fields)
    path = str(tmp_path / "old")
    save_file({"pattern": np.ones((1, 1, 2, 2), np.float16)}, path, metadata=metadata)
    opened = iw.load_result(path)
    assert isinstance(opened, AttentionPattern)
    assert (opened.measure, opened.value_norms, opened.scores) == ("weight", None, None)
    assert opened.kv_groups == 1
    assert opened.weights(0, 0).tolist() == [[1, 1], [1, 1]]


def test_heads_that_share_a_key_value_head_are_counted() -> None:
    pattern = np.zeros((1, 1, 2, 2), np.float16)
    assert result_of(pattern, n_heads=8, n_kv_heads=2).kv_groups == 4
    assert result_of(pattern, n_heads=8, n_kv_heads=8).kv_groups == 1


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0, 40.0])
def test_float16_numbers_are_within_their_resolution(scale: float) -> None:
    values = np.linspace(-scale, scale, 4001)
    result = result_of(np.zeros((1, 1, 1, 1), np.float16), scale=scale)
    assert np.abs(values.astype(np.float16) - values).max() <= result.resolution


def test_a_head_that_is_not_held_is_named() -> None:
    with pytest.raises(ResultError, match="L3 H0 is not held"):
        result_of(np.zeros((1, 1, 2, 2), np.float16)).weights(3, 0)


def test_codes_become_weights_within_their_resolution() -> None:
    codes = np.array([[[[0, 255], [254, 127]]]], np.uint8)
    result = result_of(codes)
    np.testing.assert_allclose(result.weights(0, 0), [[0, np.nan], [1, 0.5]], atol=1e-6)
    assert result.nonfinite().tolist() == [[1]]
    assert result.resolution == pytest.approx(1 / 508)


def test_a_table_beyond_five_million_rows_asks_for_one_head() -> None:
    big = result_of(np.zeros((8, 12, 330, 330), np.uint8))
    with pytest.raises(ResultError, match="give layer= and head= for one head"):
        big.to_frame()
    assert len(big.to_frame(layer=1, head=1)) == 330 * 331 // 2
