"""One patch by hand is a plain torch hook, and the cell of the grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.errors import InterventionError
from interpwidgets.methods.activation_patching import activation_patching, patching_control
from interpwidgets.methods.patched_run import patched_run, runs_of, with_control
from interpwidgets.models.patching import Progress
from interpwidgets.results.patched_run import PatchedRun, compare_runs, history_frame
from interpwidgets.results.patching import PatchingGrid
from tiny import tiny_gpt2, wrapped

CLEAN, CORRUPTED, ANSWERS = [3, 5, 7, 9, 4, 5], [3, 5, 8, 9, 6, 5], (11, 12)


@pytest.fixture(scope="module")
def model() -> Any:
    return wrapped(tiny_gpt2())


def grid_of(model: Any, clean: Any = CLEAN, corrupted: Any = CORRUPTED, **more: Any) -> Any:
    return activation_patching(model, clean, corrupted, **{"answers": ANSWERS, **more})


@pytest.fixture(scope="module")
def grid(model: Any) -> PatchingGrid:
    result: PatchingGrid = grid_of(model)
    return result


def by_hook(
    model: Any, layer: int, source_pos: int, pos: int, scale_of: int | None = None
) -> Any:
    """Logits after the last token, a block's input at one position taken from elsewhere."""
    block, kept = model._module.transformer.h[layer], []

    def before(_: Any, args: Any) -> Any:
        if not kept:
            kept.append(args[0][0].clone())
            return args
        changed = args[0].clone()
        given = kept[0][source_pos]
        if scale_of is not None:
            given = given * (kept[0][scale_of].norm() / given.norm())
        changed[0, pos] = given
        return (changed, *args[1:])

    with block.register_forward_pre_hook(before), torch.no_grad():
        model._module(torch.tensor([CLEAN]))
        return model._module(torch.tensor([CORRUPTED])).logits[0, -1].double()


def difference(logits: torch.Tensor) -> float:
    return float(logits[ANSWERS[0]] - logits[ANSWERS[1]])


@pytest.mark.parametrize(("layer", "source_pos", "pos"), [(0, 4, 2), (2, 1, 5), (3, 5, 5)])
def test_a_patch_from_another_position_is_a_plain_hook(
    model: Any, grid: PatchingGrid, layer: int, source_pos: int, pos: int
) -> None:
    run = patched_run(model, grid, layer, pos, source_pos=source_pos)
    logits = by_hook(model, layer, source_pos, pos)
    assert run.metric_value == pytest.approx(difference(logits), abs=1e-5)
    p, ids = logits.softmax(-1).topk(5)
    np.testing.assert_allclose([chance for _, chance in run.top], p, atol=1e-6)
    tokenizer = model.tokenizer
    assert [text.strip() for text, _ in run.top] == tokenizer.convert_ids_to_tokens(
        ids.tolist()
    )


@pytest.mark.parametrize("direction", ["denoising", "noising"])
@pytest.mark.parametrize(("site", "by"), [("mlp_out", None), ("z", "head"), ("z", "position")])
def test_a_patch_from_its_partner_is_the_cell(
    model: Any, site: str, by: str | None, direction: str
) -> None:
    pairs = [CLEAN, [9, 5, 7, 3, 4, 5]], [CORRUPTED, [9, 5, 8, 3, 4, 6]]
    grid = grid_of(model, *pairs, site=site, by=by, direction=direction, layers=[1, 3])
    which: dict[str, Any] = {"head": 2} if by == "head" else {"pos": 4}
    run = patched_run(model, grid, 3, **which)
    column = which.get("head", 4)
    np.testing.assert_allclose(run.raw, grid.raw[:, 1, column], atol=1e-5)
    assert run.share == pytest.approx(grid.values[1, column], abs=1e-5)
    low, high = run.interval() or (0, 0)
    assert low <= run.share <= high


