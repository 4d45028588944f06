"""From a Result to a view, a figure, circuitsvis's drawing; and in a notebook by itself."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from interpwidgets.errors import InterpWidgetsError, ResultError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.base import Provenance, Result
from interpwidgets.results.renderings import rendering
from interpwidgets.results.saved import load_result
from interpwidgets.selection import Selection
from interpwidgets.show import add_formatters, figure, show, view_class
from interpwidgets.widgets.attention import AttentionView
from interpwidgets.widgets.attention_picture import RAMP

TOKENS = ["<b>x</b>", " Mary", "</script><script>alert(1)</script>", "\n", " Mary"]


@dataclasses.dataclass(frozen=True)
class Unknown(Result):
    """A Result that nothing draws."""


@pytest.fixture
def result() -> AttentionPattern:
    weights = np.tril(np.random.default_rng(0).random((2, 3, 5, 5)))
    return AttentionPattern.of_arrays(TOKENS, weights / weights.sum(-1, keepdims=True))


@pytest.fixture
def view(result: AttentionPattern) -> AttentionView:
    view = show(result)
    assert isinstance(view, AttentionView)
    return view


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


# ---------------------------------------------------------------------------- the view


def test_the_packages_names_stay_functions_beside_modules_of_the_same_name() -> None:
    import interpwidgets as iw

    assert iw.show is show
    assert iw.show is show
    assert iw.export is iw.export
    assert iw.export.__module__ == "interpwidgets.export.notebook"


def test_a_result_from_disk_is_drawn(result: AttentionPattern, tmp_path: Path) -> None:
    view = show(load_result(result.save(tmp_path / "saved")))
    assert np.array_equal(view.result.pattern, result.pattern)
    assert view.status["kind"] == "live"


def test_the_same_key_is_the_same_view(result: AttentionPattern) -> None:
    first = show(result, key="heads")
    assert show(result, key="heads") is first
    assert show(result, key="other") is not first


def test_an_unknown_type_of_result_is_named() -> None:
    with pytest.raises(ResultError, match=r"no view of Unknown; known: AblationSweep, Att"):
        view_class(Unknown)
    with pytest.raises(ResultError, match="no view of Unknown"):
        show(Unknown(Provenance()))


def test_a_rendering_that_nobody_added_is_named() -> None:
    with pytest.raises(InterpWidgetsError, match="nothing draws `to_marble`"):
        rendering("to_marble")


# -------------------------------------------------------------------------- the figure


def test_the_figure_has_the_chosen_heads_weights(
    view: AttentionView, result: AttentionPattern
) -> None:
    view.selection = Selection([(1, 2)])
    heatmap = view.figure().data[0]
    below = np.tri(5, dtype=bool)
    assert np.array_equal(heatmap.z[below], result.weights(1, 2)[below])
    assert np.isnan(heatmap.z[~below]).all()
    assert heatmap.hoverongaps is False
    assert (heatmap.zmin, heatmap.zmax) == (0, 1)
    assert [colour for _, colour in heatmap.colorscale] == [f"#{stop}" for stop in RAMP]


def test_the_figure_takes_a_layer_and_a_head(
    view: AttentionView, result: AttentionPattern
) -> None:
    drawn = figure(view, layer=0, head=1)
    assert drawn.data[0].z[4, 0] == result.weights(0, 1)[4, 0]
    assert "L0 H1" in drawn.layout.title.text


def test_the_figures_axes_are_the_tokens_harmless_and_in_order(view: AttentionView) -> None:
    layout = view.figure().layout
    labels = list(layout.xaxis.ticktext)
    assert labels[:2] == ["&lt;b&gt;x&lt;/b&gt;", "·Mary"]
    assert labels == list(layout.yaxis.ticktext)
    assert list(layout.xaxis.tickvals) == list(range(5))
    assert layout.yaxis.autorange == "reversed"


@pytest.mark.parametrize(("width", "pixels"), [("column", 321), ("page", 658), ("slide", 1600)])
def test_the_figure_has_the_widths_of_a_paper(
    view: AttentionView, width: str, pixels: int
) -> None:
    assert view.figure(width=width).layout.width == pixels


def test_a_long_prompt_has_fewer_labels() -> None:
    weights = np.full((1, 1, 200, 200), 1 / 200)
    drawn = show(AttentionPattern.of_arrays(["w"] * 200, weights, causal=False)).figure()
    assert 20 < len(drawn.layout.xaxis.ticktext) < 60
    assert not np.isnan(drawn.data[0].z).any()


def test_a_head_that_is_not_held_is_named(view: AttentionView) -> None:
    with pytest.raises(ResultError, match="L0 H7 is not held"):
        view.figure(head=7)


def test_an_empty_view_has_no_figure() -> None:
    with pytest.raises(InterpWidgetsError, match="no numbers yet"):
        AttentionView().figure()


# ------------------------------------------------------------------------- circuitsvis


def test_circuitsvis_draws_one_layer_offline(view: AttentionView) -> None:
    # `no_network` fails this test if circuitsvis asks whether there is an internet.
    frame = view.to_circuitsvis(layer=1)._repr_html_()
    assert frame.startswith('<iframe sandbox="allow-scripts" srcdoc="')
    assert frame.endswith("</iframe>")
    found = re.search(r'srcdoc="([^"]*)"', frame)
    assert found
    page = html.unescape(found[1])
    assert "CircuitsVis.AttentionHeads" in page
    assert '["L1 H0", "L1 H1", "L1 H2"]' in page
    assert "default-src 'none'" in page


def test_tokens_cannot_leave_circuitsvis_script(view: AttentionView) -> None:
    page = view.to_circuitsvis().page
    assert page.count("</script>") == 1
    assert "\\u003c/script>\\u003cscript>alert(1)" in page
    assert page == view.to_circuitsvis().page


def test_values_that_circuitsvis_cannot_draw_are_said(result: AttentionPattern) -> None:
    pattern = result.pattern.copy()
    pattern[0, 0, 3, 1] = np.nan
    view = show(dataclasses.replace(result, pattern=pattern))
    assert "1 values that are not finite are drawn as 0" in view.to_circuitsvis(layer=0).page
    assert "not finite" not in view.to_circuitsvis(layer=1).page.split("<script")[0]


def test_a_drawing_too_large_for_circuitsvis_is_refused() -> None:
    pattern = np.zeros((1, 12, 512, 512), dtype=np.float16)
    large = AttentionPattern.of_arrays(["w"] * 512, pattern)
    with pytest.raises(ResultError, match=r"25 MB for 12 heads × 512 tokens, above 20 MB"):
        show(large).to_circuitsvis()


# ------------------------------------------------------------------------ in a notebook


def test_a_bare_result_shows_itself_as_a_view(
    shell: InteractiveShell, result: AttentionPattern, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, str]] = []
    monkeypatch.setattr(shell.display_pub, "publish", lambda data, **_: sent.append(data))
    add_formatters(shell)
    assert shell.display_formatter is not None
    assert shell.display_formatter.format(result) == ({}, {})
    assert "application/vnd.jupyter.widget-view+json" in sent[0]
    assert "application/vnd.interpwidgets.view+json" in sent[1]
