"""The steering studio's Python side: dials, what travels, what is refused."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.board.worker import worker_of
from interpwidgets.directions import Direction
from interpwidgets.errors import InterventionError, MessageError, PromptError
from interpwidgets.interventions import Ablation
from interpwidgets.widgets.steering import SteeringView
from tiny import tiny_llama, wrapped

PROMPT = "the cat sat on a mat"


@pytest.fixture(scope="module")
def model() -> Any:
    return wrapped(tiny_llama())


def direction(seed: int = 0, layer: int | None = 1, name: str = "anything") -> Direction:
    drawn = np.random.default_rng(seed).standard_normal(32)
    return Direction(drawn, layer=layer, name=name)


def make(model: Any, **options: Any) -> SteeringView:
    return iw.Board(model).steer(direction(), PROMPT, **{"max_new_tokens": 6, **options})


def asked(view: SteeringView, **change: Any) -> dict[str, Any]:
    """A request as the page makes it."""
    request = {
        "id": "1",
        "kind": "steer",
        "strengths": list(view.strengths),
        "layers": [list(dial.layers) for dial in view.setting.dials],
        "positions": None,
        "extras": list(view.setting.on),
        "max_new_tokens": view.setting.max_new_tokens,
        "temperature": 0,
        "seed": 0,
    }
    return {**request, **change}


def listen(view: SteeringView) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    view.send = lambda content, *_: sent.append(content)  # type: ignore[method-assign]
    return sent


def test_a_new_view_has_written_the_base_text_and_changes_nothing(model: Any) -> None:
    view = make(model)
    assert view.value == iw.interventions.Interventions(())
    assert view.result.base == view.result.steered
    assert view.status["kind"] == "live"
    payload = view.payload
    assert payload["written"] == payload["turn"]
    assert [dial["strength"] for dial in payload["dials"]] == [0.0]
    assert len(payload["base"]["tokens"]) == 6


def test_moving_a_dial_changes_the_value_at_once_and_the_text(model: Any) -> None:
    view = make(model)
    result = view.steer(3.0)
    (part,) = view.value.parts
    assert part.scale == pytest.approx(3 * view.setting.dials[0].units[1])
    assert result is view.result
    assert view.result.base != view.result.steered
    view.strengths = [0]
    assert view.result.base == view.result.steered


def test_the_page_is_told_token_by_token_what_is_written_in_the_end(model: Any) -> None:
    view = make(model)
    sent = listen(view)
    view._on_message(view, asked(view, strengths=[2.5]), [])
    assert worker_of(model).wait(30.0)
    (answer,) = [one for one in sent if one.get("ok")]
    told = [one for one in sent if one.get("kind") == "tokens" and one["side"] == "steered"]
    assert {one["turn"] for one in told} == {answer["turn"]} == {view.turn}
    streamed = [token["text"] for one in told for token in one["tokens"]]
    n = view.result.n_prompt
    assert streamed == list(view.result.steered.text[n:])
    assert view.payload["written"] == view.turn


def test_of_fifty_moves_the_last_one_is_written(model: Any) -> None:
    view = make(model)
    listen(view)
    strengths = np.linspace(-3, 3, 50)
    for strength in strengths:
        view._on_message(view, asked(view, strengths=[float(strength)]), [])
    assert worker_of(model).wait(60.0)
    alone = iw.steered_text(model, PROMPT, view.setting.dials[0].at(3.0), max_new_tokens=6)
    assert view.strengths == (3.0,)
    assert view.result.steered == alone.steered
    assert view.status["kind"] == "live"


def test_stop_ends_within_a_token(model: Any) -> None:
    view = make(model, max_new_tokens=50)
    sent = listen(view)
    begun = threading.Event()
    told = view.told

    def slowly(*arguments: Any) -> None:
        told(*arguments)
        begun.set()
        time.sleep(0.05)

    view.told = slowly  # type: ignore[method-assign]
    view._on_message(view, asked(view, strengths=[1.0]), [])
    assert begun.wait(30)
    view._on_message(view, {"id": "2", "kind": "stop"}, [])
    at_stop = sum(len(one["tokens"]) for one in sent if one.get("side") == "steered")
    assert worker_of(model).wait(30.0)
    after = sum(len(one["tokens"]) for one in sent if one.get("side") == "steered")
    assert after - at_stop <= 1
    assert after < 50


def test_a_cell_that_runs_again_keeps_its_sliders(model: Any) -> None:
    view = make(model, key="again")
    view.steer(1.5)
    again = make(model, key="again")
    assert again is view
    assert again.strengths == (1.5,)
    assert again.value.parts
    assert again.result.base != again.result.steered


def test_layers_positions_and_further_interventions(model: Any) -> None:
    extra = Ablation.of((0, 1))
    view = make(model, also=extra)
    assert view.value.parts == (extra,)
    view.steer(1.0, layers=[[0, 2]], positions=[1, -1], on=[False])
    assert [part.where.layers for part in view.value.parts] == [(0,), (2,)]
    assert view.payload["positions"] == [1, view.result.n_prompt - 1]
    assert view.result.touched == ((1, view.result.n_prompt - 1),) * 2
    assert not view.payload["extras"][0]["on"]


def test_a_dose_response_is_drawn_and_goes_stale_when_its_dial_moves(model: Any) -> None:
    view = make(model, answers=["cat", "dog"], n_random=2)
    assert view.payload["metric"] == "probability of 'cat' or 'dog'"
    response = view.dose_response()
    (dose,) = view.payload["doses"]
    assert dose["effect"]["mean"] == response.mean().tolist()
    assert (dose["n_control"], dose["stale"]) == (2, False)
    assert dose["effect"]["low"] == [None] * 9  # one prompt has no interval
    view.steer(1.0, layers=[[2]])
    assert view.payload["doses"][0]["stale"]
    with pytest.raises(InterventionError, match="answers="):
        make(model).dose_response()


def test_a_steered_run_is_shown_by_the_boards_other_views(model: Any) -> None:
    board = iw.Board(model)
    attention = board.attention()
    view = board.steer(direction(), PROMPT, max_new_tokens=4, strengths=2.0)
    assert view.payload["can_show"]
    view._on_message(view, {"id": "1", "kind": "show", "side": "steered"}, [])
    assert worker_of(model).wait(30.0)
    assert attention.result.tokens.ids == view.result.steered.ids
    assert attention.result.provenance.intervened == view.result.words
    assert view.group is attention.group


def test_copies_and_saved_texts_draw_without_a_model(model: Any, tmp_path: Any) -> None:
    view = make(model, answers="cat", n_random=1)
    view.steer(2.0)
    view.dose_response()
    html = view.static_html()
    assert "Steered" in html
    assert "random, 95 %" in html
    shown = iw.show(iw.load_result(view.save(tmp_path / "text")))
    assert shown.payload["steered"]["tokens"] == view.payload["steered"]["tokens"]
    with pytest.raises(MessageError, match="without a model"):
        shown.steer([])
    assert "iw.steer" in view.code()
    assert view.doses[0].figure().data[3].y == pytest.approx(view.doses[0].mean())


def test_bad_input_changes_nothing(model: Any) -> None:
    view = make(model)
    before = view.setting
    for change, words in (
        ({"strengths": [1.0, 2.0]}, "1 dials; got 2"),
        ({"strengths": [float("nan")]}, "finite"),
        ({"strengths": [1.0], "layers": [[99]]}, "one layer or more of 0, 1, 2"),
        ({"strengths": [1.0], "on": [True]}, "0 further interventions"),
        ({"strengths": [1.0], "speed": 3}, "no 'speed'"),
    ):
        with pytest.raises(InterventionError, match=words):
            view.steer(**change)
        assert view.setting == before
    sent = listen(view)
    view._on_message(view, asked(view, strengths=["a"]), [])
    view._on_message(view, {"id": "3", "kind": "dose", "dial": 7}, [])
    assert [one["ok"] for one in sent] == [False, False]
    assert view.setting == before
    with pytest.raises(InterventionError, match="Directions or dials"):
        iw.steer(model, np.ones(32), PROMPT)
    with pytest.raises(InterventionError, match="say layers="):
        iw.steer(model, direction(layer=None), PROMPT)
    with pytest.raises(PromptError, match="one prompt"):
        iw.steer(model, direction(), [PROMPT, PROMPT])
