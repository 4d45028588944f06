"""A journey through a HeadBoard in a real JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from browser.attention_page import AttentionOnPage
from browser.cells import MODEL, PROMPT
from browser.conftest import Open

pytestmark = pytest.mark.browser

BOARD = f"{MODEL}\nboard = iw.Board(model)\nview = board.attention()\nview"
HEADS = 'heads = board.head_board(answers="dog")\nheads'
RUN = f'board.run("{PROMPT}")'
ASK = "print(board.selection.heads, board.ablation)"


def row(heads: Locator, layer: int, head: int) -> Locator:
    return heads.locator(f'tr[data-head="{layer},{head}"]')


def values(heads: Locator, column: int) -> list[str]:
    return heads.locator(f".iw-hb-table tbody td:nth-child({column})").all_inner_texts()


def test_heads_are_found_selected_and_ablated_from_the_board(open_notebook: Open) -> None:
    notebook = open_notebook(BOARD, HEADS, RUN, ASK)
    for cell in (0, 1, 2):
        notebook.run(cell)
    attention = AttentionOnPage(notebook.output(0))
    attention.wait_ready()
    heads = notebook.output(1).locator('[data-iw="head_board"]')
    expect(heads).to_have_attribute("data-tools", "1")
    expect(heads).to_contain_text("logit of 'dog'")

    # The previous-token head comes first when sorted by it, and a click opens its attention.
    heads.get_by_role("button", name="previous token").click()
    expect(heads.locator(".iw-hb-table tbody tr").first).to_have_attribute("data-head", "0,3")
    row(heads, 0, 3).locator("th").click()
    attention.wait_head(0, 3)
    expect(heads.locator(".iw-hb-side")).to_contain_text("L0 H3")
    attention.click_head(1, 2)
    expect(row(heads, 1, 2)).to_have_attribute("aria-selected", "true")
    expect(row(heads, 0, 3)).to_have_attribute("aria-selected", "false")

    # The strongest K-composition leaves the previous-token head.
    expect(heads.locator(".iw-hb-pairs tbody tr").first).to_contain_text("L0 H3 → L1 H")

    # A tick ablates in every view; its control comes when asked for.
    run = attention.run
    row(heads, 0, 3).locator("[data-tick]").click()
    attention.wait_run_after(run)
    expect(heads).to_contain_text("L0 H3 zero-ablated")
    expect(heads).to_contain_text("no control yet")
    assert notebook.text(3) == "((1, 2),) L0 H3 zero-ablated"
    heads.locator('[data-act="control"]').click()
    expect(heads).to_contain_text("other heads")

    # Each head alone: the column fills, and the board's own run stays as it was.
    heads.get_by_role("button", name="ablate each head alone").click()
    expect(heads.locator(".iw-hb-table thead")).to_contain_text("zero ablation")
    expect(heads).to_have_attribute("data-status", "live")
    assert len([text for text in values(heads, 8) if "·" not in text]) == 8
    row(heads, 0, 3).locator("[data-tick]").click()
    expect(heads).not_to_contain_text("zero-ablated")
