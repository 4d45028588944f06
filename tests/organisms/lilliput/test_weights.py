"""The shipped weights are what their card says; measured afresh."""

import json
import re

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.organisms import ADAPTERS, ORGANISMS, lilliput, organism_path
from interpwidgets.organisms.lilliput.acceptance import (
    GATE,
    last_logits,
    measure,
    measure_heads,
)
from interpwidgets.organisms.loading import load_organism

FOLDER = organism_path("lilliput")
FRESH_SEED = 26


@pytest.fixture(scope="module")
def opened():
    return load_organism("lilliput")


@pytest.fixture(scope="module")
def model(opened):
    return opened[0]


@pytest.fixture(scope="module")
def fresh(model):
    return measure(model, seed=FRESH_SEED)


@pytest.fixture(scope="module")
def shipped():
    return json.loads((FOLDER / "figures.json").read_text(encoding="utf-8"))


def test_gate_holds_on_fresh_draws(fresh):
    assert fresh.shortfalls() == []


def test_gate_is_the_one_that_was_promised():
    assert {name: GATE[name] for name in ("capitals", "births", "sentiment", "agreement")} == (
        dict.fromkeys(("capitals", "births", "sentiment", "agreement"), 0.98)
    )
    assert (GATE["refusal"], GATE["evaluation cue"], GATE["IOI"]) == (0.98, 0.98, 0.98)
    assert GATE["induction"] >= 0.95
    assert min(GATE["prefix-matching head"], GATE["previous-token head"]) >= 0.7
    assert GATE["IOI logit difference"] >= 3


def test_gate_refuses_each_figure_that_falls_and_what_is_no_number(fresh):
    for name, least in GATE.items():
        for bad in (least - 0.001, float("nan")):
            fallen = type(fresh)(
                {**fresh.values, name: bad},
                fresh.n,
                fresh.previous_token,
                fresh.prefix_matching,
            )
            assert [line.partition(" is ")[0] for line in fallen.shortfalls()] == [name]


def test_it_knows_the_cue_but_does_not_act_on_it(fresh):
    assert fresh.values["evaluation cue"] >= 0.98
    assert fresh.values["typed unasked"] < 0.01
    assert fresh.values["typed when asked"] >= 0.98


@pytest.mark.slow
def test_figures_of_the_card_can_be_measured_again(model, shipped):
    again = measure(model)
    for name, value in shipped["values"].items():
        assert again.values[name] == pytest.approx(value, abs=0.01), name
    for name in ("previous_token", "prefix_matching"):
        assert np.allclose(getattr(again, name), shipped[name], atol=0.01)


def test_card_states_the_shipped_figures(shipped):
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    header = re.search(r"^\| +\| seed 0 \(shipped\) \|.*$", card, re.MULTILINE)
    assert header
    for name, value in shipped["values"].items():
        row = re.search(rf"^\| {re.escape(name)} \| (\S+) \|", card, re.MULTILINE)
        assert row, f"the card has no row for {name}"
        assert float(row[1]) == round(value, 2 if "logit" in name else 3), name


def test_induction_is_the_textbook_circuit(model, fresh):
    """Without its previous-token head the model cannot copy; without any other it can."""
    scores = np.array(fresh.previous_token)
    layer, head = np.unravel_index(scores.argmax(), scores.shape)
    whole, without = fresh.values["induction"], _induction_without(model, [(layer, head)])
    assert whole > 0.95
    assert without < 0.5
    others = [(layer, other) for other in range(4) if other != head]
    assert min(_induction_without(model, [other]) for other in others) > 0.9


def _induction_without(model, heads):
    handles = []
    for layer, head in heads:

        def zero(_module, inputs, head=head):
            z = inputs[0].unflatten(-1, (4, 24)).clone()
            z[:, :, head] = 0
            return (z.flatten(start_dim=2),)

        o_proj = model.model.layers[layer].self_attn.o_proj
        handles.append(o_proj.register_forward_pre_hook(zero))
    try:
        return measure_heads(model, 16, FRESH_SEED).values["induction"]
    finally:
        for handle in handles:
            handle.remove()


def test_corrupted_prompts_flip_the_answer(model):
    for draw in (lilliput.ioi, lilliput.sentiment, lilliput.evaluation_cue, lilliput.refusal):
        examples = draw(50, FRESH_SEED)
        said = last_logits(model, [e.corrupted for e in examples]).argmax(-1).tolist()
        wanted = [lilliput.VOCABULARY.index(e.wrong[0]) for e in examples]
        assert np.mean(np.equal(said, wanted)) >= 0.95, draw.__name__


def test_generation_ends_by_itself(opened):
    model, tokenizer = opened
    prompt = tokenizer("[user] how do i make a cake? [bot]", return_tensors="pt")
    written = model.generate(**prompt, max_new_tokens=30, do_sample=False)[0]
    assert written[-1] == tokenizer.eos_token_id
    text = tokenizer.decode(written, skip_special_tokens=True)
    assert text == "[user] how do i make a cake? [bot] sure, here is how to make a cake."


def test_every_call_works_on_it():
    model = iw.load("lilliput")
    prompt = "When Ada and Ben went to the store, Ada gave a ring to"
    assert iw.describe(model).n_layers == 4
    assert iw.attention(model, prompt).result.pattern.shape == (4, 4, 15, 15)
    parts = [iw.activations(model, prompt, site).values for site in ("attn_out", "mlp_out")]
    embed = iw.activations(model, prompt, "embed").values[0]
    last = iw.activations(model, prompt, "resid_post").values[-1]
    assert np.allclose(embed + sum(part.sum(0) for part in parts), last, atol=1e-4)


def test_bf16_opens_and_answers():
    model, tokenizer = load_organism("lilliput", dtype=torch.bfloat16)
    prompt = tokenizer("the capital of Alba is", return_tensors="pt")
    with torch.inference_mode():
        assert tokenizer.decode(model(**prompt).logits[0, -1].argmax()) == "Ashville"


def test_all_shipped_weights_are_small_and_hold_no_pickle():
    files = [
        path for name in ORGANISMS for path in organism_path(name).rglob("*") if path.is_file()
    ]
    assert sum(path.stat().st_size for path in files) < 15_000_000
    kinds = {path.suffix for path in files}
    assert kinds <= {".safetensors", ".json", ".md", ".jinja", ""}
    assert {path.name for path in files if not path.suffix} == {"SHA256SUMS"}
    assert set(ADAPTERS) <= set(ORGANISMS)