def test_the_control_is_another_position_as_long(model: Any, grid: PatchingGrid) -> None:
    run = patched_run(model, grid, 1, 2)
    every = with_control(runs_of(model, grid), run, n=99)
    assert every.control_raw is not None
    expected = [difference(by_hook(model, 1, at, 2, scale_of=2)) for at in (0, 1, 3, 4, 5)]
    np.testing.assert_allclose(
        sorted(every.control_raw[:, 0].tolist()), sorted(expected), atol=1e-4
    )
    of_grid = patching_control(model, grid, n=99, cells=[(1, 2)])
    assert of_grid.control_raw is not None
    np.testing.assert_allclose(
        every.control_raw[:, 0], of_grid.control_raw[:, 0, 1, 2], atol=1e-5
    )
    low, high = every.control_interval() or (0, 0)
    assert low < high


def test_an_interrupt_keeps_the_draws_that_are_done(model: Any, grid: PatchingGrid) -> None:
    run = patched_run(model, grid, 1, 2)

    def tell(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    kept = with_control(runs_of(model, grid), run, n=4, progress=tell)
    whole = with_control(runs_of(model, grid), run, n=4)
    assert kept.control_raw is not None
    assert whole.control_raw is not None
    np.testing.assert_array_equal(kept.control_raw, whole.control_raw[:2])


def test_the_history_is_a_table_and_two_runs_compare(model: Any, grid: PatchingGrid) -> None:
    runs = [patched_run(model, grid, 0, 2), patched_run(model, grid, 2, 5, source_pos=1)]
    frame = history_frame(runs)
    assert frame["share"].tolist() == [run.share for run in runs]
    assert frame["source_pos"].tolist() == [2, 1]
    assert frame["control_n"].tolist() == [0, 0]
    assert history_frame([]).columns.tolist() == frame.columns.tolist()
    table = compare_runs(*runs)
    assert table.loc["share", "difference"] == pytest.approx(runs[1].share - runs[0].share)
    text, chance = runs[0].top[0]
    assert table.loc[f"p({text!r})", "a"] == chance


def test_a_run_says_that_it_has_no_control(model: Any, grid: PatchingGrid) -> None:
    run = patched_run(model, grid, 0, 2)
    assert isinstance(run, PatchedRun)
    assert "no control yet" in repr(run)
    assert "resid_pre L0, 2" in repr(run)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layer": 9, "pos": 1}, "`layer` is 9; this grid has layer 0-3"),
        ({"layer": 1, "pos": 6}, "`pos` is 6; this grid has pos 0-5"),
        ({"layer": 1, "pos": 2, "source_pos": -1}, "`source_pos` is -1"),
        ({"layer": 1, "pos": 2, "head": 1}, "by position; leave `head` out"),
        ({"layer": 1, "source_pos": 2}, "give both"),
    ],
)
def test_what_is_not_there_is_refused(
    model: Any, grid: PatchingGrid, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InterventionError, match=message):
        patched_run(model, grid, **given)


def test_another_model_and_changed_weights_are_refused(model: Any, grid: PatchingGrid) -> None:
    with pytest.raises(InterventionError, match="patch the same one"):
        patched_run(iw.load("lil-attn-2l"), grid, 0, 1)
    block = model._module.transformer.h[3].mlp
    with torch.no_grad():
        block.c_proj.weight.mul_(2)
    try:
        with pytest.raises(InterventionError, match="Run the grid again"):
            patched_run(model, grid, 0, 1)
    finally:
        with torch.no_grad():
            block.c_proj.weight.div_(2)


def test_a_position_without_a_partner_needs_to_be_told_one(model: Any) -> None:
    grid = grid_of(model, CLEAN, [3, 5, 8, 8, 9, 6, 5], align=[(0, 0), (1, 1), (5, 6)])
    assert grid.has_partner.tolist() == [True, True, False, False, False, False, True]
    assert grid.n_left == 0
    with pytest.raises(InterventionError, match="source_pos="):
        patched_run(model, grid, 1, 3)
    assert np.isfinite(patched_run(model, grid, 1, 3, source_pos=2).share)


def test_a_function_of_ones_own_is_given_again(model: Any) -> None:
    def gap(logits: np.ndarray) -> float:
        return float(logits[11] - logits[12])

    grid = grid_of(model, metric=gap, answers=None)
    with pytest.raises(InterventionError, match="give it again as metric="):
        patched_run(model, grid, 1, 2)
    run = patched_run(model, grid, 1, 2, metric=gap)
    assert run.share == pytest.approx(grid.values[1, 2], abs=1e-5)
