"""Takes the pictures of the README: `.venv/bin/python docs/make_gallery.py`.

Needs Chromium (`CHROMIUM=...` names one). The views are real: the bundled model, exported
as a user would, drawn by the front end that ships.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import interpwidgets as iw
from interpwidgets.organisms import lilliput
from interpwidgets.selection import Selection
from interpwidgets.widgets.base import View

SETTLE_MS = 1_000
IMAGES = Path(__file__).parent / "img"
PROMPT = "tiger piano river lemon ghost tiger piano river lemon ghost"
NAMES = "When Ada and Ben went to the {}store, Ada gave a ring to"
LIGHT, DARK = ("light", 1200), ("dark", 600)


def attention() -> View:
    """Return a view with the second *tiger* selected in an induction head."""
    view = iw.attention(iw.load("lil-attn-2l"), PROMPT)
    view.selection = Selection(heads=[(1, 0)], tokens=[6])
    return view


def difference() -> View:
    """Return a view of two prompts of different length, one less the other."""
    view = iw.attention(iw.load("lilliput"), [NAMES.format(""), NAMES.format("old ")])
    view.selection = Selection(heads=[(2, 0)], tokens=[10])
    view.less = "prompt-1"
    return view


def tokens() -> View:
    """Return the surprisal of each token, a name selected."""
    view = iw.surprisal(iw.load("lilliput"), NAMES.format(""))
    view.selection = Selection(tokens=[4])
    return view


def lens() -> View:
    """Return what each layer would say next after a capital's prompt."""
    model = iw.load("lilliput")
    example = lilliput.facts(1)[0]
    view = iw.logit_lens(model, example.prompt, track=[example.answer])
    view.selection = Selection(tokens=[len(view.result.tokens) - 1], layer=2)
    return view


def patching() -> View:
    """Return the residual stream patched between two IOI prompts, with its control."""
    model = iw.load("lilliput")
    example = lilliput.ioi(1)[0]
    answers = (example.answer, example.wrong[0])
    view = iw.activation_patching(model, example.prompt, example.corrupted, answers=answers)
    view.run_control(n=8)
    return view


def attribution() -> View:
    """Return which heads wrote the name, over several prompts."""
    model = iw.load("lilliput")
    examples = lilliput.ioi(16)
    return iw.direct_logit_attribution(
        model,
        [one.prompt for one in examples],
        [one.answer for one in examples],
        against=[one.wrong[0] for one in examples],
        by="head",
    )


def heads() -> View:
    """Return every head of the induction model in one place."""
    view = iw.head_board(iw.load("lil-attn-2l"), PROMPT)
    view.selection = Selection(heads=[(1, 1)])
    return view


def steering() -> View:
    """Return a review steered towards a positive verdict, with its dose-response."""
    model = iw.load("lilliput")
    reviews = lilliput.sentiment(60, split="trained")
    texts, verdicts = zip(*((one.prompt, one.answer) for one in reviews), strict=True)
    data = iw.Dataset(list(texts), list(verdicts), positive="positive")
    happy = iw.direction(model, data, layer=2, name="positive")
    bad = [one.prompt for one in lilliput.sentiment(12, seed=3) if one.answer == "negative"]
    view = iw.steer(model, happy, bad[0], strengths=0.5, answers="positive", prompts=bad)
    view.dose_response()
    return view


PICTURES: dict[str, tuple[Callable[[], View], list[tuple[str, int]]]] = {
    "attention": (attention, [LIGHT, DARK]),
    "difference": (difference, [LIGHT]),
    "tokens": (tokens, [LIGHT]),
    "lens": (lens, [LIGHT]),
    "patching": (patching, [LIGHT]),
    "attribution": (attribution, [LIGHT]),
    "head-board": (heads, [LIGHT]),
    "steering": (steering, [LIGHT, DARK]),
}


def take(browser: Browser, page_path: Path, theme: str, width: int) -> None:
    """Write one picture of the page's view."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, device_scale_factor=1.5
    )
    page = context.new_page()
    page.goto(page_path.as_uri())
    view = page.locator('[data-iw][data-painted="1"]')
    view.wait_for()
    page.wait_for_timeout(SETTLE_MS)  # the view's second module draws arcs and read-outs
    view.screenshot(path=str(IMAGES / f"{page_path.stem}-{theme}-{width}.png"))
    context.close()


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(exist_ok=True)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for name, (make, shots) in PICTURES.items():
            page = Path(folder) / f"{name}.html"
            page.write_text(make().to_html(embed="full"), encoding="utf-8")
            for theme, width in shots:
                take(browser, page, theme, width)


if __name__ == "__main__":
    main()
