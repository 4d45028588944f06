"""AttributionView: what travels, what is asked of it, and its place on a board."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import MessageError, PromptError, ResultError, SiteError
from interpwidgets.results.attribution import DirectLogitAttribution
from interpwidgets.results.attribution_parts import bars_of
from interpwidgets.results.base import Provenance
from interpwidgets.results.tokens import Tokens
from interpwidgets.selection import Selection
from interpwidgets.show import show
from interpwidgets.widgets.attribution import AttributionView
from interpwidgets.widgets.attribution_payload import attribution_payload
from interpwidgets.widgets.contract.attribution import WireBars
from tiny import CountForwards, tiny_gpt2, wrapped

GOLDEN = Path(__file__).parent.parent / "golden" / "attribution.json"
NOTHING = {"heads": [], "tokens": [], "layer": None, "feature": None, "prompt": None}
HOSTILE = "<img src=x onerror=alert(1)>"
BY = ("component", "head", "neuron", "source")


def made(n: int = 2, **more: Any) -> DirectLogitAttribution:
    """Two layers of two heads and three neurons on three tokens, with parts that add up."""
    rng = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return rng.integers(-32, 32, size=(n, *shape)).astype(np.float32) / 16

    source, neuron, head_bias, neuron_bias = some(2, 2, 3), some(2, 3), some(2), some(2)
    head = source.sum(axis=3)
    attn, mlp = head.sum(axis=2) + head_bias, neuron.sum(axis=2) + neuron_bias
    embed = some(2)
    component = np.stack(
        [embed[:, 0], attn[:, 0], mlp[:, 0], attn[:, 1], mlp[:, 1], embed[:, 1]], axis=1
    )
    chance = np.abs(some(6)) + 0.25
    chance[:, -1] = np.nan
    fields: dict[str, Any] = {
        "provenance": Provenance(model="m", revision="abc", dtype="float32", run=7),
        "targets": ("'a' − 'b'",) * n,
        "toward": ("a",) * n,
        "over": ("b",) * n,
        "measure": "logit difference",
        "pos": (2,) * n,
        "tokens": (Tokens.of_text(["x", " y", HOSTILE]),) * n,
        "components": ("embed", "L0 attn", "L0 mlp", "L1 attn", "L1 mlp", "bias"),
        "component": component,
        "chance": chance,
        "logit": component.sum(axis=1) + np.float32(0.25),
        "remainder": np.full(n, 0.25, np.float32),
        "output": component.sum(axis=1),
        "head": head,
        "head_bias": head_bias,
        "head_chance": np.abs(some(2, 2)) + 0.25,
        "neuron": neuron,
        "neuron_bias": neuron_bias,
        "source": source,
        **more,
    }
    return DirectLogitAttribution(**fields)


@pytest.fixture
def view() -> AttributionView:
    view = AttributionView()
    view.show((made(),))
    return view


@pytest.fixture
def sent(view: AttributionView, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    out: list[Any] = []
    monkeypatch.setattr(view, "send", lambda content, buffers=None: out.append(content))
    return out


def ask(view: AttributionView, **content: Any) -> None:
    view._on_message(view, {"id": "7", **content}, [])


def numbers(bars: WireBars) -> np.ndarray:
    return np.frombuffer(bars["numbers"], "<f4").reshape(4, -1)


def drawn(view: Any, by: str) -> dict[tuple[Any, ...], float]:
    """The bars that a view sends, by place."""
    (bars,) = [bars for bars in view.payload["bars"] if bars["by"] == by]
    return dict(zip(map(tuple, bars["places"]), numbers(bars)[0].tolist(), strict=True))


# ---------------------------------------------------------------------------- the payload


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("most", [None, 4])
def test_the_bars_of_every_breakdown_sum_to_the_logit(by: str, most: int | None) -> None:
    result = made(3)
    payload = attribution_payload(result, most=most)
    (bars,) = [bars for bars in payload["bars"] if bars["by"] == by]
    assert bars["rest_value"] is not None
    assert payload["remainder"] is not None
    total = numbers(bars)[0].sum() + bars["rest_value"] + payload["remainder"]
    assert total == pytest.approx(result.logit.mean(), abs=1e-5)
    assert payload["logit"] == pytest.approx(result.logit.mean(), abs=1e-6)
    whole = len(bars_of(result, by).places)
    assert bars["rest_count"] == (0 if most is None else whole - most)
    sizes = np.abs(numbers(bars)[0])
    assert (np.diff(sizes) <= 0).all()


def test_each_bar_has_the_interval_and_the_control_of_its_own_part() -> None:
    result = made(5)
    frame = result.to_frame("head").set_index(["layer", "head"])
    bars = attribution_payload(result)["bars"][1]
    seen = 0
    columns = numbers(bars).T
    for (kind, layer, index, _), row in zip(bars["places"], columns, strict=True):
        if kind == "head":
            wanted = frame.loc[(layer, index), ["value", "low", "high", "chance"]]
            np.testing.assert_allclose(row, wanted.to_numpy(dtype=float), rtol=1e-5)
            seen += 1
    assert seen == 4
    bias = next(i for i, place in enumerate(bars["places"]) if place[0] == "bias")
    assert np.isnan(columns[bias][3])


def test_sources_alone_leave_the_biases_of_their_layer() -> None:
    result = made(1)
    alone = made(1, head=None, head_bias=None, head_chance=None)
    places, value = bars_of(alone, "source").places, bars_of(alone, "source").value
    found = {
        place: v for place, v in zip(places, value, strict=True) if place[0] == "attn_bias"
    }
    assert result.head_bias is not None
    assert [found["attn_bias", layer, -1, -1] for layer in (0, 1)] == pytest.approx(
        result.head_bias[0]
    )


def test_what_heads_took_travels_for_those_that_took_the_most(monkeypatch: Any) -> None:
    from interpwidgets.widgets import attribution_payload as module

    result = made(1)
    values = result.of("source")
    strips = attribution_payload(result)["strips"]
    assert strips is not None
    rows = np.frombuffer(strips["values"], "<f4").reshape(-1, 3)
    for (layer, head), row in zip(strips["heads"], rows, strict=True):
        np.testing.assert_allclose(row, values[layer, head])
    monkeypatch.setattr(module, "STRIPS_BUDGET", 4 * 3)
    (largest,) = attribution_payload(result)["strips"]["heads"]  # type: ignore[index]
    assert np.abs(values).max() == np.abs(values[largest]).max()


def test_breakdowns_that_are_not_held_say_what_they_need() -> None:
    result = made(1, neuron=None, neuron_bias=None, source=None)
    why = {one["name"]: one["why"] for one in attribution_payload(result)["breakdowns"]}
    assert why == {"component": "", "head": "", "neuron": "run", "source": "run"}
    without = made(1, components=("embed", "L0 attn", "a", "L1 attn", "b", "bias"), neuron=None)
    why = {one["name"]: one["why"] for one in attribution_payload(without)["breakdowns"]}
    assert why["neuron"] == "this model has no MLP"


def test_numbers_that_are_not_finite_are_no_invalid_json() -> None:
    result = made(1, logit=np.array([np.nan], np.float32))
    payload = attribution_payload(result)
    json.dumps(_with_base64(payload), allow_nan=False)
    assert payload["logit"] is None


def test_the_golden_file_is_what_python_sends() -> None:
    """The front end's tests decode the same file; IW_WRITE_GOLDEN=1 writes it anew."""
    payload = _with_base64(attribution_payload(made(), prompt_count=2))
    text = json.dumps(payload, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("IW_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text


def _with_base64(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: _with_base64(one) for key, one in value.items()}
    return [_with_base64(v) for v in value] if isinstance(value, (list, tuple)) else value


# --------------------------------------------------------------------------- the messages


def test_a_clicked_head_is_a_python_value(view: AttributionView, sent: list[Any]) -> None:
    ask(view, kind="select", **NOTHING | {"heads": [[1, 0]], "tokens": [1]})
    assert view.selection.heads == ((1, 0),)
    assert view.selection.token_text == (" y",)
    assert sent[-1]["ok"] is True


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"kind": "select", **NOTHING, "heads": [[2, 0]]}, "layers 0-1, heads 0-1"),
        ({"kind": "select", **NOTHING, "tokens": [3]}, "position 3 is outside"),
        ({"kind": "split", "by": "heads", "mean": True, "follow": False}, "'head'"),
        ({"kind": "split", "by": "head", "mean": True, "follow": True}, "nothing to run"),
        ({"kind": "split", "by": "head", "mean": True}, "missing or unknown: follow"),
        ({"kind": "position", "run": 6, "pos": 1}, "run 6 is not on screen"),
        ({"kind": "position", "run": 7, "pos": 1}, "nothing to run again"),
        ({"kind": "position", "run": 7, "pos": 3}, "prompt 0 has 3 tokens, 0-2"),
        ({"kind": "prompt", "index": 2}, "no prompt 2"),
    ],
)
def test_what_cannot_be_is_answered_and_changes_nothing(
    view: AttributionView, sent: list[Any], request_: Any, message: str
) -> None:
    before = view.payload, view.kept, view.selection, view.mean, view.follow
    ask(view, **request_)
    assert message in sent[-1]["error"]["message"]
    assert (view.payload, view.kept, view.selection, view.mean, view.follow) == before


