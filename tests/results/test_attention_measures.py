"""Measures: each against its definition, and the laws that they keep."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interpwidgets as iw
from interpwidgets.errors import ResultError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.attention_numbers import coded, decoded
from interpwidgets.results.base import Provenance
from interpwidgets.results.tokens import Tokens

WORDS = ["When", " Ada", " met", " Ben", " Ada", " left"]


def random_result(
    seed: int = 0, *, words: Any = WORDS, codes: bool = False, causal: bool = True, **more: Any
) -> AttentionPattern:
    """2 layers × 3 heads of random weights, with scores and norms of values."""
    rng, n = np.random.default_rng(seed), len(words)
    scores = rng.normal(0, 3, (2, 3, n, n))
    if causal:
        scores[..., ~np.tri(n, dtype=bool)] = -np.inf
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    fields: dict[str, Any] = {
        "provenance": Provenance(model="m", run=13, sites=("pattern",)),
        "tokens": Tokens.of_text(list(words)),
        "pattern": np.rint(weights * 254).astype(np.uint8) if codes else weights.astype("f2"),
        "layers": (1, 4),
        "heads": (0, 2, 3),
        "layer_runs": (13, 13),
        "causal": causal,
        "value_norms": rng.uniform(0.1, 9, (2, 3, n)).astype(np.float32),
        "scores": scores.astype(np.float16),
        "n_heads": 4,
        "n_kv_heads": 2,
        **more,
    }
    return AttentionPattern(**fields)


def numbers(result: AttentionPattern) -> np.ndarray:
    return np.array([[result.weights(la, h) for h in result.heads] for la in result.layers])


both_kinds = pytest.mark.parametrize("codes", [False, True], ids=["float16", "uint8"])


# -------------------------------------------------------------------------------- codes


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=8), signed=st.booleans()
)
def test_codes_are_within_half_a_step_of_the_numbers(values: list[float], signed: bool) -> None:
    array = np.array(values, dtype=np.float32) if signed else np.abs(np.float32(values))
    codes = coded(array, 5.0, signed=signed)
    step = 5 / 127 if signed else 5 / 254
    assert (codes != 255).all()
    np.testing.assert_allclose(
        decoded(codes, 5.0, signed=signed), array, atol=step / 2 + 1e-5, rtol=0
    )


def test_signed_codes_mean_what_the_contract_says() -> None:
    result = random_result(
        codes=True, signed=True, less="run 1", scale=2.0, scores=None, value_norms=None
    )
    code = result.stored(4, 2)
    expected = np.where(code == 255, np.nan, (code.astype(float) - 127) / 127 * 2)
    np.testing.assert_allclose(result.weights(4, 2), expected, atol=1e-6)
    assert coded(np.float32([0, -2, 2, np.nan]), 2.0, signed=True).tolist() == [
        127,
        0,
        254,
        255,
    ]
    assert result.resolution == pytest.approx(2 / 254)


def test_infinite_numbers_of_both_signs_are_not_finite_in_codes() -> None:
    values = np.array([np.inf, -np.inf, np.nan, 1, 0], dtype=np.float32)
    assert coded(values, 1.0, signed=True).tolist() == [255, 255, 255, 254, 127]
    assert coded(values, 1.0, signed=False).tolist() == [255, 255, 255, 254, 0]


# --------------------------------------------------------------------------- without sink


@pytest.mark.parametrize("causal", [True, False])
def test_rows_without_the_sink_are_shares_of_the_rest(causal: bool) -> None:
    result = random_result(causal=causal)
    less = result.without_sink()
    weights, shares = numbers(result), numbers(less)
    rows = slice(1 if causal else 0, None)
    expected = weights[..., rows, 1:] / (1 - weights[..., rows, :1])
    np.testing.assert_allclose(shares[..., rows, 1:], expected, atol=6e-3)
    np.testing.assert_allclose(shares[..., rows, :].sum(-1), 1, atol=2e-3)
    assert (shares[..., 0] == 0).all()
    if causal:
        assert (shares[..., 0, :] == 0).all()
    assert (less.measure, less.hidden_sink, less.signed, less.scale) == (
        "weight",
        True,
        False,
        1,
    )
    assert less.provenance == result.provenance
    assert less.without_sink() is less


def test_codes_are_divided_by_what_the_sink_leaves() -> None:
    result = random_result(codes=True)
    less = result.without_sink()
    assert less.precision == "uint8"
    weights = numbers(result)
    left = 1 - weights[..., :1]
    expected = np.divide(weights, left, out=np.zeros_like(weights), where=left > 0)
    expected[..., 0] = 0
    np.testing.assert_allclose(numbers(less), expected.clip(0, 1), atol=1 / 508 + 1e-6)
    assert "8-bit" in less.provenance.note


@both_kinds
def test_a_row_that_is_all_on_the_sink_becomes_0_and_one_with_nan_stays_nan(
    codes: bool,
) -> None:
    weights = np.zeros((1, 1, 3, 3), np.float32)
    weights[..., 0] = 1
    weights[0, 0, 2] = np.nan
    kept = coded(weights, 1.0, signed=False) if codes else weights.astype(np.float16)
    result = random_result(
        words="abc", pattern=kept, layers=(0,), heads=(0,), layer_runs=(1,),
        value_norms=None, scores=None,
    )  # fmt: skip
    less = result.without_sink().weights(0, 0)
    assert (less[:2] == 0).all()
    assert np.isnan(less[2, 1:]).all()


# ------------------------------------------------------------------------- value-weighted


@both_kinds
def test_value_weighted_is_the_weight_times_the_norm_of_the_value(codes: bool) -> None:
    result = random_result(codes=codes)
    moved = result.value_weighted()
    assert result.value_norms is not None
    expected = numbers(result) * result.value_norms[:, :, None, :]
    assert moved.scale == pytest.approx(expected.max(), rel=1e-3)
    np.testing.assert_allclose(numbers(moved), expected, atol=moved.resolution * 1.01)
    assert (moved.measure, moved.signed, moved.precision) == (
        "value_weighted",
        False,
        result.precision,
    )


def test_value_weighted_equals_the_norm_of_each_summand() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(6, 7)).astype(np.float32)
    norms = np.broadcast_to(np.linalg.norm(values, axis=-1), (2, 3, 6)).astype(np.float32)
    result = random_result(value_norms=norms)
    summands = result.weights(1, 2)[..., None] * values[None]
    moved = result.value_weighted().weights(1, 2)
    np.testing.assert_allclose(moved, np.linalg.norm(summands, axis=-1), rtol=1e-3, atol=1e-6)


def test_the_sink_can_be_left_out_of_what_is_moved() -> None:
    result = random_result()
    moved = result.without_sink().value_weighted()
    assert moved.hidden_sink
    assert (numbers(moved)[..., 0] == 0).all()
    assert result.value_norms is not None
    expected = numbers(result.without_sink()) * result.value_norms[:, :, None, :]
    np.testing.assert_allclose(numbers(moved), expected, rtol=1e-3, atol=1e-6)


def test_without_norms_or_scores_it_is_said_what_to_do() -> None:
    bare = AttentionPattern.of_arrays(["a"], np.ones((1, 1, 1, 1), np.float32))
    with pytest.raises(ResultError, match=r"needs the norms of the values, .* site 'v'"):
        bare.value_weighted()
    with pytest.raises(ResultError, match="Run it again with scores=True"):
        bare.attention_scores()


# --------------------------------------------------------------------------------- scores


def test_scores_are_those_that_were_kept_and_masked_ones_are_absent() -> None:
    result = random_result()
    scores = result.attention_scores()
    above = ~np.tri(len(WORDS), dtype=bool)
    assert (numbers(scores)[..., above] == -np.inf).all()
    assert scores.nonfinite().sum() == 0
    finite = numbers(scores)[..., ~above]
    assert scores.scale == np.abs(finite).max()
    assert (scores.measure, scores.signed, scores.precision) == ("score", True, "float16")
    softmax = np.exp(numbers(scores))
    softmax /= softmax.sum(-1, keepdims=True)
    np.testing.assert_allclose(softmax, numbers(result), atol=4e-3)


def test_the_softmax_of_scores_without_the_sink_is_the_weights_without_it() -> None:
    result = random_result().without_sink()
    softmax = np.exp(numbers(result.attention_scores())[..., 1:, :])
    softmax /= softmax.sum(-1, keepdims=True)
    np.testing.assert_allclose(softmax, numbers(result)[..., 1:, :], atol=6e-3)


def test_a_table_of_scores_has_no_masked_rows_and_the_measures_name() -> None:
    result = random_result()
    assert result.scores is not None
    result.scores[:, :, 5, 1] = -np.inf  # a window
    frame = result.attention_scores().to_frame(layer=1, head=0)
    assert frame.columns[-1] == "score"
    assert len(frame) == 6 * 7 // 2 - 1
    assert np.isfinite(frame["score"]).all()
    assert result.value_weighted().to_frame().columns[-1] == "value_weighted"
    assert result.difference(result).to_frame().columns[-1] == "difference"
    hidden = result.without_sink().to_frame(layer=1, head=0)
    assert hidden["key_pos"].min() == 1
    assert len(hidden) == 6 * 7 // 2 - 6


def test_a_nan_score_counts_as_not_finite() -> None:
    result = random_result()
    assert result.scores is not None
    result.scores[0, 1, 3, 2] = np.nan
    assert result.attention_scores().nonfinite().tolist() == [[0, 1, 0], [0, 0, 0]]


# ------------------------------------------------------------------------------ difference


@both_kinds
def test_a_difference_subtracts_number_by_number_and_turns_with_its_sides(codes: bool) -> None:
    a, b = random_result(1, codes=codes), random_result(2, codes=codes)
    less, back = a.difference(b), b.difference(a)
    expected = numbers(a) - numbers(b)
    assert less.scale == pytest.approx(np.abs(expected).max(), rel=1e-3)
    np.testing.assert_allclose(numbers(less), expected, atol=less.resolution * 1.01)
    np.testing.assert_array_equal(numbers(back), -numbers(less))
    nothing = a.difference(a)
    assert (numbers(nothing) == 0).all()
    assert nothing.scale == 1
    assert (less.signed, less.measure, less.precision) == (True, "weight", a.precision)


@pytest.mark.parametrize("measure", ["value_weighted", "attention_scores", "without_sink"])
def test_differences_are_of_any_measure(measure: str) -> None:
    a, b = (getattr(random_result(seed), measure)() for seed in (1, 2))
    less = numbers(a.difference(b))
    ours, theirs = numbers(a), numbers(b)
    masked = np.isneginf(ours)
    np.testing.assert_allclose(less[~masked], ours[~masked] - theirs[~masked], atol=0.01)
    assert (less[masked] == -np.inf).all()
    assert a.difference(b).nonfinite().sum() == 0


def test_what_is_masked_in_one_alone_has_no_difference() -> None:
    a, b = random_result(1), random_result(2)
    assert a.scores is not None
    assert b.scores is not None
    a.scores[0, 0, 4, 2], b.scores[0, 0, 4, 3] = -np.inf, -np.inf
    a.scores[0, 0, 5, 0] = np.inf
    less = a.attention_scores().difference(b.attention_scores())
    row = less.weights(1, 0)[4]
    assert np.isnan(row[[2, 3]]).all()
    assert np.isneginf(row[5])
    assert np.isfinite(row[[0, 1, 4]]).all()
    assert less.nonfinite().tolist() == [[3, 0, 0], [0, 0, 0]]


def test_prompts_of_unequal_length_are_subtracted_between_tokens_that_both_have() -> None:
    a = random_result(1)
    b = random_result(2, words=["When", " Ada", " never", " met", " Tom", " Ada", " left"])
    with pytest.raises(
        ResultError, match=r'6 and 7, and differ from position 2. .*align="text"'
    ):
        a.difference(b)
    less = a.difference(b, align="text")
    in_a, in_b = [0, 1, 2, 4, 5], [0, 1, 3, 5, 6]
    for layer, head in ((1, 0), (4, 3)):
        expected = np.full((6, 6), np.nan)
        for i, j in zip(in_a, in_b, strict=True):
            for k, m in zip(in_a, in_b, strict=True):
                expected[i, k] = a.weights(layer, head)[i, k] - b.weights(layer, head)[j, m]
        np.testing.assert_allclose(less.weights(layer, head), expected, atol=1e-3)
    assert less.unmatched == (3,)
    assert less.nonfinite().sum() == 0
    assert less.tokens == a.tokens
    back = b.difference(a, align="text")
    both = np.ix_(in_b, in_b)
    np.testing.assert_array_equal(
        back.weights(1, 0)[both], -less.weights(1, 0)[np.ix_(in_a, in_a)]
    )


def test_unmatched_rows_of_codes_are_not_finite_either() -> None:
    a, b = random_result(1, codes=True), random_result(2, words=WORDS[:5], codes=True)
    less = a.difference(b, align="text")
    assert (less.stored(1, 0)[5] == 255).all()
    assert (less.stored(1, 0)[:, 5] == 255).all()
    assert (less.stored(1, 0)[:5, :5] != 255).all()


def test_prompts_without_a_common_token_have_no_difference() -> None:
    less = random_result().difference(random_result(words=["x", "y"]), align="text")
    assert np.isnan(numbers(less)).all()
    assert less.unmatched == tuple(range(6))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layers": (0, 4)}, r"`layers` differ: \(1, 4\) and \(0, 4\)"),
        ({"heads": (0, 1, 3)}, "`heads` differ"),
        ({"causal": False}, "`causal` differ"),
        ({"measure": "value_weighted"}, "`measure` differ: weight and value_weighted"),
        ({"signed": True, "less": "run 1"}, r"one .* is a difference itself \(less run 1\)"),
    ],
)
def test_what_cannot_be_subtracted_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultError, match=message):
        random_result().difference(random_result(**fields))


def test_an_unknown_alignment_is_refused() -> None:
    with pytest.raises(ResultError, match="align is 'position' or 'text', not 'best'"):
        from interpwidgets.results.attention_measures import difference

        getattr(difference, "__wrapped__", difference)(
            random_result(), random_result(), align="best"
        )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"provenance": Provenance(model="m", run=15)}, "run 15"),
        (
            {"provenance": Provenance(model="m", run=13), "prompt_index": 1, "prompt_count": 3},
            "prompt 2 of run 13",
        ),
        ({"provenance": Provenance(model="n", run=15)}, "run 15 of n"),
        ({"provenance": Provenance(model="m", run=15, adapter="l × 1")}, "run 15, l × 1"),
        ({"provenance": Provenance(model="m")}, "the other array"),
    ],
)
def test_a_difference_says_what_was_subtracted(fields: dict[str, Any], words: str) -> None:
    less = random_result().difference(random_result(2, **fields))
    assert less.less == words
    assert less.provenance == random_result().provenance


def test_layers_that_one_run_did_not_reach_were_not_compared() -> None:
    a, b = random_result(1), random_result(2, layer_runs=(None, 13))
    b.pattern[0] = np.nan
    less = a.difference(b)
    assert less.layer_runs == (None, 13)
    assert less.nonfinite().sum() == 0


@pytest.mark.parametrize("measure", ["value_weighted", "attention_scores", "without_sink"])
def test_measures_start_from_weights(measure: str) -> None:
    result = random_result()
    for made in (result.value_weighted(), result.attention_scores(), result.difference(result)):
        with pytest.raises(ResultError, match=f"{measure} starts from the weights of a run"):
            getattr(made, measure)()


# --------------------------------------------------------------------------------- saving


@pytest.mark.parametrize(
    "make",
    [
        lambda r: r,
        lambda r: r.without_sink(),
        lambda r: r.value_weighted(),
        lambda r: r.attention_scores(),
        lambda r: r.difference(random_result(9, words=WORDS[:4]), align="text"),
    ],
)
def test_measures_are_saved_and_opened(make: Any, tmp_path: Path) -> None:
    made = make(random_result())
    opened = iw.load_result(made.save(tmp_path / "m"))
    for field in dataclasses.fields(made):
        ours, theirs = getattr(made, field.name), getattr(opened, field.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype
        else:
            assert ours == theirs
