import shutil
import subprocess
import sys

import pytest
import torch
from transformers.utils import logging as transformers_logging

import interpwidgets.organisms.loading as loading
from interpwidgets.errors import ModelError
from interpwidgets.organisms import ORGANISMS, organism_path
from interpwidgets.organisms.loading import load_organism, snapshot_steps


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the shipped folder that ``load_organism`` opens instead."""
    folder = tmp_path / "lil-attn-2l"
    shutil.copytree(organism_path("lil-attn-2l"), folder)
    monkeypatch.setattr(loading, "organism_path", lambda _name: folder)
    return folder


def test_every_organism_has_a_folder_and_no_other_name_has():
    assert all(organism_path(name).is_dir() for name in ORGANISMS)
    assert organism_path("gpt2") is None
    assert organism_path("../weights") is None


def test_naming_the_organisms_costs_no_torch():
    code = "import sys, interpwidgets.organisms; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_model_is_ready_to_evaluate_and_float32(model):
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_dtype_and_device_are_honoured():
    model, _ = load_organism("lil-attn-2l", device="meta", dtype=torch.bfloat16)
    assert {(p.dtype, p.device.type) for p in model.parameters()} == {(torch.bfloat16, "meta")}


def test_misspelled_name_is_answered_with_the_right_one():
    with pytest.raises(ModelError, match="Did you mean 'lil-attn-2l'"):
        load_organism("lil-atn-2l")


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_missing_file_is_said_with_the_way_out(copied, file):
    (copied / file).unlink()
    with pytest.raises(ModelError, match=r"missing or damaged .*organisms\.train lil-attn"):
        load_organism("lil-attn-2l")


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_damaged_file_is_said_with_the_way_out(copied, file):
    content = (copied / file).read_bytes()
    (copied / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"missing or damaged .*organisms\.train lil-attn"):
        load_organism("lil-attn-2l")


def test_opening_draws_no_progress_bar_and_leaves_the_setting(capfd):
    load_organism("lil-attn-2l")
    assert capfd.readouterr() == ("", "")
    assert transformers_logging.is_progress_bar_enabled()


def test_last_snapshot_is_the_trained_model(model):
    steps = snapshot_steps("lil-attn-2l")
    last, _ = load_organism("lil-attn-2l", step=steps[-1])
    for name, weight in last.state_dict().items():
        assert torch.allclose(weight, model.state_dict()[name], atol=2e-3)


def test_unknown_snapshot_is_answered_with_those_kept():
    with pytest.raises(ModelError, match=r"no snapshot at step 7; it has 0, 100, "):
        load_organism("lil-attn-2l", step=7)


def test_damaged_snapshot_is_said(copied):
    (copied / "snapshots" / "step-000000.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="missing or damaged"):
        load_organism("lil-attn-2l", step=0)
