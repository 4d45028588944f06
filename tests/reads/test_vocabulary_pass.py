"""Sums over a vocabulary in parts, against all of it at once in float64."""

from __future__ import annotations

import pytest
import torch

from interpwidgets.reads.vocabulary_pass import VocabularyPass


def passed(
    logits: torch.Tensor, step: int, targets: list[int], top_k: int = 5
) -> VocabularyPass:
    """``[layer, row, word]`` in parts of ``step`` words."""
    n_layers, rows = len(logits), logits.flatten(0, 1).float()
    found = VocabularyPass(
        n_layers, top_k, torch.tensor(targets, dtype=torch.long), rows[:, targets]
    )
    for start in range(0, logits.shape[-1], step):
        found.add(rows.T[start : start + step].clone(), start)
    return found


@pytest.mark.parametrize("step", [1, 3, 97, 200, 1000])
@pytest.mark.parametrize("offset", [0.0, 5000.0, -5000.0])
def test_parts_give_what_the_whole_gives(step: int, offset: float) -> None:
    torch.manual_seed(0)
    logits = (4 * torch.randn(3, 4, 200) + offset).float().double()
    targets = [0, 77, 199]
    found = passed(logits, step, targets)
    logprob = logits.log_softmax(-1)
    flat = logprob.flatten(0, 1)
    p = logprob.exp()
    atol = 1e-5 if offset == 0 else 2e-3  # float32 logits of that size
    kl = (p[-1] * (logprob[-1] - logprob)).sum(-1).flatten()
    torch.testing.assert_close(found.kl().double(), kl, rtol=1e-5, atol=atol)
    entropy = -(p * logprob).sum(-1).flatten()
    torch.testing.assert_close(found.entropy().double(), entropy, rtol=1e-5, atol=atol)
    ids, top = found.top()
    assert torch.equal(ids, flat.topk(5).indices)
    torch.testing.assert_close(top.double(), flat.topk(5).values, rtol=1e-5, atol=atol)
    own, rank = found.targets()
    torch.testing.assert_close(own.double(), flat[:, targets], rtol=1e-5, atol=atol)
    expected = torch.stack([(flat > flat[:, [t]]).sum(-1) for t in targets], dim=-1)
    assert torch.equal(rank.long(), expected)


def test_the_last_layer_is_at_no_distance_from_itself() -> None:
    torch.manual_seed(0)
    found = passed(10 * torch.randn(2, 6, 300), 50, [])
    assert (found.kl().view(2, 6)[-1] <= 1e-6).all()
    assert (found.kl() >= 0).all()


def test_words_that_are_masked_out_count_for_nothing() -> None:
    logits = torch.randn(2, 3, 40)
    logits[..., 10:20] = -torch.inf
    kept = torch.cat([logits[..., :10], logits[..., 20:]], dim=-1)
    torch.testing.assert_close(passed(logits, 7, []).kl(), passed(kept, 7, []).kl())
    torch.testing.assert_close(passed(logits, 7, []).entropy(), passed(kept, 7, []).entropy())


def test_a_row_with_nan_is_nan_alone() -> None:
    logits = torch.randn(2, 3, 40)
    logits[0, 1, 5] = torch.nan
    found = passed(logits, 7, [])
    assert found.entropy().isnan().tolist() == [False, True, False, False, False, False]
    assert found.kl().isnan().tolist() == [False, True, False, False, False, False]


def test_a_target_is_not_before_itself_by_rounding() -> None:
    logits = torch.randn(1, 2, 40)
    rows = logits[0]
    lower = rows[:, [3]] - 1e-6  # as another order of sums would give
    found = VocabularyPass(1, 1, torch.tensor([3]), lower)
    found.add(rows.T.clone(), 0)
    assert torch.equal(found.targets()[1][:, 0], (rows > rows[:, [3]]).sum(-1).float())
