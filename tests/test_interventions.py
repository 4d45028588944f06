"""What to change in a run, as a value: checks, words, JSON, and what is drawn to compare."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from interpwidgets.errors import InterventionError
from interpwidgets.interventions import Ablation, Control, Effect


def test_heads_are_kept_once_each_and_in_order() -> None:
    ablation = Ablation([(3, 2), (0, 1), (3, 2)])
    assert ablation.heads == ((0, 1), (3, 2))
    assert ablation == Ablation([(0, 1), (3, 2)])
    assert hash(ablation) == hash(Ablation([(0, 1), (3, 2)]))
    assert ablation.layers() == (0, 3)


@pytest.mark.parametrize(
    ("given", "heads"),
    [
        ((3, 2), ((3, 2),)),
        ([3, 2], ((3, 2),)),
        ([[3, 2], (0, 1)], ((0, 1), (3, 2))),
        (np.array([3, 2]), ((3, 2),)),
        (np.array([[3, 2]]), ((3, 2),)),
        ((np.int64(3), 2), ((3, 2),)),
    ],
)
def test_one_head_or_several(given: Any, heads: Any) -> None:
    ablation = Ablation.of(given)
    assert ablation.heads == heads
    assert all(type(i) is int for head in ablation.heads for i in head)


@pytest.mark.parametrize("given", [[], None, "L3 H2", 3, (3,), (3, 2, 1), (3.5, 2), [(1, "a")]])
def test_what_is_no_head_is_refused_in_words(given: Any) -> None:
    with pytest.raises(InterventionError, match=r"\(layer, head\)"):
        Ablation.of(given)


def test_a_mode_that_is_not_there_is_refused() -> None:
    with pytest.raises(InterventionError, match="'zero' or 'mean'; got 'resample'"):
        Ablation.of((0, 1), "resample")


@pytest.mark.parametrize("mode", ["zero", "mean"])
def test_json_gives_the_same_value(mode: Any) -> None:
    ablation = Ablation([(3, 2), (0, 1)], mode)
    assert Ablation.from_json(ablation.to_json()) == ablation
    assert json.loads(ablation.to_json()) == {
        "kind": "ablate",
        "heads": [[0, 1], [3, 2]],
        "mode": mode,
    }


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"heads": [[0, 1]]}',
        '{"kind": "add", "heads": [[0, 1]], "mode": "zero"}',
        '{"kind": "ablate", "heads": 3, "mode": "zero"}',
        '{"kind": "ablate", "heads": [[0, 1]], "mode": "none"}',
        '{"kind": "ablate", "heads": [[0, true]], "mode": "zero"}',
    ],
)
def test_json_that_is_no_ablation_is_refused(text: str) -> None:
    with pytest.raises(InterventionError):
        Ablation.from_json(text)


def test_its_words() -> None:
    assert str(Ablation([(3, 2)])) == "L3 H2 zero-ablated"
    assert str(Ablation([(3, 2), (0, 1)], "mean")) == "L0 H1, L3 H2 mean-ablated"
    many = Ablation([(0, head) for head in range(8)])
    assert str(many) == "8 heads zero-ablated (L0 H0 … L0 H7)"
    assert str(Ablation([])) == "no head ablated"


@pytest.mark.parametrize("head", [(4, 0), (0, 2), (-1, 0), (0, -1)])
def test_a_head_outside_the_model_is_refused_with_the_range(head: Any) -> None:
    with pytest.raises(InterventionError, match="in tiny; it has layers 0-3 with heads 0-1"):
        Ablation([head]).check_heads(4, 2, "tiny")


# -------------------------------------------------------------------------- controls


def test_controls_are_other_heads_of_the_same_layer_each_once() -> None:
    draws, title = Ablation([(1, 3)], "mean").controls(8, 0, n_layers=4, n_heads=12)
    assert title == (
        "8 other heads, one at a time, of layer 1 (drawn at random, seed 0), mean-ablated"
    )
    assert {draw.mode for draw in draws} == {"mean"}
    heads = [draw.heads[0] for draw in draws]
    assert len(set(heads)) == len(heads) == 8
    assert {layer for layer, _ in heads} == {1}
    assert (1, 3) not in heads


def test_a_layer_with_too_few_others_draws_from_all() -> None:
    draws, title = Ablation([(1, 3)]).controls(8, 0, n_layers=4, n_heads=4)
    heads = {draw.heads[0] for draw in draws}
    assert len(heads) == 8
    assert len({layer for layer, _ in heads}) > 1
    assert (1, 3) not in heads
    assert "of all layers (drawn at random, seed 0)" in title


def test_as_many_as_exist() -> None:
    draws, title = Ablation([(1, 3)]).controls(8, 0, n_layers=2, n_heads=4)
    assert len(draws) == 7
    assert title == (
        "7 other heads, one at a time, of all layers (all there are), zero-ablated"
    )


def test_several_heads_are_compared_with_as_many() -> None:
    ablation = Ablation([(0, 0), (2, 1)])
    draws, title = ablation.controls(5, 0, n_layers=4, n_heads=4)
    assert title == (
        "5 sets of 2 other heads of layers 0, 2 (drawn at random, seed 0), zero-ablated"
    )
    assert len(set(draws)) == 5
    for draw in draws:
        assert len(draw.heads) == 2
        assert not set(draw.heads) & set(ablation.heads)
        assert set(draw.layers()) <= {0, 2}


def test_the_seed_decides_the_draw() -> None:
    def drawn(seed: int) -> list[Ablation]:
        return Ablation([(0, 0)]).controls(8, seed, n_layers=4, n_heads=32)[0]

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def test_every_other_head_is_drawn_equally_often() -> None:
    counts = np.zeros(6)
    for seed in range(600):
        for draw in Ablation([(0, 2)]).controls(2, seed, n_layers=1, n_heads=6)[0]:
            counts[draw.heads[0][1]] += 1
    assert counts[2] == 0
    others = np.delete(counts, 2)  # 240 expected of each, standard deviation 12
    assert others.min() > 190
    assert others.max() < 290


def test_no_other_heads_is_refused_in_words() -> None:
    with pytest.raises(InterventionError, match="no 2 other heads to compare with"):
        Ablation([(0, 0), (0, 1)]).controls(8, 0, n_layers=1, n_heads=3)
    with pytest.raises(InterventionError, match="n of 1 or more; got n=0"):
        Ablation([(0, 0)]).controls(0, 0, n_layers=1, n_heads=3)


def test_a_control_says_mean_and_range() -> None:
    control = Control((0.5, 0.1, 0.3), "3 other heads")
    assert (control.n, control.low, control.high) == (3, 0.1, 0.5)
    assert control.mean == pytest.approx(0.3)
    effect = Effect(1.25, control=control)
    assert str(effect) == (
        "KL(clean ‖ ablated) of the next token: 1.25 nats; "
        "control 0.3 (0.1 to 0.5, n = 3): 3 other heads"
    )
    assert str(Effect(1.25)).endswith("no control yet")
