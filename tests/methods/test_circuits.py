"""The circuits that the bundled models really have, found by patching, held by ablation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.methods.activation_patching import activation_patching
from interpwidgets.methods.weight_circuits import weight_circuits
from interpwidgets.organisms import lilliput

pytestmark = pytest.mark.slow

Pairs = tuple[list[list[int]], list[list[int]], list[tuple[int, int]]]


def induction_pairs(n: int) -> Pairs:
    """Random words, then one again: "… A B … C D … A" is followed by B.

    In the corrupted prompt A and C have changed places, so that D follows.
    """
    rng = np.random.default_rng(0)
    clean, corrupted, answers = [], [], []
    for _ in range(n):
        words = rng.choice(np.arange(2, 64), 10, replace=False).tolist()
        changed = words.copy()
        changed[1], changed[4] = words[4], words[1]
        clean.append([1, *words, words[1]])
        corrupted.append([1, *changed, words[1]])
        answers.append((words[2], words[5]))
    return clean, corrupted, answers


def test_induction_runs_from_the_previous_token_head_to_keys() -> None:
    model = iw.load("lil-attn-2l")
    clean, corrupted, answers = induction_pairs(8)
    paths = iw.path_patching(
        model,
        clean,
        corrupted,
        answers=answers,
        senders=[(0, head) for head in range(4)],
        receivers=[f"L1 H{head} {part}" for part in "qkv" for head in range(4)],
    )
    row, column = paths.ranked()[0]
    assert (paths.senders[row], paths.receivers[column][-1]) == ("L0 H3", "k")
    keys = paths.values[:, 4:8]
    others = np.delete(np.abs(paths.values), 3, axis=0)
    assert keys[3].max() > 2 * others.max()  # any other head to any input
    assert keys[3].max() > 2 * np.abs(paths.values[3, [0, 1, 2, 3, 8, 9, 10, 11]]).max()
    controlled = iw.path_patching_control(
        model,
        iw.path_patching(
            model,
            clean,
            corrupted,
            answers=answers,
            senders=[paths.senders[row]],
            receivers=[paths.receivers[column]],
        ),
        n=6,
    )
    assert controlled.values[0, 0] == pytest.approx(keys[3].max(), abs=1e-4)
    assert controlled.values[0, 0] > 2 * abs(controlled.control.mean[0, 0])  # type: ignore[union-attr]
    assert controlled.beyond_control.all()


def test_the_same_head_composes_most_with_keys_in_the_weights() -> None:
    """By 1.8 × what random matrices do; their score, 1 / √d_model, knows no spectrum."""
    circuits = weight_circuits(iw.load("lil-attn-2l"))
    keys = circuits.composition[1, 0, :, 1]
    assert circuits.baseline == pytest.approx(64**-0.5, rel=0.03)
    assert (keys.argmax(axis=0) == 3).all()
    assert 1.7 < keys.max() / circuits.baseline < 2
    assert np.delete(keys, 3, axis=0).max() < keys[3].min()


@pytest.fixture(scope="module")
def ioi() -> tuple[Any, dict[str, Any]]:
    examples = lilliput.ioi(8, seed=3)
    given = {
        "clean": [one.prompt for one in examples],
        "corrupted": [one.corrupted for one in examples],
        "answers": [(one.labels["io"], one.labels["subject"]) for one in examples],
    }
    return iw.load("lilliput"), given


def test_one_head_tells_lilliput_who_was_named_twice(ioi: tuple[Any, dict[str, Any]]) -> None:
    """Three later heads carry it to the end; they read it by their values."""
    model, given = ioi
    grid = activation_patching(model, **given, site="z")
    assert grid.cell_name(*grid.ranked()[0]) == "L0 H1"
    assert grid.values[0, 1] == pytest.approx(1, abs=0.15)
    movers = ["L1 H0", "L2 H0", "L2 H2"]
    direct = iw.path_patching(model, **given)
    top = [direct.senders[row] for row, _ in direct.ranked()[:3]]
    assert sorted(top) == movers
    assert abs(direct.values[1, 0]) < 0.15  # L0 H1 writes no name itself
    inputs = [f"{mover}{part}" for mover in movers for part in (" q", " k", " v", "")]
    paths = iw.path_patching(model, **given, senders=(0, 1), receivers=inputs)
    q, k, v, whole = paths.values.reshape(3, 4).T
    assert np.abs([q, k]).max() < 0.02
    np.testing.assert_allclose(v, whole, atol=0.05)
    assert v.sum() == pytest.approx(grid.values[0, 1], abs=0.15)


def test_without_these_heads_lilliput_answers_worse(ioi: tuple[Any, dict[str, Any]]) -> None:
    model, given = ioi
    references = [one.prompt for one in lilliput.ioi(20, seed=9)]
    sweep = iw.ablation_sweep(
        model, given["clean"], answers=given["answers"], mode="mean", references=references
    )
    assert [sweep.cell_name(*cell) for cell in sweep.ranked()[:2]] == ["L0 H1", "L0 H0"]
    assert all(sweep.values[at] < -1.5 for at in ((0, 1), (1, 0), (2, 0), (2, 2)))
    # A head of the last layer works against the answer: without it the difference grows.
    assert sweep.values[3, 0] > 0.5
    assert sweep.values.argmax() == 12


def test_a_shortlist_of_towns_is_there_before_the_town() -> None:
    """By layer: the answer is among the first 20 tokens earlier than it is the first."""
    model, examples = iw.load("lilliput"), lilliput.facts(kind="birthplace")
    tokenizer, module = model.tokenizer, model._module
    ranks = []
    for example in examples:
        ids = torch.tensor([tokenizer(example.prompt)["input_ids"]])
        streams: list[torch.Tensor] = []
        hooks = [
            layer.register_forward_hook(lambda _, __, out, to=streams: to.append(out))
            for layer in module.model.layers
        ]
        with torch.no_grad():
            module(input_ids=ids)
            for hook in hooks:
                hook.remove()
            states = torch.stack([stream[0, -1] for stream in streams])
            logits = module.lm_head(module.model.norm(states))
        answer = tokenizer.convert_tokens_to_ids(example.answer)
        ranks.append((logits > logits[:, [answer]]).sum(dim=1).numpy())
    rank = np.array(ranks)
    shortlist, first = (rank < 20).mean(axis=0), (rank < 1).mean(axis=0)
    assert (shortlist >= 0.95).argmax() < (first >= 0.95).argmax() == 3
    assert (shortlist[:3] > first[:3] + 0.3).all()
