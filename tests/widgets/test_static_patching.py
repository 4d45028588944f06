"""A grid of patches as a page and as a figure: the numbers of the Result, text escaped."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

import interpwidgets.show  # noqa: F401
from interpwidgets.results.base import Provenance
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.results.tokens import Tokens

TOKENS = Tokens.of_text(["<b>", " Ada", " gave"])


@pytest.fixture
def grid() -> PatchingGrid:
    raw = np.array(
        [[[2.0, 3.0, np.nan], [1.0, 6.0, 4.0]], [[2.0, 2.0, np.nan], [2.0, 7.0, 3.0]]]
    )
    return PatchingGrid(
        provenance=Provenance(model="m", dtype="float32", run=4, note="said"),
        site="resid_pre",
        by="position",
        direction="denoising",
        metric="logit difference",
        unit="logits",
        layers=(0, 3),
        columns=(0, 1, 2),
        raw=raw,
        clean_values=np.array([6.0, 6.0]),
        corrupted_values=np.array([2.0, 2.0]),
        clean=(TOKENS, TOKENS),
        corrupted=(TOKENS, TOKENS),
        mapping=(((0, 0), (1, 1)),) * 2,
    )


def test_the_page_has_every_number_and_escapes_tokens(grid: PatchingGrid) -> None:
    page = grid.to_html()
    cells = re.findall(r"<td style=\"[^\"]*\" title=\"[^\"]*\">([^<]*)</td>", page)
    assert cells == ["0.00", "0.12", "", "−0.12", "1.12", "0.38"]
    assert "&lt;b&gt;" in page
    assert "<b> " not in page
    assert "No control yet" in page
    assert "2 pairs" in page
    assert "m · resid_pre · float32 · run 4 · said" in page


def test_the_page_shows_the_control(grid: PatchingGrid) -> None:
    raw = np.stack([np.full_like(grid.raw, 2.0), np.full_like(grid.raw, 3.0)])
    controlled = dataclasses.replace(grid, control_raw=raw, control_title="noise")
    page = controlled.to_html()
    assert "Control: 0.12 (0.00 to 0.25, n = 2 a cell): noise." in page
    assert controlled.beyond_control.tolist() == [[True, False, False], [True, True, True]]


def test_a_large_grid_has_no_numbers_in_its_cells(grid: PatchingGrid) -> None:
    n = 40
    tokens = Tokens.of_text([f"t{i}" for i in range(n)])
    wide = dataclasses.replace(
        grid,
        raw=np.full((1, 2, n), 4.0),
        columns=tuple(range(n)),
        clean=(tokens,),
        corrupted=(tokens,),
        mapping=((),),
        clean_values=np.array([6.0]),
        corrupted_values=np.array([2.0]),
    )
    cells = re.findall(r"<td style=\"[^\"]*\" title=\"([^\"]*)\">([^<]*)</td>", wide.to_html())
    assert len(cells) == 2 * n
    assert {text for _, text in cells} == {""}
    assert cells[0][0] == "L0 pos 0 &#x27;t0&#x27;: 0.50, 4 logits"


def test_the_figure_has_the_values(grid: PatchingGrid) -> None:
    pytest.importorskip("plotly")
    figure = grid.figure(width="column")
    (heatmap,) = figure.data
    np.testing.assert_array_equal(np.array(heatmap.z, dtype=float), grid.values)
    assert list(figure.layout.xaxis.ticktext) == ["&lt;b&gt;", " Ada", " gave"]
    assert heatmap.zmax == pytest.approx(1.125)
    assert heatmap.zmin == -heatmap.zmax
