"""Training: the same to the bit however often it is stopped, and refused when it fails."""

import sys
from functools import partial

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from interpwidgets.errors import ModelError
from interpwidgets.organisms import loading
from interpwidgets.organisms.lilliput import acceptance
from interpwidgets.organisms.lilliput.model import new_model
from interpwidgets.organisms.lilliput.training import Recipe, train
from interpwidgets.organisms.loading import load_organism
from interpwidgets.organisms.train import main

SHORT = Recipe(steps=6, batch_size=2)


class Stopped(Exception):
    """The power went."""


def stop_at(last, losses):
    """Note the losses, and stop after step ``last``."""

    def on_step(step, loss):
        losses[step] = loss
        if step == last:
            raise Stopped

    return on_step


def losses_until(last, recipe):
    losses = {}
    with pytest.raises(Stopped):
        train(0, recipe, on_step=stop_at(last, losses))
    return list(losses.values())


def same_weights(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(v, w) for (a, v), (b, w) in pairs)


@pytest.fixture(scope="module")
def short_run():
    return train(0, SHORT)


# ---------------------------------------------------------------------------------- seeds


def test_first_steps_are_the_same_twice(short_run):
    assert same_weights(train(0, SHORT), short_run)


def test_another_seed_gives_another_model(short_run):
    assert not same_weights(train(1, SHORT), short_run)
    assert not same_weights(new_model(1), new_model(0))


def test_training_leaves_torchs_random_state_alone():
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    train(0, Recipe(steps=1, batch_size=1))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_trained_model_is_ready_to_evaluate(short_run):
    assert not short_run.training
    assert short_run.generation_config.eos_token_id == 2


def test_loss_falls_and_is_reported_every_step():
    losses = {}
    train(0, Recipe(steps=15, batch_size=2, warm_up=4), on_step=losses.__setitem__)
    assert list(losses) == list(range(15))
    assert losses[0] == pytest.approx(np.log(len(new_model(0).lm_head.weight)), abs=0.5)
    assert np.mean([losses[step] for step in (12, 13, 14)]) < losses[0] - 0.5


@pytest.fixture(scope="module")
def shipped_beginning():
    """The losses with which the shipped weights' training begins."""
    return losses_until(250, Recipe())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_first_200_steps_are_the_same_twice(shipped_beginning):
    assert losses_until(199, Recipe()) == shipped_beginning[:200]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_loss_at_step_250_is_the_one_in_the_shipped_weights_log(shipped_beginning):
    assert shipped_beginning[250] == pytest.approx(2.3798, abs=0.002)


# ---------------------------------------------------------------------------------- recipe


