"""A board's patching view: sweeps that fill in, patches by hand, controls, restored runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.board import patching_bench
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import InterventionError, MetricError, PromptError, SiteError
from interpwidgets.interventions import Patch, Where
from interpwidgets.methods.activation_patching import activation_patching
from interpwidgets.widgets.patching import PatchGrid
from tiny import tiny_gpt2, wrapped

CLEAN, CORRUPTED, ANSWERS = [3, 5, 7, 9, 4, 5], [3, 5, 8, 9, 6, 5], (11, 12)
SITES = ["resid_pre", "mlp_out"]


@pytest.fixture(scope="module")
def model() -> Any:
    return wrapped(tiny_gpt2())


def make(of: Any, **more: Any) -> PatchGrid:
    board = of if isinstance(of, iw.Board) else iw.Board(of)
    view = board.activation_patching(CLEAN, CORRUPTED, **{"answers": ANSWERS, **more})
    assert isinstance(view, PatchGrid)
    return view


def ask(view: PatchGrid, model: Any, kind: str, **content: Any) -> None:
    view._on_message(view, {"id": "1", "kind": kind, **content}, [])
    assert worker_of(model).wait(60.0)


PLACE = {"pos": None, "source_pos": None, "head": None}


# ------------------------------------------------------------------------------- sweeps


def test_a_view_has_a_grid_a_site(model: Any) -> None:
    view = make(model, site=SITES)
    assert [grid.site for grid in view.results] == SITES
    bare = activation_patching(model, CLEAN, CORRUPTED, answers=ANSWERS, site="mlp_out")
    np.testing.assert_array_equal(view.results[1].raw, bare.raw)
    view.site = "mlp_out"
    assert view.result is view.results[1]
    assert view.status["kind"] == "live"


def test_the_calls_of_the_package_return_views(model: Any) -> None:
    for call in (iw.activation_patching, iw.attribution_patching):
        assert isinstance(call(model, CLEAN, CORRUPTED, answers=ANSWERS), PatchGrid)


def test_a_sweep_fills_in_and_says_how_far_it_is(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patching_bench, "PICTURE_S", -1.0)
    monkeypatch.setattr(patching_bench, "_SAID_S", -1.0)
    seen: list[tuple[int, int, str]] = []
    drawn = PatchGrid.show_so_far

    def watch(view: PatchGrid, results: Any) -> None:
        drawn(view, results)
        seen.append(
            (results[-1].n_left, view.payload["grids"][-1]["left"], view.status["kind"])
        )

    monkeypatch.setattr(PatchGrid, "show_so_far", watch)
    view = make(model, batch=6)
    lefts = [left for left, _, _ in seen]
    assert lefts == sorted(lefts, reverse=True)
    assert (lefts[0], lefts[-1]) == (24, 0)
    assert len(set(lefts)) > 3
    assert all(left == of_payload for left, of_payload, _ in seen)
    assert {kind for _, _, kind in seen[1:]} == {"running"}
    assert view.payload["grids"][0]["left"] == 0


def test_a_long_sweep_is_shown_before_its_cell_ends(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[PatchGrid] = []

    def note(view: PatchGrid) -> None:
        shown.append(view)

    monkeypatch.setattr(PatchGrid, "display_early", note)
    monkeypatch.setattr(patching_bench, "EARLY_S", 1e9)
    make(model)
    assert shown == []
    monkeypatch.setattr(patching_bench, "EARLY_S", -1.0)
    view = make(model)
    assert shown
    shown.clear()
    ask(view, model, "rerun")  # not in a cell
    assert shown == []


def test_an_interrupt_keeps_what_is_done_and_run_again_completes_it(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(view: PatchGrid, results: Any) -> None:
        if results[-1].n_left <= 12:
            view.need_bench().cancel()

    monkeypatch.setattr(patching_bench, "PICTURE_S", -1.0)
    monkeypatch.setattr(PatchGrid, "show_so_far", stop)
    view = make(model, batch=6, site=SITES)
    (left,) = [grid.n_left for grid in view.results]
    assert 0 < left <= 12
    assert view.status["kind"] == "stale"
    assert view.status["message"] == f"interrupted: {24 - left} of 24 cells were run"
    assert view.status["can_rerun"]
    monkeypatch.undo()
    ask(view, model, "rerun")
    assert [grid.n_left for grid in view.results] == [0, 0]
    assert view.status["kind"] == "live"


@pytest.mark.parametrize(
    ("pair", "more", "error", "message"),
    [
        ((CLEAN, [3, 5, 8, 8, 9, 4, 5]), {}, PromptError, "Give align='tokens'"),
        ((CLEAN, CLEAN), {}, MetricError, "no range in which"),
        ((CLEAN, CORRUPTED), {"site": "mlp"}, SiteError, "Did you mean"),
        ((CLEAN, CORRUPTED), {"site": ["z", "z"]}, SiteError, "several different"),
    ],
)
def test_bad_input_is_said_in_the_view_and_loses_nothing(
    model: Any, pair: Any, more: Any, error: type[Exception], message: str
) -> None:
    board = iw.Board(model)
    before = board.activation_patching(CLEAN, CORRUPTED, answers=ANSWERS, key=message)
    before.patch(1, 2)
    with pytest.raises(error, match=message):
        board.activation_patching(*pair, answers=ANSWERS, key=message, **more)
    assert before.result is not None
    assert np.isfinite(before.result.values).all()
    assert len(before.runs) == 1
    if more != {"site": ["z", "z"]}:
        assert before.status["kind"] == "stale"
        assert error.__name__ in before.status["message"]


def test_a_metric_that_fails_half_way_keeps_the_cells_before_it(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patching_bench, "PICTURE_S", -1.0)
    calls = iter(range(100))

    def fails(logits: np.ndarray) -> float:
        return float("nan") if next(calls) == 9 else float(logits[11])

    with pytest.raises(MetricError, match="must be finite"):
        make(model, metric=fails, batch=2, key="fails")
    view = iw.activation_patching(model, CLEAN, CORRUPTED, answers=ANSWERS, key="fails")
    assert view.status["kind"] == "live"


# ------------------------------------------------------------------------------ by hand


def test_a_patch_joins_the_history_and_the_page(model: Any) -> None:
    view = make(model)
    run = view.patch(2, 4, source_pos=1)
    assert view.runs == (run,)
    assert view.history["share"].tolist() == [run.share]
    (wire,) = view.patches["runs"]
    assert (wire["layer"], wire["pos"], wire["source_pos"]) == (2, 4, 1)
    assert wire["control"] is None
    assert len(view.patches["clean_top"]) == 5
    assert "view.patch(2, 4, source_pos=1)" in view.code()


def test_a_drag_runs_on_the_queue(model: Any) -> None:
    view = make(model)
    for source in (1, 3):  # none takes the other one's place
        fields = {**PLACE, "grid": 0, "layer": 2, "pos": 4, "source_pos": source}
        view._on_message(view, {"id": "1", "kind": "patch", **fields}, [])
    assert worker_of(model).wait(60.0)
    assert [run.place.source_pos for run in view.runs] == [1, 3]
    assert view.runs[0].share == pytest.approx(view.patch(2, 4, source_pos=1).share)
    assert view.status["kind"] == "live"


def test_a_click_says_what_the_patched_run_says_next_once(model: Any) -> None:
    view = make(model)
    ask(view, model, "cell", grid=0, row=1, column=2)
    (output,) = view.patches["outputs"]
    assert view.result is not None
    assert output["share"] == pytest.approx(view.result.values[1, 2], abs=1e-5)
    expected = view.patch(1, 2).top
    assert [one["token"]["text"] for one in output["top"]] == [text for text, _ in expected]
    number = view.runs[0].run
    ask(view, model, "cell", grid=0, row=1, column=2)
    assert view.patch(1, 2).run == number + 1  # the second click cost no run


def test_a_control_of_the_grid_and_of_a_run(model: Any) -> None:
    view = make(model)
    view.patch(1, 2)
    ask(view, model, "control", grid=0, number=None)
    assert view.result is not None
    assert view.result.control is not None
    assert view.payload["grids"][0]["control"]["n"] == 5
    ask(view, model, "control", grid=0, number=0)
    assert view.runs[0].control_raw is not None
    assert view.patches["runs"][0]["control"]["n"] == 5
    assert len(view.runs) == 1
    assert view.status["kind"] == "live"


def test_a_cancelled_control_keeps_the_draws_that_are_complete(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patching_bench, "_SAID_S", -1.0)
    view = make(model, batch=24)
    said = view.set_status

    def stop(kind: Any, message: str = "", **how_far: int) -> None:
        said(kind, message, **how_far)
        if how_far.get("done", 0) >= 48:
            view.need_bench().cancel()

    monkeypatch.setattr(view, "set_status", stop)
    control = view.run_control(5)
    assert control.n in (2, 3)
    assert view.status["kind"] == "live"


def test_a_failed_job_is_said_and_all_else_stays(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = make(model)

    def fails(*_: Any) -> None:
        raise InterventionError("because")

    monkeypatch.setattr(patching_bench, "runs_of", fails)
    ask(view, model, "patch", **{**PLACE, "grid": 0, "layer": 2, "pos": 4})
    assert view.patches["note"] == "InterventionError: because"
    assert view.status["kind"] == "live"


def test_cancel_forgets_what_waits(model: Any) -> None:
    view, worker = make(model), worker_of(model)
    bench = view.need_bench()
    ran: list[str] = []

    def first() -> None:
        bench.queue("later", lambda: ran.append("later"))
        bench.cancel()

    bench.queue("first", first)
    assert worker.wait(60.0)
    assert ran == []
    assert view.status["kind"] == "live"


# ------------------------------------------------------------------------------ restore


def test_a_restored_run_shows_in_the_boards_other_views(model: Any) -> None:
    board = iw.Board(model)
    attention = board.attention()
    view = make(board)
    run = view.patch(1, 4, source_pos=2)
    assert view.patches["can_restore"]
    view.restore(0)
    assert view.patches["restored"] == 0
    kept = iw.activations(model, CLEAN, "resid_pre", layers=[1])
    patch = Patch.of_run(kept, where=Where(layers=1), mapping=[(2, 4)])
    other = iw.Board(model)
    expected = other.attention()
    other.run(CORRUPTED, interventions=patch)
    np.testing.assert_allclose(
        attention.result.pattern, expected.result.pattern, atol=1e-3, rtol=0
    )
    plain = iw.attention(model, CORRUPTED).result.pattern
    assert np.abs(attention.result.pattern[2:] - plain[2:]).max() > 0.01
    assert "position 2 → 4" in attention.result.provenance.intervened[0]
    assert run.words.startswith("resid_pre L1, 2")
    ask(view, model, "restore", number=None)
    assert view.patches["restored"] is None
    np.testing.assert_array_equal(attention.result.pattern, plain)


def test_without_another_view_there_is_nothing_to_restore_in(model: Any) -> None:
    view = make(model)
    view.patch(1, 4)
    assert not view.patches["can_restore"]
    with pytest.raises(InterventionError, match="no view on this board"):
        view.restore(0)
    with pytest.raises(InterventionError, match="there is no run 3 in the history; it has 0-0"):
        view.restore(3)


def test_the_model_is_unedited_afterwards(model: Any) -> None:
    ids = torch.tensor([CORRUPTED])
    with torch.no_grad():
        before = model._module(ids).logits
    view = make(model)
    view.patch(1, 4, source_pos=2)
    view.run_control(2)
    with torch.no_grad():
        np.testing.assert_array_equal(model._module(ids).logits, before)


# ------------------------------------------------------------------------------- estimate


def test_an_estimate_is_held_to_its_exact_grid(model: Any) -> None:
    view = iw.attribution_patching(model, CLEAN, CORRUPTED, answers=ANSWERS)
    ask(view, model, "cell", grid=0, row=1, column=2)
    exact = view.run_exact()
    estimate, other = view.payload["grids"]
    assert [estimate["title"], other["title"]] == ["residual, estimate", "residual, exact"]
    found = view.results[0].agreement(exact)
    assert estimate["agreement"]["correlation"] == pytest.approx(found.correlation)
    assert len(estimate["agreement"]["disagree"]) == found.disagree.sum() > 0
    (output,) = view.patches["outputs"]
    assert output["share"] == pytest.approx(exact.values[1, 2], abs=1e-5)
    assert other["agreement"] is None


def test_a_closed_view_lets_go_of_its_bench(model: Any) -> None:
    view = make(model)
    view.close()
    assert view.bench is None
    with pytest.raises(Exception, match="without a model to run"):
        view.patch(1, 2)
