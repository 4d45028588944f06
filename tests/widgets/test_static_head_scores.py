"""HeadScores as plain HTML and as a plotly figure: the same numbers, harmless."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from interpwidgets.errors import ScoreError
from interpwidgets.results.base import Provenance
from interpwidgets.results.head_scores import HeadScores
from interpwidgets.show import add_formatters
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.head_scores_figure import RAMP_BELOW
from interpwidgets.widgets.head_scores_static import MAX_CELLS, head_scores_html, scale_of

HOSTILE = '"><script>alert(1)</script>'


class Page(HTMLParser):
    """Tables as rows of cell texts, and every tag and attribute."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
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

    def of_tag(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.attributes if name == tag]


def result_of(n_layers: int = 2, n_heads: int = 3, **more: Any) -> HeadScores:
    values = np.random.default_rng(0).random((4, 6, n_layers, n_heads)) * 0.1
    values[0, :, 1, 2] += 0.8
    values[2, :, 0, 1] += 0.85  # lag 4
    values[3] *= 30
    fields: dict[str, Any] = {
        "provenance": Provenance(model="m", revision="abc", dtype="float32", run=7),
        "scores": ("previous_token", "induction", "entropy"),
        "lags": (1, 4),
        "values": values.astype(np.float32),
        "uniform": np.full((4, 6), 0.2, dtype=np.float32),
        "n_queries": np.full((4, 6), 5),
        "token_ids": ((1, 2),) * 6,
        **more,
    }
    return HeadScores(**fields)


def test_each_score_has_a_table_of_its_numbers() -> None:
    result = result_of()
    tables = Page(head_scores_html(result)).tables
    assert len(tables) == 3
    for table, score in zip(tables, result.scores, strict=True):
        assert table[0] == ["", "H0", "H1", "H2"]
        assert [row[0] for row in table[1:]] == ["L0", "L1"]
        shown = np.array([[float(cell) for cell in row[1:]] for row in table[1:]])
        np.testing.assert_allclose(shown, result.of(score), atol=0.0051)


def test_tables_have_captions_and_headings_that_say_what_they_head() -> None:
    page = Page(head_scores_html(result_of()))
    assert page.tags.count("caption") == 3
    scopes = [attributes.get("scope") for attributes in page.of_tag("th")]
    assert (scopes.count("col"), scopes.count("row")) == (9, 6)
    assert None not in scopes


def test_the_best_heads_are_named_with_their_control_and_interval() -> None:
    result = result_of()
    page = head_scores_html(result)
    assert f"L0 H1 {result.of('induction')[0, 1]:.2f} (lag 4)<br>an even head 0.20" in page
    low, high = (ends[0, 1] for ends in result.interval("induction"))
    assert (
        f'title="L0 H1 {result.of("induction")[0, 1]:.2f}, {low:.2f}–{high:.2f}, lag 4"' in page
    )
    assert "no head beyond an even one" in head_scores_html(
        dataclasses.replace(result, uniform=np.ones_like(result.uniform))
    )


def test_shades_are_the_share_of_the_scale_and_text_keeps_the_pages_colour() -> None:
    result = result_of()
    cells = Page(head_scores_html(result)).of_tag("td")
    shades = [
        float(found[1])
        for cell in cells
        if (found := re.search(r"rgba\(49,114,181,([\d.]+)\)", str(cell.get("style"))))
    ]
    expected = [
        0.55 * value / scale_of(result, score)
        for score in result.scores
        for value in result.of(score).ravel()
    ]
    np.testing.assert_allclose(shades, expected, atol=0.0051)
    assert scale_of(result, "induction") == 1
    assert scale_of(result, "entropy") == result.of("entropy").max()
    assert not re.search(r"[^-]color:(?!inherit)", head_scores_html(result))


def contrast(ink: tuple[int, ...], paper: tuple[float, ...]) -> float:
    def luminance(colour: tuple[float, ...]) -> float:
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((0x1F, 0x1E, 0x1C), (255, 255, 255)),
        ((0xEC, 0xEA, 0xE6), (17, 17, 17)),
        ((0xD5, 0xD5, 0xD5), (0x38, 0x38, 0x38)),
    ],
    ids=["light", "dark", "colab"],
)
@pytest.mark.parametrize("shade", [(49, 114, 181), (174, 91, 42)], ids=["more", "less"])
def test_numbers_are_readable_on_the_darkest_shade(
    ink: tuple[int, ...], paper: tuple[int, ...], shade: tuple[int, ...]
) -> None:
    mixed = tuple(0.55 * s + 0.45 * p for s, p in zip(shade, paper, strict=True))
    assert contrast(ink, mixed) >= 4.5


