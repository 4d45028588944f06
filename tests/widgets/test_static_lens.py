"""A lens as plain HTML and as a plotly figure: the same numbers, harmless."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.lens_static import MAX_CELLS, lens_html
from lenses import lens_of

HOSTILE = '"><script>alert(1)</script>'


class Page(HTMLParser):
    """Tables as rows of cell texts, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: list[str] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data


def test_the_grid_has_the_best_tokens_with_the_last_layer_on_top() -> None:
    lens = lens_of()
    grid, targets = Page(lens_html(lens)).tables
    assert [row[0] for row in grid] == ["L1", "L0", "in"]
    for row, at in zip(grid, (1, 0), strict=False):
        assert row[1:] == [f"·w{i}" for i in lens.top_ids[at, :, 0]]
    assert grid[2][1:] == ["a", "·b", "·c"]
    p, rank = np.exp(lens.target_logprob[1, -1, 0]), lens.target_rank[1, -1, 0]
    assert targets[1][:2] == ["L1", f"{p:.3f} (#{rank + 1})"]


def test_shades_are_the_probability() -> None:
    lens = lens_of()
    shades = [float(s) for s in re.findall(r"rgba\(49,114,181,([\d.]+)\)", lens_html(lens))]
    expected = 0.55 * np.exp(lens.top_logprob[::-1, :, 0]).ravel()
    np.testing.assert_allclose(shades, expected, atol=0.0051)


def test_a_long_prompt_has_its_last_positions_drawn_and_says_so() -> None:
    n = MAX_CELLS
    lens = lens_of(2, n, tokens=Tokens.of_text([f"t{i}" for i in range(n)]))
    page = lens_html(lens)
    assert f"Positions {n // 2}-{n - 1} of {n} are drawn" in page
    assert len(Page(page).tables[0][0]) == 1 + n // 2


def test_hostile_text_stays_text() -> None:
    source = Provenance(model=HOSTILE, note="<b>n")
    lens = lens_of(
        vocabulary=dict.fromkeys(range(8), HOSTILE),
        tokens=Tokens.of_text([HOSTILE] * 3),
        provenance=source,
        lens=HOSTILE,
    )
    assert "script" not in Page(lens_html(lens)).tags
    figure = lens.figure()
    assert "<script" not in f"{figure.layout.title.text}{figure.data[0].text}"


def test_nan_is_said_and_not_shaded() -> None:
    none = lens_of()
    lens = lens_of(
        entropy=np.full((2, 3), np.nan, np.float32),
        top_ids=np.full((2, 3, 4), -1, np.int32),
        top_logprob=np.full((2, 3, 4), np.nan, np.float32),
        target_ids=(),
        target_logprob=none.target_logprob[..., :0],
        target_rank=none.target_rank[..., :0],
    )
    page = lens_html(lens)
    assert "NaN: 6 predictions" in page
    assert "nothing read" in page
    assert set(re.findall(r"181,([\d.]+)\)", page)) == {"0.00"}


def test_the_figure_has_a_measures_numbers() -> None:
    lens = lens_of()
    figure = lens.figure("kl", width="column")
    np.testing.assert_array_equal(figure.data[0].z, lens.kl)
    assert list(figure.data[0].y) == ["L0", "L1"]  # plotly's first is at the bottom
    assert figure.data[0].zmax == lens.kl.max()
    assert figure.layout.title.text.startswith("KL to the final layer")
    assert figure.layout.width == 321
    assert lens.figure().data[0].zmax == 1
    assert lens.figure(" w5").layout.title.text.startswith("Probability of ·w5")
    with pytest.raises(ResultError, match="no measure 'dream'"):
        lens.figure("dream")
