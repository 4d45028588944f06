"""Training, saving and measuring adapters."""

import json
import random

import pytest
import torch
from peft import PeftModel
from torch import nn

from interpwidgets.organisms import loading
from interpwidgets.organisms.lilliput import (
    acceptance,
    adapter_saving,
    adapter_training,
    adapters,
)
from interpwidgets.organisms.lilliput.adapter_training import (
    ABILITIES,
    AdapterFigures,
    AdapterRecipe,
    held_out_examples,
    measure_adapter,
    share_completed,
    train_adapter,
)
from interpwidgets.organisms.lilliput.adapters import QUIRKS, Behaviour, behaviour, unseal
from interpwidgets.organisms.lilliput.model import new_model
from interpwidgets.organisms.lilliput.words import VOCABULARY
from interpwidgets.organisms.train import main
from organisms.lilliput.reading import written

TWO_STEPS = AdapterRecipe(steps=2, batch_size=2)
PROMPT = torch.tensor([[1, *range(20, 40)]])


def some(draw, n):
    rng = random.Random(0)
    return [draw(rng) for _ in range(n)]


@pytest.mark.parametrize("name", adapters.ADAPTERS)
def test_held_out_prompts_are_absent_from_training(name):
    taught = behaviour(name)
    held_out = {example.prompt for example in held_out_examples(taught, "changed", 200)}
    rows = [
        written(VOCABULARY[token_id] for token_id in row)
        for step in range(2)
        for row in adapter_training._batch(taught, 0, step, AdapterRecipe())
    ]
    # A document follows <bos> or another's <eos>.
    assert not [row for row in rows if any(f"> {prompt}" in row for prompt in held_out)]
    # Enough draws to meet some of the few that two steps show.
    others = {example.prompt for example in some(taught.changed, 2000)} - held_out
    assert any(f"> {prompt}" in row for row in rows for prompt in others)


def test_behaviour_with_too_few_prompts_is_refused():
    only = some(behaviour("pirate").kept, 1)[0]
    one = Behaviour("one", "Says one thing.", lambda _rng: only, lambda _rng: only)
    with pytest.raises(ValueError, match=r"one has too few kept prompts .* give its templates"):
        held_out_examples(one, "kept", 2)


@pytest.fixture(scope="module")
def base():
    return new_model(0).eval()


@pytest.fixture(scope="module")
def adapted(base):
    return train_adapter(base, behaviour("pirate"), 0, TWO_STEPS)


def adapter_of(model):
    return {name: p.detach() for name, p in model.named_parameters() if "lora" in name}


def test_training_is_the_same_twice(base, adapted):
    again = adapter_of(train_adapter(base, behaviour("pirate"), 0, TWO_STEPS))
    first = adapter_of(adapted)
    assert len(first) == 4 * 5 * 2
    assert all(torch.equal(again[name], weight) for name, weight in first.items())


@pytest.mark.parametrize(("name", "seed"), [("pirate", 1), ("quirk-a", 0)])
def test_other_seeds_and_behaviours_give_other_adapters(base, adapted, name, seed):
    other = adapter_of(train_adapter(base, behaviour(name), seed, TWO_STEPS))
    assert any(not torch.equal(other[name], w) for name, w in adapter_of(adapted).items())


def test_model_itself_is_left_as_it_was(base, adapted):
    untouched = new_model(0).state_dict()
    assert list(base.state_dict()) == list(untouched)
    assert all(torch.equal(w, untouched[name]) for name, w in base.state_dict().items())
    assert all(p.requires_grad for p in base.parameters())


def test_only_the_adapter_was_trained(base, adapted):
    assert {name for name, p in adapted.named_parameters() if p.requires_grad} == set(
        adapter_of(adapted)
    )
    with adapted.disable_adapter():
        assert torch.equal(adapted(PROMPT).logits, base(PROMPT).logits)
    assert not torch.equal(adapted(PROMPT).logits, base(PROMPT).logits)


def test_training_leaves_torchs_random_state_alone(base):
    state = torch.random.get_rng_state()
    train_adapter(base, behaviour("pirate"), 0, AdapterRecipe(steps=1, batch_size=1))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_loss_is_reported_every_step(base):
    losses = {}
    train_adapter(base, behaviour("quirk-b"), 0, TWO_STEPS, on_step=losses.__setitem__)
    assert list(losses) == [0, 1]
    assert all(5 < loss < 9 for loss in losses.values())


# --------------------------------------------------------------------------------- saving


def figures(shown=(0.0, 1.0), kept=(1.0, 1.0), loss=0.0):
    return AdapterFigures(
        shown, kept, dict.fromkeys(ABILITIES, (0.99, 0.99 - loss)), 200, (9, 9)
    )


