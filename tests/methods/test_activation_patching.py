"""Every cell of a grid of patches equals a plain torch hook, and the laws of patching hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import (
    InterventionError,
    MetricError,
    ModelError,
    PromptError,
    ResultError,
    SiteError,
)
from interpwidgets.methods.activation_patching import activation_patching
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.patching import Cell, Progress, patched_logits, record
from interpwidgets.organisms import lilliput
from interpwidgets.results.patching import PatchingGrid
from tiny import CountForwards, tiny_gpt2, tiny_llama, wrapped

CLEAN, CORRUPTED = [3, 5, 7, 9, 4, 5], [3, 5, 8, 9, 6, 5]
ANSWERS = (11, 12)


def patched(
    model: Any, ids: list[int], other: list[int], site: str, layer: int, where: Any
) -> torch.Tensor:
    """Logits after the last token by plain hooks: ``where`` of a module's value is swapped.

    ``where`` is (positions, columns of the value).
    """
    module, place = model._module, adapter_of(model).place(site, layer)
    target = module.get_submodule(place.path)
    kept: list[torch.Tensor] = []

    def put(value: torch.Tensor) -> torch.Tensor:
        rows = value.view(1, len(ids), -1)
        if not kept:
            kept.append(rows.clone())
            return value
        changed = rows.clone()
        changed[0][where] = kept[0][0][where]
        return changed.view(value.shape)

    def after(_: Any, __: Any, output: Any) -> Any:
        return (put(output[0]), *output[1:]) if isinstance(output, tuple) else put(output)

    def before(_: Any, args: Any, kwargs: Any) -> Any:
        if args:
            return (put(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": put(kwargs["hidden_states"])}

    handle = (
        target.register_forward_pre_hook(before, with_kwargs=True)
        if place.slot == "input"
        else target.register_forward_hook(after)
    )
    with handle, torch.no_grad():
        module(torch.tensor([other]))
        return module(torch.tensor([ids])).logits[0, -1].double()


def difference(logits: torch.Tensor) -> float:
    return float(logits[ANSWERS[0]] - logits[ANSWERS[1]])


@pytest.fixture(params=[tiny_gpt2, tiny_llama], ids=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wrapped(request.param())


def grid_of(model: Any, **more: Any) -> PatchingGrid:
    return activation_patching(model, CLEAN, CORRUPTED, answers=ANSWERS, **more)


@pytest.mark.parametrize("direction", ["denoising", "noising"])
@pytest.mark.parametrize("site", ["resid_pre", "resid_post", "attn_out", "mlp_out"])
@pytest.mark.parametrize(
    "name", zoo.first_by_default(["gpt2", "llama", "gemma2", "gpt_neox", "opt", "bloom"], 2)
)
def test_every_cell_of_positions_is_a_plain_hook(name: str, site: str, direction: str) -> None:
    model = zoo.wrapped_model(name)
    grid = grid_of(model, site=site, direction=direction, batch=5)
    ids, other = (CORRUPTED, CLEAN) if direction == "denoising" else (CLEAN, CORRUPTED)
    expected = [
        [difference(patched(model, ids, other, site, layer, ([pos],))) for pos in range(6)]
        for layer in range(3)
    ]
    np.testing.assert_allclose(grid.raw[0], expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(grid.values) > 0.01


@pytest.mark.parametrize("positions", [None, [2, 4]])
@pytest.mark.parametrize(
    "name", zoo.first_by_default(["gpt2", "llama", "gemma2", "gpt_neox", "mixtral"], 2)
)
def test_every_cell_of_heads_is_a_plain_hook(name: str, positions: list[int] | None) -> None:
    model = zoo.wrapped_model(name)
    d_head = adapter_of(model).d_head
    grid = grid_of(model, site="z", positions=positions)
    rows = torch.tensor(positions or range(6))[:, None]
    expected = [
        [
            difference(
                patched(
                    model,
                    CORRUPTED,
                    CLEAN,
                    "z",
                    layer,
                    (rows, torch.arange(head * d_head, (head + 1) * d_head)),
                )
            )
            for head in range(4)
        ]
        for layer in range(3)
    ]
    np.testing.assert_allclose(grid.raw[0], expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(grid.values) > 0.001


def test_keys_have_a_column_for_each_head_of_theirs() -> None:
    model = zoo.wrapped_model("llama")
    grid = grid_of(model, site="k", layers=[1])
    columns = [torch.arange(8), torch.arange(8, 16)]
    rows = torch.arange(6)[:, None]
    expected = [
        difference(patched(model, CORRUPTED, CLEAN, "k", 1, (rows, at))) for at in columns
    ]
    np.testing.assert_allclose(grid.raw[0, 0], expected, rtol=1e-4, atol=1e-5)


def test_a_pattern_and_its_values_are_the_z(model: Any) -> None:
    """In layer 0 with the same values, patching a head's pattern is patching its z."""
    other = [3, 5, 7, 9, 4, 5]
    # The same tokens elsewhere: patterns differ by the queries and keys alone.
    grid = grid_of(model, site="pattern", layers=[1])
    z, v = (iw.activations(model, CORRUPTED, site, layers=[1]).values[0] for site in "zv")
    weights = iw.activations(model, other, "pattern", layers=[1]).values[0]
    group = 4 // v.shape[1]
    d_head = z.shape[-1]
    for head in range(4):
        new = z.copy()
        new[:, head] = weights[head] @ v[:, head // group]
        expected = _with_z(model, torch.from_numpy(new.reshape(6, 4 * d_head)))
        np.testing.assert_allclose(grid.raw[0, 0, head], expected, rtol=1e-4, atol=1e-5)


def _with_z(model: Any, z: torch.Tensor) -> float:
    module, place = model._module, adapter_of(model).place("z", 1)
    target = module.get_submodule(place.path)
    handle = target.register_forward_pre_hook(lambda _, args: (z[None], *args[1:]))
    with handle, torch.no_grad():
        return difference(module(torch.tensor([CORRUPTED])).logits[0, -1].double())


# --------------------------------------------------------------------------------- laws


def test_all_positions_of_the_first_layer_are_the_other_run(model: Any) -> None:
    clean = record(model, CLEAN, "resid_pre", [0])
    everywhere = Cell(0, tuple((pos, pos) for pos in range(6)))
    ((_, logits),) = patched_logits(model, CORRUPTED, "resid_pre", [everywhere], clean.values)
    np.testing.assert_array_equal(logits[0], clean.logits)


@pytest.mark.parametrize(
    "site", ["resid_pre", "resid_mid", "mlp_out", "q", "k", "z", "pattern"]
)
def test_patching_a_run_into_itself_changes_no_bit(model: Any, site: str) -> None:
    own = record(model, CLEAN, site, range(3))
    by_head = site in ("q", "k", "z", "pattern")
    cells = [
        Cell(layer, ((pos, pos),), (0, 1) if by_head else ())
        for layer in range(3)
        for pos in range(6)
    ]
    parts = [logits for _, logits in patched_logits(model, CLEAN, site, cells, own.values, 18)]
    # The same rows without a patch: more rows may take another way through the processor.
    nothing = [Cell(0, ((5, 5),), (0,) if by_head else ())] * 18
    same = [logits for _, logits in patched_logits(model, CLEAN, site, nothing, own.values, 18)]
    np.testing.assert_array_equal(np.concatenate(parts), np.concatenate(same))
    np.testing.assert_allclose(parts[0][0], own.logits, rtol=1e-5, atol=1e-5)


def test_a_cell_before_the_first_difference_is_as_corrupted(model: Any) -> None:
    grid = grid_of(model, batch=1)
    assert (grid.raw[0, :, :2] == grid.corrupted_values[0]).all()
    assert grid.values[0, 2] != 0


def test_denoising_is_noising_of_the_exchanged_pair(model: Any) -> None:
    one = grid_of(model, direction="denoising")
    other = activation_patching(model, CORRUPTED, CLEAN, answers=ANSWERS, direction="noising")
    np.testing.assert_array_equal(one.raw, other.raw)
    np.testing.assert_allclose(one.values, 1 - other.values)


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_how_many_share_a_forward_changes_nothing(model: Any, batch: int) -> None:
    grid = grid_of(model, batch=batch, layers=[0, 2])
    np.testing.assert_allclose(grid.raw, grid_of(model, layers=[0, 2]).raw, rtol=1e-5)
    keys = grid_of(model, site="k", batch=batch, layers=[0, 2])
    np.testing.assert_allclose(keys.raw, grid_of(model, site="k", layers=[0, 2]).raw, rtol=1e-5)


def test_the_model_is_as_it_was(model: Any) -> None:
    before = record(model, CLEAN, "resid_pre", [0]).logits
    grid_of(model, site="pattern")
    assert np.array_equal(record(model, CLEAN, "resid_pre", [0]).logits, before)
    assert not model.interleaver.mediators


# ------------------------------------------------------------------------------ metrics


def test_metrics_are_what_they_say(model: Any) -> None:
    with torch.no_grad():
        clean, corrupted = (
            model._module(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
            for ids in (CLEAN, CORRUPTED)
        )
    kl = float((clean.exp() * (clean - corrupted)).sum())
    wanted = {
        "kl": (0.0, kl),
        "probability": (float(clean[11].exp()), float(corrupted[11].exp())),
        "logit_difference": (difference(clean), difference(corrupted)),
    }
    for metric, (at_clean, at_corrupted) in wanted.items():
        answers = None if metric == "kl" else ANSWERS
        grid = activation_patching(
            model, CLEAN, CORRUPTED, answers=answers, metric=metric, layers=[0]
        )
        np.testing.assert_allclose(grid.clean_values, at_clean, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(grid.corrupted_values, at_corrupted, rtol=1e-4)


def test_a_function_of_logits_is_a_metric(model: Any) -> None:
    def gap(logits: np.ndarray) -> Any:
        assert logits.dtype == np.float64
        return logits[11] - logits[12]

    own = activation_patching(model, CLEAN, CORRUPTED, metric=gap)
    np.testing.assert_allclose(own.raw, grid_of(model).raw, rtol=1e-5)
    assert own.metric == "gap"


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (lambda x: x, "one number"),
        (lambda _: np.nan, "gave nan"),
        (lambda _: 1.0, "is 1 on the clean prompt and 1 on the corrupted one: no range"),
        ("logits", "no metric 'logits'"),
    ],
)
def test_what_is_no_metric_is_refused_in_words(model: Any, metric: Any, said: str) -> None:
    with pytest.raises(MetricError, match=said):
        activation_patching(model, CLEAN, CORRUPTED, metric=metric)


def test_the_same_prompt_twice_has_no_range(model: Any) -> None:
    with pytest.raises(MetricError, match="no range in which a patch could restore"):
        activation_patching(model, CLEAN, CLEAN, answers=ANSWERS)


# ---------------------------------------------------------------------------- alignment


def test_prompts_of_different_length_need_a_mapping(model: Any) -> None:
    with pytest.raises(PromptError, match=r"6 tokens, corrupted has 7 .* from position 2"):
        activation_patching(model, CLEAN, [3, 5, 8, 8, 9, 4, 5], answers=ANSWERS)


def test_tokens_without_a_partner_have_no_cell(model: Any) -> None:
    longer = [3, 5, 8, 8, 9, 6, 5]  # 7 became 8 8, 4 became 6
    grid = activation_patching(model, CLEAN, longer, answers=ANSWERS, align="tokens")
    assert grid.mapping == (((0, 0), (1, 1), (3, 4), (4, 5), (5, 6)),)
    assert np.isnan(grid.values[:, [2, 3]]).all()
    assert np.isfinite(grid.values[:, [0, 1, 4, 5, 6]]).all()
    clean = record(model, CLEAN, "resid_pre", [1])
    ((_, logits),) = patched_logits(
        model, longer, "resid_pre", [Cell(1, ((4, 5),))], clean.values
    )
    np.testing.assert_allclose(
        grid.raw[0, 1, 5], difference(torch.tensor(logits[0])), rtol=1e-4
    )
    given = activation_patching(
        model, CLEAN, longer, answers=ANSWERS, align=[(3, 4), (5, 6)], direction="noising"
    )
    assert np.isfinite(given.values[0]).tolist() == [False, False, False, True, False, True]


# -------------------------------------------------------------------------------- pairs


def test_several_pairs_give_a_mean_with_an_interval(model: Any) -> None:
    pairs = [(CLEAN, CORRUPTED), ([2, 5, 7, 9, 4, 6], [2, 5, 3, 9, 6, 6]), (CORRUPTED, CLEAN)]
    clean, corrupted = (list(side) for side in zip(*pairs, strict=True))
    answers = [(11, 12), (13, 12), (14, 15)]
    grid = activation_patching(model, clean, corrupted, answers=answers, layers=[0, 1])
    alone = [
        activation_patching(model, a, b, answers=of, layers=[0, 1]).values
        for (a, b), of in zip(pairs, answers, strict=True)
    ]
    np.testing.assert_allclose(grid.values, np.mean(alone, axis=0), rtol=1e-6)
    low, high = grid.interval()
    assert (low <= grid.values + 1e-9).all()
    assert (grid.values <= high + 1e-9).all()
    assert grid.metric == "logit difference of each pair's answers"
    assert np.isnan(grid_of(model, layers=[0]).interval()).all()


def test_lengths_that_differ_between_pairs_go_by_head_only(model: Any) -> None:
    clean, corrupted = [CLEAN, CLEAN[:5]], [CORRUPTED, CORRUPTED[:5]]
    with pytest.raises(PromptError, match="5 to 6 tokens"):
        activation_patching(model, clean, corrupted, answers=ANSWERS)
    grid = activation_patching(model, clean, corrupted, answers=ANSWERS, site="z")
    assert np.isfinite(grid.values).all()


# ------------------------------------------------------------------------------ control


def test_a_control_is_none_until_it_was_run(model: Any) -> None:
    grid = grid_of(model, layers=[1])
    assert grid.control is None
    assert "no control yet" in repr(grid)
    with pytest.raises(ResultError, match="no control yet"):
        _ = grid.beyond_control
    controlled = iw.patching_control(model, grid, n=3, seed=1)
    assert controlled.control is not None
    assert controlled.control.n == 3
    low, high = controlled.control.interval()
    assert ((low <= controlled.control.mean) & (controlled.control.mean <= high)).all()
    again = iw.patching_control(model, grid, n=3, seed=1)
    np.testing.assert_array_equal(again.control_raw, controlled.control_raw)


def test_a_control_patches_another_position_as_long(model: Any) -> None:
    grid = grid_of(model, layers=[1])
    every = iw.patching_control(model, grid, n=99)
    assert every.control is not None
    assert every.control.n == 5  # a position has no more others
    own = record(model, CLEAN, "resid_pre", [1]).values[1]
    expected = set()
    for there in (0, 1, 2, 3, 5):
        vector = own[there] / own[there].norm() * own[4].norm()
        donor = {1: own.clone()}
        donor[1][4] = vector
        ((_, logits),) = patched_logits(
            model, CORRUPTED, "resid_pre", [Cell(1, ((4, 4),))], donor
        )
        expected.add(round(difference(torch.tensor(logits[0]).double()), 3))
    assert {round(float(v), 3) for v in every.control_raw[:, 0, 0, 4]} == expected


def test_a_control_takes_other_prompts(model: Any) -> None:
    grid = grid_of(model, site="pattern", layers=[1])
    with pytest.raises(InterventionError, match=r"control a grid of patterns with prompts="):
        iw.patching_control(model, grid)
    others = [[9, 9, 2, 4, 8, 1], [4, 3, 2, 1, 6, 7]]
    controlled = iw.patching_control(model, grid, prompts=others, cells=[(0, 2)])
    assert controlled.control is not None
    assert controlled.control.n == 2
    assert np.isfinite(controlled.control.mean).tolist() == [[False, False, True, False]]
    with pytest.raises(PromptError, match="exactly the 6 tokens"):
        iw.patching_control(model, grid, prompts=[[1, 2, 3]])


def test_a_control_is_of_the_same_model(model: Any) -> None:
    grid = grid_of(model, layers=[1])
    with pytest.raises(InterventionError, match="a control is of the same model"):
        iw.patching_control(iw.load("lil-attn-2l"), grid)
    model._module.lm_head.weight.data *= 2
    with pytest.raises(InterventionError, match="weights, adapter or precision changed"):
        iw.patching_control(model, grid)


# ------------------------------------------------------------------- progress, interrupt


def test_progress_is_told_and_an_interrupt_keeps_what_is_done(model: Any) -> None:
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if progress.done >= 12:
            raise KeyboardInterrupt

    grid = grid_of(model, batch=4, layers=[0, 1, 2], progress=tell)
    # What cannot change the answer is known at once: before the first difference, and layer
    # 0 where the tokens are the same.
    assert [(p.done, p.total) for p in told] == [(0, 18), (8, 18), (11, 18), (13, 18)]
    assert told[1].seconds_left >= 0
    done = np.isfinite(grid.raw)
    assert done.sum() == 13
    assert grid.provenance.note.endswith("interrupted: 13 of 18 cells were run")
    whole = grid_of(model, batch=4, layers=[0, 1, 2])
    np.testing.assert_array_equal(grid.raw[done], whole.raw[done])

    def at_once(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid_of(model, progress=at_once)


# ------------------------------------------------------------------------ forms, refusals


def test_a_grid_is_saved_and_opened(model: Any, tmp_path: Path) -> None:
    grid = iw.patching_control(model, grid_of(model, layers=[0, 2]), n=2)
    back = iw.load_result(grid.save(tmp_path / "grid"))
    assert isinstance(back, PatchingGrid)
    np.testing.assert_array_equal(back.raw, grid.raw)
    np.testing.assert_array_equal(back.control_raw, grid.control_raw)
    for name in ("clean", "corrupted", "mapping", "answers", "layers", "columns", "provenance"):
        assert getattr(back, name) == getattr(grid, name)
    assert back.fingerprint == grid.fingerprint


def test_its_table_has_a_row_a_cell(model: Any) -> None:
    grid = iw.patching_control(model, grid_of(model, layers=[0, 2]), n=2)
    frame = grid.to_frame()
    assert len(frame) == 12
    row = frame.iloc[7]
    assert (row.layer, row.position, row.raw) == (2, 1, grid.raw[0, 1, 1])
    assert row.token == grid.corrupted[0].text[1]
    assert row.share == pytest.approx((row.raw - row.corrupted) / (row.clean - row.corrupted))
    assert row.control_low <= row.control_mean <= row.control_high


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"site": "resid"}, SiteError, "Did you mean 'resid_"),
        ({"by": "head"}, InterventionError, "a grid of resid_pre is by 'position'"),
        ({"heads": [0]}, InterventionError, "resid_pre has no heads"),
        ({"direction": "up"}, InterventionError, "'denoising' or 'noising'"),
        ({"layers": [9]}, ResultError, "`layer` is 9"),
        ({"positions": [6]}, ResultError, "`position` is 6; the prompt has 6 positions, 0-5"),
        ({"site": "z", "heads": [4]}, ResultError, "`head` is 4"),
        ({"answers": 11}, PromptError, r"\(correct, wrong\) tokens"),
        ({"answers": ("cat", "the cat")}, PromptError, "is one token"),
        ({"answers": (1, 99)}, PromptError, "99 is outside the vocabulary"),
    ],
)
def test_what_makes_no_grid_is_refused_in_words(
    model: Any, more: Any, error: Any, said: str
) -> None:
    with CountForwards(model._module) as count, pytest.raises(error, match=said):
        activation_patching(model, CLEAN, CORRUPTED, **{"answers": ANSWERS, **more})
    assert count.n == 0


def test_a_parallel_block_has_no_middle() -> None:
    with pytest.raises(SiteError, match="has no site 'resid_mid'"):
        grid_of(zoo.wrapped_model("gpt_neox"), site="resid_mid")


def test_an_encoder_predicts_no_next_token() -> None:
    with pytest.raises(ModelError, match="reads text from left to right"):
        grid_of(zoo.wrapped_model("bert"))


def test_the_name_that_is_moved_restores_the_answer() -> None:
    """In lilliput the second subject carries the answer from its position in layer 0."""
    model = iw.load("lilliput")
    example = lilliput.ioi(1)[0]
    answers = (example.labels["io"], example.labels["subject"])
    grid = activation_patching(model, example.prompt, example.corrupted, answers=answers)
    assert grid.ranked()[0][0] <= 1
    assert grid.values[0, example.positions["s2"]] == pytest.approx(1, abs=1e-4)
