"""The training script, as a person runs it, passes its gate again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interpwidgets.organisms.acceptance import measure
from interpwidgets.organisms.attention_only import AttentionOnlyForCausalLM

pytestmark = pytest.mark.slow


def test_training_anew_passes_the_gate(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    command = [sys.executable, "-m", "interpwidgets.organisms.train", "lil-attn-2l"]
    done = subprocess.run(
        [*command, "--out", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = measure(AttentionOnlyForCausalLM.from_pretrained(folder))
    assert figures.shortfalls() == []
