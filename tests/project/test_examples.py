"""Code that readers are shown runs: the README's block and the docstrings' examples."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

WITH_EXAMPLES = [
    "interpwidgets.arrays.calls",
    "interpwidgets.board.ablating",
    "interpwidgets.board.attribution_calls",
    "interpwidgets.board.calls",
    "interpwidgets.board.patching_calls",
    "interpwidgets.board.probe_calls",
    "interpwidgets.board.session",
    "interpwidgets.board.steering_calls",
    "interpwidgets.methods.ablation_sweep",
    "interpwidgets.methods.activation_patching",
    "interpwidgets.methods.activations",
    "interpwidgets.methods.attention",
    "interpwidgets.methods.attribution_patching",
    "interpwidgets.methods.direct_logit_attribution",
    "interpwidgets.methods.direction",
    "interpwidgets.methods.head_scores",
    "interpwidgets.methods.lens_control",
    "interpwidgets.methods.logit_lens",
    "interpwidgets.methods.path_patching",
    "interpwidgets.methods.patched_run",
    "interpwidgets.methods.probe",
    "interpwidgets.methods.probe_scores",
    "interpwidgets.methods.references",
    "interpwidgets.methods.singular_directions",
    "interpwidgets.methods.token_values",
    "interpwidgets.methods.tuned_lens",
    "interpwidgets.methods.vocabulary_circuit",
    "interpwidgets.methods.weight_circuits",
    "interpwidgets.models.adapting",
    "interpwidgets.models.description",
    "interpwidgets.models.loading",
    "interpwidgets.models.registering",
    "interpwidgets.widgets.links",
]


def test_the_readmes_code_runs(root: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    script = tmp_path / "readme.py"
    script.write_text(code + "\nassert board.run_number == 1\n")
    subprocess.run([sys.executable, str(script)], check=True)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_docstrings_examples_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_every_module_with_an_example_is_listed(root: Path) -> None:
    found = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in (root / "interpwidgets").rglob("*.py")
        if ">>> " in path.read_text() and "organisms" not in path.parts
    }
    assert found <= set(WITH_EXAMPLES)
