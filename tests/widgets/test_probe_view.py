"""The probe panel's Python side: what travels, what a choice changes, texts, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import DatasetError, MessageError, ResultError
from interpwidgets.methods.probe import probe
from interpwidgets.widgets.probe import ProbePanel
from interpwidgets.widgets.probe_payload import examples_of

IDS = [[1, a, b] for a in range(5, 13) for b in range(5, 9)]
BIG = [row[1] > 8 for row in IDS]


@pytest.fixture(scope="module")
def model() -> Any:
    return iw.load("lil-attn-2l")


def make(model: Any, labels: Any = None, **options: Any) -> ProbePanel:
    few = {"position": [1, "mean"], "shuffled": 3, "random": 2, "rotations": 0}
    if labels is None:
        few["method"] = "mean_difference"  # has no fit to wait for
    return iw.Board(model).probe(IDS, BIG if labels is None else labels, **{**few, **options})


def ask(view: ProbePanel, kind: str, **fields: Any) -> dict[str, Any]:
    """Return the answer to a request as the page makes it."""
    sent: list[dict[str, Any]] = []
    view.send = lambda content, *_: sent.append(content)  # type: ignore[method-assign]
    view._on_message(view, {"id": "1", "kind": kind, **fields}, [])
    return next(one for one in sent if one.get("id") == "1")


def floats(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<f4")


def test_the_payload_has_the_numbers_of_the_result(model: Any) -> None:
    view = make(model, method=["logistic", "mean_difference"])
    result, payload = view.result, view.payload
    curve = next(
        c for c in payload["curves"] if (c["part"], c["metric"], c["probe"]) == (0, 1, 3)
    )
    assert curve["value"] == pytest.approx(result.value[1, 1, 1, 1].tolist())
    shuffled = curve["nulls"][0]
    assert (shuffled["name"], shuffled["n"]) == ("shuffled labels", 3)
    assert shuffled["mean"] == pytest.approx(result.shuffled[1, 1, 1].mean(axis=-1).tolist())
    held = {one["probe"]: floats(one["data"]) for one in payload["scores"]}
    assert sorted(held) == [0, 1, 2, 3]
    shown = result.part > 0
    assert held[2] == pytest.approx(result.scores[1, 0][:, shown].ravel(), nan_ok=True)
    assert payload["target"] == result.target[shown].tolist()


def test_scores_past_the_budget_are_those_of_the_probe_on_screen(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interpwidgets.widgets.probe_payload.MOST_SCORES", 0)
    view = make(model)
    assert [one["probe"] for one in view.payload["scores"]] == [0]
    view.choose(position="mean")
    assert [one["probe"] for one in view.payload["scores"]] == [1]


def test_a_few_held_out_texts_come_scored_as_the_probe_scored_them(model: Any) -> None:
    view = make(model)
    n = view.result.layers.index(view.layer)
    assert view.texts
    for one in view.texts:
        place = IDS.index(list(one.values.tokens.ids))
        assert view.result.part[place] == 1
        assert one.target == view.result.target[place]
        read = one.values.values[n, list(one.read)].mean()
        assert read == pytest.approx(view.result.scores[0, 0, n, place, 0], abs=1e-4)


def test_examples_are_the_surest_of_each_class_and_the_worst(model: Any) -> None:
    view = make(model)
    result, n = view.result, view.result.layers.index(1)
    places = examples_of(result, 1, 0)
    held_out = np.flatnonzero(result.part == 1)
    scores = result.scores[0, 0, n, :, 0]
    margin = np.where(result.target == 1, scores, -scores)
    assert places[0] == held_out[scores[held_out].argmax()]
    assert int(held_out[margin[held_out].argmin()]) in places


def test_a_typed_text_is_scored_on_the_models_queue(model: Any) -> None:
    view = make(model)
    words = " ".join(model.tokenizer.convert_ids_to_tokens([5, 12, 6]))
    before = len(view.texts)
    assert ask(view, "text", text=words)["ok"]
    assert worker_of(model).wait(30.0)
    first = view.payload["scored"][0]
    assert len(view.texts) == before + 1
    assert view.texts[0].target is None
    assert floats(first["data"]) == pytest.approx(view.scored[0].values.ravel())
    assert view.status["kind"] == "live"
    assert ask(view, "forget", index=0)["ok"]
    assert len(view.texts) == before


def test_a_text_that_cannot_be_read_is_said_in_the_view(model: Any) -> None:
    view = make(model)
    answer = ask(view, "text", text="  ")
    assert (answer["ok"], answer["error"]["code"]) == (False, MessageError("").code)
    assert ask(view, "text", text="no such word")["ok"]
    assert worker_of(model).wait(30.0)
    assert view.status["kind"] == "live"  # the numbers hold
    assert "nown word" in view.status["message"]


def test_the_layer_is_the_selected_one_or_the_embedding_or_the_best(model: Any) -> None:
    view = make(model)
    assert view.layer == view.result.best_layer()
    view.selection = iw.Selection(layer=1)
    assert view.layer == 1
    view.layer = -1
    assert (view.layer, view.selection.layer) == (-1, None)
    assert view.direction.site == "embed"
    view.choose(layer=0, position="mean")
    assert (view.layer, view.selection.layer, view.position) == (0, 0, "mean")
    expected = view.result.direction(0, position="mean")
    assert view.direction.vector == pytest.approx(expected.vector)


def test_the_selection_is_the_boards(model: Any) -> None:
    board = iw.Board(model)
    view = board.probe(IDS, BIG, position=1, shuffled=0, random=0, rotations=0)
    board.selection.layer = 1
    assert view.layer == 1
    view.layer = 0
    assert board.selection.layer == 0


def test_another_probe_scores_the_texts_anew(model: Any) -> None:
    view = make(model)
    assert {one.probe for one in view.texts} == {0}
    view.choose(position="mean")
    assert worker_of(model).wait(30.0)
    assert {one.probe for one in view.texts} == {1}
    assert all(len(one.read) == 2 for one in view.texts)


def test_several_classes_and_amounts(model: Any) -> None:
    several = make(model, [row[2] for row in IDS], position=2, task="multiclass")
    assert several.payload["task"] == "multiclass"
    held = floats(several.payload["scores"][0]["data"])
    assert held.size == several.result.scores[0, 0][:, several.result.part > 0].size
    several.choose(output="7")
    assert several.output == "7"
    wanted = several.result.direction(several.layer, output="7")
    assert several.direction.vector == pytest.approx(wanted.vector)
    amounts = make(model, [float(row[1]) for row in IDS], position=1, task="regression")
    assert amounts.payload["metrics"] == ["R²", "correlation"]
    assert amounts.output is None
    assert len(amounts.texts) >= 2


def test_code_makes_the_same_view(model: Any) -> None:
    view = make(model, method=["logistic", "mean_difference"])
    view.choose(method="mean_difference", threshold=0.5, layer=1)
    view.score([1, 7, 6])
    code = view.code().replace("iw.load('lil-attn-2l')", "given")
    names: dict[str, Any] = {"given": model}
    exec(code, names)
    again = names["view"]
    assert again.result.value == pytest.approx(view.result.value, nan_ok=True)
    assert (again.method, again.threshold, again.layer) == ("mean_difference", 0.5, 1)
    assert worker_of(model).wait(30.0)
    for one in (view, again):  # the queue scored the examples anew, and dropped nothing
        assert {text.probe for text in one.texts} == {2}
        assert one.texts[0].prompt == [1, 7, 6]
    assert again.scored[0].values == pytest.approx(view.scored[0].values)


def test_steer_with_it_is_code_of_the_direction(model: Any) -> None:
    view = make(model)
    answer = ask(view, "direction")
    assert answer["code"] == 'iw.steer(model, view.direction, "...")'.replace('"', "'")
    assert answer["words"] == str(view.direction)


def test_without_a_model_the_numbers_show_and_texts_are_refused(model: Any) -> None:
    result = probe(model, IDS, BIG, position=1, shuffled=0, random=0, rotations=0)
    view = iw.show(result)
    assert isinstance(view, ProbePanel)
    assert not view.payload["can_score"]
    assert not ask(view, "text", text="a")["ok"]
    assert "no control" in " ".join(view.payload["facts"]).lower()
    assert "<table" in view.static_html()
    with pytest.raises(MessageError, match="without a model"):
        view.score([1, 5])


def test_a_saved_copy_has_no_one_to_score(model: Any) -> None:
    view = make(model)
    traits = view.traits_to_embed("full")
    assert traits["payload"]["can_score"] is False
    assert "iw.probe(" in traits["payload"]["code"]
    assert view.figure() is not None


def test_bad_choices_and_bad_data_are_refused(model: Any) -> None:
    view = make(model)
    with pytest.raises(ResultError, match="no method 'svm'"):
        view.choose(method="svm")
    with pytest.raises(ResultError, match="has no 'colour'"):
        view.choose(colour=1)
    with pytest.raises(ResultError, match="no probe at layer 9"):
        view.choose(layer=9)
    with pytest.raises(DatasetError):
        make(model, [True] * len(IDS))


def test_a_cell_that_runs_again_keeps_what_was_chosen(model: Any) -> None:
    view = make(model, key="same")
    view.choose(position="mean", layer=1)
    again = make(model, key="same")
    assert again is view
    assert (again.position, again.layer) == ("mean", 1)
    assert {one.probe for one in again.texts} == {1}