def test_of_several_prompts_the_mean_is_drawn_or_one(
    view: AttributionView, sent: list[Any]
) -> None:
    assert view.result is not None
    assert view.result.n == 2
    assert view.payload is not None
    assert (view.payload["mean"], view.payload["prompt_count"]) == (True, 2)
    ask(view, kind="prompt", index=1)
    assert view.result.n == 1
    assert (view.payload["mean"], view.payload["prompt_index"]) == (False, 1)
    np.testing.assert_array_equal(view.result.component[0], made().component[1])
    ask(view, kind="split", by="source", mean=True, follow=False)
    assert view.result.n == 2
    assert view.by == view.kept["by"] == "source"


def test_results_of_different_breakdowns_have_no_mean() -> None:
    view = show([made(1), made(1, source=None)])
    assert view.result.n == 1
    assert view.payload is not None
    assert view.payload["mean"] is False


# --------------------------------------------------------------------------- on a board

IDS = [3, 5, 7, 9, 3, 5]


@pytest.fixture(scope="module")
def model() -> Any:
    return wrapped(tiny_gpt2())


def settled(model: Any) -> None:
    assert worker_of(model).wait(30.0)


def test_one_call_is_a_view_of_the_bare_result(model: Any) -> None:
    from interpwidgets.methods.direct_logit_attribution import direct_logit_attribution

    view = iw.direct_logit_attribution(model, IDS, 8, against=2, by=BY[1:], pos=3)
    bare = direct_logit_attribution(model, IDS, 8, against=2, by=BY[1:], pos=3)
    for name in ("component", "chance", "head", "neuron", "source", "logit", "remainder"):
        np.testing.assert_allclose(
            getattr(view.result, name), getattr(bare, name), atol=1e-5, err_msg=name
        )
    assert view.result.toward + view.result.over == bare.toward + bare.over
    assert view.pos == 3


