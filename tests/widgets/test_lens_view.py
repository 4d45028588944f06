"""LensGrid: what travels, what comes back, what a board does for it."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import InterventionError, PromptError, ResultError
from interpwidgets.methods.lens_control import lens_control
from interpwidgets.methods.logit_lens import logit_lens
from interpwidgets.methods.tuned_lens import tuned_lens
from interpwidgets.results.base import Provenance
from interpwidgets.results.lens_control import LensControl
from interpwidgets.results.tokens import Tokens
from interpwidgets.selection import Selection
from interpwidgets.show import show
from interpwidgets.widgets import lens_payload as payload_module
from interpwidgets.widgets.lens import LensGrid
from interpwidgets.widgets.lens_payload import (
    NONE,
    Held,
    held_whole,
    held_within,
    lens_payload,
)
from lenses import lens_of
from tiny import tiny_gpt2, wrapped

GOLDEN = Path(__file__).parent.parent / "golden" / "lens.json"
NOTHING = {"heads": [], "tokens": [], "layer": None, "feature": None, "prompt": None}
IDS = [1, 5, 6, 7, 5, 6]


def control_of(pos: int = 2) -> LensControl:
    lens = lens_of()
    logprob = np.log(np.linspace(0.01, 0.2, 20 * 2 * 2, dtype=np.float32).reshape(20, 2, 2))
    return LensControl(
        Provenance(run=3), lens.tokens, "resid_post", (0, 1), pos, (2, 5), logprob, {2: " w2"}
    )


@pytest.fixture
def view() -> LensGrid:
    view = LensGrid()
    view.show((lens_of(),))
    return view


@pytest.fixture
def sent(view: LensGrid, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    out: list[tuple[Any, Any]] = []
    monkeypatch.setattr(
        view, "send", lambda content, buffers=None: out.append((content, buffers))
    )
    return out


def ask(view: LensGrid, **content: Any) -> None:
    view._on_message(view, {"id": "7", **content}, [])


def numbers(data: bytes, *shape: int, dtype: str = "<f4") -> np.ndarray:
    return np.frombuffer(data, dtype).reshape(shape)


# ------------------------------------------------------------------------- the payload


def test_the_best_token_of_every_prediction_travels() -> None:
    lens = lens_of()
    payload = lens_payload(lens, Held((), ()))
    words = np.array(payload["words"])
    best = words[numbers(payload["best"], 2, 3, dtype="<u4")]
    assert best.tolist() == [
        [lens.top(layer, pos)[0][0] for pos in range(3)] for layer in (0, 1)
    ]
    logprob = numbers(payload["best_logprob"], 2, 3)
    np.testing.assert_array_equal(logprob, lens.top_logprob[..., 0])
    assert [payload["ids"].index(i) for i in payload["ids"]] == list(range(len(words)))


def test_positions_that_are_held_travel_whole() -> None:
    lens = lens_of()
    payload = lens_payload(lens, held_whole(lens))
    columns = payload["columns"]
    assert columns["positions"] == [0, 1, 2]
    index = numbers(columns["index"], 3, 2, 4, dtype="<u4")
    ids = np.array(payload["ids"])[index]
    np.testing.assert_array_equal(ids.transpose(1, 0, 2), lens.top_ids)
    of = numbers(columns["target_logprob"], 3, 2, 2)
    np.testing.assert_array_equal(of.transpose(1, 0, 2), lens.target_logprob)
    rank = numbers(columns["target_rank"], 3, 2, 2, dtype="<i4")
    np.testing.assert_array_equal(rank.transpose(1, 0, 2), lens.target_rank)


def test_maps_are_the_numbers_by_name() -> None:
    lens = lens_of()
    maps = {
        (m["name"], m["target"]): m["data"]
        for m in lens_payload(lens, held_whole(lens))["maps"]
    }
    np.testing.assert_array_equal(numbers(maps["entropy", -1], 2, 3), lens.entropy)
    np.testing.assert_array_equal(numbers(maps["kl", -1], 2, 3), lens.kl)
    np.testing.assert_array_equal(
        numbers(maps["logprob", 1], 2, 3), lens.target_logprob[..., 1]
    )
    rank = numbers(maps["rank", 1], 2, 3, dtype="<i4")
    np.testing.assert_array_equal(rank, lens.target_rank[..., 1])
    assert len(maps) == 6


def size_of(value: Any) -> int:
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(size_of(one) + len(key) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value)) + 2 * len(value)
    return len(json.dumps(value))


def long_lens(n: int, n_layers: int = 12, n_words: int = 50_000) -> Any:
    rng = np.random.default_rng(0)
    top = np.sort(rng.zipf(1.3, (n_layers, n, 10)) % n_words, axis=-1).astype(np.int32)
    logprob = np.sort(-rng.random((n_layers, n, 10)) * 9, axis=-1)[..., ::-1]
    return lens_of(
        n_layers,
        n,
        tokens=Tokens.of_text([f" word{i % 977}" for i in range(n)]),
        top_ids=top,
        top_logprob=logprob.astype(np.float32),
        entropy=rng.random((n_layers, n)).astype(np.float32),
        kl=rng.random((n_layers, n)).astype(np.float32),
        target_logprob=np.zeros((n_layers, n, 2), np.float32),
        target_rank=np.zeros((n_layers, n, 2), np.int32),
        vocabulary={int(i): f" token{i}" for i in np.unique(top)},
    )


def test_a_short_prompt_is_held_whole() -> None:
    lens = long_lens(64)
    assert held_within(lens, [3]) == held_whole(lens)


@pytest.mark.parametrize("n", [900, 2000])
def test_a_long_prompt_stays_below_600_kb_with_what_is_looked_at(n: int) -> None:
    lens = long_lens(n)
    held = held_within(lens, [7, n + 5])
    assert 7 in held.columns
    assert ("entropy", -1) in held.maps
    size = size_of(lens_payload(lens, held))
    assert size < 600_000
    assert size > 300_000  # what fits is there


def test_nothing_selected_holds_the_last_position(monkeypatch: pytest.MonkeyPatch) -> None:
    assert held_within(lens_of(), [], budget=0) == Held((), (2,))


def test_the_payload_is_json_and_buffers_whatever_the_values() -> None:
    nothing = np.full((2, 3, 4), -1, np.int32)
    bad = np.full((2, 3), np.nan, np.float32)
    lens = lens_of(
        top_ids=nothing,
        top_logprob=np.full((2, 3, 4), -np.inf, np.float32),
        entropy=bad,
        kl=bad,
        tokens=Tokens.of_text(["<img onerror=x>", "\u202e", "</script>"]),
    )
    payload = lens_payload(lens, held_whole(lens), controls=[control_of()])
    json.dumps(_with_base64(payload), allow_nan=False)
    assert payload["nonfinite"] == 6
    assert (numbers(payload["best"], 6, dtype="<u4") == NONE).all()


def test_a_lens_that_kept_no_tokens_is_drawn_by_its_entropy() -> None:
    empty = {
        "top_ids": np.zeros((2, 3, 0), np.int32),
        "top_logprob": np.zeros((2, 3, 0), np.float32),
    }
    view = show(lens_of(**empty))
    assert view.payload is not None and view.payload["k"] == 0
    assert view.status["kind"] == "live"


def test_the_golden_file_is_what_python_sends() -> None:
    """The front end's tests decode the same file; IW_WRITE_GOLDEN=1 writes it anew."""
    lens = lens_of()
    payload = lens_payload(lens, held_whole(lens), controls=[control_of()])
    text = json.dumps(_with_base64(payload), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("IW_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text


def _with_base64(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: _with_base64(one) for key, one in value.items()}
    return [_with_base64(v) for v in value] if isinstance(value, (list, tuple)) else value


# -------------------------------------------------------------------------- the messages


def test_a_position_comes_when_it_is_asked_for(view: LensGrid, sent: list[Any]) -> None:
    ask(view, kind="column", run=3, position=1)
    content, (index, logprob, of, rank) = sent[0]
    lens = lens_of()
    columns = content["columns"]
    words = np.array(columns["words"])[numbers(index, 2, 4, dtype="<u4")]
    assert words[1].tolist() == [text for text, _ in lens.top(1, 1)]
    np.testing.assert_array_equal(numbers(logprob, 2, 4), lens.top_logprob[:, 1])
    np.testing.assert_array_equal(numbers(of, 2, 2), lens.target_logprob[:, 1])
    np.testing.assert_array_equal(numbers(rank, 2, 2, dtype="<i4"), lens.target_rank[:, 1])
    json.dumps(content)


def test_a_map_comes_when_it_is_asked_for(view: LensGrid, sent: list[Any]) -> None:
    ask(view, kind="map", run=3, name="logprob", target=1)
    content, (data,) = sent[0]
    assert content["map"] == {"name": "logprob", "target": 1}
    np.testing.assert_array_equal(numbers(data, 2, 3), lens_of().target_logprob[..., 1])


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"kind": "column", "run": 2, "position": 0}, "stale-run"),
        ({"kind": "column", "run": 3, "position": 3}, "bad-request"),
        ({"kind": "column", "run": 3, "position": -1}, "bad-request"),
        ({"kind": "map", "run": 3, "name": "rank", "target": 2}, "bad-request"),
        ({"kind": "map", "run": 3, "name": "tokens", "target": 0}, "bad-request"),
        ({"kind": "track", "token": 3, "on": True}, "bad-request"),
        ({"kind": "tuned", "on": True}, "bad-request"),
        ({"kind": "control", "run": 3, "position": 0, "tokens": []}, "bad-request"),
        ({"kind": "control", "run": 3, "position": 9, "tokens": [1]}, "bad-request"),
        ({"kind": "select", **NOTHING, "tokens": [3]}, "bad-request"),
        ({"kind": "row", "run": 3, "row": 0}, "bad-request"),
    ],
)
def test_what_is_not_there_is_answered_and_changes_nothing(
    view: LensGrid, sent: list[Any], request_: Any, code: str
) -> None:
    before = view.payload
    ask(view, **request_)
    assert sent[-1][0]["error"]["code"] == code
    assert view.payload is before
    assert view.selection == Selection()


