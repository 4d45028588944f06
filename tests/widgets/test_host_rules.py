"""What Colab and VS Code ask of a widget, as far as it can be checked without them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import comm
import numpy as np
import pytest

from interpwidgets.results.attention import AttentionPattern
from interpwidgets.show import show
from interpwidgets.widgets.attention import MESSAGE_BYTES
from interpwidgets.widgets.attention_payload import THUMBS_BUDGET
from interpwidgets.widgets.bundle import STATIC

#: Colab drops larger messages now and then.
MOST_BYTES = 1_500_000

MODULES = sorted(path for path in STATIC.glob("*.js") if path.name != "host.js")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each message of a widget to the page, buffers included."""
    sizes: list[int] = []

    def publish(_: Any, __: str, data: Any = None, *___: Any, **more: Any) -> None:
        buffers = more.get("buffers") or []
        sizes.append(len(json.dumps(data)) + sum(len(bytes(part)) for part in buffers))

    # An ipykernel that was imported before has put its own comms in place.
    monkeypatch.setattr(comm, "create_comm", comm.DummyComm)
    monkeypatch.setattr(comm.DummyComm, "publish_msg", publish)
    return sizes


# 940: about the longest prompt whose chosen head travels with the thumbnails; 1,300: one whose
# heads come in parts.
@pytest.mark.parametrize("n_tokens", [940, 1_300])
def test_no_message_of_a_view_is_too_large_for_colab(sent: list[int], n_tokens: int) -> None:
    weights = np.tri(n_tokens, dtype=np.float16)[None, None].repeat(4, 1)
    tokens = [f"Ġtoken{pos}" for pos in range(n_tokens)]
    view = show(AttentionPattern.of_arrays(tokens, weights / weights.sum(-1, keepdims=True)))
    chosen = {"heads": [[0, 2]], "tokens": [7], "layer": None, "feature": None, "prompt": None}
    select = {"id": "1", "kind": "select", **chosen}
    view._on_message(view, select, [])
    view._on_message(view, {"id": "2", "kind": "head", "run": 0, "layer": 0, "head": 3}, [])
    view._on_message(view, {"id": "3", "kind": "part", "name": "tools"}, [])
    assert max(sent) > MESSAGE_BYTES - 20_000  # a whole head, or a full part of one
    # As many heads as there may be: their thumbnails fill what they are given.
    thumbs = len(view.payload["thumbs"]["data"])
    assert max(sent) + THUMBS_BUDGET - thumbs <= MOST_BYTES


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_asks_for_nothing_that_a_host_may_lack(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    # `invoke` ends after three seconds and is not in marimo; what happens in `initialize`
    # has two seconds; neither a frame nor a plane has the network. What a view imports
    # came by message.
    lacking = r"experimental|\.invoke\(|initialize"
    network = r"\bfetch\([\"'`]|XMLHttpRequest|WebSocket|EventSource|importScripts|https?://(?!www\.w3\.org)"
    assert re.findall(lacking, source) == []
    assert re.findall(network, source) == []


def test_views_are_linked_by_python_not_by_the_page(root: Path) -> None:
    """Colab shows each output in a frame of its own, where ``jslink`` ends."""
    files = [*(root / "interpwidgets").rglob("*.py"), *(root / "notebooks").glob("*.py")]
    assert not [path for path in files if "jslink" in path.read_text(encoding="utf-8")]


def test_one_cell_installs_all_that_a_view_needs(root: Path) -> None:
    """Nothing that views need is an extra, or a version of what Colab has loaded already."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    for needed in ("anywidget", "ipywidgets", "nnsight"):
        assert any(re.match(needed, each) for each in project["dependencies"])
    assert {"torch", "numpy"} <= set(project["dependencies"])
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert "`%pip install interpwidgets` in one cell" in readme
