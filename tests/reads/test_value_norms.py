"""Norms of values and the passes of a run: against sums of squares and one whole pass."""

from __future__ import annotations

import pytest
import torch

from interpwidgets.models.capture import Capture
from interpwidgets.reads.steps import positions_of_passes
from interpwidgets.reads.value_norms import keep_norms


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_norms_are_root_sums_of_squares_in_float32(dtype: torch.dtype) -> None:
    values = torch.randn(2, 5, 3, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    norms = keep_norms(values)
    assert norms.dtype == torch.float32
    expected = [
        [[sum(float(x) ** 2 for x in v) ** 0.5 for v in heads] for heads in row]
        for row in values
    ]
    torch.testing.assert_close(norms, torch.tensor(expected), rtol=1e-5, atol=0)


def test_a_norm_beyond_float16_is_no_overflow() -> None:
    assert float(keep_norms(torch.full((1, 1, 1, 64), 6e4).half())) == pytest.approx(
        8 * 6e4, rel=1e-3
    )


def capture(n_pads: int, end: int) -> Capture:
    return Capture(n_pads=(n_pads,), ends=(end,))


@pytest.mark.parametrize(
    "lengths", [[5], [3, 1, 1], [1, 1, 1, 1, 1], [3, 4, 5]], ids=["one", "cached", "1", "whole"]
)
def test_passes_with_and_without_a_cache_give_the_same_positions(lengths: list[int]) -> None:
    whole = torch.arange(10.0).reshape(1, 5, 2)
    cached = sum(lengths) == 5
    visits, start = [], 0
    for length in lengths:
        visits.append(whole[:, start : start + length] if cached else whole[:, :length])
        start += length
    assert torch.equal(positions_of_passes(visits, capture(1, 4), 0), whole[0, 1:4])