def test_a_selected_cell_is_a_python_value(view: LensGrid, sent: list[Any]) -> None:
    ask(view, kind="select", **NOTHING | {"tokens": [2], "layer": 1})
    assert (view.selection.layer, view.selection.tokens) == (1, (2,))
    assert view.cells == ((1, 2),)
    assert sent[-1][0]["ok"] is True
    view.selection = Selection(tokens=[2])
    assert view.cells == ()


# ------------------------------------------------------------------- pins and measures


def test_pins_are_kept_over_runs_where_the_word_is_the_same(view: LensGrid) -> None:
    view.pins = [(1, -1), (0, 0)]
    assert view.pins == ((1, 2), (0, 0))
    view.selection = Selection(layer=0, tokens=[0])
    assert view.cells == ((0, 0), (1, 2))
    view.show((lens_of(tokens=Tokens.of_text(["a", " b", "!"])),))
    assert view.pins == ((0, 0),)
    view.show((lens_of(),))  # it comes back with its word
    assert view.pins == ((1, 2), (0, 0))
    with pytest.raises(ResultError, match="layer 9 of resid_post is not held"):
        view.pins = [(9, 0)]


def test_the_measure_is_chosen_from_python(view: LensGrid) -> None:
    view.measure = "kl"
    assert view.kept["measure"] == view.measure == "kl"
    with pytest.raises(ResultError, match=r"no measure 'entrpy' here\. .*'entropy'"):
        view.measure = "entrpy"
    view.kept = {**view.kept, "measure": "of another version"}
    assert view.measure == "probability"


