"""Journeys through the attention view in a real JupyterLab."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.attention_page import AttentionOnPage
from browser.cells import (
    BOARD,
    DRAW,
    HOSTILE,
    LONG,
    OTHER,
    PROMPT,
    TRACE,
    WAIT_FOR_A_CLICK,
    arrays,
    trace,
)
from browser.conftest import Open
from browser.lab import Notebook

pytestmark = pytest.mark.browser

COUNT_OUR_STYLES = """() => [...document.head.querySelectorAll('style')]
    .filter((style) => style.textContent.includes('data-iw-view')).length"""
NO_ANSWER = re.compile("waiting for the kernel|no answer from the kernel|need a kernel")


def drawn(notebook: Notebook, cell: int = 0) -> AttentionOnPage:
    """Run a cell that makes a view, and wait until it stands."""
    notebook.run(cell)
    view = AttentionOnPage(notebook.output(cell))
    view.wait_ready()
    return view


def test_a_prompt_is_drawn_once_without_the_network_or_its_static_copy(
    open_notebook: Open,
) -> None:
    notebook = open_notebook(DRAW)
    view = drawn(notebook)
    assert view.root.count() == 1
    assert view.n_tokens == 6
    view.wait_status("live")
    notebook.page.wait_for_timeout(2_500)  # the copy shows itself after two seconds
    assert view.static.count() == 1
    expect(view.static).to_be_hidden()
    if folder := os.environ.get("IW_SHOTS"):
        take_pictures(notebook, view, Path(folder))


def take_pictures(notebook: Notebook, view: AttentionOnPage, folder: Path) -> None:
    """For a person to look at, with IW_SHOTS=FOLDER: two widths, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    page = notebook.page
    for dark in (False, True):
        notebook.theme(dark=dark)
        for width in (600, 1200):
            box, window = view.root.bounding_box(), page.viewport_size
            assert box is not None and window is not None
            more = width - round(box["width"])
            page.set_viewport_size({"width": window["width"] + more, "height": 1200})
            page.wait_for_timeout(800)
            name = f"attention-{width}-{'dark' if dark else 'light'}.png"
            page.screenshot(path=str(folder / name))
    notebook.theme(dark=False)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_cell_run_again_updates_the_view_in_place(open_notebook: Open) -> None:
    notebook = open_notebook(DRAW, "print(view.selection.heads)")
    view = drawn(notebook)
    view.click_head(1, 2)
    view.wait_head(1, 2)
    view.map_box.press("+")
    view.map_box.press("t")
    expect(view.table).to_be_visible()
    before, run = view.pixels(), view.run
    notebook.set_source(0, DRAW.replace(PROMPT, OTHER))
    notebook.run(0)
    view.wait_run_after(run)
    assert view.root.count() == 1
    view.wait_head(1, 2)
    assert view.pixels() != before
    expect(view.table).to_be_visible()
    expect(view.root.get_by_role("button", name="whole")).to_be_visible()
    view.settle()
    assert notebook.text(1) == "((1, 2),)"


def test_an_edit_in_a_trace_updates_the_view_already_on_screen(open_notebook: Open) -> None:
    notebook = open_notebook(
        BOARD,
        trace("model.model.layers[0].attn.output[0][:] = 0"),
        "print(tuple(logits.shape))",
        "print(view.result.weights(1, 2)[-1].tolist())",
    )
    notebook.run(0)
    view = AttentionOnPage(notebook.output(0))
    view.wait_status("empty")
    expect(view.root).to_contain_text("No run yet")
    notebook.run(1)
    view.wait_ready()
    expect(view.root.locator(".iw-you")).to_be_visible()
    assert notebook.text(2) == "(1, 6, 64)"
    view.click_head(1, 2)
    view.wait_head(1, 2)
    view.map_box.press("t")
    assert view.weights() == pytest.approx(json.loads(notebook.text(3)), abs=0.005)


def test_what_is_clicked_is_a_value_in_the_next_cell(open_notebook: Open) -> None:
    notebook = open_notebook(DRAW, "print(view.selection.heads, view.selection.tokens)")
    view = drawn(notebook)
    view.click_head(1, 3)
    view.click_row(query=4, key=1)
    view.wait_head(1, 3)
    view.settle()
    assert notebook.text(1) == "((1, 3),) (4,)"


def test_a_selection_made_in_python_moves_the_view(open_notebook: Open) -> None:
    select = "from interpwidgets.selection import Selection\n"
    select += "view.selection = Selection(heads=[(0, 1)], tokens=[3])"
    notebook = open_notebook(DRAW, select)
    view = drawn(notebook)
    view.click_head(1, 1)
    view.wait_head(1, 1)
    notebook.run(1)
    view.wait_head(0, 1)
    expect(view.thumbnail(0, 1)).to_have_attribute("aria-selected", "true")


