"""Many messages and many updates at once: nothing is lost, blocked, or left behind."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.attention_page import AttentionOnPage
from browser.cells import BOARD, PROMPT
from browser.conftest import Open

pytestmark = pytest.mark.browser

N_MESSAGES = 500
N_UPDATES = 200

#: Who runs the model, who answers messages, and what goes wrong, from now on.
WITNESSES = """
import logging, threading
ran, answered, wrong = [], [], []
model._module.register_forward_pre_hook(
    lambda *_: ran.append(threading.current_thread().name))
view.observe(lambda _: answered.append(threading.current_thread().name), "selection")
class Wrong(logging.Handler):
    def emit(self, record):
        wrong.append(record.getMessage())
logging.getLogger("interpwidgets").addHandler(Wrong(logging.WARNING))
threading.excepthook = lambda args: wrong.append(repr(args.exc_value))
other = board.attention(key="other")
other
"""
# Until every message has come, and some runs longer: the click that is last is the last.
LOOP = f"""
import time
end = time.time() + 60
while len(answered) < {N_MESSAGES} and time.time() < end:
    board.run("{PROMPT}")
for _ in range(5):
    board.run("{PROMPT}")
"""
REPORT = """
from interpwidgets.board.worker import worker_of
import json
print(json.dumps({
    "idle": worker_of(model).wait(30.0), "wrong": wrong, "answered": len(answered),
    "ran": sorted(set(ran)), "answerers": sorted(set(answered)),
    "main": threading.main_thread().name,
    "heads": view.selection.heads, "tokens": view.selection.tokens,
    "runs": [board.run_number, view.result.provenance.run, other.result.provenance.run],
}))
"""

# The way the view's own module sends: over its model's comm, with the answers counted.
FLOOD = """async ([modelId, n]) => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const comm = kernel._comms.get(modelId);
    const answers = (window.answers = []);
    const before = comm.onMsg;
    comm.onMsg = (message) => {
        const content = message.content.data?.content;
        if (content?.id?.startsWith?.('flood')) answers.push(content.ok);
        return before(message);
    };
    for (let i = 0; i < n; i++) {
        const heads = i === n - 1 ? [[1, 3]] : [[i % 2, i % 4]];
        const none = { layer: null, feature: null, prompt: null };
        const content = { id: `flood-${i}`, kind: 'select', heads, tokens: [i % 6], ...none };
        comm.send({ method: 'custom', content });
        if (i % 50 === 0) comm.send({ method: 'custom', content: { id: 'r', kind: 'rerun' } });
        if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 30));
    }
}"""


def test_five_hundred_selections_while_a_cell_traces(open_notebook: Open) -> None:
    watch = "print(view.model_id)"
    notebook = open_notebook(BOARD, WITNESSES, LOOP, REPORT, watch, f'board.run("{PROMPT}")')
    notebook.run(0)
    notebook.run(1)
    notebook.run(5)
    model_id = notebook.text(4)
    views = [AttentionOnPage(notebook.output(cell)) for cell in (0, 1)]
    for view in views:
        view.wait_painted()
    started = notebook.start(2)
    notebook.page.evaluate(FLOOD, [model_id, N_MESSAGES])
    assert notebook.finish(started) == "ok"
    answers_came = f"() => window.answers.length === {N_MESSAGES}"
    notebook.page.wait_for_function(answers_came)
    assert notebook.page.evaluate("() => window.answers.every((ok) => ok)")
    report: dict[str, Any] = json.loads(notebook.text(3))
    assert report["wrong"] == []
    assert report["idle"] is True
    assert report["heads"] == [[1, 3]]
    assert report["tokens"] == [(N_MESSAGES - 1) % 6]
    # Only the cell and the queue ran the model; those that answered did not.
    assert set(report["ran"]) == {report["main"], "interpwidgets"}
    assert not set(report["answerers"]) & {"interpwidgets", report["main"]}
    assert len(set(report["runs"])) == 1
    views[0].wait_head(1, 3)
    for view in views:
        view.wait_status("live")
        assert view.run == report["runs"][0]


# ------------------------------------------------------------------------------- leaks

MANY = f"""
for _ in range(n_updates):
    board.run("{PROMPT}")
"""
COUNT = """
import collections, comm, gc, json, psutil, threading
from ipywidgets.widgets.widget import _instances
gc.collect()
modules = (str(type(o).__module__) + "." + type(o).__name__ for o in gc.get_objects())
print(json.dumps({"widgets": len(_instances), "comms": len(comm.get_comm_manager().comms),
    "threads": threading.active_count(), "mb": psutil.Process().memory_info().rss / 1e6,
    **collections.Counter(name for name in modules if name.startswith("interpwidgets"))}))
"""


def in_page(page: Page) -> dict[str, float]:
    """What the page holds, garbage apart."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.enable")
    for _ in range(2):
        devtools.send("HeapProfiler.collectGarbage")
    devtools.send("Performance.enable")
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    devtools.detach()
    return {metric["name"]: metric["value"] for metric in metrics}


def test_two_hundred_updates_leave_nothing_behind_in_kernel_and_page(
    open_notebook: Open,
) -> None:
    notebook = open_notebook(BOARD, MANY + COUNT)
    notebook.run(0)
    view = AttentionOnPage(notebook.output(0))
    kernel, page = [], []
    # What is made once, caches included, is made by the first run. No other cell is made
    # the active one between the two: Lab adds hundreds of listeners for that.
    for n_updates in (20, N_UPDATES, N_UPDATES):
        notebook.quietly(f"n_updates = {n_updates}")
        run = view.run
        kernel.append(json.loads(notebook.text(1)))
        view.wait_run_after(run)
        view.wait_status("live")
        page.append({**in_page(notebook.page), "view": view.root.locator("*").count()})
    check_growth(page, {"view": 0, "JSEventListeners": 5, "Nodes": 50, "JSHeapUsedSize": 1e6})
    check_growth(kernel, {**dict.fromkeys(kernel[1], 0), "mb": 10})


def check_growth(counts: list[dict[str, float]], most: dict[str, float]) -> None:
    """Fail on what grows with every round: Lab itself adds some things once, late or early."""
    rounds = list(pairwise(counts))
    grown = {
        name: min(after[name] - before.get(name, 0) for before, after in rounds)
        for name in most
    }
    assert {name: n for name, n in grown.items() if n > most[name]} == {}, counts
