"""A notebook becomes one page: what is in it, what is said to be missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interpwidgets.errors import ExportError
from interpwidgets.export import export
from interpwidgets.widgets.static_form import MIME

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
Write = Callable[..., Path]


def shown(**data: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": data}


def page_of(path: Path) -> str:
    return export(path).path.read_text(encoding="utf-8")


def views_in(page: str) -> dict[str, Any]:
    found = re.search(r'id="iw-page">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def page(saved_notebook: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("page") / "page.html"
    export(saved_notebook, target)
    return target.read_text(encoding="utf-8")


def test_views_are_live_though_no_widget_state_was_saved(
    saved_notebook: Path, page: str, elements: Any
) -> None:
    assert "widgets" not in json.loads(saved_notebook.read_text())["metadata"]
    data = views_in(page)
    mounts = [a for a in elements(page).named("div") if a.get("class") == "iw-mount"]
    assert [mount["data-iw-key"] for mount in mounts] == ["view-1", "view-2"]
    assert set(data["views"]) == {"view-1", "view-2"}
    assert data["views"]["view-1"]["traits"]["payload"]["kind"] == "attention"
    assert set(data["modules"]) == {"attention"}


def test_the_report_counts_views_and_names_what_is_left_out(
    saved_notebook: Path, tmp_path: Path
) -> None:
    report = export(saved_notebook, tmp_path / "page.html")
    assert report.n_views == 2
    assert report.n_bytes == report.path.stat().st_size
    assert report.left_out == (
        "1 × IntSlider, a live widget that the notebook holds no copy of",
    )
    assert "2 live views" in str(report)


def test_tokens_make_no_element(page: str, elements: Any) -> None:
    found = elements(page).found
    assert not [tag for tag, attributes in found if any(n.startswith("on") for n in attributes)]
    assert [a.get("id", a.get("type")) for a in elements(page).named("script")] == [
        "iw-page",
        "module",
    ]
    sources = [attributes["src"] for attributes in elements(page).named("img")]
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)


def test_hidden_characters_are_spelt_out_in_the_table(page: str) -> None:
    body = page.split("<body>")[1]
    assert "a\u2039U+200B\u203ab" in body
    assert "\u2039U+202E\u203atxet" in body
    assert "\u202e" not in body
    assert "\u200b" not in body


def test_nothing_is_loaded_from_elsewhere(page: str, elements: Any) -> None:
    for tag, attributes in elements(page).found:
        for name in ("src", "srcset", "poster", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
        assert tag not in {"link", "base", "object", "embed"}
    outside = page.replace("http://www.w3.org/", "")
    assert not re.search(r"url\(\s*[\"']?https?:|@import|import\([\"']http", outside)


def test_a_policy_forbids_every_load(page: str, elements: Any) -> None:
    policies = [a["content"] for a in elements(page).named("meta") if "http-equiv" in a]
    assert policies and policies[0].startswith("default-src 'none'; script-src 'unsafe-inline'")
    assert "http" not in policies[0].replace("http-equiv", "")


def test_cells_are_there_in_their_form(page: str) -> None:
    assert "<title>Heads that copy</title>" in page
    assert "<em>that</em>" in page
    assert '<span class="kn">import</span>' in page
    assert '<span class="ansi-red-fg">red</span>' in page
    assert "ZeroDivisionError" in page


def test_the_same_notebook_gives_the_same_bytes(saved_notebook: Path, tmp_path: Path) -> None:
    first, second = (export(saved_notebook, tmp_path / name) for name in ("a.html", "b.html"))
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_notebook_without_views_exports(write_notebook: Write) -> None:
    report = export(write_notebook("# Only text"))
    page = report.path.read_text()
    assert report.n_views == 0
    assert "iw-page" not in page
    assert "<h1>Only text</h1>" in page


def test_a_view_of_an_unknown_form_is_said_in_page_and_report(write_notebook: Write) -> None:
    record = {"version": 99, "widget": "attention", "traits": {}, "buffers": []}
    path = write_notebook([shown(**{MIME: record, "text/html": "<b>old numbers</b>"})])
    report = export(path)
    page = report.path.read_text()
    assert "saved in form 99" in report.left_out[0]
    assert "saved in form 99" in page
    assert "<b>old numbers</b>" in page


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("text", "saved in form None"),
        ({"version": 1, "widget": "attention"}, "lacks its traits, buffers"),
        ({"version": 1, "widget": "../x", "traits": {}, "buffers": []}, "names no widget"),
        ({"version": 1, "widget": "sonar", "traits": {}, "buffers": []}, "does not have"),
    ],
)
def test_a_damaged_view_is_said(write_notebook: Write, record: Any, said: str) -> None:
    report = export(write_notebook([shown(**{MIME: record})]))
    assert report.n_views == 0
    assert said in report.left_out[0]


def test_a_live_view_without_its_copy_is_said(write_notebook: Write) -> None:
    live = {WIDGET_MIME: {"model_id": "m"}, "text/plain": "<AttentionView: 2 layers>"}
    report = export(write_notebook([shown(**live), shown(**{"text/plain": "2 layers"})]))
    assert report.left_out[0].startswith("1 × AttentionView, a live widget")


def test_network_content_is_kept_counted_and_blocked(write_notebook: Write) -> None:
    html = '<img src="https://example.org/a.png">'
    path = write_notebook(
        "![a](https://example.org/b.png) and a [link](https://example.org)",
        [shown(**{"text/html": html})],
        [shown(**{"text/html": "<style>p{background:url(//example.org/c)}</style>"})],
        [shown(**{"text/html": "<script>import('https://example.org/d.js')</script>"})],
        "only a [link](https://example.org)",
    )
    report = export(path)
    assert report.left_out == ("4 × content that a cell loads from the network (blocked)",)
    assert html in report.path.read_text()


def test_broken_html_in_an_output_does_not_swallow_the_views(
    saved_notebook: Path, tmp_path: Path
) -> None:
    notebook = json.loads(saved_notebook.read_text())
    broken = shown(**{"text/html": "<!-- <script> never closed"})
    notebook["cells"][1]["outputs"] = [broken]
    path = tmp_path / "broken.ipynb"
    path.write_text(json.dumps(notebook))
    page = page_of(path)
    assert page.index('id="iw-page"') < page.index("never closed")


def test_outputs_of_every_kind(write_notebook: Write, elements: Any) -> None:
    png = "iVBORw0KGgo="
    path = write_notebook(
        [
            {"output_type": "stream", "name": "stdout", "text": "10%\r50%\r100%\n"},
            {"output_type": "stream", "name": "stdout", "text": "a < b\n"},
            shown(**{"image/png": png, "text/plain": "<Figure>"}),
            shown(**{"image/svg+xml": "<svg onload='alert(1)'></svg>"}),
            shown(**{"text/latex": "$x < y$"}),
            shown(**{"text/markdown": "*slanted*"}),
            shown(**{"application/x-unheard-of": "1"}),
        ]
    )
    report = export(path)
    page = report.path.read_text()
    assert "<pre>100%\na &lt; b\n</pre>" in page
    assert f"data:image/png;base64,{png}" in page
    assert not elements(page).named("svg")
    assert "$x &lt; y$" in page
    assert "<em>slanted</em>" in page
    assert "application/x-unheard-of" in report.left_out[0]


def test_a_plotly_figure_brings_its_script_once(write_notebook: Write) -> None:
    figure = {"data": [{"type": "bar", "y": [1], "name": "</script>"}], "layout": {}}
    plotly = shown(**{"application/vnd.plotly.v1+json": figure})
    page = page_of(write_notebook([plotly], [plotly]))
    assert page.count('Plotly.newPlot("figure-') == 2
    assert page.count("plotly.js v") == 1
    assert '"name":"\\u003c/script>"' in page


def test_attachments_and_pictures_beside_the_notebook_are_inlined(
    write_notebook: Write, tmp_path: Path
) -> None:
    (tmp_path / "near.png").write_bytes(b"near")
    (tmp_path.parent / "far.png").write_bytes(b"far")
    page = page_of(write_notebook("![n](near.png) ![f](../far.png)"))
    assert "data:image/png;base64,bmVhcg==" in page
    assert "ZmFy" not in page
    assert "../far.png" in page


def test_tags_hide_cells(write_notebook: Write) -> None:
    path = write_notebook("kept", [], "gone")
    notebook = json.loads(path.read_text())
    notebook["cells"][1]["metadata"]["tags"] = ["remove-input"]
    notebook["cells"][2]["metadata"]["tags"] = ["remove-cell"]
    path.write_text(json.dumps(notebook))
    page = page_of(path)
    assert "kept" in page
    assert "gone" not in page
    assert 'class="cell"' not in page


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "is no Jupyter notebook"),
        ("{}", "is no Jupyter notebook"),
        ("[1]", "is no Jupyter notebook"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "is no Jupyter notebook"),
        (b"\xff\xfe", "is no Jupyter notebook"),
    ],
)
def test_what_is_no_notebook_is_refused(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = tmp_path / "x.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ExportError, match=said):
        export(path)


def test_missing_notebook_and_folder_are_named(tmp_path: Path, write_notebook: Write) -> None:
    with pytest.raises(ExportError, match=r"no notebook .*nowhere.ipynb. Give the path"):
        export(tmp_path / "nowhere.ipynb")
    with pytest.raises(ExportError, match=r"no folder .*missing to write page.html into"):
        export(write_notebook("x"), tmp_path / "missing" / "page.html")


def test_a_folder_as_target_gets_the_notebooks_name(
    tmp_path: Path, write_notebook: Write
) -> None:
    (tmp_path / "site").mkdir()
    assert export(write_notebook("x"), tmp_path / "site").path.name == "made.html"


def test_a_lone_surrogate_does_not_stop_the_export(
    write_notebook: Write, tmp_path: Path
) -> None:
    path = write_notebook("text")
    path.write_text(path.read_text().replace("text", "a\\ud800b"))
    assert "a?b" in page_of(path)