def test_the_keyboard_alone_chooses_a_head(open_notebook: Open) -> None:
    notebook = open_notebook(DRAW, "print(view.selection.heads)")
    view = drawn(notebook)
    view.thumbnail(0, 0).focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        notebook.page.keyboard.press(key)
    expect(view.thumbnail(1, 2)).to_be_focused()
    notebook.page.keyboard.press("Enter")
    view.wait_head(1, 2)
    expect(view.thumbnail(1, 2)).to_be_focused()  # Lab did not take the key for its own
    view.settle()
    assert notebook.text(1) == "((1, 2),)"


def test_the_view_follows_the_theme_of_the_notebook(open_notebook: Open) -> None:
    notebook = open_notebook(DRAW)
    view = drawn(notebook)
    expect(view.root).to_have_attribute("data-theme", "light")
    light = view.pixels()
    try:
        notebook.theme(dark=True)
        expect(view.root).to_have_attribute("data-theme", "dark")
        notebook.page.wait_for_timeout(500)
        assert view.pixels() != light
    finally:
        notebook.theme(dark=False)
    expect(view.root).to_have_attribute("data-theme", "light")


def test_after_an_error_in_a_trace_the_picture_stays_and_says_so(open_notebook: Open) -> None:
    failing = trace("raise ValueError('oops')")
    notebook = open_notebook(BOARD, TRACE, failing)
    notebook.run(0)
    view = AttentionOnPage(notebook.output(0))
    notebook.run(1)
    view.wait_ready()
    before = view.pixels()
    notebook.run(2, ends="error")
    expect(notebook.output(2)).to_contain_text("ValueError")
    view.wait_status("stale")
    expect(view.status_line).to_contain_text("failed (ValueError: oops); this is run")
    assert view.pixels() == before
    run = view.run
    notebook.run(1)
    view.wait_status("live")
    view.wait_run_after(run)


def test_a_stale_view_can_run_its_prompt_again(open_notebook: Open) -> None:
    failing = trace("raise ValueError('oops')")
    notebook = open_notebook(BOARD, TRACE, failing, "print(view.result.provenance.run)")
    notebook.run(0)
    view = AttentionOnPage(notebook.output(0))
    notebook.run(1)
    notebook.run(2, ends="error")
    view.wait_status("stale")
    run = view.run
    view.root.get_by_role("button", name="run again").click()
    view.wait_status("live")
    assert notebook.text(3) == str(view.wait_run_after(run))


def test_a_timed_cell_traces_too(open_notebook: Open) -> None:
    notebook = open_notebook(BOARD, f"%%time{TRACE}", "print(tuple(logits.shape))")
    notebook.run(0)
    notebook.run(1)
    view = AttentionOnPage(notebook.output(0))
    view.wait_ready()
    expect(notebook.output(1)).to_contain_text("Wall time")
    assert notebook.text(2) == "(1, 6, 64)"


def test_a_generation_adds_its_tokens_to_the_view(open_notebook: Open) -> None:
    generate = f'with board.generate("{PROMPT}", max_new_tokens=4) as tracer:\n'
    generate += "    out = tracer.result.save()"
    notebook = open_notebook(BOARD, TRACE, generate, "print(tuple(out.shape))")
    notebook.run(0)
    notebook.run(1)
    view = AttentionOnPage(notebook.output(0))
    view.wait_ready()
    assert view.n_tokens == 6
    run = view.run
    notebook.run(2)
    view.wait_run_after(run)
    view.wait_status("live")
    assert notebook.text(3) == "(1, 10)"
    # The last token was never put through the model: it attends to nothing yet.
    expect(view.root).to_have_attribute("data-t", "9")
    expect(view.root.locator(".iw-chip .iw-gen")).to_have_count(3)


def test_an_interrupted_kernel_traces_again(open_notebook: Open) -> None:
    endless = f'while True:\n    board.run("{PROMPT}")'
    sleeping = trace("import time; time.sleep(60)")
    notebook = open_notebook(BOARD, endless, sleeping, TRACE)
    notebook.run(0)
    view = AttentionOnPage(notebook.output(0))
    for cell in (1, 2):
        started = notebook.start(cell)
        view.wait_ready()
        notebook.page.wait_for_timeout(500)
        notebook.interrupt()
        assert notebook.finish(started) == "error"
        run = view.run
        notebook.run(3)
        view.wait_run_after(run)
        view.wait_status("live")


def test_after_a_restart_the_view_stays_and_says_that_nobody_answers(
    open_alone: Open,
) -> None:
    notebook = open_alone(arrays(400))
    view = drawn(notebook)
    notebook.restart()
    view.click_head(1, 2)
    view.wait_head(1, 2)
    assert view.has_ink()
    expect(view.root).to_contain_text(NO_ANSWER)
    notebook.run(0)
    expect(view.root).not_to_contain_text(NO_ANSWER)
    view.wait_ready()
    assert view.root.count() == 1
    view.click_head(1, 3)
    view.wait_head(1, 3)
    view.wait_sum()