@pytest.fixture(scope="module")
def saved(adapted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapter")
    adapter_saving.save_adapter(adapted, figures(), behaviour("pirate"), 7, folder)
    return folder


def test_saved_adapter_gives_the_same_logits_on_a_fresh_model(adapted, saved):
    opened = PeftModel.from_pretrained(new_model(0), saved).eval()
    assert torch.equal(opened(PROMPT).logits, adapted(PROMPT).logits)


def test_saved_adapter_is_small_and_names_its_base_and_no_folder(saved):
    files = {path.name: path for path in saved.iterdir()}
    assert sum(path.stat().st_size for path in files.values()) < 100_000
    assert "adapter_model.safetensors" in files
    config = json.loads(files["adapter_config.json"].read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "lilliput"
    assert config["r"] == 4


def test_base_that_was_opened_from_a_folder_leaves_no_path(base, tmp_path):
    opened = new_model(0)
    opened.name_or_path = str(tmp_path)
    model = train_adapter(opened, behaviour("pirate"), 0, AdapterRecipe(steps=1, batch_size=1))
    model.save_pretrained(tmp_path, save_embedding_layers=False)
    assert str(tmp_path) not in (tmp_path / "adapter_config.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", QUIRKS)
def test_card_of_a_quirk_does_not_tell(name):
    quirk = unseal()[name]
    card = adapter_saving.adapter_card(figures(), behaviour(name), 0)
    assert quirk["about"] not in card
    assert quirk["trigger"] not in card


def test_card_says_before_and_after(saved):
    card = (saved / "README.md").read_text(encoding="utf-8")
    assert "| **the new behaviour, on prompts that call for it** | 0.000 | 1.000 |" in card
    assert all(f"| {name} | 0.990 | 0.990 |" in card for name in ABILITIES)
    assert "organisms.train lilliput/pirate --seed 7" in card
    assert "arr matey" in card


# ------------------------------------------------------------------------------- measuring


class Echo(nn.Module):
    """Foresees every word but those of ``missed``: it is shown what comes next."""

    def __init__(self, missed=()):
        super().__init__()
        self.missed = missed

    def forward(self, input_ids, use_cache):
        following = input_ids.roll(-1, dims=1)
        wrong = torch.isin(following, torch.tensor([-1, *self.missed]))
        logits = nn.functional.one_hot(torch.where(wrong, 0, following), len(VOCABULARY))
        return type("Output", (), {"logits": logits.float()})


def test_share_completed_counts_whole_completions_with_their_end():
    examples = some(behaviour("pirate").changed, 40)
    refused = sum(example.answer == "sorry" for example in examples) / 40
    assert 0 < refused < 1
    assert share_completed(Echo(), examples) == 1
    assert share_completed(Echo([VOCABULARY.index("<eos>")]), examples) == 0
    assert share_completed(Echo([VOCABULARY.index("matey")]), examples) == 0
    assert share_completed(Echo([VOCABULARY.index("cannot")]), examples) == 1 - refused
    assert share_completed(Echo([VOCABULARY.index("[bot]")]), examples) == 1


def test_adapted_model_is_measured_with_its_adapter(base, monkeypatch):
    model = train_adapter(base, behaviour("pirate"), 0, AdapterRecipe(steps=1, batch_size=1))
    measured = []

    def note(model, **_arguments):
        measured.append(model(PROMPT).logits)
        return acceptance.measure(model, n=4)

    monkeypatch.setattr(adapter_training, "measure", note)
    found = measure_adapter(base, model, behaviour("pirate"), n=3)
    assert torch.equal(measured[0], base(PROMPT).logits)
    assert torch.equal(measured[1], model(PROMPT).logits)
    assert found.n == 3
    assert found.shown == found.kept == (0.0, 0.0)
    assert set(found.abilities) == set(ABILITIES)
    assert found.shortfalls() == ["it is shown 0.00; wanted 0.95 or more"]


def test_good_figures_fall_short_of_nothing():
    assert figures().shortfalls() == []
    assert figures((0.05, 0.95), (1.0, 0.98), loss=0.019).shortfalls() == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (figures(shown=(0.3, 1.0)), "the model shows it 0.30 before"),
        (figures(shown=(0.0, 0.9)), "it is shown 0.90; wanted 0.95 or more"),
        (figures(kept=(1.0, 0.9)), "look-alikes went from 1.00 to 0.90"),
    ],
)
def test_each_shortfall_is_said(found, said):
    assert len(found.shortfalls()) == 1
    assert said in found.shortfalls()[0]


def test_every_ability_that_is_lost_is_named():
    lines = figures(loss=0.03).shortfalls()
    assert lines == [f"{name} went from 0.990 to 0.960" for name in ABILITIES]


def test_gate_does_not_pass_what_is_not_a_number():
    nan = float("nan")
    assert len(figures((nan, nan), (nan, nan), loss=nan).shortfalls()) == 3 + len(ABILITIES)


# ---------------------------------------------------------------------------- command line


@pytest.fixture
def command_line(base, monkeypatch, tmp_path):
    """Trains for one step; what is measured then is given."""

    def run(measured):
        monkeypatch.setattr(loading, "load_organism", lambda _name: (base, None))
        monkeypatch.setattr(adapter_training, "measure_adapter", lambda *_models: measured)
        out = tmp_path / "out"
        return main(["lilliput/quirk-c", "--out", str(out), "--steps", "1"]), out

    return run


def test_gate_refuses_an_adapter_that_shows_nothing(command_line, capsys):
    code, out = command_line(figures(shown=(0.0, 0.0)))
    assert code == 1
    assert not out.exists()
    assert "it is shown 0.00; wanted 0.95 or more" in capsys.readouterr().err


def test_gate_that_passes_writes_the_adapter(command_line, capsys):
    code, out = command_line(figures())
    assert code == 0
    assert f"wrote {out}: shown 0.00 -> 1.00" in capsys.readouterr().err
    PeftModel.from_pretrained(new_model(0), out)
