"""Copy as code: what a view gives runs in a new kernel and makes the same Result."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.widgets.base import View

TAIL = """
import sys
view.save(sys.argv[1])
print(view.selection)
"""


SERVE = """
import os, runpy, sys
for line in sys.stdin:
    folder, script, saved = line.rstrip("\\n").split("\\t")
    os.chdir(folder)
    sys.argv = [script, saved]
    runpy.run_path(script)
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[subprocess.Popen[str]]:
    """Another process, which runs one script after another: torch is imported once."""
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


Run = Callable[..., tuple[Any, str]]


@pytest.fixture
def run_elsewhere(elsewhere: subprocess.Popen[str], tmp_path: Path) -> Run:
    """Runs a view's code in that process; returns its Result and its selection's text."""

    def run(view: View, *, save: bool = False) -> tuple[Any, str]:
        code = view.code(save=save)
        assert code.endswith("view\n")
        script, saved = tmp_path / "copied.py", tmp_path / "result.safetensors"
        script.write_text(code + TAIL)
        assert elsewhere.stdin is not None
        assert elsewhere.stdout is not None
        elsewhere.stdin.write(f"{tmp_path}\t{script}\t{saved}\n")
        elsewhere.stdin.flush()
        said = []
        while (line := elsewhere.stdout.readline()) != "done\n":
            assert line, "the copied code failed; its traceback is on stderr"
            said.append(line.strip())
        return iw.load_result(saved), said[-1]

    return run


def assert_same(one: Any, other: Any) -> None:
    ours, plain = one._parts()
    theirs, their_plain = other._parts()
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert np.array_equal(array, theirs[name], equal_nan=array.dtype != np.uint8), name
    for run in (plain, their_plain):  # counted over the process
        run["provenance"].pop("run")
        run.pop("layer_runs", None)
    assert plain == their_plain


@pytest.fixture(scope="module")
def model() -> Any:
    return iw.load("lil-attn-2l")


def test_a_run_is_copied_with_its_arguments_and_selection(
    model: Any, run_elsewhere: Run
) -> None:
    view = iw.attention(model, "cat dog king", layers=[1], prepend_bos=False)
    view.selection = iw.Selection(heads=[(1, 2)], tokens=[1])
    assert view.code().splitlines() == [
        "import interpwidgets as iw",
        "",
        "model = iw.load('lil-attn-2l')",
        "board = iw.Board(model)",
        "view = board.attention(layers=[1])",
        "board.run('cat dog king', prepend_bos=False)",
        "view.selection = iw.Selection(heads=[(1, 2)], tokens=[1])",
        "view",
    ]
    copied, selection = run_elsewhere(view)
    assert_same(view.result, copied)
    assert selection == str(view.selection)


def test_the_users_own_block_is_copied_with_what_it_names(
    model: Any, run_elsewhere: Run
) -> None:
    import torch as t

    mine, llm, words, strength = iw.Board(model), model, "cat dog cat", 2.0
    view = mine.attention()
    with mine.trace(words):
        hidden = llm.model.layers[0].output
        llm.model.layers[0].output = hidden * strength + t.ones(1)
    lines = view.code().splitlines()
    assert sorted(lines[5:10]) == [
        "import torch as t",
        "llm = model",
        "mine = board",
        "strength = 2.0",
        "words = 'cat dog cat'",
    ]
    assert lines[10] == "with mine.trace(words):"
    copied, _ = run_elsewhere(view)
    assert view.result.provenance.intervened
    assert_same(view.result, copied)


def test_values_of_tokens_are_copied_too(
    model: Any, tmp_path: Path, monkeypatch: Any, run_elsewhere: Run
) -> None:
    view = iw.surprisal(model, "cat dog king cat dog", top_k=2)
    view.selection = iw.Selection(tokens=[1, 3])
    copied, selection = run_elsewhere(view)
    assert_same(view.result, copied)
    assert selection == str(view.selection)
    monkeypatch.chdir(tmp_path)
    given = iw.show_tokens(["a", " b"], [[0.5, -1.0], [0.0, 2.0]], rows=["one", "two"])
    copied, _ = run_elsewhere(given, save=True)
    assert_same(given.result, copied)


def test_a_copy_without_a_kernel_has_its_code(model: Any) -> None:
    for view in (iw.attention(model, "cat dog"), iw.surprisal(model, "cat dog")):
        assert view.traits_to_embed("compact")["payload"]["code"] == view.code()


def test_what_cannot_be_written_out_is_named(model: Any) -> None:
    import torch

    board, direction = iw.Board(model), torch.ones(64)
    view = board.attention()
    with board.trace("cat dog"):
        model.model.layers[0].output[:] += direction
    assert "# direction is yours: Tensor of shape [64]" in view.code()


def test_a_batch_of_ids_and_an_adapters_strength_are_copied(run_elsewhere: Run) -> None:
    model = iw.load("lilliput", adapter="pirate")
    board = iw.Board(model)
    view = board.attention(heads=range(2))
    with iw.adapter(model, scale=0.25):
        board.run([[1, 5, 6], [1, 7, 8, 9]])
    view.group.selection.prompt = 1
    assert "with iw.adapter(model, scale=0.25):" in view.code()
    copied, _ = run_elsewhere(view)
    assert_same(view.result, copied)


def test_a_model_of_the_users_own_is_named(model: Any) -> None:
    from tiny import tiny_llama

    view = iw.attention(tiny_llama(), [1, 2, 3])
    assert "model = ...  # your own LlamaForCausalLM" in view.code()
    assert "board.run([1, 2, 3])" in view.code()


def test_given_numbers_are_kept_in_a_file(
    tmp_path: Path, monkeypatch: Any, run_elsewhere: Run
) -> None:
    weights = np.tril(np.ones((1, 2, 3, 3))) / np.arange(1, 4)[:, None]
    view = iw.show(AttentionPattern.of_arrays(["a", "b", "c"], weights))
    monkeypatch.chdir(tmp_path)
    assert 'view.save("attention-' in view.code()
    assert list(tmp_path.iterdir()) == []
    copied, _ = run_elsewhere(view, save=True)
    assert_same(view.result, copied)


def test_the_page_gets_the_code_by_message(model: Any) -> None:
    view = iw.attention(model, "cat dog")
    sent: list[Any] = []
    view.send = lambda content, buffers=None: sent.append(content)  # type: ignore[method-assign]
    view._on_message(view, {"id": "1", "kind": "code"}, [])
    assert sent == [{"id": "1", "ok": True, "code": view.code()}]
