"""A HeadBoard on a board: what is fixed once, attribution with each run, ablations by tick."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.board import head_boarding
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import InterventionError, PromptError
from interpwidgets.methods.direct_logit_attribution import direct_logit_attribution
from interpwidgets.widgets.head_board import HeadBoard, HeadFeeder
from tiny import CountForwards, tiny_gpt2, wrapped

PROMPT, OTHER = [1, 5, 6, 7, 5], [1, 9, 8, 9]


@pytest.fixture(scope="module")
def model() -> Any:
    return iw.load("lil-attn-2l")


@pytest.fixture(scope="module")
def fixed(model: Any) -> head_boarding.Fixed:
    return head_boarding.Fixed.of(model, 2, 0)


@pytest.fixture
def board(model: Any, fixed: head_boarding.Fixed, monkeypatch: Any) -> iw.Board:
    """A board that does not look at the same weights again in every test."""
    monkeypatch.setattr(head_boarding.Fixed, "of", lambda *_: fixed)
    return iw.Board(model)


def wait(board: iw.Board) -> None:
    assert worker_of(board.model).wait(120.0)


def kl_without(model: Any, prompt: list[int], layer: int, head: int) -> float:
    """KL of the next token with a head's z at 0, by a plain torch hook."""
    module = model._module
    projection = module.model.layers[layer].attn.o_proj
    d = module.config.hidden_size // module.config.num_attention_heads

    def zero(_: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        changed = given[0].clone()
        changed[..., head * d : (head + 1) * d] = 0
        return (changed, *given[1:])

    def log_probs() -> torch.Tensor:
        with torch.no_grad():
            return module(torch.tensor([prompt])).logits[0, -1].double().log_softmax(-1)

    clean = log_probs()
    handle = projection.register_forward_pre_hook(zero)
    try:
        changed = log_probs()
    finally:
        handle.remove()
    return float((clean.exp() * (clean - changed)).sum())


def test_without_a_prompt_it_shows_what_needs_none(model: Any) -> None:
    view = iw.head_board(model, n=4)
    assert isinstance(view, HeadBoard)
    names = [column.name for column in view.result.columns]
    assert names == [*head_boarding.PATTERN_SCORES, "copying"]
    assert (view.status["kind"], view.payload["runnable"]) == ("live", False)
    assert view.origin() is None  # no run that others could differ from


def test_what_no_prompt_changes_is_computed_once(model: Any, monkeypatch: Any) -> None:
    board = iw.Board(model)
    board.head_board(n=2)
    for name in ("head_scores", "weight_circuits"):
        monkeypatch.setattr(head_boarding, name, None)
    with CountForwards(board.model._module) as count:
        board.run(PROMPT)
        board.run(OTHER)
    assert count.n == 2


def test_attribution_is_that_of_the_run(board: iw.Board, model: Any) -> None:
    view = board.head_board(answers=(6, 7), n=2)
    board.run(PROMPT)
    expected = direct_logit_attribution(model, PROMPT, 6, against=7)
    np.testing.assert_allclose(
        view.result.column("attribution").values, expected.of("head"), atol=1e-5
    )
    assert view.payload["target"] == expected.target_text()
    assert view.payload["runnable"]


def test_each_prompt_of_a_batch_has_its_answers(board: iw.Board, model: Any) -> None:
    view = board.head_board(answers=[(6, 7), (9, 8)], n=2)
    board.run([PROMPT, OTHER])
    view.selection = iw.Selection(prompt=1)
    expected = direct_logit_attribution(model, OTHER, 9, against=8)
    np.testing.assert_allclose(
        view.result.column("attribution").values, expected.of("head"), atol=1e-5
    )
    assert view.payload["prompt_index"] == 1


@pytest.mark.parametrize(
    ("answers", "ids"),
    [
        (None, ()),
        ("dog", ((15,),)),
        (6, ((6,),)),
        ((6, 7), ((6, 7),)),
        ([(6, 7), (8, 9)], ((6, 7), (8, 9))),
    ],
)
def test_answers_are_read_as_a_person_gives_them(model: Any, answers: Any, ids: Any) -> None:
    found = head_boarding.read_answers(model, answers)
    if answers == "dog":
        ids = ((model.tokenizer("dog", add_special_tokens=False)["input_ids"][0],),)
    assert found == ids


@pytest.mark.parametrize("answers", [(6, 7, 8), [(6,), (7, 8)], []])
def test_other_answers_are_refused(model: Any, answers: Any) -> None:
    with pytest.raises(PromptError, match="answers are a token, "):
        head_boarding.read_answers(model, answers)


# ------------------------------------------------------------------------------ ablation


def test_each_head_alone_is_ablated_as_a_hook_would(board: iw.Board, model: Any) -> None:
    view = board.head_board(n=2)
    board.run(PROMPT)
    assert isinstance(board, HeadFeeder)
    board.sweep_from(view)
    wait(board)
    effects = view.result.column("ablation").values
    expected = [
        [kl_without(model, PROMPT, layer, head) for head in range(4)] for layer in (0, 1)
    ]
    np.testing.assert_allclose(effects, expected, rtol=1e-3, atol=1e-6)
    assert view.status["kind"] == "live"
    assert board.ablation is None


def test_effects_stay_with_their_prompt(board: iw.Board) -> None:
    view = board.head_board(n=2)
    board.run(PROMPT)
    board.sweep_from(view, "mean")
    wait(board)
    board.ablate((1, 0))
    assert view.result.column("ablation").title == "mean ablation"
    board.run(OTHER)
    assert view.result.ablation is None


def test_a_cancelled_sweep_keeps_what_is_done_and_goes_on_from_there(
    board: iw.Board, monkeypatch: Any
) -> None:
    view = board.head_board(n=2)
    board.run(PROMPT)
    real, done = board._outcome, []

    def outcome(of: Any, ablation: Any) -> Any:
        if ablation is not None:
            done.append(ablation.heads[0])
            if len(done) == 3:
                board.cancel_from(view)
        return real(of, ablation)

    monkeypatch.setattr(board, "_outcome", outcome)
    board.sweep_from(view)
    wait(board)
    assert np.isfinite(view.result.ablation).sum() == 3
    assert view.status["kind"] == "live"
    board.sweep_from(view)
    wait(board)
    assert len(done) == len(set(done)) == 8
    assert np.isfinite(view.result.ablation).all()


def test_a_sweep_without_a_prompt_is_refused(board: iw.Board) -> None:
    view = board.head_board(n=2)
    with pytest.raises(PromptError, match="has not run a single prompt yet"):
        board.sweep_from(view)
    with pytest.raises(InterventionError, match="mode 'zero' or 'mean'; got 'all'"):
        board.sweep_from(view, "all")


def test_a_tick_ablates_and_its_effect_is_drawn_beside_its_control(board: iw.Board) -> None:
    view = board.head_board(n=2)
    board.run(PROMPT)
    view._answer_ablate({"heads": [[1, 0], [1, 1]], "mode": "zero"})
    wait(board)
    assert view.payload["ablated"] == {"heads": [(1, 0), (1, 1)], "mode": "zero"}
    assert view.payload["effect"]["control"] is None
    view._answer_control({})
    wait(board)
    assert view.payload["effect"]["control"]["n"] > 0
    view._answer_undo({})
    wait(board)
    assert view.payload["ablated"] is None


# --------------------------------------------------------------------------- other views


def test_a_head_that_is_clicked_moves_the_other_views(board: iw.Board) -> None:
    view, attention = board.head_board(n=2), board.attention()
    board.run(PROMPT)
    nothing = {"tokens": [], "layer": None, "feature": None, "prompt": None}
    view._answer_select({"heads": [[1, 2]], **nothing})
    assert attention.selection.heads == board.selection.heads == ((1, 2),)


def test_selected_tokens_outlive_a_click_on_a_head(board: iw.Board) -> None:
    view, attention = board.head_board(n=2), board.attention()
    board.run(PROMPT)
    board.selection.tokens = [3]
    request = {"tokens": [3], "layer": None, "feature": None, "prompt": None}
    view._answer_select({"heads": [[0, 1]], **request})
    assert attention.selection.tokens == (3,)


def test_the_code_makes_the_same_table(model: Any) -> None:
    board = iw.Board(model)
    view = board.head_board(answers=(6, 7), n=2, seed=3)
    board.run(PROMPT)
    code = view.code()
    assert "view = board.head_board(answers=[[6, 7]], n=2, seed=3)" in code
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["view"].result.to_frame().equals(view.result.to_frame())


def test_a_model_without_a_part_says_why(monkeypatch: Any) -> None:
    import zoo

    view = iw.head_board(zoo.wrapped_model("bert"), n=2)
    absent = dict(view.result.absent)
    assert set(absent) == {"circuits"}
    assert "logits" in absent["circuits"]
    assert view.payload["weights"] is None


def test_a_model_of_one_layer_has_no_pairs() -> None:
    module = tiny_gpt2()
    module.transformer.h = module.transformer.h[:1]
    module.config.n_layer = 1
    view = iw.head_board(wrapped(module), [3, 4, 5], n=2)
    assert view.payload["composition"]["n_pairs"] == 0
