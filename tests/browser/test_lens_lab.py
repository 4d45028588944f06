"""A lens in a real JupyterLab: a cell is clicked, followed, held against its control."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from browser.cells import MODEL, PROMPT
from browser.conftest import Open

pytestmark = pytest.mark.browser

BOARD = f"{MODEL}\nboard = iw.Board(model)\nlens = board.logit_lens()\nlens"
HEADS = "heads = board.attention()\nheads"
RUN = f'board.run("{PROMPT}")'
ASK = "print(lens.cells, lens.selection.token_text, lens.result.target_text)"


def click_cell(view: Locator, row: int, column: int, n_columns: int) -> None:
    """Click a cell of the grid, rows from the top, as a person does."""
    cells = view.locator(".iw-g-cells")
    cells.scroll_into_view_if_needed()
    box = cells.bounding_box()
    assert box is not None
    width, height = box["width"] / n_columns, box["height"] / 2
    cells.click(position={"x": (column + 0.5) * width, "y": (row + 0.5) * height})


def test_a_cell_is_clicked_followed_and_compared_with_its_control(open_notebook: Open) -> None:
    notebook = open_notebook(BOARD, HEADS, RUN, ASK)
    for cell in range(3):
        notebook.run(cell)
    view = notebook.output(0).locator('[data-iw="lens"]')
    expect(view).to_have_attribute("data-tools", "1")
    n = int(view.get_attribute("data-t") or 0)

    # What is clicked is a value in the next cell, and marked in the other view.
    click_cell(view, 0, 2, n)
    pop = view.locator(".iw-ln-pop")
    expect(pop).to_contain_text("L1, position 2")
    guesses = pop.locator(".iw-ln-guess")
    expect(guesses).to_have_count(5)
    assert notebook.text(3).startswith("((1, 2),)")
    heads = notebook.output(1).locator('[data-iw="attention"]')
    expect(heads.locator('[data-pos="2"]').first).to_have_class(
        re.compile("iw-(query|sel|chosen|picked)")
    )

    # A token is followed: one more run, in place.
    run = int(view.get_attribute("data-run") or 0)
    guesses.nth(1).click()
    expect(view).to_have_attribute("data-run", str(run + 1))
    expect(guesses.nth(1)).to_have_attribute("aria-pressed", "true")
    assert notebook.text(3).count("'") >= 4  # the selected token's text, and the followed one's

    # Its control is offered, and drawn once it was run.
    expect(view).to_contain_text("no control yet")
    view.locator("[data-control]").click()
    expect(view.locator(".iw-ln-band")).to_have_count(1)
    expect(view).to_contain_text("random unembed")
    expect(view).not_to_contain_text("no control yet")
    expect(view).to_have_attribute("data-run", str(run + 1))

    # A pin and the measure outlive the next run; the control does not.
    pop.get_by_role("button", name="pin").click()
    entropy = view.get_by_role("radio", name="entropy").first
    entropy.click()
    notebook.run(2)
    expect(view).not_to_have_attribute("data-run", str(run + 1))
    expect(entropy).to_have_attribute("aria-checked", "true")
    expect(view.locator(".iw-g-cells .iw-g-number")).to_have_text("1")
    view.get_by_role("radio", name="probability").first.click()
    expect(view).to_contain_text("no control yet")


def test_the_keyboard_goes_through_the_cells(open_notebook: Open) -> None:
    notebook = open_notebook(BOARD, HEADS, RUN, ASK)
    for cell in range(3):
        notebook.run(cell)
    view = notebook.output(0).locator('[data-iw="lens"]')
    expect(view).to_have_attribute("data-tools", "1")
    n = int(view.get_attribute("data-t") or 0)
    grid = view.locator(".iw-g")
    grid.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "Enter"):
        grid.press(key)
    expect(view.locator(".iw-ln-pop")).to_contain_text(f"L0, position {n - 2}")
    grid.press("p")
    expect(view.locator(".iw-g-cells .iw-g-number")).to_have_text("1")
    assert notebook.text(3).startswith(f"((0, {n - 2}),)")
    grid.press("Escape")
    expect(view.locator(".iw-ln-pop")).to_be_hidden()
    grid.press("t")
    expect(view.locator(".iw-ln-table")).to_contain_text("most probable")