def test_a_page_holds_all_or_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_module, "BUDGET", 0)
    view = LensGrid()
    view.show((lens_of(),))
    view.selection = Selection(tokens=[1], layer=0)
    assert view.traits_to_embed("compact")["payload"]["columns"]["positions"] == [1]
    assert view.traits_to_embed("full")["payload"]["columns"]["positions"] == [0, 1, 2]


def test_its_page_and_summary_say_what_it_is(
    view: LensGrid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view.to_html(tmp_path / "page.html")
    assert "the positions that fit" in capsys.readouterr().out
    assert view.summary() == "Logit lens: 2 layers × 3 tokens · m · run 3"
    assert "<table" in view.static_html()
    assert "No run yet" in LensGrid().static_html()


# --------------------------------------------------------------------------- on a board


@pytest.fixture(scope="module")
def model() -> Any:
    return iw.load("lil-attn-2l")


def waited(view: LensGrid) -> None:
    assert view.feeder is not None
    assert worker_of(view.feeder.model).wait(60.0)  # type: ignore[attr-defined]


def heard(view: LensGrid) -> list[Any]:
    out: list[Any] = []
    view.send = lambda content, buffers=None: out.append(content)
    return out


def test_a_view_has_the_bare_results_numbers(model: Any) -> None:
    view = iw.logit_lens(model, IDS, track=[7], top_k=3)
    bare = logit_lens(model, IDS, targets=[7], top_k=3)
    assert isinstance(view, LensGrid)
    np.testing.assert_array_equal(view.result.top_logprob, bare.top_logprob)
    np.testing.assert_array_equal(view.result.target_rank, bare.target_rank)


def test_prompts_of_a_batch_are_shown_one_at_a_time(model: Any) -> None:
    view = iw.logit_lens(model, [IDS, IDS[:4]])
    out = heard(view)
    ask(view, kind="prompt", index=1)
    assert out[-1]["ok"] is True
    assert view.result is not None and len(view.result.tokens) == 4
    bare = logit_lens(model, IDS[:4])
    np.testing.assert_allclose(view.result.entropy, bare.entropy, atol=1e-5)


def test_its_cells_are_linked_with_the_boards_other_views(model: Any) -> None:
    board = iw.Board(model)
    heads, lens = board.attention(), board.logit_lens()
    board.run(IDS)
    ask(lens, kind="select", **NOTHING | {"tokens": [3], "layer": 1})
    assert heads.selection.tokens == (3,)
    assert (board.selection.layer, board.selection.tokens) == (1, (3,))


def test_positions_appear_as_they_are_generated(model: Any) -> None:
    board = iw.Board(model)
    view = board.logit_lens()
    with board.generate(IDS, max_new_tokens=3):
        pass
    tokens = view.result.tokens
    assert sum(tokens.generated) > 0
    bare = logit_lens(model, list(tokens.ids))
    np.testing.assert_allclose(view.result.entropy, bare.entropy, atol=1e-4)


def test_a_token_is_followed_from_the_page(model: Any) -> None:
    view = iw.logit_lens(model, IDS, track=7)
    out = heard(view)
    ask(view, kind="track", token=9, on=True)
    waited(view)
    assert out[-1]["ok"] is True
    assert view.result.target_ids == (7, 9)
    ask(view, kind="track", token=7, on=False)
    waited(view)
    assert view.result.target_ids == (9,)
    assert "track=[9]" in view.code()


def test_a_token_outside_the_vocabulary_is_refused(model: Any) -> None:
    view = iw.logit_lens(model, IDS)
    out = heard(view)
    ask(view, kind="track", token=10**6, on=True)
    assert out[-1]["error"]["code"] == PromptError.__name__
    assert view.status["kind"] == "live"


def test_a_generated_run_is_not_done_again_from_the_page(model: Any) -> None:
    board = iw.Board(model)
    view = board.logit_lens()
    with board.generate(IDS, max_new_tokens=2):
        pass
    out, before = heard(view), view.result
    ask(view, kind="track", token=9, on=True)
    assert "add track= to the call that makes this view, and generate again" in message(out)
    assert view.result is before
    run = before.provenance.run
    ask(view, kind="control", run=run, position=len(before.tokens) - 1, tokens=[9])
    waited(view)
    (control,) = view.controls  # the tokens are known: it needs no generation
    assert control.tokens.ids == before.tokens.ids


def test_a_run_with_edits_is_not_done_again_from_the_page() -> None:
    gpt2 = wrapped(tiny_gpt2())
    board = iw.Board(gpt2)
    view = board.logit_lens()
    with board.trace("a cat sat"):
        gpt2.transformer.h[0].output[:] *= 2
    out, before = heard(view), view.result
    for request in (
        {"kind": "track", "token": 9, "on": True},
        {"kind": "control", "run": before.provenance.run, "position": 1, "tokens": [9]},
    ):
        ask(view, **request)
        assert out[-1]["error"]["code"] == InterventionError.__name__
        assert "this run was changed in its own cell" in message(out)
    assert view.result is before


def message(out: list[Any]) -> str:
    return str(out[-1]["error"]["message"])


def test_the_tuned_lens_is_turned_off_and_on(model: Any) -> None:
    texts = [IDS, [1, 7, 8, 7], [1, 9, 5, 9]]
    tuned = tuned_lens(model, texts, steps=2, batch=2)
    view = iw.logit_lens(model, IDS, lens=tuned)
    assert view.payload["tuned"] == {"on": True, "title": str(tuned)}
    with_it = view.result.entropy
    ask(view, kind="tuned", on=False)
    waited(view)
    assert view.payload["tuned"]["on"] is False
    np.testing.assert_allclose(view.result.entropy, logit_lens(model, IDS).entropy, atol=1e-6)
    code = view.code()
    assert "lens = ...  # your own: tuned lens of" in code
    assert "board.logit_lens(lens=lens, tuned=False)" in code
    ask(view, kind="tuned", on=True)
    waited(view)
    np.testing.assert_array_equal(view.result.entropy, with_it)


def test_the_control_is_that_of_the_method(model: Any) -> None:
    view = iw.logit_lens(model, IDS)
    run = view.result.provenance.run
    assert view.payload["bands"] == []
    ask(view, kind="control", run=run, position=3, tokens=[7, 9])
    waited(view)
    (band,) = view.payload["bands"]
    expected = lens_control(model, IDS, [7, 9], pos=3).interval()
    np.testing.assert_allclose(band["low"], expected[0].T, rtol=1e-5)
    np.testing.assert_allclose(band["high"], expected[1].T, rtol=1e-5)
    assert (band["position"], band["ids"], band["n"]) == (3, [7, 9], 20)
    assert view.status["kind"] == "live"
    assert view.result.provenance.run == run  # nothing else was shown


def test_the_control_sees_the_run_as_it_is_ablated(model: Any) -> None:
    board = iw.Board(model)
    view = board.logit_lens()
    board.run(IDS)
    board.ablate([(0, 1), (1, 0)])
    assert isinstance(view, LensGrid)
    ask(view, kind="control", run=view.result.provenance.run, position=3, tokens=[7])
    waited(view)
    (ablated,) = view.controls
    plain = lens_control(model, IDS, [7], pos=3)
    assert np.abs(ablated.logprob - plain.logprob).max() > 1e-4


def test_a_later_run_takes_the_controls_away(model: Any) -> None:
    board = iw.Board(model)
    view = board.logit_lens()
    board.run(IDS)
    ask(view, kind="control", run=view.result.provenance.run, position=3, tokens=[7])
    waited(view)
    assert len(view.controls) == 1
    board.run(IDS)
    assert view.controls == ()


def test_the_code_makes_the_same_view(model: Any) -> None:
    view = iw.logit_lens(model, IDS, track=[7], top_k=3)
    view.measure, view.pins = "rank", [(1, 2)]
    view.selection = Selection(layer=1, tokens=[3])
    names: dict[str, Any] = {}
    exec(view.code().removesuffix("view\n"), names)
    again = names["view"]
    np.testing.assert_array_equal(again.result.top_logprob, view.result.top_logprob)
    assert again.cells == view.cells == ((1, 3), (1, 2))
    assert again.measure == "rank"
