"""A notebook with views in it, run once and saved the way JupyterLab saves by default."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import numpy as np
import pytest

from interpwidgets.results.attention import AttentionPattern

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    '" onmouseover="alert(1)',
    "a\u200bb",
    "\u202etxet",
    "🙂",
    " שלום",
    "\n",
]

SETUP = f"""
import numpy as np
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.show import show

tokens = {HOSTILE!r}
weights = np.tril(np.random.default_rng(0).random((3, 4, len(tokens), len(tokens))))
result = AttentionPattern.of_arrays(tokens, weights / weights.sum(-1, keepdims=True))
"""

CELLS = [
    SETUP,
    "show(result)",
    "result  # a bare Result shows itself",
    "import ipywidgets\nipywidgets.IntSlider()",
    "print('\\x1b[31mred\\x1b[0m')",
    "1 / 0",
]


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="session")
def elements() -> type[Elements]:
    return Elements


@pytest.fixture(scope="session")
def hostile() -> list[str]:
    return HOSTILE


@pytest.fixture(scope="session")
def saved_notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run by a kernel; no widget state in its metadata."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Heads *that* copy\n\nSome `code`."),
            *map(nbformat.v4.new_code_cell, CELLS),
        ]
    )
    runner = nbclient.NotebookClient(
        notebook, kernel_name="python3", store_widget_state=False, allow_errors=True
    )
    runner.execute()
    notebook.metadata.pop("widgets", None)
    path = tmp_path_factory.mktemp("saved") / "heads.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def write_notebook(tmp_path: Path) -> Callable[..., Path]:
    """Writes a notebook of cells, each a string of Markdown or a list of outputs."""

    def write(*cells: str | list[dict[str, Any]], **metadata: Any) -> Path:
        made = [
            nbformat.v4.new_markdown_cell(cell)
            if isinstance(cell, str)
            else nbformat.v4.new_code_cell("x = 1", outputs=list(map(nbformat.from_dict, cell)))
            for cell in cells
        ]
        path = tmp_path / "made.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=metadata), path)
        return path

    return write


@pytest.fixture
def result() -> AttentionPattern:
    weights = np.tril(np.random.default_rng(1).random((3, 4, len(HOSTILE), len(HOSTILE))))
    return AttentionPattern.of_arrays(HOSTILE, weights / weights.sum(-1, keepdims=True))


LINKED_CELLS = [
    SETUP.replace(repr(HOSTILE), repr(["a", " b", " c"])),
    "first = show(result)\nfirst",
    "second = show(result)\nsecond.link(first)\nsecond",
    "import interpwidgets as iw\n"
    "words = iw.show_tokens(tokens, [0.1, 0.2, 0.3])\nwords.link(first)\nwords",
]


@pytest.fixture(scope="module")
def linked_notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook with three views that share a selection."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in LINKED_CELLS]
    )
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    path = tmp_path_factory.mktemp("linked") / "linked.ipynb"
    nbformat.write(notebook, path)
    return path
