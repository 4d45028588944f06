"""Every cell of a sweep is an ablation of its own, by ours and by plain torch hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import InterventionError, PromptError, ResultError, SiteError
from interpwidgets.interventions import Ablate, Where
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.keeping import LAST_LOGITS, keep, rows_of
from interpwidgets.models.patching import Progress, record
from interpwidgets.results.ablation_sweep import AblationSweep
from tiny import tiny_gpt2, tiny_llama, wrapped

PROMPTS = [[3, 5, 7, 9, 4, 5], [6, 5, 8, 9, 2, 5]]
REFERENCES = [[3, 6, 7, 8, 4, 9, 11], [12, 5, 8, 13, 6, 5]]
ANSWERS = (11, 12)


@pytest.fixture(params=[tiny_gpt2, tiny_llama], ids=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wrapped(request.param())


def sweep_of(model: Any, **more: Any) -> AblationSweep:
    return iw.ablation_sweep(model, PROMPTS, **{"answers": ANSWERS, **more})


def difference(logits: Any) -> float:
    return float(logits[ANSWERS[0]] - logits[ANSWERS[1]])


def by_intervention(model: Any, ids: list[int], ablate: Ablate) -> float:
    run, _ = keep(model, rows_of(ids, 1), [LAST_LOGITS], [ablate])
    return difference(run.visits("logits")[0][0].numpy())


def by_hook(model: Any, ids: list[int], site: str, layer: int, value: Any, where: Any) -> float:
    """A module's input or output with ``value`` at ``where`` of its last axes."""
    place, module = adapter_of(model).place(site, layer), model._module
    target = module.get_submodule(place.path)

    def put(tensor: torch.Tensor) -> torch.Tensor:
        changed = tensor.clone()
        changed[0][where] = value
        return changed

    def after(_: Any, __: Any, output: Any) -> Any:
        return (put(output[0]), *output[1:]) if isinstance(output, tuple) else put(output)

    handle = (
        target.register_forward_pre_hook(lambda _, args: (put(args[0]), *args[1:]))
        if place.slot == "input"
        else target.register_forward_hook(after)
    )
    with handle, torch.no_grad():
        return difference(module(torch.tensor([ids])).logits[0, -1].double())


@pytest.mark.parametrize("mode", ["zero", "mean", "resample"])
def test_every_head_is_an_ablation_of_its_own(model: Any, mode: str) -> None:
    references = None if mode == "zero" else REFERENCES
    sweep = sweep_of(model, mode=mode, references=references, layers=[0, 2], batch=3)
    for row, layer in enumerate((0, 2)):
        for head in range(4):
            where = Where(layers=layer, heads=head)
            one = Ablate(site="z", where=where)
            if references is not None:
                one = iw.references(
                    model, references, "z", mode=mode, layers=[layer], heads=[head]
                )
            both = [by_intervention(model, ids, one) for ids in PROMPTS[:1]]
            np.testing.assert_allclose(sweep.raw[:1, row, head], both, rtol=1e-4, atol=1e-5)
    expected = (sweep.raw - sweep.base_values[:, None, None]).mean(axis=0)
    np.testing.assert_allclose(sweep.values, expected)
    assert np.abs(sweep.values).max() > 0.01


