"""What a person waits for in a live notebook: JupyterLab, a kernel and Chromium together.

A view of 32 heads × 2,048 tokens from a ready array, until it is painted and until its
large head is there in full; and a run of the same cell again, until the new pixels are
there, less the run itself. Bytes are those of the page's WebSockets.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from drawing import find_chromium
from measuring import argument_parser, print_machine, print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser.lab import Notebook, running_browser
from browser.server import running_lab

PAINT_LIMIT_S, BYTES_LIMIT, AGAIN_LIMIT_MS = 2.0, 3_000_000, 150
LONG, QUICK, AGAIN = (32, 2048), (4, 64), 7
READY = """
import numpy as np
import interpwidgets as iw
n_heads, n = {n_heads}, {n_tokens}
weights = np.tri(n, dtype=np.float16)[None, None].repeat(n_heads, 1)
weights /= np.arange(1, n + 1, dtype=np.float16)[:, None]
tokens = [f" w{{pos}}" for pos in range(n)]
"""
DRAW = "view = iw.show_attention(tokens, weights)\nview"
BOARD = """
import time
model = iw.load("lilliput")
board = iw.Board(model)
live = board.attention()
live
"""
RUN = """
start = time.perf_counter()
board.run([1] + list(range(5, 105)))
print(time.perf_counter() - start)
"""
VIEW = '[data-iw="attention"]'
POLL = "(run) => new Promise((done) => { const look = () => {" + (
    f"const view = document.querySelectorAll('{VIEW}')[1];"
    " if (view && view.dataset.run && view.dataset.run !== run) done(view.dataset.run);"
    " else requestAnimationFrame(look); }; look(); })"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start a JupyterLab, draw, run again, and print the table."""
    options = argument_parser(__doc__).parse_args(arguments)
    n_heads, n_tokens = QUICK if options.quick else LONG
    chromium = find_chromium()
    print_machine("interpwidgets", "jupyterlab", "ipykernel", "playwright")
    if chromium is None:
        print("not measured: no Chromium")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_lab(folder) as server, running_browser(chromium, folder / "c") as browser:
            received: list[int] = []
            browser.page.on(
                "websocket",
                lambda socket: socket.on(
                    "framereceived", lambda frame: received.append(len(frame))
                ),
            )
            notebook = Notebook(server, browser)
            ready = READY.format(n_heads=n_heads, n_tokens=n_tokens)
            notebook.open([ready, DRAW, BOARD, RUN])
            rows = [*first_paint(notebook, received, n_heads, n_tokens), again(notebook)]
            server.shut_down(notebook.name)
    print_table(["", "measured", "limit"], rows)


def first_paint(
    notebook: Notebook, received: list[int], n_heads: int, n_tokens: int
) -> list[list[str]]:
    """Return the rows of a view of ready arrays."""
    notebook.run(0)
    received.clear()
    start = time.perf_counter()
    running = notebook.start(1)
    notebook.page.wait_for_selector(f'{VIEW}[data-painted="1"] canvas[data-head]')
    painted = time.perf_counter() - start
    notebook.page.wait_for_selector(f"{VIEW} canvas[data-sum]")
    whole = time.perf_counter() - start
    notebook.finish(running)
    size = f"{n_heads} heads × {n_tokens:,} tokens"
    return [
        [f"{size}, first paint", f"{painted:.2f} s", f"{PAINT_LIMIT_S:.0f} s"],
        [f"{size}, the large head in full", f"{whole:.2f} s", ""],
        [f"{size}, bytes until then", f"{sum(received):,}", f"{BYTES_LIMIT:,}"],
    ]


def again(notebook: Notebook) -> list[str]:
    """Return the row of a run of the same cell again."""
    notebook.run(2)
    notebook.run(3)
    beyond = []
    for _ in range(AGAIN):
        run = notebook.page.locator(VIEW).nth(1).get_attribute("data-run")
        start = time.perf_counter()
        running = notebook.start(3)
        notebook.page.evaluate(POLL, run)
        waited = time.perf_counter() - start
        notebook.finish(running)
        beyond.append(1000 * (waited - float(notebook.output(3).inner_text())))
    low, high = min(beyond), max(beyond)
    return [
        "a cell run again to new pixels, 16 heads × 101 tokens, beyond the run itself",
        f"{statistics.median(beyond):.0f} ms ({low:.0f}-{high:.0f})",
        f"{AGAIN_LIMIT_MS} ms",
    ]


if __name__ == "__main__":
    main()
