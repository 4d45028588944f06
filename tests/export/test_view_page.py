"""One view as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from interpwidgets.errors import ExportError
from interpwidgets.export.view import view_page
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.show import show
from interpwidgets.widgets.attention import AttentionView
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import read_bundle


@pytest.fixture
def view(result: AttentionPattern) -> View:
    return show(result)


def details_in(page: str) -> list[tuple[int, int]]:
    found = re.search(r'id="iw-page">(.*?)</script>', page, re.DOTALL)
    assert found
    (saved,) = json.loads(found[1])["views"].values()
    return [(d["layer"], d["head"]) for d in saved["traits"]["payload"]["details"]]


def test_a_page_without_a_path_is_text(view: View) -> None:
    page = view.to_html()
    assert page.startswith("<!doctype html>")
    assert '<div class="iw-mount" data-iw-key="view-1"><div class="iw-static"' in page


def test_a_path_gets_the_page_and_one_line(
    view: View, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "page.html"
    assert view.to_html(target) == target
    assert target.read_text() == view.to_html()
    assert capsys.readouterr().out == (
        f"{target}: {-(-target.stat().st_size // 1000)} kB, the chosen heads in full, the "
        "others as in the thumbnails\n"
    )


def test_embed_chooses_the_heads_held(view: AttentionView) -> None:
    view.selection = type(view.selection)([(1, 2), (2, 3)])
    assert details_in(view.to_html()) == [(2, 3), (1, 2)]
    assert len(details_in(view.to_html(embed="full"))) == 12
    assert view.embed == "compact"


def test_embed_none_is_a_picture_without_scripts(view: View, elements: Any) -> None:
    page = elements(view.to_html(embed="none"))
    assert not page.named("script")
    assert page.named("img")


def test_an_unknown_embed_is_named(view: View) -> None:
    with pytest.raises(ExportError, match=r"one of 'none', 'compact', 'full'; got 'all'"):
        view_page(view, embed="all")


def test_hostile_tokens_make_no_element(view: View, elements: Any) -> None:
    found = elements(view.to_html(embed="full")).found
    assert not [tag for tag, attributes in found if any(n.startswith("on") for n in attributes)]
    assert [tag for tag, _ in found].count("script") == 2


def test_a_view_before_its_first_run_says_so() -> None:
    assert "No run yet" in AttentionView().to_html()


def test_a_page_carries_every_part_of_its_views_code(view: View) -> None:
    found = re.search(r'id="iw-page">(.*?)</script>', view.to_html(), re.DOTALL)
    assert found
    module = json.loads(found[1])["modules"]["attention"]
    assert module["parts"] == {
        name: read_bundle(f"attention.{name}.js") for name in ("picture", "tools")
    }
