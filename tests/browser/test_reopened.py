"""A notebook saved the way JupyterLab saves by default, seen again with no kernel behind it.

Its views are two outputs each: what Lab writes in place of the live one ("model not
found", "Loading widget...") must not be seen above the copy that has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from browser.attention_page import AttentionOnPage
from browser.cells import arrays
from browser.lab import Browser, Notebook
from browser.server import Server
from interpwidgets.export import export

pytestmark = pytest.mark.browser

# What else a cell prints stands where it stood.
TWO_VIEWS = f"""{arrays(3)}
print("before")
display(view)
print("between")
iw.show(AttentionPattern.of_arrays(tokens, weights))
"""
LABS_WORDS = ("Error displaying widget", "Loading widget", "model not found")
NO_KERNEL = "no kernel: saved numbers"
ALIKE_TO_NONE = {"name": "gone", "display_name": "Gone", "language": "fortran"}
SEEN = "(area) => area.innerText"

Reopen = Callable[..., Notebook]


@pytest.fixture(scope="module")
def saved(server: Server, browser: Browser) -> Path:
    """A notebook of two views, saved by Lab; its kernel is gone."""
    notebook = Notebook(server, browser)
    notebook.open([TWO_VIEWS])
    notebook.run(0)
    expect(notebook.output(0).locator('[data-painted="1"]')).to_have_count(2)
    assert "widgets" not in notebook.save()["metadata"]
    server.shut_down(notebook.name)
    return notebook.path


@pytest.fixture
def reopen(server: Server, browser: Browser, saved: Path, tmp_path: Path) -> Iterator[Reopen]:
    """Opens a copy of the saved notebook."""
    notebook = Notebook(server, browser)

    def open_copy(*, trusted: bool, kernel: bool) -> Notebook:
        notebook.name = f"{tmp_path.name}.ipynb"
        document = nbformat.read(saved, as_version=4)
        if not trusted:
            document.cells[0].source += "\n# as if a colleague had sent it"
        if not kernel:
            document.metadata = {"kernelspec": ALIKE_TO_NONE}
        nbformat.write(document, notebook.path)
        if trusted:
            server.trust(notebook.path)
        if kernel:
            notebook.reopen()
        else:
            notebook.reopen_without_kernel()
        assert notebook.is_trusted() == trusted
        return notebook

    yield open_copy
    server.shut_down(notebook.name)


def check_copies_stand(notebook: Notebook) -> None:
    """Both copies are seen, what was printed too, and nothing of Lab's own."""
    copies = notebook.output(0).locator(".iw-static")
    expect(copies).to_have_count(2)
    for copy in copies.all():
        expect(copy).to_be_visible()
        expect(copy).to_contain_text("2 layers × 4 heads, 3 tokens")
        assert copy.locator("img").evaluate("(img) => img.complete && img.naturalWidth") > 0
    seen = notebook.output(0).evaluate(SEEN)
    assert seen.index("before") < seen.index("between") < seen.rindex("Attention")
    assert not [words for words in LABS_WORDS if words in seen], seen


@pytest.mark.parametrize("kernel", [True, False], ids=["a new kernel", "no kernel"])
def test_only_the_copies_are_seen(reopen: Reopen, *, kernel: bool) -> None:
    notebook = reopen(trusted=True, kernel=kernel)
    written = notebook.output(0).locator(".jp-OutputArea-output.lm-Panel")
    # Lab did write its words: what hides them is ours.
    expect(written.first).to_contain_text("model not found" if kernel else "Loading widget")
    expect(written.first).to_be_hidden()
    check_copies_stand(notebook)


def test_an_untrusted_notebook_shows_the_copies_too(reopen: Reopen) -> None:
    notebook = reopen(trusted=False, kernel=False)
    check_copies_stand(notebook)
    expect(notebook.output(0).locator("style, script")).to_have_count(0)
    expect(notebook.output(0)).to_contain_text("Live view: run this cell to have it.")


def test_run_again_it_is_live_and_stays_when_its_kernel_is_shut_down(reopen: Reopen) -> None:
    notebook = reopen(trusted=False, kernel=True)
    check_copies_stand(notebook)
    view = run_again(notebook)
    notebook.page.wait_for_timeout(2_500)  # a copy shows itself after two seconds
    check_views_stand(notebook)
    notebook.shut_down()
    check_it_says_that_there_is_no_kernel(notebook, view)


def test_a_view_whose_kernel_died_elsewhere_stays_and_says_so(reopen: Reopen) -> None:
    notebook = reopen(trusted=True, kernel=True)
    view = run_again(notebook)
    notebook.server.shut_down(notebook.name)
    check_it_says_that_there_is_no_kernel(notebook, view)


def run_again(notebook: Notebook) -> AttentionOnPage:
    """Run the cell; return the first of its two views."""
    notebook.run(0)
    expect(notebook.output(0).locator('[data-painted="1"]')).to_have_count(2)
    return AttentionOnPage(notebook.output(0).locator(".jp-OutputArea-child").nth(1))


def check_views_stand(notebook: Notebook) -> None:
    """Both live views are seen, and no copy."""
    for view in notebook.output(0).locator('[data-iw="attention"]').all():
        expect(view).to_be_visible()
    for copy in notebook.output(0).locator(".iw-static").all():
        expect(copy).to_be_hidden()


def check_it_says_that_there_is_no_kernel(notebook: Notebook, view: AttentionOnPage) -> None:
    notebook.wait_kernel_gone()
    view.click_head(1, 2)
    view.wait_head(1, 2)
    assert view.has_ink()
    expect(view.root).to_contain_text(NO_KERNEL)
    check_views_stand(notebook)


# ------------------------------------------------------------------------------- as pages


@pytest.fixture
def as_html(saved: Path, tmp_path: Path) -> str:
    """The page that `jupyter nbconvert --to html`, and nbviewer, make of it."""
    page, _ = HTMLExporter().from_filename(str(saved))
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scripts", [True, False], ids=["not reachable", "blocked"])
def test_a_converted_page_shows_the_copies(
    browser: Browser, as_html: str, *, scripts: bool
) -> None:
    page = browser.page
    with browser.scripts(allowed=scripts):
        page.goto(as_html, wait_until="domcontentloaded")
        for copy in page.locator(".iw-static").all():
            expect(copy).to_be_visible()
            expect(copy).to_contain_text("2 layers × 4 heads, 3 tokens")
        expect(page.locator(".iw-static")).to_have_count(2)
        if scripts:
            assert browser.outside, "the page asked for no script: nothing was tested"


def test_a_converted_page_prints_the_copies_at_once(browser: Browser, as_html: str) -> None:
    page = browser.page
    page.emulate_media(media="print")
    try:
        page.goto(as_html, wait_until="domcontentloaded")
        height = page.locator(".iw-static").first.evaluate("(copy) => copy.clientHeight")
    finally:
        page.emulate_media(media="screen")
    assert height > 100


def test_the_export_of_it_is_live(browser: Browser, saved: Path, tmp_path: Path) -> None:
    page = browser.page
    page.goto(export(saved, tmp_path).path.as_uri())
    expect(page.locator('[data-iw="attention"][data-painted="1"]')).to_have_count(2)
    for copy in page.locator(".iw-static").all():
        expect(copy).to_be_hidden()
    view = AttentionOnPage(page.locator(".output", has=page.locator("[data-iw]")).first)
    view.click_head(1, 2)
    view.wait_head(1, 2)
