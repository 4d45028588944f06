import json

import pytest
import torch

from interpwidgets.organisms.acceptance import Figures, measure
from interpwidgets.organisms.train import (
    SNAPSHOT_STEPS,
    Recipe,
    main,
    new_model,
    save_run,
    train,
)

NAME = "lil-attn-2l"


@pytest.fixture(scope="module")
def short_run():
    return train(NAME, seed=0, recipe=Recipe(steps=60))


def test_first_steps_are_the_same_twice(short_run):
    again = train(NAME, seed=0, recipe=Recipe(steps=60))
    for name, weight in short_run.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name])


def test_another_seed_gives_another_model():
    first, other = new_model(NAME, 0), new_model(NAME, 1)
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)


def test_training_leaves_torchs_random_state_alone():
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    train(NAME, seed=0, recipe=Recipe(steps=1))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_loss_falls_and_is_reported_every_step():
    losses = {}
    train(NAME, seed=0, recipe=Recipe(steps=60), on_step=losses.__setitem__)
    assert list(losses) == list(range(60))
    assert losses[59] < losses[0]


def test_snapshots_are_kept_at_the_listed_steps_and_the_last():
    run = train(NAME, seed=0, recipe=Recipe(steps=101))
    assert [s.step for s in run.snapshots] == [0, 100, 101]
    assert set(SNAPSHOT_STEPS) >= {0, 100}


def test_saved_run_holds_its_history_and_drops_an_older_one(tmp_path, short_run):
    stale = tmp_path / "snapshots" / "step-000007.safetensors"
    stale.parent.mkdir()
    stale.write_bytes(b"")
    save_run(short_run, tmp_path)
    names = sorted(path.name for path in stale.parent.iterdir())
    assert names == ["step-000000.safetensors", "step-000060.safetensors"]
    history = json.loads((tmp_path / "snapshots.json").read_text(encoding="utf-8"))
    assert history["snapshots"][-1]["accuracy"] == measure(short_run.model).accuracy


def test_gate_refuses_an_untrained_model(tmp_path, capsys):
    out = tmp_path / "out"
    assert main([NAME, "--out", str(out), "--steps", "5"]) == 1
    assert not out.exists()
    said = capsys.readouterr().err
    assert "refused, nothing written" in said
    assert "second-half accuracy is 0.0" in said
    assert "wanted 0.95 or more" in said


def test_gate_that_passes_writes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Figures, "shortfalls", lambda _self: [])
    assert main([NAME, "--out", str(tmp_path), "--steps", "2", "--seed", "3"]) == 0
    assert (tmp_path / "model.safetensors").is_file()
    assert "seed 3: second-half accuracy" in capsys.readouterr().err


def test_gate_does_not_pass_what_is_not_a_number():
    nan = float("nan")
    figures = Figures(nan, nan, ((nan,), (nan,)), ((nan,), (nan,)))
    assert len(figures.shortfalls()) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["gpt2"], "invalid choice"), ([NAME, "--steps", "0"], "wanted 1 or more")],
)
def test_wrong_arguments_are_said(arguments, said, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err
