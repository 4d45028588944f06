"""HeadBoard: what travels, what comes back, and what a copy without a kernel holds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from interpwidgets.errors import SelectionError
from interpwidgets.results.base import Provenance
from interpwidgets.results.head_scores import HeadScores
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.tokens import Tokens
from interpwidgets.results.weight_circuits import WeightCircuits
from interpwidgets.selection import Selection
from interpwidgets.show import show
from interpwidgets.widgets import head_board_payload as payload_module
from interpwidgets.widgets.head_board import HeadBoard
from interpwidgets.widgets.head_board_payload import head_board_payload
from interpwidgets.widgets.head_board_static import head_table_html

HOSTILE = '"><script>alert(1)</script>'
NOTHING = {"heads": [], "tokens": [], "layer": None, "feature": None, "prompt": None}


def circuits(n_layers: int = 3, n_heads: int = 2, rank: int = 4) -> WeightCircuits:
    rng = np.random.default_rng(0)
    shape = (n_layers, n_heads)
    composition = rng.random((3, *shape, *shape)).astype(np.float32)
    for layer in range(n_layers):
        composition[:, layer, :, : layer + 1] = np.nan
    return WeightCircuits(
        provenance=Provenance(model="m", dtype="float32"),
        layers=tuple(range(n_layers)),
        eigenvalues=rng.normal(size=(*shape, rank, 2)).astype(np.float32),
        copying_random=np.linspace(-0.1, 0.1, 50, dtype=np.float32),
        diagonal_rank=rng.random(shape).astype(np.float32),
        top_1=rng.random(shape).astype(np.float32),
        top_5=rng.random(shape).astype(np.float32),
        composition=composition,
        composition_random=np.linspace(0.1, 0.2, 50, dtype=np.float32),
        d_vocab=100,
        n_tokens=100,
    )


def scores(name: str = "previous_token") -> HeadScores:
    values = np.array([[[[0.1, 0.9], [0.2, 0.3], [np.nan, 0.0]]]], np.float32)
    return HeadScores(
        provenance=Provenance(model="m"),
        scores=(name,),
        lags=(),
        values=values,
        uniform=np.array([[0.25]], np.float32),
        n_queries=np.array([[4]]),
        token_ids=((1, 2, 3),),
    )


def table(**more: Any) -> HeadTable:
    fields: dict[str, Any] = {
        "scores": scores(),
        "circuits": circuits(),
        "tokens": Tokens.of_text(["a", "b"]),
        **more,
    }
    return HeadTable(Provenance(model="m", run=4), **fields)


@pytest.fixture
def view() -> HeadBoard:
    view = HeadBoard()
    view.show((table(),))
    return view


@pytest.fixture
def sent(view: HeadBoard, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    out: list[tuple[Any, Any]] = []
    monkeypatch.setattr(
        view, "send", lambda content, buffers=None: out.append((content, buffers))
    )
    return out


def ask(view: HeadBoard, **content: Any) -> None:
    view._on_message(view, {"id": "7", **content}, [])


def floats(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<f4")


# ------------------------------------------------------------------------- the payload


def test_every_column_travels_with_its_control() -> None:
    of = table()
    columns = {one["name"]: one for one in head_board_payload(of)["columns"]}
    for column in of.columns:
        sent = columns[column.name]
        np.testing.assert_array_equal(
            floats(sent["values"]), column.values.ravel().astype("f4")
        )
        np.testing.assert_array_equal(floats(sent["high"]), column.high.ravel().astype("f4"))
        assert list(sent["beyond"]) == column.beyond.ravel().astype(int).tolist()


def test_composition_travels_by_head_where_heads_are_few() -> None:
    of = table()
    sent = head_board_payload(of)["composition"]
    assert sent is not None
    values = np.frombuffer(sent["values"], "<f2").reshape(3, 3, 2, 3, 2)
    np.testing.assert_allclose(values, of.circuits.composition, atol=1e-3)
    assert (sent["by"], sent["n_pairs"]) == ("head", 12)


def test_pairs_beyond_random_matrices_are_counted_and_named() -> None:
    of = circuits()
    sent = head_board_payload(table(circuits=of))["composition"]
    assert sent is not None
    high = of.baseline_interval[1]
    assert sent["beyond"] == [int((of.of(kind) > high).sum()) for kind in "qkv"]
    for pair in sent["pairs"]:
        (layer, head), (to, to_head) = pair["heads"]
        assert pair["score"] == of.of(pair["kind"])[layer, head, to, to_head] > high


def test_of_many_heads_each_two_layers_largest_travels(monkeypatch: Any) -> None:
    monkeypatch.setattr(payload_module, "COMPOSED_HEADS", 5)
    of = circuits()
    sent = head_board_payload(table(circuits=of), blocks=[(0, 2)])["composition"]
    assert sent is not None
    assert sent["by"] == "layer"
    values = np.frombuffer(sent["values"], "<f2").reshape(3, 3, 3)
    assert values[1, 0, 2] == pytest.approx(np.nanmax(of.of("k")[0, :, 2]), abs=1e-3)
    assert np.isnan(values[1, 2, 0])
    (block,) = sent["blocks"]
    whole = np.frombuffer(block["values"], "<f2").reshape(3, 2, 2)
    np.testing.assert_allclose(whole, of.composition[:, 0, :, 2], atol=1e-3)


def test_eigenvalues_stay_in_their_budget_with_the_chosen_heads() -> None:
    weights = head_board_payload(table(), [(2, 1)], budget=2 * 4 * 8)["weights"]
    assert weights is not None
    assert weights["held"] == [(2, 1), (0, 0)]
    expected = circuits().eigenvalues[[2, 0], [1, 0]]
    np.testing.assert_array_equal(floats(weights["eigenvalues"]), expected.ravel())


def test_the_payload_is_json_and_buffers_whatever_the_numbers() -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(one) for one in value]
        return None if isinstance(value, bytes) else value

    json.dumps(plain(head_board_payload(table(absent=(("scores", "x"),)))), allow_nan=False)


# ---------------------------------------------------------------------------- messages


def test_a_heads_eigenvalues_come_when_asked_for(view: HeadBoard, sent: Any) -> None:
    ask(view, kind="eigenvalues", run=4, layer=1, head=1)
    ((answer, (data,)),) = sent
    assert answer == {"id": "7", "ok": True, "layer": 1, "head": 1}
    np.testing.assert_array_equal(floats(data), circuits().eigenvalues[1, 1].ravel())


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        ({"kind": "eigenvalues", "run": 4, "layer": 9, "head": 0}, "L9 H0 is not in this view"),
        ({"kind": "eigenvalues", "run": 3, "layer": 0, "head": 0}, "run 3 is not on screen"),
        ({"kind": "block", "run": 4, "layer": 1, "to_layer": 1}, "feed none of layer 1"),
        ({"kind": "sweep", "mode": "zero"}, "nothing to run again"),
        ({"kind": "cancel"}, "nothing to run again"),
        ({"kind": "ablate", "heads": [[0, 0]], "mode": "half"}, "mode"),
    ],
)
def test_other_requests_are_refused_in_words(
    view: HeadBoard, sent: Any, request_: dict[str, Any], match: str
) -> None:
    ask(view, **request_)
    ((answer, _),) = sent
    assert not answer["ok"]
    assert match in answer["error"]["message"]


def test_a_click_selects_heads(view: HeadBoard, sent: Any) -> None:
    ask(view, kind="select", **{**NOTHING, "heads": [[2, 1]]})
    assert view.selection.heads == ((2, 1),)
    with pytest.raises(SelectionError, match=r"L3 H0 is not in this view; layers \[0, 1, 2\]"):
        view.selection = Selection([(3, 0)])


# ------------------------------------------------------------------------------- copies


def test_one_part_alone_is_drawn() -> None:
    view = show(scores())
    assert isinstance(view, HeadBoard)
    assert [one["name"] for one in view.payload["columns"]] == ["previous_token"]
    assert (view.payload["weights"], view.payload["composition"]) == (None, None)
    assert "Head scores" in view.static_html()
    assert view.figure().data[0].z[0][1] == pytest.approx(0.9)
    alone = show(circuits())
    assert "Weight circuits" in alone.static_html()
    assert alone.figure(what="copying") is not None


def test_a_copy_without_a_kernel_offers_no_run(view: HeadBoard) -> None:
    traits = view.traits_to_embed("full")
    assert traits["payload"]["runnable"] is False
    assert len(traits["payload"]["weights"]["held"]) == 6
    assert "view = iw.show" in traits["payload"]["code"]


def test_the_page_has_every_head_and_its_controls(view: HeadBoard) -> None:
    page = view.static_html()
    for layer in range(3):
        assert f"L{layer} H1" in page
    assert "<b>0.90</b>" in page  # beyond an even head's
    assert "a head that attends evenly 0.25" in page
    assert "K-composition" in page


def test_the_page_of_many_heads_lists_those_beyond_their_controls() -> None:
    many = HeadTable.of(circuits(n_layers=30))
    page = head_table_html(many)
    assert "Heads, 32 of 60" in page
    sorted_page = head_table_html(many, "copying")
    best = many.column("copying").ranked()[0]
    first = sorted_page.split('scope="row"')[1]
    assert f"L{best // 2} H{best % 2}" in first


def test_hostile_names_are_text() -> None:
    page = head_table_html(table(scores=scores(HOSTILE), absent=(("scores", HOSTILE),)))
    assert "<script" not in page


def test_the_figure_is_of_the_column_that_sorts(view: HeadBoard) -> None:
    assert view.figure().data[0].z[0][1] == pytest.approx(0.9)
    view.kept = {**view.kept, "sort": "copying"}
    np.testing.assert_allclose(view.figure().data[0].z, circuits().copying)
