"""The same view where it is not JupyterLab with its newest kernel that shows it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from browser import old_kernel
from browser.attention_page import AttentionOnPage
from browser.cells import arrays
from browser.lab import Browser, Notebook
from browser.server import Server
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.show import show
from interpwidgets.widgets.base import View
from interpwidgets.widgets.static_form import view_record

pytestmark = pytest.mark.browser

SELECTED = "print(view.selection.heads)"
SUBSHELLS = """() => window.jupyterapp.shell.currentWidget.sessionContext
    .session.kernel.supportsSubshells"""


@pytest.fixture
def notebook(server: Server, browser: Browser) -> Iterator[Notebook]:
    notebook = Notebook(server, browser)
    yield notebook
    server.shut_down(notebook.name)
    browser.check()


# --------------------------------------------------------------------------- Notebook 7


def test_in_notebook_7_a_view_is_drawn_answers_and_survives_without_its_kernel(
    notebook: Notebook,
) -> None:
    notebook.front = "notebooks"
    notebook.open([arrays(60), SELECTED])
    notebook.run(0)
    view = AttentionOnPage(notebook.output(0))
    view.wait_painted()
    view.click_head(1, 2)
    view.wait_head(1, 2)
    view.wait_sum()
    view.settle()
    assert notebook.text(1) == "((1, 2),)"
    notebook.run(0)
    view.wait_painted()
    view.wait_head(1, 2)
    assert view.root.count() == 1
    expect(view.static).to_be_hidden()
    notebook.save()
    notebook.server.shut_down(notebook.name)
    notebook.reopen()
    expect(view.static).to_be_visible()
    expect(view.static).to_contain_text("2 layers × 4 heads, 60 tokens")
    live = notebook.output(0).locator(".jp-OutputArea-output.lm-Panel")
    expect(live).to_contain_text("model not found")
    expect(live).to_be_hidden()
    notebook.browser.forget()  # Lab's own error, about the model


# -------------------------------------------------------------- a kernel with no subshells


@pytest.fixture
def old(server: Server) -> str:
    """A running kernel that answers no widget while a cell runs."""
    spec = server.folder.parent / "data" / "kernels" / "old" / "kernel.json"
    spec.parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-P", old_kernel.__file__, "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Old", "language": "python"}))
    return str(server.ask("POST", "kernels", {"name": "old"})["id"])


def test_a_busy_kernel_without_subshells_is_waited_for(notebook: Notebook, old: str) -> None:
    busy = "import time; time.sleep(5); print(view.selection.heads)"
    notebook.open([arrays(400), busy, SELECTED], kernel=old)
    assert notebook.page.evaluate(SUBSHELLS) is False
    notebook.run(0)
    view = AttentionOnPage(notebook.output(0))
    view.wait_painted()
    started = notebook.start(1)
    view.click_head(1, 2)
    view.wait_head(1, 2)  # the thumbnail, enlarged
    assert view.has_ink()
    expect(view.root).to_contain_text("waiting for the kernel")
    assert notebook.finish(started) == "ok"
    # The cell saw what was so when it began: the click arrived after it.
    assert notebook.output(1).inner_text().strip() == "()"
    view.wait_sum()
    expect(view.root).not_to_contain_text("waiting for the kernel")
    assert notebook.text(2) == "((1, 2),)"


# ------------------------------------------------------------------- a host such as Colab

# Each output in a frame of its own; buffers as bytes, at an odd offset of a larger buffer;
# no `experimental`; `render` without a signal.
FRAME = """async ({ esm, css, record, answers, as }) => {
    const bytes = (text) => {
        const raw = atob(text);
        const whole = new Uint8Array(raw.length + 7);
        for (let i = 0; i < raw.length; i++) whole[i + 3] = raw.charCodeAt(i);
        const kind = as === 'DataView' ? DataView : Uint8Array;
        return new kind(whole.buffer, 3, raw.length);
    };
    const frame = document.createElement('iframe');
    frame.style.cssText = 'width:1000px;height:700px';
    document.body.append(frame);
    const inside = frame.contentDocument;
    inside.head.append(Object.assign(inside.createElement('style'), { textContent: css }));
    for (const { path, data } of record.buffers) {
        const last = path.pop();
        path.reduce((at, step) => at[step], record.traits)[last] = bytes(data);
    }
    const handlers = {};
    const emit = (name, ...args) => (handlers[name] ?? []).forEach((f) => f(...args));
    const answer = ({ id, kind, layer, head }) => {
        const asked = kind === 'head' ? `${layer}.${head}` : kind;
        const known = answers[asked] ?? { body: {}, data: null };
        const buffers = known.data === null ? [] : [bytes(known.data)];
        emit('msg:custom', { id, ok: true, ...known.body }, buffers);
    };
    const model = {
        get: (name) => record.traits[name],
        set: (name, value) => { record.traits[name] = value; },
        save_changes: () => {},
        send: (content) => setTimeout(answer, 20, content),
        on: (name, handler) => { (handlers[name] ??= []).push(handler); },
        off: () => {},
    };
    const load = `import("data:text/javascript;base64,${btoa(esm)}").then((m) => m.default)`;
    const made = await frame.contentWindow.eval(load);
    const { render } = typeof made === 'function' ? await made() : made;
    render({ model, el: inside.body });
}"""


def ask(view: View, kind: str, **fields: Any) -> dict[str, Any]:
    """Return what a view's Python answers, as JSON."""
    body, buffers = view._answer({"id": "1", "kind": kind, **fields})
    return {"body": body, "data": base64.b64encode(buffers[0]).decode("ascii")}


@pytest.mark.parametrize("kind", ["Uint8Array", "DataView"])
def test_buffers_may_be_bytes_or_views_in_a_frame_of_their_own(
    browser: Browser, kind: str
) -> None:
    weights = np.tril(np.random.default_rng(0).random((2, 4, 200, 200))) + np.eye(200)
    result = AttentionPattern.of_arrays(
        [f"w{pos}" for pos in range(200)], weights / weights.sum(-1, keepdims=True)
    )
    view = show(result)
    head = ask(view, "head", run=0, layer=1, head=2)
    answers = {"1.2": head, "part": ask(view, "part", name="tools")}
    browser.page.goto("about:blank")
    browser.forget()
    browser.page.evaluate(
        FRAME,
        {
            "esm": view._esm,
            "css": view._css,
            "record": view_record(view),
            "answers": answers,
            "as": kind,
        },
    )
    page = AttentionOnPage(browser.page.frame_locator("iframe").locator("html"))
    page.wait_painted()
    page.click_head(1, 2)
    page.wait_head(1, 2)
    drawn = result.weights(1, 2)
    assert page.wait_sum() == pytest.approx((drawn * np.arange(1, 201)).sum(), rel=1e-4)
    browser.check()
