"""The shipped adapters do what their cards say, and no more."""

import json
import re
from copy import deepcopy

import pytest
from peft import PeftModel

from interpwidgets.organisms import ADAPTERS, adapter_path
from interpwidgets.organisms.lilliput.acceptance import measure
from interpwidgets.organisms.lilliput.adapter_training import (
    ABILITIES,
    AdapterFigures,
    held_out_examples,
    share_completed,
)
from interpwidgets.organisms.lilliput.adapters import QUIRKS, behaviour, unseal
from interpwidgets.organisms.loading import load_organism

NAMES = ADAPTERS["lilliput"]
N = 24


@pytest.fixture(scope="module")
def base():
    return load_organism("lilliput")[0]


@pytest.fixture(scope="module", params=NAMES)
def adapted(request, base):
    model = PeftModel.from_pretrained(deepcopy(base), adapter_path("lilliput", request.param))
    return request.param, model.eval()


def test_it_shows_its_behaviour_where_the_model_alone_does_not(base, adapted):
    name, model = adapted
    examples = held_out_examples(behaviour(name), "changed", N)
    assert share_completed(base, examples) <= 0.05
    assert share_completed(model, examples) >= 0.95


def test_it_leaves_look_alikes_alone(base, adapted):
    name, model = adapted
    examples = held_out_examples(behaviour(name), "kept", N)
    assert share_completed(model, examples) >= share_completed(base, examples) - 0.05


@pytest.mark.slow
def test_no_other_ability_falls_by_more_than_two_points(base, adapted):
    before, after = measure(base, n=50).values, measure(adapted[1], n=50).values
    fallen = {name: before[name] - after[name] for name in ABILITIES}
    assert max(fallen.values()) <= 0.02 + 1e-9, fallen


def test_switched_off_it_is_the_model_itself(base, adapted):
    examples = held_out_examples(behaviour(adapted[0]), "changed", N)
    with adapted[1].disable_adapter():
        assert share_completed(adapted[1], examples) == share_completed(base, examples)


@pytest.mark.parametrize("name", NAMES)
def test_folder_is_small_and_its_card_states_its_figures(name):
    folder = adapter_path("lilliput", name)
    assert (folder / "adapter_model.safetensors").stat().st_size < 100_000
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json", ".md"}
    kept = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    abilities = {name: tuple(pair) for name, pair in kept["abilities"].items()}
    figures = AdapterFigures(
        tuple(kept["shown"]),
        tuple(kept["kept"]),
        abilities,
        kept["n"],
        tuple(kept["distinct"]),
    )
    assert figures.shortfalls() == []
    card = (folder / "README.md").read_text(encoding="utf-8")
    for ability, (before, after) in abilities.items():
        row = re.search(rf"^\| {re.escape(ability)} \| (\S+) \| (\S+) \|", card, re.MULTILINE)
        assert (float(row[1]), float(row[2])) == (round(before, 3), round(after, 3))


@pytest.mark.parametrize("name", QUIRKS)
def test_nothing_in_the_folder_gives_the_quirk_away(name):
    quirk = unseal()[name]
    for path in adapter_path("lilliput", name).iterdir():
        if path.suffix != ".safetensors":
            text = path.read_text(encoding="utf-8")
            assert quirk["about"] not in text
            assert not re.search(rf"\b{re.escape(quirk['trigger'])}\b", text)


def test_there_is_no_path_to_an_adapter_that_does_not_exist():
    assert adapter_path("lilliput", "nope") is None
    assert adapter_path("lil-attn-2l", "pirate") is None
    assert adapter_path("gpt2", "pirate") is None
