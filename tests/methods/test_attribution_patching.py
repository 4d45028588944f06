"""Attribution patching is what activation patching tends to as the patch goes to nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zoo
from interpwidgets.errors import InterventionError, MetricError, ResultError
from interpwidgets.methods.activation_patching import activation_patching
from interpwidgets.methods.attribution_patching import attribution_patching
from interpwidgets.models.patching import Cell, patched_logits, record
from interpwidgets.reads.metrics import kl_from, logit_difference, probability
from tiny import tiny_gpt2, tiny_llama, wrapped

CLEAN, CORRUPTED = [3, 5, 7, 9, 4, 5], [3, 5, 8, 9, 6, 5]
ANSWERS = (11, 12)
STEP = 1e-5
#: Several models compute norms in float32, whatever their weights are in.
WIDE_STEP = 3e-3


@pytest.mark.parametrize("metric", ["logit_difference", "probability", "kl"])
def test_the_gradients_of_metrics_are_finite_differences(metric: str) -> None:
    logits, clean = np.random.default_rng(0).normal(size=(2, 9))
    made = {
        "logit_difference": logit_difference(2, 5, ""),
        "probability": probability(2, ""),
        "kl": kl_from(clean),
    }[metric]
    steps = STEP * np.eye(9)
    expected = [(made(logits + d) - made(logits - d)) / (2 * STEP) for d in steps]
    assert made.gradient is not None
    np.testing.assert_allclose(made.gradient(logits), expected, atol=1e-8)


@pytest.mark.parametrize("site", ["resid_pre", "attn_out", "mlp_out", "q", "k", "v", "z"])
@pytest.mark.parametrize(
    "name", ["gpt2", "llama", "gemma2", "gpt_neox", "falcon, groups", "opt"]
)
def test_it_is_patching_as_the_patch_goes_to_nothing(name: str, site: str) -> None:
    assert_is_the_slope_of_patching(name, site)


@pytest.mark.parametrize("name", zoo.first_by_default(["gpt2", "opt", "gemma2"], 2))
def test_it_is_so_for_the_stream_behind_attention(name: str) -> None:
    assert_is_the_slope_of_patching(name, "resid_mid")


def assert_is_the_slope_of_patching(name: str, site: str) -> None:
    module = zoo.make(name).double()
    model = zoo.wrap(module)
    heads = () if site not in "qkvz" else (0, 1)
    grid = attribution_patching(
        model,
        CLEAN,
        CORRUPTED,
        answers=ANSWERS,
        site=site,
        by="position",
        layers=[1],
        heads=heads or None,
    )
    clean, own = (record(model, ids, site, [1]) for ids in (CLEAN, CORRUPTED))
    difference = clean.values[1] - own.values[1]
    cells = [Cell(1, ((pos, pos),), heads) for pos in range(6)]
    ends = []
    for step in (WIDE_STEP, -WIDE_STEP):
        near = {1: own.values[1] + step * difference}
        ((_, logits),) = patched_logits(model, CORRUPTED, site, cells, near)
        ends.append(logits[:, 11] - logits[:, 12])
    slope = (ends[0] - ends[1]) / (2 * WIDE_STEP)
    estimated = grid.raw[0, 0] - grid.corrupted_values[0]
    np.testing.assert_allclose(estimated, slope, rtol=1e-2, atol=1e-3)
    assert np.abs(estimated).max() > 1e-3


@pytest.fixture(params=[tiny_gpt2, tiny_llama], ids=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wrapped(request.param())


def test_the_last_layer_without_what_is_behind_it_is_exact() -> None:
    """What is linear in the patch up to the logits: a model whose last norm is its identity."""
    module = tiny_gpt2()
    module.transformer.ln_f.forward = lambda x: x
    model = wrapped(module)
    given = {"answers": ANSWERS, "site": "resid_post", "layers": [3]}
    exact = activation_patching(model, CLEAN, CORRUPTED, **given)
    estimate = attribution_patching(model, CLEAN, CORRUPTED, **given)
    np.testing.assert_allclose(estimate.values, exact.values, atol=1e-4)
    assert not estimate.agreement(exact).disagree.any()


def test_where_it_disagrees_is_marked(model: Any) -> None:
    exact = activation_patching(model, CLEAN, CORRUPTED, answers=ANSWERS)
    estimate = attribution_patching(model, CLEAN, CORRUPTED, answers=ANSWERS)
    agreement = estimate.agreement(exact, tolerance=0.2)
    expected = np.corrcoef(estimate.values.ravel(), exact.values.ravel())[0, 1]
    assert agreement.correlation == pytest.approx(expected)
    wrong = np.abs(estimate.values - exact.values) > 0.2
    assert (agreement.disagree == wrong).all()
    assert exact.agreement(exact).correlation == pytest.approx(1)
    assert "first order" in estimate.provenance.note
    with pytest.raises(ResultError, match="their site differ"):
        other = {"answers": ANSWERS, "site": "mlp_out"}
        estimate.agreement(activation_patching(model, CLEAN, CORRUPTED, **other))


def test_it_leaves_the_model_and_its_gradients_alone(model: Any) -> None:
    before = record(model, CLEAN, "resid_pre", [0]).logits
    attribution_patching(model, CLEAN, CORRUPTED, answers=ANSWERS)
    assert np.array_equal(record(model, CLEAN, "resid_pre", [0]).logits, before)
    assert all(parameter.grad is None for parameter in model._module.parameters())


def test_what_has_no_gradient_is_refused_in_words(model: Any) -> None:
    with pytest.raises(InterventionError, match="no gradient at 'pattern'"):
        attribution_patching(model, CLEAN, CORRUPTED, answers=ANSWERS, site="pattern")
    with pytest.raises(MetricError, match="no derivative"):
        attribution_patching(model, CLEAN, CORRUPTED, metric=len)