def test_a_trace_with_an_intervention_updates_the_bars_and_they_still_sum(model: Any) -> None:
    board = iw.Board(model)
    view = board.direct_logit_attribution(8, against=2)
    board.run(IDS)
    plain = drawn(view, "head")
    assert plain["head", 1, 2, -1]
    with board.trace(IDS):
        model.transformer.h[0].output[..., 3] += 3.0
        logits = model.output.logits.save()
    edited = drawn(view, "head")
    assert edited["head", 1, 2, -1] != pytest.approx(plain["head", 1, 2, -1], abs=1e-3)
    difference = float((logits[0, -1, 8] - logits[0, -1, 2]).detach())
    assert view.payload is not None
    assert view.payload["logit"] == pytest.approx(difference, abs=1e-4)
    # What the user added to the stream no part wrote: the remainder has it.
    assert sum(edited.values()) + view.payload["remainder"] == pytest.approx(
        difference, abs=1e-3
    )
    assert view.payload["stamp"]["intervened"]
    board.ablate((1, 2))
    assert drawn(view, "head")["head", 1, 2, -1] == 0
    assert abs(view.payload["remainder"]) < 1e-3


def test_another_breakdown_is_one_more_run_and_stays(model: Any, monkeypatch: Any) -> None:
    board = iw.Board(model)
    view = board.direct_logit_attribution(8)
    board.run(IDS)
    with CountForwards(model._module) as count:
        ask(view, kind="split", by="source", mean=True, follow=False)
        settled(model)
    assert count.n == 1
    assert view.by == "source"
    assert view.result.breakdowns == ("component", "head", "source")
    with CountForwards(model._module) as count:
        view.by = "head"
    assert count.n == 0
    board.run([4, 4, 8])
    assert view.result.source.shape[-1] == 3
    view.by = "neuron"
    assert view.result.breakdowns == BY


