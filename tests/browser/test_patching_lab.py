"""A journey through a grid of patches in a real JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.conftest import Open

pytestmark = pytest.mark.browser

SWEEP = """
import interpwidgets as iw
from interpwidgets.organisms import lilliput
model = iw.load("lilliput")
example = lilliput.ioi(4)[3]
board = iw.Board(model)
answers = [" " + example.answer, " " + example.wrong[0]]
view = board.activation_patching(
    example.prompt, example.corrupted, answers=answers, site=["resid_pre", "attn_out"]
)
view
"""
ATTENTION = "attention = board.attention()\nattention"
SELECTED = "print(view.selection.layer, view.selection.tokens, view.selection.token_text)"
HISTORY = "print(view.history[['layer', 'pos', 'source_pos']].values.tolist())"
CONTROL = "print(view.result.control.n, view.runs[0].control_raw is None)"
RESTORED = "print(attention.result.provenance.intervened)"


def test_a_sweep_a_click_a_drag_a_control_and_a_restored_run(open_notebook: Open) -> None:
    notebook = open_notebook(SWEEP, ATTENTION, SELECTED, HISTORY, CONTROL, RESTORED)
    notebook.run(0)
    notebook.run(1)
    view = notebook.output(0).locator('[data-iw="patching"]')
    expect(view).to_have_attribute("data-tools", "1")
    cells = view.locator(".iw-g-cells")
    box = cells.bounding_box()
    assert box is not None
    n = view.locator("[data-source]").count()
    cell = {"x": box["width"] / n, "y": box["height"] / 4}

    def place(row: int, column: int) -> dict[str, float]:
        return {"x": (column + 0.5) * cell["x"], "y": (row + 0.5) * cell["y"]}

    cells.click(position=place(0, n - 1))  # the last layer is on top
    expect(view.locator(".iw-pt-pop .iw-pt-guess")).to_have_count(5)
    assert notebook.text(2) == f"3 ({n - 1},) ('to',)"

    view.locator('[data-source="4"]').drag_to(cells, target_position=place(2, n - 2))
    expect(view.locator(".iw-pt-rows tbody tr")).to_have_count(1)
    assert notebook.text(3) == f"[[1, {n - 2}, 4]]"

    view.locator(".iw-cap [data-do=control]").click()
    expect(view.locator(".iw-cap")).to_contain_text("control range", timeout=60_000)
    assert notebook.text(4) == "8 True"

    view.locator("[data-do=restore]").click()
    expect(view.locator(".iw-pt-rows")).to_contain_text("in the other views")
    assert f"position 4 → {n - 2}" in notebook.text(5)
