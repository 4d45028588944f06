"""The exported file in a real browser, opened from disk with no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from interpwidgets.export import export
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.show import show

pytestmark = pytest.mark.browser

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
LOCAL = ("file:", "data:", "blob:", "about:")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails its test when it logs an error or asks for anything outside."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on("request", lambda r: None if r.url.startswith(LOCAL) else wrong.append(r.url))
    context.set_offline(True)
    yield page
    context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def exported(saved_notebook: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return export(saved_notebook, tmp_path_factory.mktemp("page")).path.as_uri()


def test_views_paint_and_answer_clicks(page: Page, exported: str) -> None:
    page.goto(exported)
    views = page.locator('[data-iw="attention"][data-painted="1"]')
    expect(views).to_have_count(2)
    large = views.first.locator("[data-head]")
    expect(large).to_have_attribute("data-head", "0.0")
    views.first.locator('[data-cell="1.2"]').click()
    expect(large).to_have_attribute("data-head", "1.2")
    expect(views.last.locator("[data-head]")).to_have_attribute("data-head", "0.0")


def test_views_of_one_board_stay_linked_without_a_kernel(
    page: Page, linked_notebook: Path, tmp_path: Path
) -> None:
    page.goto(export(linked_notebook, tmp_path).path.as_uri())
    first, second = page.locator('[data-iw="attention"][data-painted="1"]').all()
    words = page.locator('[data-iw="tokens"]')
    first.locator('[data-cell="1.2"]').click()
    expect(second.locator("[data-head]").first).to_have_attribute("data-head", "1.2")
    first.locator('[data-pos="2"]').first.click()
    expect(words.locator('[data-pos="2"].iw-tx-chosen')).to_have_count(1)
    words.locator('[data-pos="0"]').first.click()
    expect(second.locator('[data-pos="0"].iw-query')).to_have_count(1)
    expect(second.locator("[data-head]").first).to_have_attribute("data-head", "1.2")


def test_the_static_copy_gives_way_to_the_live_view(page: Page, exported: str) -> None:
    page.goto(exported)
    expect(page.locator('[data-iw="attention"][data-painted="1"]')).to_have_count(2)
    for static in page.locator(".iw-static").all():
        expect(static).to_be_hidden()


def test_it_follows_the_dark_theme(page: Page, exported: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(exported)
    view = page.locator('[data-iw="attention"]').first
    expect(view).to_have_attribute("data-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(view).to_have_attribute("data-theme", "light")


@pytest.mark.parametrize("width", [480, 1200])
def test_nothing_runs_out_of_the_page(page: Page, exported: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(exported)
    expect(page.locator('[data-painted="1"]')).to_have_count(2)
    room = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert room[0] <= room[1]


def test_numbers_are_there_without_scripts(browser: Browser, exported: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(exported)
    static = page.locator(".iw-static").first
    expect(static.locator("img")).to_be_visible()
    expect(static.locator("td").nth(1)).to_contain_text("1.00")
    context.close()


def test_a_full_page_draws_every_head(
    page: Page, result: AttentionPattern, tmp_path: Path
) -> None:
    target = show(result).to_html(tmp_path / "view.html", embed="full")
    page.goto(target.as_uri())
    view = page.locator('[data-iw="attention"][data-painted="1"]')
    for head in ("2.3", "0.1"):
        view.locator(f'[data-cell="{head}"]').click()
        expect(view.locator("[data-head]")).to_have_attribute("data-head", head)
        layer, number = map(int, head.split("."))
        drawn = float(view.locator("[data-head]").get_attribute("data-sum") or "nan")
        weights = result.weights(layer, number)
        assert drawn == pytest.approx(
            (weights * np.arange(1, len(weights) + 1)).sum(), abs=1e-2
        )


def test_circuitsvis_draws_in_its_frame(
    page: Page, result: AttentionPattern, tmp_path: Path
) -> None:
    drawing = show(result).to_circuitsvis(layer=1)
    path = tmp_path / "circuitsvis.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{drawing._repr_html_()}")
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("Head Selector")).to_be_visible(timeout=30_000)
    expect(frame.get_by_text("L1 H3").first).to_be_attached()
    assert frame.locator("canvas").count() >= len(result.heads)