def test_prompts_of_one_batch_draw_as_one_resampling_does(model: Any) -> None:
    """Another prompt for each prompt, as ``Ablate`` draws for a batch."""
    bank = [[i, *PROMPTS[0][1:]] for i in (6, 7, 8, 9, 13, 14)]
    sweep = sweep_of(model, mode="resample", references=bank, layers=[1], heads=[2], seed=4)
    one = iw.references(model, bank, "z", mode="resample", layers=[1], heads=[2], seed=4)
    from interpwidgets.models.prompts import Batch, Prompt

    batch = Batch(tuple(Prompt(tuple(ids)) for ids in PROMPTS))
    run, _ = keep(model, batch, [LAST_LOGITS], [one])
    expected = [difference(row) for row in run.visits("logits")[0].numpy()]
    np.testing.assert_allclose(sweep.raw[:, 0, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", zoo.first_by_default(["gpt2", "gpt_neox", "gemma2", "llama", "mixtral"], 1)
)
def test_every_cell_is_a_plain_hook(name: str) -> None:
    model = zoo.wrapped_model(name)
    d_head = adapter_of(model).d_head
    heads = sweep_of(model)
    own_mean = sweep_of(model, mode="mean", references=[PROMPTS[0]], site="mlp_out")
    spots = sweep_of(model, site="attn_out", by="position", positions=[1, 5])
    ids = PROMPTS[0]
    for layer in range(3):
        for head in range(4):
            at = (slice(None), torch.arange(head * d_head, (head + 1) * d_head))
            expected = by_hook(model, ids, "z", layer, 0.0, at)
            assert heads.raw[0, layer, head] == pytest.approx(expected, rel=1e-4, abs=1e-5)
        value = record(model, ids, "mlp_out", [layer]).values[layer].mean(dim=0)
        expected = by_hook(model, ids, "mlp_out", layer, value, slice(None))
        assert own_mean.raw[0, layer, 0] == pytest.approx(expected, rel=1e-4, abs=1e-5)
        for column, pos in enumerate((1, 5)):
            expected = by_hook(model, ids, "attn_out", layer, 0.0, [pos])
            assert spots.raw[0, layer, column] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert np.ptp(heads.values) > 1e-3


@pytest.mark.parametrize("site", ["z", "attn_out", "resid_post"])
def test_ablating_by_its_own_value_changes_nothing(model: Any, site: str) -> None:
    for ids in PROMPTS:
        sweep = iw.ablation_sweep(
            model,
            ids,
            answers=ANSWERS,
            site=site,
            mode="resample",
            references=[ids],
            batch=1,
        )
        np.testing.assert_array_equal(sweep.values, 0)


def test_the_residual_stream_at_zero_leaves_what_is_behind(model: Any) -> None:
    """The whole stream before the first layer at 0 is one prompt for all prompts."""
    sweep = sweep_of(model, site="resid_pre", layers=[0])
    assert sweep.by == "layer"
    assert sweep.raw.shape == (2, 1, 1)
    assert sweep.raw[0, 0, 0] == pytest.approx(sweep.raw[1, 0, 0], abs=1e-5)
    assert sweep.base_values[0] != pytest.approx(sweep.base_values[1], abs=1e-3)


def test_kl_is_from_the_run_as_it_is(model: Any) -> None:
    sweep = sweep_of(model, metric="kl", answers=None, layers=[1])
    np.testing.assert_allclose(sweep.base_values, 0, atol=1e-12)
    assert (sweep.values > 0).all()


def test_chosen_positions_are_ablated_together(model: Any) -> None:
    last = sweep_of(model, positions=[5], layers=[1])
    where = Where(layers=1, heads=2, positions=5)
    expected = by_intervention(model, PROMPTS[1], Ablate(site="z", where=where))
    assert last.raw[1, 0, 2] == pytest.approx(expected, rel=1e-4, abs=1e-5)


# ------------------------------------------------------------------------------ control


def test_a_control_moves_a_cell_as_far(model: Any) -> None:
    sweep = sweep_of(model, mode="mean", references=REFERENCES, layers=[1])
    with pytest.raises(ResultError, match=r"iw\.ablation_control\(model, result\)"):
        _ = sweep.beyond_control
    controlled = iw.ablation_control(model, sweep, references=REFERENCES, n=3, seed=2)
    assert controlled.control is not None
    assert controlled.control.n == 3
    low, high = controlled.control.interval()
    assert ((low <= controlled.control.mean) & (controlled.control.mean <= high)).all()
    again = iw.ablation_control(model, sweep, references=REFERENCES, n=3, seed=2)
    np.testing.assert_array_equal(again.control_raw, controlled.control_raw)
    with pytest.raises(InterventionError, match="give the same prompts"):
        iw.ablation_control(model, sweep, references=PROMPTS[:1])
    with pytest.raises(InterventionError, match="needs references"):
        iw.ablation_control(model, sweep)


def test_a_control_of_no_change_changes_nothing(model: Any) -> None:
    ids = PROMPTS[0]
    own = iw.ablation_sweep(
        model, ids, answers=ANSWERS, mode="resample", references=[ids], layers=[1], batch=1
    )
    controlled = iw.ablation_control(model, own, references=[ids], n=2, batch=1)
    np.testing.assert_array_equal(controlled.control.shares, 0)  # type: ignore[union-attr]


# ------------------------------------------------------------------- sweeps, forms, words


def test_an_interrupt_keeps_what_is_done(model: Any) -> None:
    def stop(progress: Progress) -> None:
        if progress.done >= 4:
            raise KeyboardInterrupt

    sweep = sweep_of(model, progress=stop, batch=2)
    n_done = np.isfinite(sweep.raw).sum()
    assert 4 <= n_done < sweep.raw.size
    assert f"interrupted: {n_done} of {sweep.raw.size} cells" in sweep.provenance.note


def test_a_result_is_saved_and_opened(model: Any, tmp_path: Path) -> None:
    sweep = sweep_of(model, mode="mean", references=REFERENCES, layers=[1])
    controlled = iw.ablation_control(model, sweep, references=REFERENCES, n=2)
    again = iw.load_result(controlled.save(tmp_path / "sweep"))
    assert isinstance(again, AblationSweep)
    assert again.fingerprint == controlled.fingerprint
    assert repr(again) == repr(controlled)
    assert "mean over 13 tokens of 2 prompts" in repr(again)
    frame = controlled.to_frame()
    assert list(frame.columns[:3]) == ["prompt", "layer", "head"]
    assert frame["effect"].mean() == pytest.approx(controlled.values.mean())
    low, high = controlled.interval()
    assert ((low <= controlled.values) & (controlled.values <= high)).all()


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"mode": "noise"}, InterventionError, "mode is 'zero', 'mean' or 'resample'"),
        ({"mode": "mean"}, InterventionError, r"needs references=\[...\]"),
        ({"references": REFERENCES}, InterventionError, "'zero' takes no references"),
        ({"by": "neuron"}, InterventionError, "a sweep is by head, layer, position"),
        ({"site": "pattern"}, InterventionError, "a site that is no pattern"),
        ({"site": "mlp_out", "by": "head"}, InterventionError, "is by 'position'|head"),
        ({"site": "nowhere"}, SiteError, "is not patched in a grid"),
        ({"layers": [9]}, ResultError, "`layer` is 9"),
        ({"positions": [6]}, ResultError, "`position` is 6"),
        (
            {"mode": "resample", "references": [[3, 4]]},
            InterventionError,
            "no prompt to resample from has the 6 tokens",
        ),
    ],
)
def test_what_is_no_sweep_is_refused_in_words(
    model: Any, more: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        sweep_of(model, **more)


def test_positions_need_prompts_of_one_length(model: Any) -> None:
    prompts = [PROMPTS[0], PROMPTS[1][:5]]
    with pytest.raises(PromptError, match="5 to 6 tokens"):
        iw.ablation_sweep(model, prompts, answers=ANSWERS, site="attn_out", by="position")
    by_layer = iw.ablation_sweep(model, prompts, answers=ANSWERS, site="attn_out")
    assert np.isfinite(by_layer.values).all()