def test_what_the_model_lacks_leaves_the_view_as_it_was() -> None:
    import zoo

    board = iw.Board(zoo.wrapped_model("mixtral"))
    view = board.direct_logit_attribution(8)
    board.run(IDS)
    before = view.payload
    with pytest.raises(SiteError, match="mlp_post"):
        view.by = "neuron"
    assert view.payload is before
    board.run([4, 4, 8])
    assert view.status["kind"] == "live"
    assert view.result.breakdowns == ("component", "head")


def test_the_position_is_set_from_python_and_from_the_page(model: Any) -> None:
    board = iw.Board(model)
    view = board.direct_logit_attribution(8)
    board.run([IDS, IDS[:4]])
    view.pos = 2
    assert view.pos == 2
    assert [one.pos for one in view.results] == [(2,), (2,)]
    with torch.no_grad():
        logits = model._module(torch.tensor([IDS])).logits[0, 2, 8]
    assert view.results[0].logit[0] == pytest.approx(float(logits), abs=1e-4)
    run = view.result.provenance.run
    ask(view, kind="position", run=run, pos=1)
    settled(model)
    assert view.pos == 1
    with pytest.raises(PromptError, match="prompt 1 has 4 tokens, 0-3 or -4 to -1"):
        view.pos = 4
    view.pos = -1
    assert [one.pos for one in view.results] == [(5,), (3,)]


def test_the_position_follows_what_is_selected_elsewhere(model: Any) -> None:
    board = iw.Board(model)
    view, heads = board.direct_logit_attribution(8, by="source"), board.attention()
    board.run(IDS)
    board.selection.tokens = [1]
    settled(model)
    assert view.pos == 5
    view.follow = True
    settled(model)
    assert view.pos == 1
    heads.selection = Selection(tokens=[3])
    settled(model)
    assert view.pos == 3
    with CountForwards(model._module) as count:
        ask(view, kind="select", **NOTHING | {"heads": [[1, 0]], "tokens": [0]})
        settled(model)
    assert (count.n, view.pos) == (0, 3)
    assert heads.selection.heads == ((1, 0),)


def test_a_run_that_makes_the_target_impossible_is_said_here_alone(model: Any) -> None:
    board = iw.Board(model)
    view, heads = board.direct_logit_attribution(8, pos=-5), board.attention()
    board.run(IDS)
    shown = view.result.provenance.run
    board.run([4, 4, 8])
    assert heads.result.provenance.run == shown + 1
    assert heads.status["kind"] == "live"
    assert view.status["kind"] == "stale"
    assert (
        "no position -5 from the end in prompt 0, which has 3 tokens" in view.status["message"]
    )
    assert view.result.provenance.run == shown
    board.run(IDS)
    assert view.status["kind"] == "live"


def test_targets_of_other_prompts_are_said_here_alone(model: Any) -> None:
    board = iw.Board(model)
    view, heads = board.direct_logit_attribution([8, 9]), board.attention()
    board.run([IDS, IDS, IDS])
    assert len(heads.results) == 3
    assert view.status["kind"] == "error"
    assert "`target` has 2 entries for 3 prompts" in view.status["message"]


