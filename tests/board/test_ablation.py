"""Heads ablated from a board: one forward for all views, its effect, its control, undo."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.board.next_token import kl_nats
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import InterventionError, PromptError
from interpwidgets.interventions import Ablation
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.exclusive import exclusive
from interpwidgets.widgets.base import Feeder
from tiny import CountForwards, tiny_gpt2, wrapped

pytestmark = pytest.mark.usefixtures("runs_from_one")

PROMPT = "the cat sat on a mat"


@pytest.fixture
def model() -> Any:
    return wrapped(tiny_gpt2())


@pytest.fixture
def board(model: Any) -> Any:
    return iw.Board(model)


def last_log_probs(model: Any, prompt: str, *heads: tuple[int, int]) -> torch.Tensor:
    """By plain torch: log-probabilities after the prompt, with heads' columns zeroed."""

    def hook(layer: int) -> Any:
        def zero(_: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
            z = args[0].clone()
            for of_layer, head in heads:
                if of_layer == layer:
                    z[..., head * 8 : head * 8 + 8] = 0
            return (z,)

        return zero

    handles = [
        block.attn.c_proj.register_forward_pre_hook(hook(layer))
        for layer, block in enumerate(model._module.transformer.h)
    ]
    with torch.no_grad():
        ids = model.tokenizer(prompt, return_tensors="pt")["input_ids"]
        logits = model._module(ids).logits[0, -1]
    for handle in handles:
        handle.remove()
    return logits.log_softmax(-1)


def kl(model: Any, prompt: str, *heads: tuple[int, int]) -> float:
    return float(
        torch.nn.functional.kl_div(
            last_log_probs(model, prompt, *heads),
            last_log_probs(model, prompt),
            log_target=True,
            reduction="sum",
        )
    )


# ------------------------------------------------------------------------- from cells


def test_one_forward_changes_every_view_and_undo_brings_it_back(board: Any, model: Any) -> None:
    views = [board.attention(), board.attention(layers=[2])]
    board.run(PROMPT)
    before = [view.result.pattern for view in views]
    with CountForwards(model._module) as count:
        board.ablate((0, 1))
    assert count.n == 1
    assert board.ablation == Ablation([(0, 1)])
    for view, was in zip(views, before, strict=True):
        assert not np.array_equal(view.result.pattern, was)
        assert view.result.provenance.intervened == ("L0 H1 zero-ablated",)
        assert view.result.provenance.run == 2
    assert views[0].payload["stamp"]["intervened"] == "L0 H1 zero-ablated"
    with CountForwards(model._module) as count:
        board.undo()
    assert count.n == 1
    assert (board.ablation, board.effect, board.effect_reason) == (None, None, "")
    for view, was in zip(views, before, strict=True):
        assert np.array_equal(view.result.pattern, was)
        assert view.result.provenance.intervened == ()


def test_the_effect_is_the_kl_of_the_next_token(board: Any, model: Any) -> None:
    board.run(PROMPT)
    board.ablate([(0, 1), (2, 3)])
    assert board.effect.value == pytest.approx(kl(model, PROMPT, (0, 1), (2, 3)), rel=1e-4)
    assert board.effect.value > 1e-3
    assert (board.effect.unit, board.effect.control) == ("nats", None)
    assert board.effect.note == "after the prompt's last token"


def test_the_effect_on_a_batch_is_the_mean_over_its_prompts(board: Any, model: Any) -> None:
    prompts = [PROMPT, "a dog"]
    board.run(prompts)
    board.ablate((1, 2))
    alone = [kl(model, prompt, (1, 2)) for prompt in prompts]
    assert board.effect.value == pytest.approx(np.mean(alone), rel=1e-4)
    assert board.effect.note == "after the last token, mean over 2 prompts"


def test_a_second_ablation_takes_the_place_of_the_first(board: Any, model: Any) -> None:
    board.run(PROMPT)
    board.ablate((0, 1))
    board.ablate((2, 3))
    assert board.ablation.heads == ((2, 3),)
    assert board.effect.value == pytest.approx(kl(model, PROMPT, (2, 3)), rel=1e-4)


def test_a_mean_ablation_says_over_what(board: Any) -> None:
    view = board.attention()
    board.run(PROMPT)
    board.ablate((0, 1), mode="mean")
    assert view.result.provenance.intervened == ("L0 H1 mean-ablated",)
    assert "mean over this prompt's 6 tokens" in view.result.provenance.note
    assert "mean over this prompt's 6 tokens" in view.payload["stamp"]["note"]


@pytest.mark.parametrize("how", ["run", "trace", "generate"])
def test_any_later_run_ends_the_ablation(board: Any, model: Any, how: str) -> None:
    board.attention()
    board.run(PROMPT)
    board.ablate((0, 1))
    if how == "run":
        board.run(PROMPT)
    elif how == "trace":
        with board.trace(PROMPT):
            model.transformer.h[0].output[:] *= 2
    else:
        with board.generate(PROMPT, max_new_tokens=2):
            pass
    assert (board.ablation, board.effect) == (None, None)


def test_a_failed_run_leaves_the_ablation_that_is_on_screen(board: Any, model: Any) -> None:
    board.attention()
    board.run(PROMPT)
    board.ablate((0, 1))
    effect = board.effect
    with pytest.raises(ZeroDivisionError), board.trace("a dog ran"):
        model.transformer.h[0].output.save()
        1 / 0  # noqa: B018
    assert board.ablation == Ablation([(0, 1)])
    assert board.effect is effect


def test_edits_of_a_trace_are_not_in_an_ablated_run_and_it_says_so(
    board: Any, model: Any
) -> None:
    view = board.attention()
    board.run(PROMPT)
    board.ablate((0, 1))
    of_plain = view.result
    with board.trace(PROMPT):
        model.transformer.h[0].output[:] *= 2
    board.ablate((0, 1))
    assert np.array_equal(view.result.pattern, of_plain.pattern)
    said = "the edits of the trace before are not in this run"
    assert said in view.result.provenance.note
    assert said not in of_plain.provenance.note
    # The same prompt was run as it is before: the effect is known.
    assert board.effect.value == pytest.approx(kl(model, PROMPT, (0, 1)), rel=1e-4)


def test_a_prompt_that_was_only_run_with_edits_has_no_effect_until_it_is_run(
    board: Any, model: Any
) -> None:
    board.run("a dog ran")
    with board.trace(PROMPT):
        model.transformer.h[0].output[:] *= 2
    board.ablate((0, 1))
    assert board.effect is None
    assert "was not run as it is yet" in board.effect_reason
    board.undo()
    board.ablate((0, 1))
    assert board.effect.value == pytest.approx(kl(model, PROMPT, (0, 1)), rel=1e-4)


def test_a_trace_that_only_reads_counts_as_a_plain_run(board: Any, model: Any) -> None:
    with board.trace(PROMPT):
        model.transformer.h[0].output.save()
    board.ablate((0, 1))
    assert board.effect.value == pytest.approx(kl(model, PROMPT, (0, 1)), rel=1e-4)


def test_another_lora_strength_is_not_compared() -> None:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=2, target_modules=["c_attn"], init_lora_weights=False, fan_in_fan_out=True
    )
    model = iw.wrap(get_peft_model(tiny_gpt2(), config))
    board = iw.Board(model)
    board.run([3, 5, 7])
    with iw.adapter(model, scale=0.5):
        board.ablate((0, 1))
    assert board.effect is None
    with pytest.raises(InterventionError, match="cannot be compared"):
        board.control(2)
    board.ablate((0, 1))
    assert board.effect is not None