def test_negative_own_scores_are_rust_with_their_sign() -> None:
    values = np.array([[0.5, -1.0]], dtype=np.float32)[None, None].repeat(2, axis=1)
    result = result_of(
        scores=("mine",),
        lags=(),
        values=values,
        uniform=np.zeros((1, 2), np.float32),
        n_queries=np.full((1, 2), 5),
        token_ids=((1,), (2,)),
    )
    page = head_scores_html(result)
    assert "rgba(174,91,42,0.55)" in page
    assert ">−1.00<" in page
    figure = result.figure("mine")
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 1)
    wanted = [*reversed(RAMP_BELOW[1:]), *RAMP]
    assert [colour for _, colour in figure.data[0].colorscale] == [f"#{c}" for c in wanted]


def test_hostile_names_stay_text() -> None:
    source = Provenance(model=HOSTILE, note="<b>n")
    result = result_of(scores=("previous_token", "induction", HOSTILE), provenance=source)
    page = Page(head_scores_html(result))
    assert "script" not in page.tags
    assert not [
        name for _, attributes in page.attributes for name in attributes if name[:2] == "on"
    ]
    assert "<script" not in result.figure(HOSTILE).layout.title.text


def test_nan_is_said_and_not_shaded() -> None:
    values = result_of().values.copy()
    values[:, :, 1, 1] = np.nan
    result = result_of(values=values)
    page = head_scores_html(result)
    assert page.count(">NaN</td>") == 3
    assert "L1 H1 NaN, its attention is NaN" in page
    assert "NaN: the attention of 1 head." in page


def test_one_prompt_without_repeats_is_drawn_with_its_reason() -> None:
    counts = np.array([[5], [0], [0], [5]])
    values = np.where(counts > 0, 0.5, np.nan)[..., None, None].repeat(3, axis=3)
    result = result_of(
        values=values.astype(np.float32),
        uniform=np.where(counts > 0, 0.2, np.nan).astype(np.float32),
        n_queries=counts,
        token_ids=((1, 2, 3),),
    )
    page = head_scores_html(result)
    assert "no query to measure: no token repeats" in page
    assert "no control" in page
    assert "1 prompt" in page


def test_a_large_model_has_its_best_heads_listed_and_stays_small() -> None:
    result = result_of(32, 32)
    page = head_scores_html(result)
    assert MAX_CELLS < 32 * 32
    assert "The best 10 heads are listed" in page
    induction = Page(page).tables[1]
    assert len(induction) == 10
    assert induction[0][0] == "L0 H1"
    assert induction[0][2] == "lag 4"
    assert len(page) < 20_000
    assert len(head_scores_html(result_of(12, 12))) < 100_000


# -------------------------------------------------------------------------- the figure


def test_the_figure_has_a_scores_numbers() -> None:
    result = result_of()
    figure = result.figure("induction", width="column")
    heatmap = figure.data[0]
    np.testing.assert_array_equal(heatmap.z, result.of("induction"))
    assert (heatmap.zmin, heatmap.zmax) == (0, 1)
    assert (list(heatmap.x), list(heatmap.y)) == (["H0", "H1", "H2"], ["L0", "L1"])
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.width == 321
    assert figure.layout.title.text.startswith("Induction<br>")
    assert "an even head 0.20" in heatmap.customdata[0, 1]
    assert result.figure().layout.title.text.startswith("Previous token")


def test_a_figure_of_another_score_is_refused() -> None:
    with pytest.raises(ScoreError, match="no score 'dream' here"):
        result_of().figure("dream")


# ------------------------------------------------------------------------ in a notebook


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_bare_one_is_html_and_text_in_a_notebook(shell: InteractiveShell) -> None:
    add_formatters(shell)
    assert shell.display_formatter is not None
    result = result_of()
    data, _ = shell.display_formatter.format(result)
    assert data["text/html"] == head_scores_html(result)
    assert data["text/plain"] == repr(result)