def test_edits_of_the_users_are_not_repeated_silently(model: Any) -> None:
    board = iw.Board(model)
    view = board.direct_logit_attribution(8)
    with board.trace(IDS):
        model.transformer.h[0].output[..., 3] += 3.0
    view.pos = 2
    assert "edits of the trace before are not in this run" in view.result.provenance.note


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": 99}, PromptError, "outside the vocabulary"),
        ({"by": "heads"}, ResultError, "no breakdown 'heads'"),
        ({"target": 1, "direction": np.zeros(32)}, ResultError, "takes the place of tokens"),
        ({"pos": 3}, PromptError, "counts positions from the end"),
    ],
)
def test_a_board_refuses_bad_arguments_before_any_run(
    model: Any, arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        iw.Board(model).direct_logit_attribution(**arguments)


def test_one_call_refuses_what_is_not_there(model: Any) -> None:
    with pytest.raises(PromptError, match="`pos` is 6; prompt 0 has 6 tokens"):
        iw.direct_logit_attribution(model, IDS, 8, pos=6)
    with pytest.raises(PromptError, match="`target` has 3 entries for 2 prompts"):
        iw.direct_logit_attribution(model, [IDS, IDS], [1, 2, 3])
    view = iw.direct_logit_attribution(model, IDS, 8)
    with pytest.raises(MessageError, match="no breakdown 'heads'"):
        view.by = "heads"


# --------------------------------------------------------------------------- other forms


def test_the_code_makes_the_same_view() -> None:
    board = iw.Board(iw.load("lil-attn-2l"))
    view = board.direct_logit_attribution(6, against=7, by=("head", "source"), pos=-2)
    board.run([[1, 5, 6, 5], [1, 6, 5, 6]])
    view.by, view.mean = "source", False
    view.selection = Selection(heads=[(1, 2)])
    names: dict[str, Any] = {}
    exec(view.code().removesuffix("view\n"), names)
    again = names["view"]
    assert (again.by, again.mean, again.selection) == (view.by, view.mean, view.selection)
    np.testing.assert_allclose(again.result.source, view.result.source, atol=1e-6)


def test_an_argument_that_cannot_be_written_is_not_left_out_of_the_code(model: Any) -> None:
    board = iw.Board(model)
    view = board.direct_logit_attribution(direction=np.full(32, 0.123456789))
    board.run(IDS)
    assert "direction=[[0.123456789, " in view.code()
    many = np.full((70, 32), 0.123456789)
    view = board.direct_logit_attribution(direction=many)
    board.run([IDS] * 70)
    assert "direction=direction)" in view.code()  # a name that is not there


def test_a_full_copy_holds_every_bar(monkeypatch: Any) -> None:
    from interpwidgets.widgets import attribution as module

    monkeypatch.setattr(module, "MOST_BARS", 2)
    view = AttributionView()
    view.show((made(),))
    compact, full = (view.traits_to_embed(embed)["payload"] for embed in ("compact", "full"))
    assert len(full["bars"][3]["places"]) == len(bars_of(made(), "source").places)
    assert len(compact["bars"][3]["places"]) <= len(full["bars"][3]["places"])
    assert compact["code"] == full["code"]


def test_the_static_copy_and_the_summary_say_what_is_explained(view: AttributionView) -> None:
    assert view.summary().startswith("Direct logit attribution: 'a' − 'b', logit difference ")
    assert "mean over 2 prompts · m · run 7" in view.summary()
    view.set_status("stale", "run 9 <failed>")
    page = view.static_html()
    assert "By head" in page
    assert "run 9 &lt;failed&gt;" in page
    assert HOSTILE not in page
    assert "No run yet" in AttributionView().static_html()


def test_the_figure_is_of_the_breakdown_on_screen(view: AttributionView) -> None:
    view.by = "source"
    assert "by source" in view.figure().layout.title.text
    assert "by component" in view.figure(by="component").layout.title.text
