"""A board: one forward feeds every view; failures leave the last good picture."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import PromptError, ReadTooLargeError, ResultError, TraceError
from interpwidgets.models.exclusive import exclusive
from interpwidgets.selection import Selection
from tiny import CountForwards, tiny_gpt2, tiny_llama, wrapped

pytestmark = pytest.mark.usefixtures("runs_from_one")


@pytest.fixture
def model() -> Any:
    return wrapped(tiny_gpt2())


@pytest.fixture
def board(model: Any) -> Any:
    return iw.Board(model)


def test_one_forward_feeds_every_view(board: Any, model: Any) -> None:
    views = [board.attention(), board.attention(layers=[1]), board.attention(heads=[0, 3])]
    with CountForwards(model._module) as count, board.trace("the cat sat"):
        saved = model.transformer.h[2].output.save()
    assert count.n == 1
    assert saved.shape == (1, 3, 32)
    assert [view.result.provenance.run for view in views] == [1, 1, 1]
    assert np.array_equal(views[0].result.stored(1, 3), views[2].result.stored(1, 3))


def test_the_users_intervention_is_in_what_the_view_shows(board: Any, model: Any) -> None:
    view = board.attention()
    board.run("the cat sat")
    plain = view.result
    with board.trace("the cat sat"):
        model.transformer.h[0].mlp.output[:] *= 5
    assert np.array_equal(view.result.stored(0, 0), plain.stored(0, 0))
    assert not np.array_equal(view.result.stored(1, 0), plain.stored(1, 0))
    assert view.result.provenance.intervened == ("transformer.h.0.mlp",)
    assert view.payload["stamp"]["intervened"] == "transformer.h.0.mlp"


def test_a_run_equals_a_trace_that_changes_nothing(board: Any, model: Any) -> None:
    view = board.attention()
    board.run("the cat sat")
    first = view.result.pattern
    with board.trace("the cat sat"):
        model.transformer.h[0].output.save()
    assert np.array_equal(view.result.pattern, first)
    assert view.result.provenance.run == 2


def test_an_error_keeps_the_last_good_run_and_says_so(board: Any, model: Any) -> None:
    view = board.attention()
    board.run("the cat sat")
    shown = view.payload
    with pytest.raises(ZeroDivisionError), board.trace("a dog ran"):
        model.transformer.h[0].output.save()
        1 / 0  # noqa: B018
    assert view.payload is shown
    assert view.status["kind"] == "stale"
    assert "run 2 failed (ZeroDivisionError: division by zero)" in view.status["message"]
    board.run("a dog ran")
    assert (view.status["kind"], view.result.provenance.run) == ("live", 3)


def test_an_error_before_any_run_is_shown_as_such(board: Any, model: Any) -> None:
    view = board.attention()
    assert view.status["kind"] == "empty"
    with pytest.raises(ZeroDivisionError), board.trace("a dog ran"):
        model.transformer.h[0].output.save()
        1 / 0  # noqa: B018
    assert view.status["kind"] == "error"


def test_a_stopped_run_is_shown_as_far_as_it_came(board: Any, model: Any) -> None:
    view = board.attention()
    with board.trace("the cat sat") as tracer:
        model.transformer.h[1].output.save()
        tracer.stop()
    assert view.payload["layer_runs"] == [1, 1, None, None]
    assert (view.status["kind"], view.status["message"]) == (
        "stale",
        "run 1 stopped before layer 2",
    )


def test_a_session_of_two_traces_shows_the_second(board: Any, model: Any) -> None:
    view = board.attention()
    with model.session():
        with board.trace("the cat sat"):
            hidden = model.transformer.h[0].output
        with board.trace("the cat sat"):
            model.transformer.h[0].output = hidden * 2
            kept = model.transformer.h[1].output.save()
    assert kept.shape == (1, 3, 32)
    assert view.result.provenance.run == 2


def test_generation_shows_positions_as_they_come(
    board: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interpwidgets.board.session.PROGRESS_INTERVAL", 0.0)
    view = board.attention()
    lengths: list[int] = []
    view.observe(lambda change: lengths.append(len(change["new"]["tokens"])), "payload")
    with board.generate("the cat", max_new_tokens=4, min_new_tokens=4) as tracer:
        ids = tracer.result.save()
    assert ids.shape == (1, 6)
    assert lengths == [2, 3, 4, 5]
    assert [t["generated"] for t in view.payload["tokens"]] == [False] * 2 + [True] * 3
    assert view.status["kind"] == "live"


def test_a_sampled_generation_says_its_seed(board: Any) -> None:
    view = board.attention()
    torch.manual_seed(7)
    with board.generate("the cat", max_new_tokens=2, do_sample=True) as tracer:
        tracer.result.save()
    assert "sampled, torch seed 7" in view.payload["stamp"]["full"]
    board.run("the cat")
    assert "seed" not in view.payload["stamp"]["full"]


def test_a_view_says_all_of_where_its_numbers_come_from(board: Any) -> None:
    view = board.attention()
    board.run("the cat")
    board.ablate((0, 1))
    run = board.run_number
    assert view.payload["stamp"]["full"] == (
        "model GPT2LMHeadModel · tokenizer TokenizersBackend · adapter none · "
        "sites pattern, v · computed in float32 · kept as float16 · "
        f"run {run} · intervened L0 H1 zero-ablated"
    )


@pytest.mark.parametrize("ran_before", [True, False])
def test_an_interrupted_generation_leaves_the_last_good_run(
    board: Any, model: Any, monkeypatch: pytest.MonkeyPatch, ran_before: bool
) -> None:
    monkeypatch.setattr("interpwidgets.board.session.PROGRESS_INTERVAL", 0.0)
    view = board.attention()
    if ran_before:
        board.run("a dog ran to Paris")
    steps: list[None] = []

    def interrupt_the_fourth(*_: object) -> None:
        steps.append(None)
        if len(steps) == 4:
            raise KeyboardInterrupt

    handle = model._module.register_forward_pre_hook(interrupt_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        with board.generate("the cat", max_new_tokens=9, min_new_tokens=9) as tracer:
            tracer.result.save()
    handle.remove()
    assert view.status["kind"] == "stale"
    if ran_before:
        assert len(view.result.tokens) == 5
        assert view.status["message"] == "run 2 failed (interrupted); this is run 1"
    else:
        assert "this is how far it came" in view.status["message"]
    board.run("the cat sat")
    assert (view.status["kind"], len(view.result.tokens)) == ("live", 3)


def test_closing_a_board_takes_back_what_was_queued(board: Any, model: Any) -> None:
    view = board.attention()
    board.run("the cat sat")
    with exclusive(model._module):
        board.rerun(view)
        board.rerun(view)
        assert view.status["kind"] == "running"
        board.close()
    worker_of(model).wait(20.0)
    assert (view.status["kind"], view.status["can_rerun"]) == ("live", False)


def test_beam_search_is_refused_in_words(board: Any) -> None:
    with pytest.raises(TraceError, match="use num_beams=1"):
        board.generate("the cat", num_beams=2)


def test_two_boards_on_one_model_do_not_mix(model: Any) -> None:
    one, other = iw.Board(model), iw.Board(model)
    mine, theirs = one.attention(), other.attention()
    one.run("the cat sat")
    assert mine.result is not None
    assert theirs.result is None
    other.run("a dog")
    assert (len(mine.result.tokens), len(theirs.result.tokens)) == (3, 2)


def test_boards_of_two_threads_take_turns(model: Any) -> None:
    boards = [iw.Board(model), iw.Board(model)]
    views = [board.attention() for board in boards]
    failures: list[BaseException] = []

    def work(board: Any, prompt: str) -> None:
        try:
            for _ in range(8):
                with board.trace(prompt):
                    model.transformer.h[1].output.save()
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=(board, prompt))
        for board, prompt in zip(boards, ["the cat sat", "a dog ran to Paris"], strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert max(view.result.provenance.run for view in views) == 16
    assert [len(view.result.tokens) for view in views] == [3, 5]


def test_every_prompt_of_a_batch_can_be_shown(board: Any, model: Any) -> None:
    view = board.attention()
    with board.trace() as tracer:
        with tracer.invoke("the cat sat on"):
            model.transformer.h[0].output.save()
        with tracer.invoke("a dog"):
            model.transformer.h[0].output.save()
    assert (view.payload["prompt_index"], view.payload["prompt_count"]) == (0, 2)
    assert len(view.results) == 2
    assert [len(result.tokens) for result in view.results] == [4, 2]


def test_a_cell_that_runs_again_gets_its_views_back(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell: list[Any] = ["cell-1", "execution-1"]
    monkeypatch.setattr("interpwidgets.widgets.placement._current_cell", lambda: tuple(cell))
    first, second = board.attention(), board.attention()
    assert first is not second
    cell[1] = "execution-2"
    assert board.attention() is first
    assert board.attention() is second
    cell[0] = "cell-2"
    assert board.attention() not in (first, second)


def test_a_rerun_cell_keeps_head_zoom_and_what_tokens_still_mean(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = iter(range(9))
    monkeypatch.setattr(
        "interpwidgets.widgets.placement._current_cell", lambda: ("cell", next(cell))
    )
    view = iw.attention(model, "the cat sat on")
    view.selection = Selection(heads=[(2, 1)], tokens=[1, 2])
    view.kept = {**view.kept, "zoom": [0, 2, 0, 2]}
    again = iw.attention(model, "the cat ran")
    assert again is view
    assert view.selection == Selection([(2, 1)], [1], token_text=["cat"])
    assert view.kept["zoom"] == [0, 2, 0, 2]
    assert view.payload["details"][0]["layer"] == 2
    assert view.result.tokens.text == ("the", "cat", "ran")


def test_a_key_ties_views_without_a_cell(board: Any) -> None:
    assert board.attention(key="mine") is board.attention(key="mine")
    assert board.attention(key="mine") is not board.attention(key="other")


def test_a_view_follows_the_board_that_claimed_it_last(model: Any) -> None:
    old, new = iw.Board(model), iw.Board(model)
    view = old.attention(key="shared")
    assert new.attention(key="shared") is view
    old.run("the cat sat")
    assert view.result is None
    new.run("a dog")
    assert len(view.result.tokens) == 2


def test_closing_a_board_leaves_pictures_and_frees_it(model: Any) -> None:
    board = iw.Board(model)
    view = board.attention()
    board.run("the cat sat")
    board.close()
    assert view.result is not None
    assert view.status["can_rerun"] is False
    gone = weakref.ref(board)
    del board
    gc.collect()
    assert gone() is None


def test_a_request_to_run_again_goes_through_the_queue(board: Any, model: Any) -> None:
    view = board.attention()
    with board.trace("the cat sat"):
        model.transformer.h[0].output[:] *= 2
    view._on_message(None, {"id": "1", "kind": "rerun"}, [])
    assert worker_of(model).wait(20.0)
    assert (view.result.provenance.run, view.result.provenance.intervened) == (2, ())
    assert view.status["kind"] == "live"


def test_a_handler_never_runs_the_model(board: Any, model: Any) -> None:
    view = board.attention()
    board.run("the cat sat")
    threads: list[str] = []
    handle = model._module.register_forward_hook(
        lambda *_: threads.append(threading.current_thread().name)
    )
    for request in (
        {"id": "1", "kind": "rerun"},
        {"id": "2", "kind": "head", "run": 1, "layer": 1, "head": 1},
        {"id": "3", "kind": "select", "heads": [[1, 1]], "tokens": [0]},
    ):
        view._on_message(None, request, [])
    worker_of(model).wait(20.0)
    handle.remove()
    assert threads == ["interpwidgets"]


def test_a_queued_run_waits_for_the_cells_trace(board: Any, model: Any) -> None:
    view = board.attention()
    board.run("the cat sat")
    order: list[str] = []

    def slow(*_: object) -> None:
        order.append(f"begin {threading.current_thread().name}")
        time.sleep(0.2)
        order.append(f"end {threading.current_thread().name}")

    handle = model._module.register_forward_hook(slow)
    with board.trace("a dog ran"):
        model.transformer.h[0].output.save()
        board.rerun(view)
    worker_of(model).wait(20.0)
    handle.remove()
    main = threading.current_thread().name
    assert order == [f"begin {main}", f"end {main}", "begin interpwidgets", "end interpwidgets"]


def test_a_queued_run_that_fails_says_so_in_the_view(board: Any, model: Any) -> None:
    view = board.attention()
    board.run("the cat sat")

    def fail(*_: object) -> None:
        raise RuntimeError("out of luck")

    handle = model._module.register_forward_hook(fail)
    board.rerun(view)
    worker_of(model).wait(20.0)
    handle.remove()
    assert view.status["kind"] == "stale"
    assert "out of luck" in view.status["message"]
    assert view.result.provenance.run == 1


def test_a_bad_prompt_reaches_neither_model_nor_view(board: Any, model: Any) -> None:
    view = board.attention()
    with CountForwards(model._module) as count, pytest.raises(PromptError, match="is empty"):
        board.trace("")
    assert count.n == 0
    assert view.status["kind"] == "empty"


def test_a_read_that_is_too_large_is_refused_before_the_forward(board: Any, model: Any) -> None:
    view = board.attention(max_bytes=10)
    with CountForwards(model._module) as count, pytest.raises(ReadTooLargeError):
        with board.trace("the cat sat"):
            model.transformer.h[0].output.save()
    assert count.n == 0
    assert "would keep" in view.status["message"]


def test_a_layer_that_is_not_there_is_refused_at_once(board: Any) -> None:
    with pytest.raises(ResultError, match="`layer` is 9"):
        board.attention(layers=[9])


def test_a_backend_of_the_users_is_refused_in_words(board: Any) -> None:
    with pytest.raises(TraceError, match="has its own backend"):
        board.trace("the cat", backend=None)


def test_a_trace_in_a_time_cell_works(model: Any) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    board = iw.Board(model)
    shell.push({"board": board, "model": model, "view": board.attention()})
    cell = (
        "%%time\nwith board.trace('the cat sat'):\n    h = model.transformer.h[1].output.save()"
    )
    for _ in range(2):
        assert shell.run_cell(cell, store_history=True).success
    assert shell.user_ns["h"].shape == (1, 3, 32)
    assert shell.user_ns["view"].result.provenance.run == 2


def test_two_hundred_runs_leak_no_python_object() -> None:
    model = wrapped(tiny_llama())
    board = iw.Board(model)
    board.attention()

    def count() -> tuple[int, int]:
        gc.collect()
        objects = gc.get_objects()
        tensors = sum(type(o) is torch.Tensor for o in objects)
        return len(objects), tensors

    for _ in range(5):
        board.run("the cat sat")
    before = count()
    for _ in range(200):
        board.run("the cat sat")
    after = count()
    assert after[1] == before[1]
    assert after[0] - before[0] < 200  # less than one object a run