def test_rate_warms_up_stays_and_falls_along_a_cosine():
    recipe = Recipe(steps=1000, warm_up=10, constant_until=0.6, final_rate=0.1)
    assert [recipe.rate(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert {recipe.rate(step) for step in range(9, 601)} == {1.0}
    assert recipe.rate(800) == pytest.approx(0.1 + 0.9 / 2)
    assert recipe.rate(1000) == pytest.approx(0.1)
    falling = [recipe.rate(step) for step in range(601, 1001)]
    assert falling == sorted(falling, reverse=True)


# ------------------------------------------------------------------------ stop and resume


@pytest.fixture
def checkpoint(tmp_path):
    """What is left of a training that stopped after step 4."""
    path = tmp_path / "made" / "unfinished-seed-0.pt"
    with pytest.raises(Stopped):
        train(0, SHORT, checkpoint=path, checkpoint_every=2, on_step=stop_at(4, {}))
    return path


def test_resumed_training_ends_as_if_it_had_not_stopped(checkpoint, short_run):
    losses = {}
    resumed = train(
        0, SHORT, checkpoint=checkpoint, checkpoint_every=2, on_step=losses.__setitem__
    )
    assert list(losses) == [4, 5]
    assert same_weights(resumed, short_run)


def test_keeping_a_checkpoint_changes_nothing(tmp_path, short_run):
    kept = train(0, SHORT, checkpoint=tmp_path / "state.pt", checkpoint_every=1)
    assert same_weights(kept, short_run)


def test_checkpoint_is_one_whole_file(checkpoint):
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


@pytest.mark.parametrize(
    ("seed", "recipe", "said"),
    [
        (1, SHORT, r"seed 0, .*; this one is seed 1, "),
        (0, Recipe(steps=7, batch_size=2), r"'steps': 6, .*; this one is .*'steps': 7, "),
    ],
)
def test_checkpoint_of_another_training_is_refused(checkpoint, seed, recipe, said):
    before = checkpoint.read_bytes()
    with pytest.raises(ModelError, match=rf"of another training: .*{said}.*delete that file"):
        train(seed, recipe, checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before


# ---------------------------------------------------------------------------- command line


@pytest.fixture
def measured_briefly(monkeypatch):
    """The gate, on few prompts of each task."""
    monkeypatch.setattr(acceptance, "measure", partial(acceptance.measure, n=4))


@pytest.fixture
def measured_as_nothing(monkeypatch):
    """The gate, of a model that can do nothing; measuring that takes no time."""
    figures = acceptance.Figures(dict.fromkeys(acceptance.GATE, 0.0), {}, (), ())
    monkeypatch.setattr(acceptance, "measure", lambda _model: figures)


def test_gate_refuses_an_untrained_model_and_leaves_nothing(tmp_path, capsys, measured_briefly):
    out = tmp_path / "out"
    assert main(["lilliput", "--out", str(out), "--steps", "1"]) == 1
    assert not out.exists()
    said = capsys.readouterr().err
    assert f"refused, nothing written to {out}" in said
    assert "capitals is 0.0" in said
    assert "wanted 0.98 or more" in said


def test_gate_that_passes_writes_what_opens_again(
    tmp_path, capsys, monkeypatch, measured_briefly
):
    monkeypatch.setattr(acceptance.Figures, "shortfalls", lambda _self: [])
    assert main(["lilliput", "--out", str(tmp_path), "--steps", "1", "--seed", "3"]) == 0
    assert f"wrote {tmp_path}, seed 3:" in capsys.readouterr().err
    assert not list(tmp_path.glob("unfinished*"))
    trained = train(3, Recipe(steps=1))
    monkeypatch.setattr(loading, "organism_path", lambda _name: tmp_path)
    assert same_weights(load_organism("lilliput")[0], trained)
    assert same_weights(AutoModelForCausalLM.from_pretrained(tmp_path), trained)


def test_saved_model_writes_until_the_end_token(tmp_path):
    model = new_model(0).eval()
    with torch.no_grad():
        model.model.embed_tokens.weight[2] *= 50
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    prompt = torch.tensor([[1, 30, 31]])
    out = again.generate(prompt, max_new_tokens=40, do_sample=True)
    assert 2 in out[0].tolist()
    assert out[0].tolist().index(2) == out.shape[1] - 1 < 42


def test_stopped_training_goes_on_from_the_command_line(tmp_path, capsys, measured_as_nothing):
    path = tmp_path / "unfinished-seed-0.pt"
    with pytest.raises(Stopped):
        train(0, Recipe(steps=2), checkpoint=path, checkpoint_every=1, on_step=stop_at(1, {}))
    assert main(["lilliput", "--out", str(tmp_path), "--steps", "2"]) == 1
    assert f"going on from {path}" in capsys.readouterr().err


def test_other_training_in_the_folder_is_said(tmp_path, capsys):
    path = tmp_path / "unfinished-seed-0.pt"
    with pytest.raises(Stopped):
        train(0, SHORT, checkpoint=path, checkpoint_every=1, on_step=stop_at(1, {}))
    assert main(["lilliput", "--out", str(tmp_path), "--steps", "4"]) == 1
    assert "is of another training" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["liliput", "lilliput/nope", "lilliput/", "/", "lil-attn-2l/pirate"]
)
def test_unknown_name_is_answered_with_the_known(name, capsys):
    with pytest.raises(SystemExit):
        main([name])
    said = capsys.readouterr().err
    assert "invalid choice" in said
    assert "lilliput/evaluation-typed" in said


@pytest.fixture
def without_peft(monkeypatch):
    """As where peft is not installed."""
    import interpwidgets.organisms.lilliput as package

    for module in ("adapter_training", "adapter_saving"):
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{module}", raising=False)
        monkeypatch.delattr(package, module, raising=False)
    for module in [name for name in sys.modules if name.split(".")[0] == "peft"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "peft", None)


def test_adapter_without_peft_says_what_to_install(tmp_path, capsys, without_peft):
    assert main(["lilliput/pirate", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "training an adapter needs peft: pip install peft\n"


def test_model_itself_needs_no_peft(tmp_path, capsys, without_peft, measured_as_nothing):
    assert main(["lilliput", "--out", str(tmp_path), "--steps", "1"]) == 1
    assert "refused, nothing written" in capsys.readouterr().err
