"""Journeys through several views of one board in a real JupyterLab."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from browser.attention_page import AttentionOnPage
from browser.cells import MODEL, PROMPT
from browser.conftest import Open
from browser.lab import Browser, Notebook

pytestmark = pytest.mark.browser

SELECTED = re.compile("iw-(query|sel|chosen|picked)")
BOARD = f"{MODEL}\nboard = iw.Board(model)\nview = board.attention()\nview"
TOKENS = "words = board.surprisal()\nwords"
RUN = f'board.run("{PROMPT}")'
ASK = "print(board.selection.heads, board.selection.tokens, board.selection.token_text)"


def chip(view: Locator, pos: int) -> Locator:
    return view.locator(f'[data-pos="{pos}"]').first


def opened(notebook: Notebook) -> tuple[AttentionOnPage, Locator]:
    """Run the cells of a board with both kinds of view; return them."""
    for cell in range(3):
        notebook.run(cell)
    view = AttentionOnPage(notebook.output(0))
    view.wait_ready()
    words = notebook.output(1).locator('[data-iw="tokens"]')
    expect(words).to_have_attribute("data-tools", "1")
    return view, words


def selected_tokens(view: Locator) -> list[int]:
    """The positions that a view marks as selected."""
    return list(
        view.evaluate(
            """(root) => [...root.querySelectorAll('[data-pos]')]
            .filter((chip) => chip.getAttribute('aria-selected') === 'true'
              || /iw-(query|sel|tx-chosen)/.test(chip.className))
            .map((chip) => Number(chip.dataset.pos))"""
        )
    )


def test_what_is_clicked_in_one_view_shows_in_the_others_and_in_the_next_cell(
    open_notebook: Open,
) -> None:
    moved = "board.selection.tokens = [4]\nboard.selection.heads = [(0, 3)]"
    notebook = open_notebook(BOARD, TOKENS, RUN, ASK, moved)
    view, words = opened(notebook)
    view.click_head(1, 2)
    chip(words, 2).click()
    expect(chip(view.root, 2)).to_have_class(SELECTED)
    assert notebook.text(3) == "((1, 2),) (2,) ('dog',)"
    chip(words, 3).click(modifiers=["Shift"])
    expect(chip(view.root, 3)).to_have_class(SELECTED)
    assert notebook.text(3) == "((1, 2),) (2, 3) ('dog', 'king')"
    notebook.run(4)
    view.wait_head(0, 3)
    expect(chip(view.root, 4)).to_have_class(SELECTED)
    assert selected_tokens(words) == [4]


def test_two_boards_do_not_mix_and_a_view_can_leave_its_own(open_notebook: Open) -> None:
    other = f'one = iw.attention(model, "{PROMPT}")\none'
    again = "print(board.selection.heads, view.selection.heads, one.selection.heads)"
    notebook = open_notebook(BOARD, TOKENS, RUN, other, again)
    view, words = opened(notebook)
    notebook.run(3)
    alone = AttentionOnPage(notebook.output(3))
    alone.wait_ready()
    alone.click_head(0, 1)
    alone.wait_head(0, 1)
    view.click_head(1, 1)
    view.wait_head(1, 1)
    alone.wait_head(0, 1)
    assert notebook.text(4) == "((1, 1),) ((1, 1),) ((0, 1),)"
    view.root.locator(".iw-more").click()
    view.root.get_by_text("linked", exact=True).click()
    view.settle()
    chip(words, 1).click()
    view.click_head(0, 2)
    view.wait_head(0, 2)
    assert notebook.text(4) == "((1, 1),) ((0, 2),) ((0, 1),)"


def test_a_head_is_ablated_from_the_view_with_its_control_and_undone(
    open_notebook: Open,
) -> None:
    notebook = open_notebook(BOARD, TOKENS, RUN, "print(board.ablation, board.run_number)")
    view, words = opened(notebook)
    run = view.run
    view.click_head(0, 3)
    view.wait_head(0, 3)
    view.root.locator(".iw-more").click()
    view.root.get_by_role("button", name="zero", exact=True).click()
    assert view.wait_run_after(run) == run + 1
    expect(view.root).to_contain_text("L0 H3 zero-ablated")
    expect(view.root).to_contain_text("no control yet")
    expect(words).to_have_attribute("data-run", str(run + 1))
    assert notebook.text(3) == f"L0 H3 zero-ablated {run + 1}"
    view.root.locator('[data-act="control"]').first.click()
    expect(view.root).not_to_contain_text("no control yet")
    expect(view.root).to_contain_text("other heads")
    view.root.locator('[data-act="undo"]').first.click()
    view.wait_run_after(run + 1)
    expect(view.root).not_to_contain_text("zero-ablated")


def test_a_changed_tokenization_is_said_and_the_selection_is_never_off_by_one(
    open_notebook: Open,
) -> None:
    other = 'board.run("cat king dog king cat dog")'
    notebook = open_notebook(BOARD, TOKENS, RUN, other, ASK)
    view, words = opened(notebook)
    chip(words, 2).click()
    expect(chip(view.root, 2)).to_have_class(SELECTED)
    run = view.run
    notebook.run(3)
    view.wait_run_after(run)
    expect(view.root).to_contain_text("at 2 is not in this run")
    assert notebook.text(4) == "() () ()"


def test_the_copied_code_runs_elsewhere_and_makes_the_same(
    open_notebook: Open, browser: Browser, tmp_path: Path
) -> None:
    browser.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    notebook = open_notebook(BOARD, TOKENS, RUN, "print(float(view.result.pattern.sum()))")
    view, _ = opened(notebook)
    view.click_head(1, 2)
    view.wait_head(1, 2)
    view.settle()
    view.root.locator(".iw-more").click()
    view.root.get_by_role("button", name="copy as code").click()
    view.settle()
    code = str(browser.page.evaluate("() => navigator.clipboard.readText()"))
    assert "view.selection = iw.Selection(heads=[(1, 2)]" in code
    script = tmp_path / "copied.py"
    script.write_text(f"{code}\nprint(float(view.result.pattern.sum()))")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == notebook.text(3)