@pytest.mark.parametrize(
    ("name", "reason"), [("bert", "predicts no next token"), ("vit", "predicts no next token")]
)
def test_a_model_without_a_next_token_says_why_there_is_no_effect(
    name: str, reason: str
) -> None:
    board = iw.Board(zoo.wrapped_model(name))
    view = board.attention()
    board.run(zoo.prompt_of(name))
    board.ablate((1, 2))
    assert view.result.provenance.intervened == ("L1 H2 zero-ablated",)
    assert board.effect is None
    assert reason in board.effect_reason
    with pytest.raises(InterventionError, match=reason):
        board.control()


def test_logits_that_cannot_be_read_stop_no_run(
    board: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no such thing")

    monkeypatch.setattr("interpwidgets.board.next_token.last_log_probs", fail)
    view = board.attention()
    board.run(PROMPT)
    assert view.status["kind"] == "live"
    board.ablate((0, 1))
    assert board.effect_reason == "this run gave no logits after the last token of each prompt"


def test_what_is_not_there_is_refused_and_nothing_changes(board: Any, model: Any) -> None:
    view = board.attention()
    with pytest.raises(PromptError, match="has not run a single prompt yet"):
        board.ablate((0, 1))
    with pytest.raises(PromptError, match="has not run a single prompt yet"):
        board.undo()
    board.run(PROMPT)
    shown = view.payload
    with CountForwards(model._module) as count:
        with pytest.raises(InterventionError, match="it has layers 0-3 with heads 0-3"):
            board.ablate((4, 0))
        with pytest.raises(InterventionError, match="which head"):
            board.ablate([])
        with pytest.raises(InterventionError, match="'zero' or 'mean'"):
            board.ablate((0, 1), "median")
        with pytest.raises(InterventionError, match="nothing is ablated"):
            board.control()
    assert count.n == 0
    assert view.payload is shown
    assert (view.status["kind"], board.ablation) == ("live", None)


def test_two_boards_on_one_model_do_not_mix(model: Any) -> None:
    one, other = iw.Board(model), iw.Board(model)
    one.run(PROMPT)
    other.run(PROMPT)
    one.ablate((0, 1))
    assert other.ablation is None
    other.ablate((2, 3))
    assert other.effect.value == pytest.approx(kl(model, PROMPT, (2, 3)), rel=1e-4)


def test_the_code_of_a_view_ablates_too() -> None:
    board = iw.Board(iw.load("lil-attn-2l"))
    view = board.attention()
    board.run([1, 5, 6, 7, 5, 6])
    for heads, text in (((0, 1), "(0, 1)"), ([(0, 1), (0, 3)], "[(0, 1), (0, 3)]")):
        board.ablate(heads, "mean")
        assert f'board.ablate({text}, "mean")' in view.code()
        elsewhere: dict[str, Any] = {}
        exec(view.code(), elsewhere)
        again = elsewhere["view"].result
        assert np.array_equal(again.pattern, view.result.pattern)
        assert again.provenance.intervened == view.result.provenance.intervened != ()
    board.undo()
    assert "ablate" not in view.code()


# ----------------------------------------------------------------------------- control


def test_the_control_ablates_other_heads_and_changes_nothing_on_screen(
    board: Any, model: Any
) -> None:
    view = board.attention()
    board.run(PROMPT)
    board.ablate((0, 1))
    shown, status = view.results, view.status
    said: list[dict[str, Any]] = []
    view.observe(lambda change: said.append(change["new"]), "status")
    with CountForwards(model._module) as count:
        control = board.control(3)
    assert count.n == 3
    # Three other heads in the layer: all of them, in order.
    expected = [kl(model, PROMPT, (0, head)) for head in (0, 2, 3)]
    assert control.values == pytest.approx(expected, rel=1e-4)
    assert control.mean == pytest.approx(np.mean(expected), rel=1e-4)
    assert (control.low, control.high) == (min(control.values), max(control.values))
    assert control.title == (
        "3 other heads, one at a time, of layer 0 (all there are), zero-ablated"
    )
    assert board.effect.control is control
    assert view.results is shown
    assert view.status == status
    assert [(s["done"], s["total"]) for s in said] == [(0, 3), (1, 3), (2, 3), (0, 0)]
    assert (board.run_number, board.ablation) == (2, Ablation([(0, 1)]))


def test_a_control_takes_as_many_heads_at_once(board: Any, model: Any) -> None:
    board.run(PROMPT)
    board.ablate([(0, 0), (0, 1)])
    control = board.control(1, seed=1)
    assert control.values == pytest.approx([kl(model, PROMPT, (0, 2), (0, 3))], rel=1e-4)
    assert control.title == "1 set of 2 other heads of layer 0 (all there are), zero-ablated"


def test_a_control_of_a_prompt_only_run_with_edits_runs_it_as_it_is(
    board: Any, model: Any
) -> None:
    with board.trace(PROMPT):
        model.transformer.h[0].output[:] *= 2
    board.ablate((0, 1))
    with CountForwards(model._module) as count:
        board.control(3)
    assert count.n == 4
    assert board.effect.value == pytest.approx(kl(model, PROMPT, (0, 1)), rel=1e-4)
    assert board.effect.control.n == 3
    assert board.effect_reason == ""


def test_the_seed_decides_the_control(board: Any) -> None:
    board.run(PROMPT)
    board.ablate((0, 1))
    assert board.control(5, seed=0) == board.control(5, seed=0)
    assert board.control(5, seed=0).values != board.control(5, seed=1).values


def test_an_interrupted_control_leaves_everything_as_it_was(board: Any, model: Any) -> None:
    view = board.attention()
    board.run(PROMPT)
    board.ablate((0, 1))
    status, effect = view.status, board.effect
    runs: list[None] = []

    def interrupt_the_second(*_: object) -> None:
        runs.append(None)
        if len(runs) == 2:
            raise KeyboardInterrupt

    handle = model._module.register_forward_pre_hook(interrupt_the_second)
    with pytest.raises(KeyboardInterrupt):
        board.control()
    handle.remove()
    assert view.status == status
    assert board.effect is effect
    assert board.control().n == 8


# ---------------------------------------------------------------------------- from views


def wait(model: Any) -> None:
    assert worker_of(model).wait(20.0)


def test_a_board_is_what_a_view_asks(board: Any) -> None:
    assert isinstance(board, Feeder)


def test_a_view_asks_for_ablation_control_and_undo(board: Any, model: Any) -> None:
    view, other = board.attention(), board.attention()
    told: list[Any] = []
    other.show_effect = lambda: told.append(board.effect.control)
    board.run(PROMPT)
    threads: list[str] = []
    handle = model._module.register_forward_hook(
        lambda *_: threads.append(threading.current_thread().name)
    )
    board.ablate_from(view, [[0, 1]], "mean")
    wait(model)
    assert board.ablation == Ablation([(0, 1)], "mean")
    assert other.result.provenance.intervened == ("L0 H1 mean-ablated",)
    assert view.status["kind"] == "live"
    board.control_from(view)
    wait(model)
    assert board.effect.control.n == 8
    assert told == [board.effect.control]
    assert (view.status["kind"], other.status["kind"]) == ("live", "live")
    board.undo_from(view)
    wait(model)
    handle.remove()
    assert (board.ablation, view.result.provenance.intervened) == (None, ())
    assert set(threads) == {"interpwidgets"}
    assert len(threads) == 1 + 8 + 1


def test_the_last_request_of_a_view_wins(board: Any, model: Any) -> None:
    view = board.attention()
    board.run(PROMPT)
    with exclusive(model._module):
        board.ablate_from(view, (3, 3))  # taken up at once, waits for the model
        board.ablate_from(view, (0, 1))
        board.ablate_from(view, (1, 2))
        assert view.status["kind"] == "running"
    with CountForwards(model._module) as count:
        wait(model)
    assert count.n <= 2
    assert board.ablation.heads == ((1, 2),)
    assert view.status["kind"] == "live"


def test_a_newer_request_ends_a_control(board: Any, model: Any) -> None:
    view = board.attention()
    board.run(PROMPT)
    board.ablate((0, 1))
    runs: list[None] = []

    def ask_while_it_runs(*_: object) -> None:
        runs.append(None)
        if len(runs) == 2:
            board.ablate_from(view, (2, 2))

    handle = model._module.register_forward_hook(ask_while_it_runs)
    board.control_from(view)
    wait(model)
    handle.remove()
    assert len(runs) == 3  # two of the control, and the ablation that ended it
    assert board.ablation.heads == ((2, 2),)
    assert board.effect.control is None
    assert view.status["kind"] == "live"


def test_a_control_that_fails_says_so_in_the_view(board: Any, model: Any) -> None:
    view = board.attention()
    board.run(PROMPT)
    board.control_from(view)
    wait(model)
    assert view.status["kind"] == "stale"
    assert "nothing is ablated" in view.status["message"]
    board.ablate((0, 1))

    def fail(*_: object) -> None:
        raise RuntimeError("out of luck")

    handle = model._module.register_forward_hook(fail)
    board.control_from(view)
    wait(model)
    handle.remove()
    assert view.status["kind"] == "stale"
    assert "out of luck" in view.status["message"]
    assert board.effect.control is None


def test_a_bad_request_is_refused_before_the_queue(board: Any, model: Any) -> None:
    view = board.attention()
    with pytest.raises(PromptError):
        board.ablate_from(view, (0, 1))
    board.run(PROMPT)
    status = view.status
    with pytest.raises(InterventionError):
        board.ablate_from(view, (0, 9))
    assert view.status is status


# ---------------------------------------------------------------------------- the number


def test_kl_of_known_distributions() -> None:
    clean = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    changed = torch.tensor([[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]])
    # 0.5 ln 2 and ln 2; what clean gives no weight counts for nothing.
    expected = 0.75 * np.log(2)
    assert kl_nats(clean.log(), changed.log()) == pytest.approx(expected)
    assert kl_nats(clean.log(), clean.log()) == 0


def test_reading_the_next_token_moves_one_row_a_prompt(board: Any, model: Any) -> None:
    board.run([PROMPT, "a dog"])
    kept = board._clean.log_probs
    assert kept.shape == (2, adapter_of(model).d_vocab)
    assert kept.untyped_storage().nbytes() == kept.numel() * 4
