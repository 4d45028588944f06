"""The most probable words of a vocabulary in parts, against a sort of all of it."""

from __future__ import annotations

import pytest
import torch

from interpwidgets.reads.vocabulary_top import TopWords


def found_in_parts(logits: torch.Tensor, step: int, k: int) -> TopWords:
    """Of ``[row, word]``, ``step`` words at a time."""
    found = TopWords(k, logits)
    for start in range(0, logits.shape[1], step):
        found.add(logits.T[start : start + step].contiguous(), start)
    found.finish()
    return found


@pytest.mark.parametrize("step", [30, 64, 1000, 3000])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_they_are_those_of_a_sort(step: int, k: int) -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 2003)
    found = found_in_parts(logits, step, k)
    expected = logits.topk(k)
    assert torch.equal(found.values, expected.values)
    assert torch.equal(found.words, expected.indices)


@pytest.mark.parametrize("falling", [True, False])
def test_they_are_found_whatever_the_order(falling: bool) -> None:
    row = torch.arange(500, dtype=torch.float32)
    logits = torch.stack([row.flip(0) if falling else row, row.roll(250)])
    found = found_in_parts(logits, 90, 3)
    assert torch.equal(found.words, logits.topk(3).indices)


def test_among_equal_words_each_is_named_once() -> None:
    logits = torch.zeros(2, 300)
    logits[:, 200] = 1
    found = found_in_parts(logits, 64, 4)
    assert found.words[:, 0].tolist() == [200, 200]
    assert all(len(set(row)) == 4 for row in found.words.tolist())


def test_words_that_are_masked_out_come_last() -> None:
    logits = torch.full((1, 90), -torch.inf)
    logits[0, [80, 10]] = torch.tensor([1.0, 2.0])
    found = found_in_parts(logits, 16, 3)
    assert found.words[0, :2].tolist() == [10, 80]
    assert found.values[0, 2] == -torch.inf


def test_a_row_with_nan_leaves_the_others_alone() -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 400)
    logits[1, 150] = torch.nan
    found = found_in_parts(logits, 100, 5)
    assert torch.equal(found.words[[0, 2]], logits[[0, 2]].topk(5).indices)
