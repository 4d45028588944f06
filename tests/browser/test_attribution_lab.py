"""Journeys through an attribution view and the views beside it in a real JupyterLab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from browser.attention_page import AttentionOnPage
from browser.cells import MODEL, PROMPT
from browser.conftest import Open
from browser.lab import Notebook

pytestmark = pytest.mark.browser

BOARD = f"{MODEL}\nboard = iw.Board(model)\nheads = board.attention()\nheads"
BARS = 'bars = board.direct_logit_attribution("dog", against="king")\nbars'
RUN = f'board.run("{PROMPT}")'
ASK = "print(board.selection.heads, board.selection.tokens, bars.pos, bars.by)"
HEAD = re.compile(r"^L(\d+) H(\d+)$")


def opened(notebook: Notebook) -> tuple[AttentionOnPage, Locator]:
    """Run the cells of a board with both views; return them."""
    for cell in range(3):
        notebook.run(cell)
    heads = AttentionOnPage(notebook.output(0))
    heads.wait_ready()
    bars = notebook.output(1).locator('[data-iw="attribution"]')
    expect(bars).to_have_attribute("data-tools", "1")
    return heads, bars


def bar(view: Locator, label: str) -> Locator:
    return view.get_by_role("option").filter(has_text=re.compile(f"^{label}"))


def test_a_clicked_bar_opens_that_head_and_is_a_value_in_the_next_cell(
    open_notebook: Open,
) -> None:
    notebook = open_notebook(BOARD, BARS, RUN, ASK, "board.selection.heads = [(0, 3)]")
    heads, bars = opened(notebook)
    bar(bars, "L1 H2").click()
    heads.wait_head(1, 2)
    expect(bar(bars, "L1 H2")).to_have_attribute("aria-selected", "true")
    assert notebook.text(3) == "((1, 2),) () 5 head"
    heads.click_head(1, 1)
    expect(bar(bars, "L1 H1")).to_have_attribute("aria-selected", "true")
    notebook.run(4)
    expect(bar(bars, "L0 H3")).to_have_attribute("aria-selected", "true")
    expect(bar(bars, "L1 H1")).to_have_attribute("aria-selected", "false")


def test_sources_come_with_one_more_run_and_a_followed_token_moves_the_position(
    open_notebook: Open,
) -> None:
    notebook = open_notebook(BOARD, BARS, RUN, ASK)
    heads, bars = opened(notebook)
    run = heads.run
    bars.get_by_role("radio", name="sources").click()
    expect(bars).to_have_attribute("data-by", "source")
    assert heads.wait_run_after(run) == run + 1
    bars.get_by_role("option").filter(has_text="←").first.click()
    heads.settle()
    assert re.match(r"\(\(\d, \d\),\) \(\d,\) 5 source$", notebook.text(3))
    bars.locator(".iw-more").click()
    bars.get_by_role("checkbox", name="follow selected token").click()
    heads.token(2).first.click()
    expect(bars).to_have_attribute("data-pos", "2")
    assert notebook.text(3).endswith("(2,) 2 source")


def test_an_edit_in_a_trace_moves_the_bars_in_place(open_notebook: Open) -> None:
    trace = f"""
with board.trace("{PROMPT}"):
    model.model.layers[0].attn.output[0][:] = 0
"""
    notebook = open_notebook(BOARD, BARS, RUN, trace)
    _, bars = opened(notebook)
    value = bar(bars, "L1 H2").locator(".iw-bars-value")
    before = value.inner_text()
    run = bars.get_attribute("data-run")
    notebook.run(3)
    expect(bars).not_to_have_attribute("data-run", str(run))
    expect(value).not_to_have_text(before)
    expect(bars.locator(".iw-you")).to_contain_text("attn")


def test_keys_walk_through_the_bars_and_a_failure_is_said(open_notebook: Open) -> None:
    notebook = open_notebook(BOARD, BARS, RUN, ASK, "bars.pos = 0", "bars.pos = 9")
    heads, bars = opened(notebook)
    first = bars.get_by_role("option").first
    label = first.locator(".iw-bars-label").inner_text()
    bars.get_by_role("listbox").focus()
    for key in ("End", "Home", "Enter"):
        bars.page.keyboard.press(key)
    heads.settle()
    if found := HEAD.match(label):
        assert notebook.text(3).startswith(f"(({found[1]}, {found[2]}),)")
    notebook.run(4)
    expect(bars).to_have_attribute("data-pos", "0")
    notebook.run(5, ends="error")
    expect(notebook.output(5)).to_contain_text("`pos` is 9; prompt 0 has 6 tokens")
    expect(bars).to_have_attribute("data-status", "live")
