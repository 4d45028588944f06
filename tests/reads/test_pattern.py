"""What the pattern read keeps: every weight within its resolution, NaN as NaN."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interpwidgets.reads.pattern import keep_pattern, keep_scores, pattern_bytes

VALUES = st.floats(width=32, allow_nan=True, allow_infinity=True)


def kept(pattern: torch.Tensor, budget: int) -> torch.Tensor:
    return keep_pattern(pattern, heads=None, n_patterns=pattern.shape[1], budget=budget)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(VALUES, min_size=8, max_size=8))
def test_codes_are_the_rounded_clipped_weights(values: list[float]) -> None:
    pattern = torch.tensor(values).reshape(1, 2, 2, 2)
    codes = kept(pattern, budget=0)
    finite = pattern.isfinite()
    assert (codes[~finite] == 255).all()
    expected = pattern.clamp(0, 1)[finite] * 254
    assert ((codes[finite].float() - expected).abs() <= 0.501).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_within_the_budget_weights_are_float16(dtype: torch.dtype) -> None:
    pattern = torch.rand(1, 2, 3, 3).to(dtype)
    values = kept(pattern, budget=10**6)
    assert torch.equal(values, pattern.to(torch.float16))
    assert values.data_ptr() != pattern.data_ptr()


def test_only_the_asked_heads_are_kept() -> None:
    pattern = torch.rand(2, 4, 3, 3)
    some = keep_pattern(pattern, heads=(3, 1), n_patterns=2, budget=10**6)
    assert torch.equal(some, pattern[:, [3, 1]].half())


def test_the_budget_decides_how_many_bytes_are_kept() -> None:
    assert pattern_bytes(12, 12, 128) == 2 * 144 * 128**2
    assert pattern_bytes(12, 12, 512) == 144 * 512**2


def test_scores_are_kept_in_float16_and_stay_finite_or_masked() -> None:
    scores = torch.tensor([-torch.inf, -1e6, 0.5, 1e6, torch.inf, torch.nan])
    kept = keep_scores(scores.reshape(1, 1, 1, 6), heads=None)[0, 0, 0]
    assert kept.dtype == torch.float16
    assert kept[:5].tolist() == [-torch.inf, -65504, 0.5, 65504, torch.inf]
    assert kept[5].isnan()
    some = torch.rand(2, 4, 3, 3)
    assert torch.equal(keep_scores(some, heads=(3, 1)), some[:, [3, 1]].half())
