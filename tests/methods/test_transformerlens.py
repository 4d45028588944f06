"""Our methods against TransformerLens on the same weights: golden values of its own program.

``tests/golden/make_transformerlens.py`` made them; the versions are in the file beside.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel

import interpwidgets as iw
from interpwidgets.methods.activation_patching import activation_patching
from interpwidgets.methods.direct_logit_attribution import direct_logit_attribution
from interpwidgets.methods.logit_lens import logit_lens
from interpwidgets.methods.path_patching import path_patching
from interpwidgets.methods.weight_circuits import weight_circuits
from interpwidgets.results.attribution import DirectLogitAttribution

GOLDEN = Path(__file__).parents[1] / "golden"
TOLD: dict[str, Any] = json.loads((GOLDEN / "transformerlens.json").read_text())
THEIRS: dict[str, np.ndarray] = dict(np.load(GOLDEN / "transformerlens.npz"))
CLEAN, CORRUPTED, ANSWERS = TOLD["clean"], TOLD["corrupted"], tuple(TOLD["answers"])
N_LAYERS, D_VOCAB = TOLD["config"]["n_layer"], TOLD["config"]["vocab_size"]


def assert_same(ours: Any, name: str, atol: float = 2e-5) -> None:
    theirs = THEIRS[name]
    assert np.ptp(theirs) > 100 * atol  # or the comparison could hardly fail
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def model() -> Any:
    config = GPT2Config(**TOLD["config"], attn_implementation="eager")
    module = GPT2LMHeadModel(config).eval()
    weights = load_file(GOLDEN / "gpt2_small_random.safetensors")
    module.load_state_dict({n: w.float() for n, w in weights.items()}, strict=False)
    return iw.wrap(module)


def test_the_weights_are_the_same(model: Any) -> None:
    with torch.no_grad():
        logits = model._module(torch.tensor([CLEAN])).logits[0]
    assert_same(logits, "logits")


# --------------------------------------------------------------------------------- lens


@pytest.mark.parametrize("site", ["resid_pre", "resid_mid", "resid_post"])
def test_the_logit_lens_is_theirs(model: Any, site: str) -> None:
    lens = logit_lens(model, CLEAN, site=site, top_k=5, targets=list(range(D_VOCAB)))
    assert_same(lens.target_logprob, f"lens.{site}")
    theirs = THEIRS[f"lens.{site}"]
    best = np.argsort(-theirs, axis=-1)[..., :5]
    np.testing.assert_array_equal(lens.top_ids, best)
    final = THEIRS["lens.resid_post"][-1]
    np.testing.assert_allclose(
        lens.kl, (np.exp(final) * (final - theirs)).sum(-1), rtol=0, atol=5e-5
    )
    np.testing.assert_allclose(
        lens.entropy, -(np.exp(theirs) * theirs).sum(-1), rtol=0, atol=5e-5
    )


# -------------------------------------------------------------------------- attribution


@pytest.fixture(scope="module")
def attributed(model: Any) -> DirectLogitAttribution:
    by = ("head", "neuron")
    return direct_logit_attribution(model, CLEAN, ANSWERS[0], against=ANSWERS[1], by=by)


def test_components_are_theirs(attributed: DirectLogitAttribution) -> None:
    ours = dict(zip(attributed.components, attributed.component[0], strict=True))
    theirs = THEIRS["attribution.component"]
    # They have token and position apart.
    assert ours["embed"] == pytest.approx(theirs[0] + theirs[1], abs=2e-5)
    parts = [ours[f"L{i} {part}"] for i in range(N_LAYERS) for part in ("attn", "mlp")]
    np.testing.assert_allclose(parts, theirs[2:], rtol=0, atol=2e-5)
    assert ours["bias"] == pytest.approx(THEIRS["attribution.bias"], abs=2e-5)


@pytest.mark.parametrize("name", ["attribution.head", "folded.head_attribution"])
def test_heads_are_theirs_with_norms_folded_and_without(
    attributed: DirectLogitAttribution, name: str
) -> None:
    assert_same(attributed.of("head"), name)


def test_neurons_are_theirs(attributed: DirectLogitAttribution) -> None:
    assert_same(attributed.of("neuron"), "attribution.neuron")


# ----------------------------------------------------------------------------- patching


@pytest.mark.parametrize("direction", ["denoising", "noising"])
@pytest.mark.parametrize("site", ["resid_pre", "attn_out", "mlp_out", "z", "q", "v", "pattern"])
def test_every_patched_run_is_theirs(model: Any, site: str, direction: str) -> None:
    grid = activation_patching(
        model, CLEAN, CORRUPTED, answers=ANSWERS, site=site, direction=direction
    )
    assert_same(grid.raw[0], f"{direction}.{site}", atol=1e-4)
    assert grid.clean_values[0] == pytest.approx(THEIRS["patching.clean"], abs=2e-5)
    assert grid.corrupted_values[0] == pytest.approx(THEIRS["patching.corrupted"], abs=2e-5)


# -------------------------------------------------------------------------- composition


@pytest.mark.parametrize("kind", ["q", "k", "v"])
@pytest.mark.parametrize("folded", [True, False])
def test_composition_scores_are_theirs(model: Any, kind: str, folded: bool) -> None:
    scores = weight_circuits(model, fold_norms=folded, n_random=2).of(kind)
    name = f"composition.{kind}"
    # They have 0 where the second head is in no later layer.
    assert_same(np.nan_to_num(scores), f"folded.{name}" if folded else name)


# -------------------------------------------------------------------------------- paths


@pytest.mark.parametrize("kind", ["q", "k", "v"])
def test_every_patched_path_between_heads_is_theirs(model: Any, kind: str) -> None:
    found = path_patching(
        model, CLEAN, CORRUPTED, answers=ANSWERS, receivers=kind, through="residual"
    )
    theirs = THEIRS[f"paths.{kind}"]
    n_heads = TOLD["config"]["n_head"]
    names = [f"L{layer} H{head}" for layer in range(N_LAYERS) for head in range(n_heads)]
    flat = theirs.reshape(len(names), len(names))
    compared = 0
    for row, sender in enumerate(found.senders):
        for column, receiver in enumerate(found.receivers):
            ours = found.raw[0, row, column]
            there = names.index(sender), names.index(receiver.removesuffix(f" {kind}"))
            if np.isfinite(ours):
                assert ours == pytest.approx(flat[there], abs=1e-4)
                compared += 1
    assert compared == np.count_nonzero(flat) == 3 * n_heads**2
