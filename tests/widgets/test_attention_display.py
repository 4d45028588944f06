"""What else an attention view draws of a run, asked for in Python or in the page."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import MessageError, ResultError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.widgets.attention import MESSAGE_BYTES, AttentionView


@pytest.fixture(scope="module")
def model() -> Any:
    return iw.load("lil-attn-2l")


@pytest.fixture
def board(model: Any) -> iw.Board:
    return iw.Board(model)


@pytest.fixture
def view(board: iw.Board) -> AttentionView:
    view = board.attention()
    assert isinstance(view, AttentionView)
    board.run([1, 5, 6, 7, 5, 6])
    return view


def ask(view: AttentionView, **content: Any) -> dict[str, Any]:
    sent: list[Any] = []
    view.send = lambda answer, buffers=None: sent.append((answer, buffers))  # type: ignore[method-assign]
    view._on_message(view, {"id": "1", **content}, [])
    answer, buffers = sent[0]
    return {**answer, "buffers": buffers or []}


def drawn(view: AttentionView, layer: int = 1, head: int = 0) -> np.ndarray:
    """The numbers of a head as the page decodes them."""
    answer = ask(view, kind="head", run=view.result.provenance.run, layer=layer, head=head)
    n = len(view.result.tokens)
    matrix = np.full((n, n), np.nan, dtype=np.float32)
    matrix[np.tri(n, dtype=bool)] = np.frombuffer(answer["buffers"][0], np.float16)
    return matrix


def expected(result: AttentionPattern, layer: int = 1, head: int = 0) -> np.ndarray:
    weights = result.weights(layer, head)
    weights[~np.tri(len(weights), dtype=bool)] = np.nan
    return weights


def test_the_sink_can_be_left_out_from_the_page(view: AttentionView) -> None:
    ask(view, kind="display", measure="weight", hide_sink=True, less="")
    assert view.hide_sink is True
    assert (view.payload["hidden_sink"], view.payload["measure"]) == (True, "weight")
    assert np.array_equal(drawn(view), expected(view.result.without_sink()), equal_nan=True)
    assert not view.result.hidden_sink


def test_weights_can_be_drawn_by_what_they_move(view: AttentionView) -> None:
    view.measure = "value_weighted"
    wanted = view.result.value_weighted()
    assert view.payload["scale"] == wanted.scale != 1
    assert np.array_equal(drawn(view), expected(wanted), equal_nan=True)
    thumbs = np.frombuffer(view.payload["thumbs"]["data"], np.uint8)
    codes = thumbs.reshape(view.payload["thumbs"]["shape"])[1, 0]
    close = codes * wanted.scale / 254 - np.tril(wanted.weights(1, 0))
    assert np.abs(np.tril(close)).max() <= wanted.scale / 254


def test_scores_come_with_one_more_run(view: AttentionView, board: iw.Board) -> None:
    why = {one["name"]: one["why"] for one in view.payload["measures"]}
    assert why == {"weight": "", "value_weighted": "", "score": "run"}
    run = board.run_number
    ask(view, kind="display", measure="score", hide_sink=False, less="")
    wait_for(view, lambda: view.measure == "score")
    assert board.run_number == run + 1
    assert view.payload["signed"] is True
    assert np.array_equal(drawn(view), expected(view.result.attention_scores()), equal_nan=True)


def wait_for(view: AttentionView, done: Any) -> None:
    deadline = time.monotonic() + 20
    while not (done() and view.status["kind"] == "live"):
        assert time.monotonic() < deadline, view.status
        time.sleep(0.01)


def test_the_difference_from_an_earlier_run_is_drawn_with_signs(
    view: AttentionView, board: iw.Board
) -> None:
    before = view.result
    board.ablate((0, 3))
    names = {of["name"]: of["title"] for of in view.payload["references"]}
    assert names["plain"] == f"run {before.provenance.run}, plain"
    view.less = "plain"
    wanted = view.result.difference(before)
    assert view.payload["less"] == f"run {before.provenance.run}"
    assert np.array_equal(drawn(view), expected(wanted), equal_nan=True)
    assert np.abs(wanted.weights(1, 0)).max() > 0.01
    assert "Blue is above zero, rust below" in view.static_html()
    board.undo()
    assert view.less == "plain"
    assert np.nanmax(np.abs(drawn(view))) == 0  # the same run twice


def test_prompts_of_a_batch_are_subtracted_between_the_tokens_that_both_have(
    view: AttentionView, board: iw.Board
) -> None:
    board.run([[1, 5, 6, 7], [1, 5, 9, 6, 7]])
    view.less = "prompt-1"
    wanted = view.results[0].difference(view.results[1], align="text")
    assert np.array_equal(drawn(view), expected(wanted), equal_nan=True)
    alignment = view.payload["alignment"]
    assert alignment["pairs"] == [[0, 0], [1, 1], [2, 3], [3, 4]]
    assert alignment["unmatched_other"] == [2]
    view.group.selection.prompt = 1
    assert view.payload["less"] == ""  # not from itself


def test_another_views_run_can_be_subtracted(model: Any, view: AttentionView) -> None:
    other = iw.attention(model, [1, 9, 9, 9, 9, 9])
    view.compare(other)
    assert view.payload["less"] == f"run {other.result.provenance.run}"
    with pytest.raises(
        ResultError, match="takes an AttentionPattern or a view of one; got int"
    ):
        view.compare(3)
    with pytest.raises(ResultError, match="the run on screen itself"):
        view.compare(view)
    narrow = iw.attention(model, [1, 9], heads=[0])
    with pytest.raises(ResultError, match="`heads` differ"):
        view.compare(narrow)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("measure", "scores", "there is no measure 'scores'. Did you mean 'score'?"),
        ("measure", "score", "score cannot be shown of this run: not read; scores=True"),
        ("less", "run 99", "there is no 'run 99' to subtract"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(
    view: AttentionView, name: str, value: str, message: str
) -> None:
    before = view.payload
    with pytest.raises(MessageError, match=message.replace("?", r"\?")):
        setattr(view, name, value)
    assert view.payload is before


@pytest.mark.parametrize(
    "wanted",
    [
        {"measure": "nothing", "hide_sink": True, "less": ""},
        {"measure": "value_weighted", "hide_sink": True, "less": "run 99"},
    ],
)
def test_a_bad_wish_of_the_page_changes_nothing(
    view: AttentionView, board: iw.Board, wanted: dict[str, Any]
) -> None:
    before = view.payload
    assert ask(view, kind="display", **wanted)["error"]["code"] == "bad-request"
    assert (view.measure, view.hide_sink, view.less) == ("weight", False, "")
    assert view.payload is before
    board.run([1, 5, 6])
    assert view.status["kind"] == "live"


def test_a_difference_that_was_given_is_drawn_as_it_is(model: Any, view: AttentionView) -> None:
    alone = iw.show(view.result)
    alone.hide_sink = True
    given = view.result.difference(iw.attention(model, [1, 9, 9, 9, 9, 9]).result)
    alone.show((given,))  # the cell ran again, with other numbers
    assert alone.payload["less"] == given.less
    other = iw.show(given)
    with pytest.raises(MessageError, match="not the weights of a run"):
        other.hide_sink = True
    with pytest.raises(MessageError, match="not the weights of a run"):
        other.measure = "value_weighted"
    assert other.hide_sink is False


def test_an_ablation_its_control_and_undo_are_one_click_each(
    view: AttentionView, board: iw.Board
) -> None:
    other = board.attention()
    plain = board.run_number
    ask(view, kind="ablate", heads=[[0, 3]], mode="zero")
    wait_for(view, lambda: view.payload["ablated"] is not None)
    assert board.run_number == plain + 1
    assert view.payload["ablated"] == {"heads": [(0, 3)], "mode": "zero"}
    assert view.payload["effect"]["value"] == board.effect.value > 0
    assert view.payload["effect"]["control"] is None
    assert view.payload["stamp"]["intervened"] == "L0 H3 zero-ablated"
    wait_for(other, lambda: other.payload is not None)
    assert other.payload["run"] == board.run_number
    ask(view, kind="control")
    wait_for(view, lambda: view.payload["effect"]["control"] is not None)
    assert view.payload["effect"]["control"]["n"] >= 3
    wait_for(other, lambda: other.payload["effect"] == view.payload["effect"])
    ask(view, kind="undo")
    wait_for(view, lambda: view.payload["ablated"] is None)
    assert view.payload["effect"] is None


def test_an_ablation_of_a_head_that_is_not_there_is_answered(view: AttentionView) -> None:
    answer = ask(view, kind="ablate", heads=[[9, 0]], mode="zero")
    assert answer["ok"] is False
    assert "9" in answer["error"]["message"]


def test_given_numbers_cannot_be_run_again(view: AttentionView) -> None:
    alone = iw.show(view.result)
    for request in ({"kind": "undo"}, {"kind": "ablate", "heads": [[0, 0]], "mode": "mean"}):
        answer = ask(alone, **request)  # type: ignore[arg-type]
        assert "run its cell" in answer["error"]["message"]


def test_scores_of_heads_travel_with_small_runs_and_by_request(view: AttentionView) -> None:
    of_view = {score["name"]: score["values"] for score in view.payload["head_scores"]}
    scores = {score.name: score.values for score in view.result.pattern_scores()}
    assert of_view.keys() == scores.keys() >= {"induction", "previous_token", "entropy"}
    for name, values in scores.items():
        assert np.allclose(of_view[name], values)
    answer = ask(view, kind="scores", run=view.result.provenance.run)
    assert answer["head_scores"] == view.payload["head_scores"]


def test_a_long_head_travels_in_parts(model: Any) -> None:
    rng = np.random.default_rng(0)
    weights = np.tril(rng.random((1, 1, 1200, 1200), dtype=np.float32))
    view = iw.show(AttentionPattern.of_arrays([f"t{i}" for i in range(1200)], weights))
    assert isinstance(view, AttentionView)
    assert view.payload["details"] == []
    assert all(score["values"] == [] for score in view.payload["head_scores"])
    parts, total = [], 1
    while sum(map(len, parts)) < total:
        offset = sum(map(len, parts))
        answer = ask(view, kind="head", run=0, layer=0, head=0, offset=offset)
        parts.append(answer["buffers"][0])
        total = answer["total"]
    assert len(parts) == 2
    assert max(map(len, parts)) <= MESSAGE_BYTES
    whole = np.frombuffer(b"".join(parts), np.float16)
    assert np.array_equal(whole, view.result.stored(0, 0)[np.tri(1200, dtype=bool)])
    assert (
        "offset"
        in ask(view, kind="head", run=0, layer=0, head=0, offset=-1)["error"]["message"]
    )


def test_pooled_thumbnails_keep_the_number_farthest_from_zero() -> None:
    from interpwidgets.widgets.attention_payload import pool_codes

    rng = np.random.default_rng(0)
    codes = rng.integers(0, 255, (2, 7, 7)).astype(np.uint8)
    codes[0, 0, 0] = 255
    pooled = pool_codes(codes, 3, signed=True).astype(int)
    assert pooled[0, 0, 0] == 255
    for head, row, column in ((0, 1, 0), (1, 0, 0), (1, 2, 2), (0, 2, 1)):
        block = codes[head, row * 3 : row * 3 + 3, column * 3 : column * 3 + 3].astype(int)
        assert abs(pooled[head, row, column] - 127) == np.abs(block - 127).max()
