"""A journey through the steering studio in a real JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.conftest import Open

pytestmark = pytest.mark.browser

LOAD = """
import interpwidgets as iw
from interpwidgets.organisms import lilliput
model = iw.load("lilliput")
reviews = lilliput.sentiment(40, split="trained")
data = iw.Dataset([one.prompt for one in reviews], [one.answer for one in reviews],
                  positive="positive")
"""
STEER = """
direction = iw.direction(model, data, layer=2, name="positive")
bad = [one.prompt for one in lilliput.sentiment(12, seed=3) if one.answer == "negative"]
board = iw.Board(model)
attention = board.attention()
view = board.steer(direction, bad[0], answers="positive", max_new_tokens=8)
view
"""
VALUE = "print(view.strengths, view.result.text(), str(view.value) != 'nothing changed')"
AGAIN = "print(view.payload['written'] == view.payload['turn'], view.status['kind'])"
SHOWN = "print(attention.result.tokens.ids == view.result.steered.ids)"


def test_a_fast_drag_leaves_the_last_text_and_a_cell_run_again_keeps_it(
    open_notebook: Open,
) -> None:
    notebook = open_notebook(LOAD, STEER, VALUE, AGAIN, SHOWN)
    notebook.run(0)
    notebook.run(1)
    view = notebook.output(1).locator('[data-iw="steering"]')
    expect(view).to_have_attribute("data-tools", "1")
    expect(view.locator('[data-side="steered"]')).to_contain_text("negative")
    track = view.locator('[role=slider][aria-label="positive"]')
    box = track.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = notebook.page.mouse
    mouse.move(x, y)
    mouse.down()
    for step in range(50):
        there = (-1) ** step * (step % 10) / 20
        mouse.move(x + there * box["width"], y)
    mouse.move(x + 0.25 * box["width"], y)  # +0.5 of −1 to 1
    mouse.up()
    expect(track).to_have_attribute("aria-valuenow", "0.5")
    expect(view.locator('[data-side="steered"] .iw-st-other')).to_have_text(["positive"])
    assert notebook.text(2) == "(0.5,) positive. True"
    assert notebook.text(3) == "True live"

    notebook.run(1)  # the same view, its slider where it was
    expect(view).to_have_count(1)
    expect(track).to_have_attribute("aria-valuenow", "0.5")
    assert notebook.text(2) == "(0.5,) positive. True"

    view.locator('[data-act="show-steered"]').click()
    expect(view).to_have_attribute("data-status", "live")
    expect(view.locator(".iw-st-facts")).to_contain_text("no control")
    assert notebook.text(4) == "True"

    view.locator('[data-act="dose"]').first.click()
    expect(view.locator(".iw-st-chart svg")).to_be_visible(timeout=60_000)
    expect(view.locator(".iw-st-facts")).to_contain_text("probability of 'positive'")
