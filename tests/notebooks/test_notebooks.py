"""Every notebook runs top to bottom, and stands as both its source and its ipynb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("*.py"))
VIEW = "application/vnd.interpwidgets.view+json"


#: The first notebook runs by default, the others in the slow tier.
EXECUTED = [SOURCES[0], *(pytest.param(path, marks=pytest.mark.slow) for path in SOURCES[1:])]


@pytest.fixture(scope="module", params=EXECUTED, ids=lambda path: path.stem)
def executed(request: pytest.FixtureRequest) -> Any:
    notebook = jupytext.read(request.param)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return notebook


def outputs_of(notebook: Any) -> list[Any]:
    return [o for cell in notebook.cells for o in cell.get("outputs", [])]


def test_it_runs_without_an_error_or_a_warning(executed: Any) -> None:
    outputs = outputs_of(executed)
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o.text for o in outputs if o.get("name") == "stderr"]


def test_it_shows_a_view_that_an_export_can_make_live(executed: Any) -> None:
    views = [o for o in outputs_of(executed) if VIEW in o.get("data", {})]
    assert views
    assert all(o.data[VIEW]["traits"]["payload"] is not None for o in views[:1])


def test_it_opens_with_what_you_will_see(executed: Any) -> None:
    first = executed.cells[0]
    assert first.cell_type == "markdown"
    assert "What you will see" in first.source


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_ipynb_beside_it_has_the_same_cells(source: Path) -> None:
    beside = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    cells = [(c.cell_type, c.source) for c in jupytext.read(source).cells]
    assert [(c.cell_type, c.source) for c in beside.cells] == cells
