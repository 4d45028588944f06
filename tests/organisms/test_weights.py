"""The shipped weights are what their card says; measured afresh."""

import json
import re

import numpy as np
import pytest
import torch

from interpwidgets.organisms import organism_path
from interpwidgets.organisms.acceptance import EVALUATION_SEED, measure
from interpwidgets.organisms.loading import load_organism, snapshot_steps

FOLDER = organism_path("lil-attn-2l")
FRESH_SEED = (2, 26)


@pytest.fixture(scope="module")
def history():
    return json.loads((FOLDER / "snapshots.json").read_text(encoding="utf-8"))


@pytest.fixture
def mean_ablated(model):
    """Replaces heads' outputs by their mean over sequences and positions."""
    handles = []

    def ablate(layer, heads):
        def replace(_module, inputs):
            z = inputs[0].unflatten(-1, (4, 16)).clone()
            z[:, :, heads] = z[:, :, heads].mean((0, 1))
            return (z.flatten(start_dim=2),)

        o_proj = model.model.layers[layer].attn.o_proj
        handles.append(o_proj.register_forward_pre_hook(replace))
        return model

    yield ablate
    for handle in handles:
        handle.remove()


def test_gate_holds_on_fresh_draws(model):
    figures = measure(model, seed=FRESH_SEED)
    assert figures.shortfalls() == []
    assert figures.accuracy > 0.98
    assert max(figures.prefix_matching[1]) > 0.85
    assert max(figures.previous_token[0]) > 0.85


def test_every_period_is_learned(model):
    assert measure(model, seed=FRESH_SEED, period=None).accuracy > 0.98


def test_without_its_previous_token_head_the_model_cannot_copy(model, mean_ablated):
    figures = measure(model, seed=FRESH_SEED)
    head = figures.best_head(figures.previous_token, layer=0)
    ablated = measure(mean_ablated(0, [head]), seed=FRESH_SEED)
    assert ablated.accuracy < 0.5
    assert max(ablated.prefix_matching[1]) < 0.5


def test_no_other_layer_0_head_matters_much(model, mean_ablated):
    figures = measure(model, seed=FRESH_SEED)
    head = figures.best_head(figures.previous_token, layer=0)
    others = [other for other in range(4) if other != head]
    assert measure(mean_ablated(0, others), seed=FRESH_SEED).accuracy > 0.9


def test_layer_1_heads_stand_in_for_one_another(mean_ablated):
    assert measure(mean_ablated(1, [0]), seed=FRESH_SEED).accuracy > 0.98
    assert measure(mean_ablated(1, [1, 2, 3]), seed=FRESH_SEED).accuracy < 0.95


def test_snapshot_figures_can_be_measured_again(history):
    assert [s["step"] for s in history["snapshots"]] == list(snapshot_steps("lil-attn-2l"))
    for snapshot in history["snapshots"]:
        model, _ = load_organism("lil-attn-2l", step=snapshot["step"])
        figures = measure(model, seed=EVALUATION_SEED)
        assert figures.accuracy == pytest.approx(snapshot["accuracy"], abs=0.01)
        assert figures.loss_nats == pytest.approx(snapshot["loss_nats"], abs=0.01)
        for name in ("previous_token", "prefix_matching"):
            assert np.allclose(getattr(figures, name), snapshot[name], atol=0.01)


def test_snapshots_show_the_phase_change(history):
    accuracy = {s["step"]: s["accuracy"] for s in history["snapshots"]}
    assert accuracy[0] < 0.05
    assert accuracy[125] < 0.2
    assert accuracy[250] > 0.85


def test_card_states_the_shipped_figures(history):
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"\| {history['seed']} \(shipped\) \|(.*)\|", card)[1].split("|")
    last = history["snapshots"][-1]
    stated = [float(cell) for cell in row[:3]]
    measured = [
        last["accuracy"],
        max(last["prefix_matching"][1]),
        max(last["previous_token"][0]),
    ]
    assert stated == [round(number, 3) for number in measured]


def test_folder_is_small_and_holds_no_pickle():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3_000_000
    assert {path.suffix for path in files} == {".safetensors", ".json", ".md", ""}


def test_next_word_is_the_one_that_followed_before(model, tokenizer):
    prompt = tokenizer("king apple river zebra boat king apple river", return_tensors="pt")
    with torch.inference_mode():
        logits = model(**prompt).logits[0, -1]
    assert tokenizer.decode(logits.argmax()) == "zebra"
