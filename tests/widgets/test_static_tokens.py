"""Values on tokens without a browser: HTML, a plotly figure, circuitsvis's drawing."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance
from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets import tokens_circuitsvis as circuitsvis_module
from interpwidgets.widgets.attention_picture import RAMP
from interpwidgets.widgets.ramp import LESS, colour, hex_of, share_of, text_on
from interpwidgets.widgets.tokens_static import tokens_html, value_text

HOSTILE = ["<bos>", " the", "<img src=x onerror=alert(1)>", "</script>", "\n", "🙂"]


class Page(HTMLParser):
    """The tags, the event handlers, the chips' styles and the cells of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.chips: list[dict[str, str]] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        of = {name: value or "" for name, value in attrs}
        if tag == "span" and "title" in of:
            self.chips.append(of)
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.cells:
            self.cells[-1] += data


def result_of(values: Any, words: list[str] | None = None, **fields: Any) -> TokenValues:
    table = np.atleast_2d(np.asarray(values, dtype=np.float32))
    words = words or [f"t{i}" for i in range(table.shape[1])]
    return TokenValues(Provenance(), Tokens.of_text(words), table, **fields)


def background(chip: dict[str, str]) -> str:
    found = re.search(r"background:(#\w+)", chip["style"])
    return found[1] if found else ""


def test_tokens_stay_text() -> None:
    page = Page(tokens_html(result_of(np.arange(6), HOSTILE), 0))
    assert page.handlers == []
    assert not {"img", "script"} & set(page.tags)
    assert "<img src=x onerror=alert(1)>" in page.text


def test_a_chips_colour_is_its_values() -> None:
    page = Page(tokens_html(result_of([0, 3, 6]), 0))
    stops = [background(chip) for chip in page.chips]
    assert stops == [f"#{RAMP[0]}", f"#{RAMP[3]}", f"#{RAMP[6]}"]


def test_negative_values_are_rust() -> None:
    page = Page(tokens_html(result_of([-2, 0, 1], signed=True), 0))
    assert [background(chip) for chip in page.chips] == [
        f"#{s}" for s in (LESS[6], RAMP[0], RAMP[3])
    ]


def test_what_is_missing_is_hatched_and_what_is_absent_is_bare() -> None:
    page = Page(tokens_html(result_of([np.nan, np.inf, 1], absent=(0,)), 0))
    bare, hatched, _ = page.chips
    assert "background" not in bare["style"]
    assert bare["title"] == "0: no value"
    assert "repeating-linear-gradient" in hatched["style"]
    assert "1 values are not finite" in page.text


def test_selected_tokens_are_outlined() -> None:
    page = Page(tokens_html(result_of([1, 2]), 0, selected=[1]))
    assert ["outline" in chip["style"] for chip in page.chips] == [False, True]


def test_a_turn_begins_a_line_with_its_role() -> None:
    chat = Tokens((1, 2), ("a", "b"), (False,) * 2, (False, True), ("user", "model"), (0, 1))
    page = tokens_html(TokenValues(Provenance(), chat, np.ones((1, 2), np.float32)), 0)
    assert "<small>user</small>" in page
    assert "<br><small>model</small>" in page
    assert "Generated from position 1." in page


def test_a_long_text_is_cut_and_says_so() -> None:
    values = np.zeros(1_200)
    values[1_100] = 5
    page = Page(tokens_html(result_of(values), 0))
    assert len(page.chips) == 1_000
    assert "and 200 more tokens" in page.text
    assert "the 32 largest of 1,200" in page.text
    assert page.cells[:3] == ["1100", "t1100", "5.000"]


