"""PatchGrid: what travels, what is asked of its bench, and what a copy without a kernel has."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from interpwidgets.errors import InterpWidgetsError, ResultError, SelectionError
from interpwidgets.results.base import Provenance
from interpwidgets.results.patched_run import PatchedRun, PatchPlace
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.results.tokens import Tokens
from interpwidgets.selection import Selection
from interpwidgets.show import show
from interpwidgets.widgets import early
from interpwidgets.widgets.patching import PatchGrid
from interpwidgets.widgets.patching_payload import grid_name, patching_payload, wire_run

CLEAN = Tokens.of_text(["<b>", " Ada", " gave"])
CORRUPTED = Tokens.of_text(["<b>", " Ben", " gave"])


def grid_of(site: str = "resid_pre", **more: Any) -> PatchingGrid:
    raw = np.array([[[2.0, 3.0, np.nan], [1.0, 6.0, 4.0]]])
    fields: dict[str, Any] = {
        "provenance": Provenance(model="m", dtype="float32", run=4),
        "by": "position",
        "direction": "denoising",
        "metric": "logit difference",
        "unit": "logits",
        "layers": (0, 3),
        "columns": (0, 1, 2),
        "raw": raw,
        "clean_values": np.array([6.0]),
        "corrupted_values": np.array([2.0]),
        "clean": (CLEAN,),
        "corrupted": (CORRUPTED,),
        "mapping": (((0, 0), (1, 1), (2, 2)),),
        "answers": ((1, 2),),
    }
    return PatchingGrid(site=site, **{**fields, **more})


def run_of(**more: Any) -> PatchedRun:
    fields: dict[str, Any] = {
        "place": PatchPlace("resid_pre", 3, 2, 1),
        "words": "resid_pre L3, 1 ' Ada' → 2 ' gave'",
        "direction": "denoising",
        "metric": "logit difference",
        "unit": "logits",
        "pairs": (0,),
        "raw": np.array([3.0]),
        "clean_values": np.array([6.0]),
        "corrupted_values": np.array([2.0]),
        "top": ((" Ada", 0.75), (" Ben", 0.25)),
    }
    return PatchedRun(**{**fields, **more})


class FakeBench:
    """Notes what is asked for, and runs queued work at once."""

    can_restore = True

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def queue(self, what: str, work: Any, *, many: bool = False) -> None:
        self.asked.append(("queue", what, many))
        work()

    def __getattr__(self, name: str) -> Any:
        def note(*given: Any) -> None:
            self.asked.append((name, *given))

        return note


@pytest.fixture
def view() -> PatchGrid:
    view = PatchGrid()
    view.show((grid_of(), grid_of("mlp_out")))
    view.bench = FakeBench()  # type: ignore[assignment]
    return view


@pytest.fixture
def sent(view: PatchGrid, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    out: list[Any] = []
    monkeypatch.setattr(view, "send", lambda content, buffers=None: out.append(content))
    return out


def ask(view: PatchGrid, **content: Any) -> None:
    view._on_message(view, {"id": "7", **content}, [])


def floats(data: bytes) -> list[float]:
    return [round(float(v), 4) for v in np.frombuffer(data, "<f4")]


# -------------------------------------------------------------------------- the payload


def test_the_shares_travel_as_they_are() -> None:
    (wire,) = patching_payload((grid_of(),), 0)["grids"]
    assert floats(wire["values"])[:2] == [0.0, 0.25]
    assert floats(wire["values"])[3:] == [-0.25, 1.0, 0.5]
    assert floats(wire["raw"])[3:] == [1.0, 6.0, 4.0]
    assert (wire["low"], wire["high"], wire["control"]) == (b"", b"", None)
    assert (wire["clean"], wire["corrupted"], wire["left"]) == (6.0, 2.0, 1)


@pytest.mark.parametrize(
    ("direction", "source", "mapping"),
    [("denoising", " Ada", [(0, 2), (1, 0)]), ("noising", " Ben", [(2, 0), (0, 1)])],
)
def test_the_mapping_goes_from_the_source_to_the_target(
    direction: str, source: str, mapping: list[tuple[int, int]]
) -> None:
    grid = grid_of(direction=direction, mapping=(((0, 2), (1, 0)),))
    (wire,) = patching_payload((grid,), 0)["grids"]
    assert wire["source"][1]["text"] == source
    assert wire["mapping"] == mapping


def test_columns_without_a_partner_are_no_cells_and_not_missing() -> None:
    grid = grid_of(mapping=(((0, 0), (1, 1)),))
    (wire,) = patching_payload((grid,), 0)["grids"]
    assert (wire["alone"], wire["left"]) == ([2], 0)


def test_positions_whose_token_differs_between_pairs_are_named_by_number() -> None:
    two = {name: np.array([6.0, 6.0]) for name in ("clean_values",)}
    other = Tokens.of_text(["<b>", " Kai", " gave"])
    grid = grid_of(
        raw=np.ones((2, 2, 3)),
        corrupted_values=np.array([2.0, 2.0]),
        clean=(CLEAN, CLEAN),
        corrupted=(CORRUPTED, other),
        mapping=(((0, 0), (1, 1), (2, 2)),) * 2,
        **two,
    )
    (wire,) = patching_payload((grid,), 0)["grids"]
    assert (wire["varying"], wire["n"]) == ([1], 2)
    assert len(floats(wire["low"])) == 6


def test_the_control_and_the_agreement_travel() -> None:
    draws = np.stack([np.full((1, 2, 3), 2.0), np.full((1, 2, 3), 3.0)])
    exact = dataclasses.replace(grid_of(), control_raw=draws, control_title="noise")
    raw = np.array([[[2.0, 3.0, np.nan], [1.0, 2.0, 4.0]]])
    estimate = grid_of(raw=raw, method="attribution patching")
    wires = patching_payload((estimate, exact), 0)["grids"]
    assert wires[1]["control"] is not None
    assert (wires[1]["control"]["n"], wires[1]["control"]["title"]) == (2, "noise")
    assert floats(wires[1]["control"]["mean"]) == [0.125] * 6
    assert wires[0]["agreement"] is not None
    assert wires[0]["agreement"]["disagree"] == [(1, 1)]
    assert [wire["exact"] for wire in wires] == [False, True]
    assert [wire["title"] for wire in wires] == ["residual, estimate", "residual, exact"]


def test_a_run_travels_with_its_control_or_with_none() -> None:
    wire = wire_run(run_of(), 5)
    assert (wire["number"], wire["share"], wire["raw"]) == (5, 0.25, 3.0)
    assert wire["control"] is None
    assert wire["top"][0]["probability"] == 0.75
    controlled = run_of(control_raw=np.array([[2.0], [3.0]]), control_title="noise")
    assert wire_run(controlled, 5)["control"] == {
        "n": 2,
        "low": pytest.approx(0.00625),
        "high": pytest.approx(0.24375),
        "title": "noise",
    }


# ----------------------------------------------------------------------------- its state


def test_the_grid_on_screen_is_what_is_kept(view: PatchGrid) -> None:
    view.site = "mlp_out"
    assert view.kept["grid"] == 1
    assert view.result is view.results[1]
    assert grid_name(view.results[1], view.results) == "mlp_out"
    with pytest.raises(ResultError, match="Did you mean 'mlp_out'"):
        view.site = "mlp"


def test_a_sweep_that_was_ended_is_stale_and_can_go_on(view: PatchGrid) -> None:
    view.settle()
    assert view.status["kind"] == "stale"
    assert view.status["message"] == "interrupted: 10 of 12 cells were run"
    assert view.status["can_rerun"]


def test_a_cell_is_a_layer_and_a_position(view: PatchGrid, sent: list[Any]) -> None:
    fields = {"heads": [], "feature": None, "prompt": None}
    ask(view, kind="select", tokens=[1], layer=3, **fields)
    assert sent[-1]["ok"]
    assert (view.selection.layer, view.selection.tokens) == (3, (1,))
    assert view.selection.token_text == (" Ben",)


def test_a_grid_of_heads_has_its_heads_alone() -> None:
    view = PatchGrid()
    view.show((grid_of("z", by="head"),))
    view.selection = Selection([(3, 2)])
    with pytest.raises(SelectionError, match="layers 0-3 and heads 0-2"):
        view.selection = Selection([(3, 5)])


def test_runs_stay_while_the_prompts_are_the_same(view: PatchGrid) -> None:
    view.add_run(run_of())
    view.show((grid_of("attn_out"),))
    assert len(view.runs) == 1
    view.show((grid_of(clean=(CORRUPTED,)),))
    assert view.runs == ()
    assert view.patches["runs"] == []


def test_an_output_of_a_grid_that_has_gone_is_dropped(view: PatchGrid) -> None:
    view.add_output(grid_of(), (0, 0, 0), run_of())
    assert view.patches["outputs"] == []
    view.add_output(view.results[0], (0, 0, 0), run_of())
    assert len(view.patches["outputs"]) == 1


# ------------------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ({"kind": "cell", "grid": 0, "row": 1, "column": 2}, ("queue", "cell", False)),
        (
            {
                **{"kind": "patch", "grid": 1, "layer": 3, "pos": 2},
                **{"source_pos": 1, "head": None},
            },
            ("queue", "patch", True),
        ),
        ({"kind": "control", "grid": 0, "number": None}, ("queue", "control", False)),
        ({"kind": "restore", "number": None}, ("queue", "restore", False)),
        ({"kind": "rerun"}, ("queue", "sweep", False)),
        ({"kind": "cancel"}, ("cancel",)),
    ],
)
def test_what_the_page_asks_goes_to_the_bench(
    view: PatchGrid, sent: list[Any], content: dict[str, Any], first: tuple[Any, ...]
) -> None:
    ask(view, **content)
    assert sent[-1] == {"id": "7", "ok": True}
    assert view.bench.asked[0] == first  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"kind": "cell", "grid": 2, "row": 0, "column": 0}, "no grid 2"),
        ({"kind": "cell", "grid": 0, "row": 2, "column": 0}, r"no cell \(2, 0\)"),
        (
            {
                **{"kind": "patch", "grid": 0, "layer": 1, "pos": 2},
                **{"source_pos": None, "head": None},
            },
            "`layer` is 1",
        ),
        ({"kind": "restore", "number": 0}, "no run 0 in the history"),
        ({"kind": "control", "grid": 0}, "missing or unknown: number"),
        ({"kind": "exact"}, "exact already"),
    ],
)
def test_bad_requests_change_nothing(
    view: PatchGrid, sent: list[Any], content: dict[str, Any], message: str
) -> None:
    ask(view, **content)
    assert not sent[-1]["ok"]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(sent[-1]["error"]["message"])
    assert view.bench.asked == []  # type: ignore[union-attr]


def test_numbers_that_were_given_have_no_bench(tmp_path: Any) -> None:
    view = show(grid_of())
    assert isinstance(view, PatchGrid)
    assert not view.patches["can_run"]
    with pytest.raises(InterpWidgetsError, match=r"iw.activation_patching\(...\)"):
        view.patch(3, 1)


# ---------------------------------------------------------------------------- other forms


def test_a_copy_without_a_kernel_has_the_runs_and_no_deeds(view: PatchGrid) -> None:
    view.add_run(run_of())
    view.patches = {**view.patches, "can_run": True, "note": "failed"}
    traits = view.traits_to_embed("compact")
    assert len(traits["patches"]["runs"]) == 1
    assert (traits["patches"]["can_run"], traits["patches"]["note"]) == (False, "")
    json.dumps(traits["patches"])


def test_its_figure_its_page_and_its_line(view: PatchGrid) -> None:
    assert view.figure().data[0].zmax == 1.0
    assert "&lt;b&gt;" in view.static_html()
    assert view.summary().endswith("run 4")
    assert view.code().count("view.patch(") == 0
    view.add_run(run_of())
    assert "view.patch(3, 2, source_pos=1)" in view.code()


def test_a_view_that_was_shown_early_is_not_shown_again_by_its_cell(
    view: PatchGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[PatchGrid] = []
    cell: list[object] = [None]
    monkeypatch.setattr(early, "display_view", shown.append)
    monkeypatch.setattr(early, "current_execution", lambda: cell[0])
    view.display_early()
    assert shown == []  # in no cell there is nowhere to show it
    cell[0] = "first"
    view.display_early()
    view.display_early()
    view._ipython_display_()
    assert len(shown) == 1
    cell[0] = "second"
    view._ipython_display_()
    assert len(shown) == 2