def test_a_head_can_be_chosen_while_a_cell_runs(open_notebook: Open) -> None:
    notebook = open_notebook(LONG, WAIT_FOR_A_CLICK)
    view = drawn(notebook)
    started = notebook.start(1)
    view.wait_head(2, 1)
    view.click_head(3, 2)
    view.wait_head(3, 2)
    assert view.has_ink()
    assert notebook.finish(started) == "ok"
    assert notebook.output(1).inner_text().strip() == "((3, 2),)"
    view.wait_sum()


def test_the_head_that_is_drawn_has_pythons_numbers(open_notebook: Open) -> None:
    weighed = "w = view.result.weights(3, 2)\nprint((w * range(1, len(w) + 1)).sum())"
    notebook = open_notebook(LONG, weighed)
    view = drawn(notebook)
    view.click_head(3, 2)
    view.wait_head(3, 2)
    assert view.wait_sum() == pytest.approx(float(notebook.text(1)), rel=1e-5)


def test_tokens_are_drawn_as_text_whatever_they_hold(open_notebook: Open) -> None:
    notebook = open_notebook(HOSTILE)
    view = drawn(notebook)
    assert view.root.locator("img, script").count() == 0
    assert notebook.output(0).locator("img[onerror]").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None
    expect(view.token(0)).to_contain_text("<img src=x")
    expect(view.token(1)).to_contain_text("</script>")
    expect(view.token(2)).to_contain_text("U+200B")
    expect(view.token(3)).to_contain_text("🙂")
    expect(view.token(4)).to_contain_text("שלום")


def test_a_notebook_saved_as_ever_shows_its_numbers_without_its_kernel(
    open_alone: Open,
) -> None:
    notebook = open_alone(arrays(3))
    drawn(notebook)
    saved = notebook.save()
    assert "widgets" not in saved["metadata"]
    notebook.server.shut_down(notebook.name)
    notebook.reopen()
    static = AttentionOnPage(notebook.output(0)).static
    expect(static).to_be_visible()
    expect(static).to_contain_text("2 layers × 4 heads, 3 tokens")
    expect(static.locator("tr").last).to_have_text(re.compile("w2.*0.33.*0.33.*0.33"))
    assert static.locator("img").evaluate("(img) => img.complete && img.naturalWidth") > 0


def test_a_reloaded_page_finds_the_view_as_it_was(open_notebook: Open) -> None:
    notebook = open_notebook(DRAW)
    view = drawn(notebook)
    view.click_head(1, 2)
    view.map_box.press("t")
    view.settle()
    notebook.save()
    notebook.reopen()
    view.wait_ready()
    view.wait_head(1, 2)
    expect(view.table).to_be_visible()
    expect(view.static).to_be_hidden()
    view.click_head(0, 3)
    view.wait_head(0, 3)


def test_two_views_of_a_board_show_the_same_trace(open_notebook: Open) -> None:
    notebook = open_notebook(BOARD, "other = board.attention()\nother", TRACE)
    notebook.run(0)
    notebook.run(1)
    notebook.run(2)
    views = [AttentionOnPage(notebook.output(cell)) for cell in (0, 1)]
    for view in views:
        view.wait_ready()
    assert views[0].pixels() == views[1].pixels()


def test_a_cell_run_many_times_leaves_nothing_behind(open_notebook: Open) -> None:
    count = "from ipywidgets.widgets.widget import _instances\nprint(len(_instances))"
    notebook = open_notebook(DRAW, count)
    view = drawn(notebook)
    before = notebook.text(1)
    for _ in range(20):
        notebook.run(0)
    view.wait_ready()
    assert notebook.text(1) == before
    assert notebook.page.locator("[data-iw]").count() == 1
    assert notebook.page.evaluate(COUNT_OUR_STYLES) == 1
    notebook.command("notebook:clear-all-cell-outputs")
    expect(view.root).to_have_count(0)
    assert notebook.page.evaluate(COUNT_OUR_STYLES) == 0


def test_a_long_prompt_is_drawn_and_its_heads_come_when_chosen(open_notebook: Open) -> None:
    weights = "print(view.result.weights(2, 3)[-1].tolist())"
    notebook = open_notebook(LONG, weights)
    view = drawn(notebook)
    assert view.n_tokens == 300
    view.wait_sum()
    view.click_head(2, 3)
    view.wait_head(2, 3)
    view.wait_sum()
    view.map_box.press("t")
    assert view.weights() == pytest.approx(json.loads(notebook.text(1)), abs=0.0005)