def test_the_table_has_what_was_expected() -> None:
    result = result_of(
        [1, 2],
        absent=(0,),
        top_text=((), ("<i>", "b")),
        top_logprob=np.log(np.array([[np.nan, np.nan], [0.5, 0.0004]], np.float32)),
    )
    page = Page(tokens_html(result, 0))
    assert page.cells[2] == ""
    assert page.cells[-1].startswith("<i> 0.50, b 4e−4")


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (3.306, False, "3.31"),
        (2.6, True, "+2.60"),
        (-2.6, False, "−2.60"),
        (0.0, True, "0.00"),
        (0.0007, False, "7e−4"),
        (12345.6, False, "12,346"),
        (float("nan"), True, "NaN"),
        (float("-inf"), False, "−∞"),
    ],
)
def test_values_are_printed_as_views_print_them(value: float, signed: bool, text: str) -> None:
    assert value_text(value, signed=signed) == text


def test_each_side_of_a_signed_scale_has_its_own_end() -> None:
    scale = (-4.0, 1.0)
    assert share_of(-2.0, scale, signed=True) == -0.5
    assert share_of(0.5, scale, signed=True) == 0.5
    assert share_of(9.0, scale, signed=True) == 1
    assert share_of(5.0, (2.0, 8.0), signed=False) == 0.5
    assert share_of(-1.0, (0.0, 2.0), signed=True) == 0  # there is no end on that side


def test_text_on_every_colour_can_be_read() -> None:
    for share in np.linspace(-1, 1, 41).tolist():
        rgb = colour(share)
        ink = 0.0 if text_on(rgb) == "#000" else 1.0
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (byte / 255 for byte in rgb)
        ]
        y = float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
        contrast = (max(y, ink) + 0.05) / (min(y, ink) + 0.05)
        assert contrast >= 4.5, hex_of(rgb)


# --------------------------------------------------------------------------- the figure


def test_one_row_is_bars() -> None:
    figure = iw.show_tokens(["a", "<b>x</b>"], [1, -2], unit="nats").figure()
    (bars,) = figure.data
    assert (bars.type, list(bars.y)) == ("bar", [1, -2])
    assert list(figure.layout.xaxis.ticktext) == ["a", "&lt;b&gt;x&lt;/b&gt;"]
    assert figure.layout.yaxis.title.text == "nats"
    assert bars.marker.color[1] == f"#{LESS[6]}"


def test_several_rows_are_a_heat_map_and_one_of_them_bars() -> None:
    view = iw.show_tokens(["a", "b"], [[1, 2], [3, np.nan]], rows=["x", "y"])
    heat = view.figure().data[0]
    np.testing.assert_array_equal(np.array(heat.z, float), [[1, 2], [3, np.nan]])
    assert (heat.zmin, heat.zmax, list(heat.y)) == (0, 3, ["x", "y"])
    assert next(iter(view.figure(row="y").data[0].y)) == 3
    assert view.figure(row=0, width="slide").layout.width == 1600
    with pytest.raises(ResultError, match="no row 'z'"):
        view.figure(row="z")


def test_zero_is_the_palest_colour_of_an_uneven_scale() -> None:
    view = iw.show_tokens(["a"], [[1], [-3]], scale=(-3.0, 1.0))
    scale = view.figure().data[0].colorscale
    assert {round(at, 6): stop for at, stop in scale}[0.75] == f"#{RAMP[0]}"
    assert scale[0][1] == f"#{LESS[6]}"


# --------------------------------------------------------------------------- circuitsvis


def test_circuitsvis_draws_it_in_a_sandbox_with_no_network() -> None:
    view = iw.show_tokens(HOSTILE, [np.nan, 1, 2, 3, 4, -5])
    frame = view.to_circuitsvis()._repr_html_()
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])
    assert 'sandbox="allow-scripts"' in frame
    assert "default-src 'none'" in page
    assert "1 values that are not there are drawn as 0" in page
    call = page.rpartition("CircuitsVis.render(")[2]
    assert "ColoredTokens" in call
    assert "</script>" not in call.partition("</script>")[0]
    assert '"minValue": -5.0, "maxValue": 5.0' in call


def test_a_drawing_too_large_for_circuitsvis_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(circuitsvis_module, "MAX_BYTES", 10)
    with pytest.raises(ResultError, match="Show a shorter text"):
        iw.show_tokens(["a", "b"], [1, 2]).to_circuitsvis()
