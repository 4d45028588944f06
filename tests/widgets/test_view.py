"""A view's messages: what comes in, what goes out, and what changes nothing."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from interpwidgets.errors import InterpWidgetsError, SelectionError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.selection import Selection
from interpwidgets.widgets.attention import AttentionView
from interpwidgets.widgets.bundle import read_bundle


def random_result(n_layers: int = 2, n_heads: int = 3, n: int = 5) -> AttentionPattern:
    rng = np.random.default_rng(0)
    weights = np.tril(rng.random((n_layers, n_heads, n, n)))
    weights /= weights.sum(-1, keepdims=True)
    return AttentionPattern.of_arrays([f"t{i}" for i in range(n)], weights)


@pytest.fixture
def view() -> AttentionView:
    view = AttentionView()
    view.show((random_result(),))
    return view


@pytest.fixture
def sent(view: AttentionView, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    out: list[tuple[Any, Any]] = []
    monkeypatch.setattr(
        view, "send", lambda content, buffers=None: out.append((content, buffers))
    )
    return out


NOTHING = {"heads": [], "tokens": [], "layer": None, "feature": None, "prompt": None}


def ask(view: AttentionView, **content: Any) -> None:
    view._on_message(view, {"id": "7", **content}, [])


def test_a_head_comes_in_full(view: AttentionView, sent: list[Any]) -> None:
    ask(view, kind="head", run=0, layer=1, head=2)
    content, (data,) = sent[0]
    assert (content["id"], content["ok"]) == ("7", True)
    assert content["detail"]["packed"] == "triangle"
    expected = view.result.stored(1, 2)[np.tri(5, dtype=bool)]
    assert np.array_equal(np.frombuffer(data, dtype=np.float16), expected)


def test_the_rest_of_the_code_comes_when_it_is_asked_for(
    view: AttentionView, sent: list[Any]
) -> None:
    ask(view, kind="part", name="tools")
    content, (source,) = sent[0]
    assert content == {"id": "7", "ok": True}
    assert source.decode() == read_bundle("attention.tools.js")


def test_a_part_that_there_is_not_is_refused(view: AttentionView, sent: list[Any]) -> None:
    ask(view, kind="part", name="../../errors")
    assert sent[0][0]["error"]["code"] == "BundleError"


def test_a_head_of_an_old_run_is_answered_as_stale(
    view: AttentionView, sent: list[Any]
) -> None:
    ask(view, kind="head", run=3, layer=1, head=2)
    assert sent[0][0]["error"]["code"] == "stale-run"


def test_a_selection_from_the_browser_is_a_python_value(
    view: AttentionView, sent: list[Any]
) -> None:
    ask(view, kind="select", **NOTHING | {"heads": [[0, 1], [1, 2]], "tokens": [4, 2]})
    assert view.selection == Selection([(0, 1), (1, 2)], [4, 2], token_text=["t4", "t2"])
    assert sent[0][0]["revision"] == view.selection_revision


def test_a_selection_from_python_travels_with_a_newer_revision(view: AttentionView) -> None:
    before = view.get_state("selection")["selection"]["revision"]
    view.selection = Selection(heads=[(1, 1)], tokens=[3])
    state = view.get_state("selection")["selection"]
    assert state["revision"] > before
    assert (state["heads"], state["tokens"]) == ([[1, 1]], [3])
    assert view.selection.token_text == ("t3",)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(heads=[(2, 0)]), "L2 H0 is not in this view; layers"),
        (Selection(tokens=[5]), "position 5 is outside the prompt's 0-4"),
    ],
)
def test_selecting_what_is_not_there_is_refused(
    view: AttentionView, selection: Selection, message: str
) -> None:
    with pytest.raises(SelectionError, match=message):
        view.selection = selection
    assert view.selection == Selection()


BAD_REQUESTS: list[Any] = [
    {"kind": "nothing"},
    {"kind": None},
    {"kind": ["head"]},
    {"kind": "head", "run": 0, "layer": 1},
    {"kind": "head", "run": 0, "layer": 1, "head": 2, "more": 1},
    {"kind": "head", "run": 0, "layer": "1", "head": 2},
    {"kind": "head", "run": 0, "layer": True, "head": 2},
    {"kind": "select", **NOTHING, "heads": [[0]], "tokens": []},
    {"kind": "select", **NOTHING, "heads": [[0, 9]], "tokens": []},
    {"kind": "select", **NOTHING, "heads": "all", "tokens": []},
    {"kind": "select", **NOTHING, "heads": [], "tokens": [99]},
    {"kind": "select", "heads": [], "tokens": []},
    {"kind": "select", **NOTHING, "layer": "1"},
    {"kind": "select", **NOTHING, "layer": -1},
    {"kind": "select", **NOTHING, "prompt": 5},
    {"kind": "prompt", "index": 5},
    {"kind": "rerun"},
]


@pytest.mark.parametrize("content", BAD_REQUESTS, ids=str)
def test_a_bad_request_is_answered_and_changes_nothing(
    view: AttentionView, sent: list[Any], content: Any
) -> None:
    before = view.get_state()
    ask(view, **content)
    answer = sent[0][0]
    assert (answer["id"], answer["ok"], answer["error"]["code"]) == ("7", False, "bad-request")
    assert view.selection == Selection()
    assert view.get_state()["payload"] is before["payload"]


@pytest.mark.parametrize("content", [None, 3, "head", [], {}])
def test_what_is_no_message_at_all_is_answered_too(
    view: AttentionView, sent: list[Any], content: Any
) -> None:
    view._on_message(view, content, [])
    assert sent[0][0]["error"]["code"] == "bad-request"


def test_a_failure_of_ours_reaches_the_page_and_the_log(
    view: AttentionView,
    sent: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(view, "_answer_head", lambda _: 1 / 0)
    with caplog.at_level(logging.ERROR):
        ask(view, kind="head", run=0, layer=1, head=2)
    assert sent[0][0]["error"] == {
        "code": "internal",
        "message": "ZeroDivisionError: division by zero",
    }
    assert "a request from the browser failed" in caplog.text


def test_a_failure_in_the_page_is_logged(
    view: AttentionView, sent: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    ask(view, kind="report", message="no canvas")
    assert sent[0][0]["ok"] is True
    assert "no canvas" in caplog.text


def test_a_view_without_numbers_says_what_to_do() -> None:
    with pytest.raises(InterpWidgetsError, match=r"no numbers yet.*trace a prompt"):
        AttentionView().to_frame()


def test_the_table_has_the_numbers_of_the_result(view: AttentionView) -> None:
    frame = view.to_frame(layer=1, head=2)
    row = frame[(frame.query_pos == 3) & (frame.key_pos == 1)].iloc[0]
    assert row.weight == view.result.weights(1, 2)[3, 1]
    assert (row.query_token, row.key_token) == ("t3", "t1")
    assert len(frame) == 15


def test_state_that_travels_is_json_and_buffers(view: AttentionView) -> None:
    state = view.get_state()
    assert {"payload", "status", "selection", "kept", "view_id"} <= set(state)
    assert isinstance(state["payload"]["thumbs"]["data"], bytes)
