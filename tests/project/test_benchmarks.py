"""The benchmarks run at try-out sizes; what they measure is no test's business."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Imports a module as a benchmark run as a script would."""
    folder = root / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module
    for path in folder.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_every_benchmark_is_run_by_make_and_told_of(root: Path) -> None:
    told = (root / "benchmarks" / "README.md").read_text()
    names = [path.name for path in (root / "benchmarks").glob("bench_*.py")]
    assert len(names) >= 3
    assert not [name for name in names if name not in told]
    assert "benchmarks/bench_*.py" in (root / "Makefile").read_text()


def test_import_prints_every_peer(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    bench = load("bench_import")
    bench.PEERS = {"circuitsvis": "import json"}
    bench.FIRST_USE = "import interpwidgets.errors"
    bench.main(["--quick", "--rounds", "1"])
    printed = capsys.readouterr().out
    assert "`import interpwidgets`" in printed
    assert "`import json` takes" in printed
    assert "torch loaded by `import interpwidgets`: no" in printed


def test_every_family_is_measured(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = load("bench_families")
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(bench, "VOCAB", 128)
    bench.main(["--quick", "--rounds", "1", "--families", "llama", "gpt_oss", "vit"])
    printed = capsys.readouterr().out
    assert printed.count("(n=1)") == 9
    assert {"llama", "gpt_oss", "vit"} <= set(printed.split())


def test_steering_writes_the_same_tokens_as_its_peer(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = load("bench_steering")
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda _: None)
    bench.main(["--quick"])
    printed = capsys.readouterr().out
    assert "the same tokens: yes" in printed
    assert "nnsight, one by one" in printed and "first token" in printed


@pytest.mark.slow
def test_capture_runs_every_arm(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = load("bench_capture")
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda _: None)
    bench.main(["--quick", "--profile"])
    printed = capsys.readouterr().out
    for arm in ("bare forward", "12×12 patterns", "board.trace", "hooks", "run_with_cache"):
        assert arm in printed
    assert "TransformerLens: not installed" in printed


@pytest.mark.slow
def test_the_lens_is_compared_with_what_gives_the_same_numbers(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = load("bench_lens")
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda _: None)
    bench.main(["--quick", "--rounds", "1"])
    printed = capsys.readouterr().out
    assert all(arm in printed for arm in (bench.BARE, bench.OURS, bench.NAIVE_FULL))
    with pytest.raises(RuntimeError, match="entropy differs"):
        arms = bench.arms_of(
            bench.random_gpt2(bench.tiny_config()), bench.torch.arange(8)[None]
        )
        entropy, kl = (1 + bench.torch.rand(2, 8) for _ in range(2))
        bench.check_agreement({**arms, bench.NAIVE_FULL: lambda: (None, 9 + entropy, kl)})


def test_a_sweep_of_probes_reads_every_text_once(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = load("bench_probe")
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda _: None)
    bench.main(["--quick"])
    printed = capsys.readouterr().out
    assert "texts through the model: 40 of 40, each once" in printed
    assert "all ÷ (bare + fits)" in printed


def test_attention_view_builds_and_counts_what_travels(load: Load, tmp_path: Path) -> None:
    pages = load("attention_pages")
    weights = pages.causal_weights(1, 8)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert not np.triu(weights, 1).any()
    page = tmp_path / "page.html"
    built = pages.interpwidgets_page(weights, page)
    assert built.n_bytes > built.more["code of the view, once a view"]
    assert "iw-mount" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("arm", ["circuitsvis attention_heads", "bertviz head_view"])
def test_a_peer_that_is_not_installed_is_reported_so(
    arm: str, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = load("bench_attention_view")
    bench.version_of = lambda _: None
    bench.ARMS = {name: bench.ARMS[name] for name in ("interpwidgets", arm)}
    bench.PEER = arm
    bench.main(["--quick", "--no-browser"])
    assert f"{arm}: not installed (pip install" in capsys.readouterr().out


def test_a_build_that_does_not_end_is_reported_so(load: Load, tmp_path: Path) -> None:
    bench = load("bench_attention_view").Bench(tmp_path, None, timeout=0.01)
    outcome = bench.run("interpwidgets", 1, 8)
    assert outcome.built == "did not finish building in 0 s"


def test_ratios_are_paired_by_round(load: Load) -> None:
    measuring = load("measuring")
    assert measuring.paired_ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    assert measuring.beside_limit(1.1, 1.0) == "1.1, limit 1: ABOVE (110% of it)"


@pytest.mark.browser
def test_a_page_is_drawn_and_comes_to_rest(load: Load, chromium: str, tmp_path: Path) -> None:
    pages, drawing = load("attention_pages"), load("drawing")
    built = pages.interpwidgets_page(pages.causal_weights(1, 8), tmp_path / "page.html")
    with drawing.serving(tmp_path) as address:
        drawn = drawing.draw(chromium, f"{address}/page.html", built.selector, 30)
    assert drawn.paint_seconds is not None
    assert drawn.errors == ()


@pytest.mark.parametrize("family", ["gpt2", pytest.param("llama", marks=pytest.mark.slow)])
def test_patching_compares_every_way_of_the_same_grid(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    bench = load("bench_patching")
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda _: None)
    bench.main(["--quick", "--families", family])
    printed = capsys.readouterr().out
    for arm in (bench.OURS, bench.WHOLE, bench.NAIVE, bench.TL):
        assert printed.count(f"| {arm}") >= 2, arm
    assert printed.count(f"| {bench.HAND}") == (2 if family == "gpt2" else 0)
    assert "not installed" in printed
