"""Takes the pictures of the README: `.venv/bin/python docs/make_gallery.py`.

Needs Chromium (`CHROMIUM=...` names one). The views are real: the bundled model, exported
as a user would, drawn by the front end that ships.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import interpwidgets as iw
from interpwidgets.selection import Selection

IMAGES = Path(__file__).parent / "img"
PROMPT = "tiger piano river lemon ghost tiger piano river lemon ghost"
SHOTS = [("light", 1200), ("dark", 600)]


def export_attention(folder: Path) -> Path:
    """Write a page with one view, the second *tiger* selected in an induction head."""
    view = iw.attention(iw.load("lil-attn-2l"), PROMPT)
    view.selection = Selection(heads=[(1, 0)], tokens=[6])
    path = folder / "attention.html"
    path.write_text(view.to_html(embed="full"), encoding="utf-8")
    return path


def take(browser: Browser, page_path: Path, theme: str, width: int) -> None:
    """Write one picture of the page's view."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, device_scale_factor=1.5
    )
    page = context.new_page()
    page.goto(page_path.as_uri())
    view = page.locator('[data-iw="attention"][data-painted="1"]')
    view.wait_for()
    view.screenshot(path=str(IMAGES / f"attention-{theme}-{width}.png"))
    context.close()


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(exist_ok=True)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = export_attention(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for theme, width in SHOTS:
            take(browser, page, theme, width)


if __name__ == "__main__":
    main()
