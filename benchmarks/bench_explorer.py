"""How fast the attention explorer answers a person, in headless Chromium.

Opening another head, the same selection in every linked view, and moving a zoomed map, each
from the event to the frame that shows it. The pages have no kernel and hold every head, so
that the browser's own work is measured; a live head takes its way through the kernel besides.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_pages import causal_weights, token_texts
from drawing import FLAGS, find_chromium, serving
from measuring import argument_parser, print_machine, print_table
from playwright.sync_api import Page, sync_playwright

from interpwidgets.export.page import Page as ExportedPage
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.show import show
from interpwidgets.widgets.static_form import view_record

HEAD_LIMIT_MS, ECHO_LIMIT_MS, LEAST_FPS = 150, 100, 30
N_VIEWS = 4
#: Heads, tokens: of the page whose heads are opened and panned, of the linked views.
LONG, LINKED = (4, 2048), (12, 128)
QUICK = ((4, 64), (2, 16))
READY = '[data-iw="attention"][data-painted="1"] canvas[data-sum]'

#: From a click on a thumbnail to two frames after the map says that it shows the head.
OPEN_HEAD = """async (name) => {
  const map = document.querySelector("canvas[data-map]");
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const start = performance.now();
  document.querySelector(`[data-cell="${name}"]`).click();
  while (map.dataset.head !== name || document.querySelector(".iw-busy")) await frame();
  await frame();
  return performance.now() - start;
}"""
#: From a click on a token in the first view to the frame after the last view marks it.
ECHO = """async (position) => {
  const frame = () => new Promise(requestAnimationFrame);
  const views = [...document.querySelectorAll("[data-iw=attention]")];
  const chips = views.map((view) => view.querySelector(`[data-pos="${position}"]`));
  await frame();
  const start = performance.now();
  chips[0].click();
  while (!chips.every((chip) => chip.classList.contains("iw-query"))) await frame();
  await frame();
  return performance.now() - start;
}"""
#: Milliseconds between frames while the map is dragged by a few pixels a frame.
PAN = """async (frames) => {
  const box = document.querySelector(".iw-map");
  const { left, top, width, height } = box.getBoundingClientRect();
  const frame = () => new Promise(requestAnimationFrame);
  const fire = (type, x, y, buttons) => box.dispatchEvent(new PointerEvent(type, {
    bubbles: true, clientX: left + x, clientY: top + y, buttons, pointerId: 1,
  }));
  for (let i = 0; i < 3; i++) {
    box.dispatchEvent(new MouseEvent("dblclick", {
      bubbles: true, clientX: left + width * 0.3, clientY: top + height * 0.8,
    }));
    await frame();
    await frame();
  }
  fire("pointerdown", width / 2, height / 2, 1);
  const times = [];
  let last = performance.now();
  const name = document.querySelector(".iw-right .iw-h");
  const seen = new Set();
  for (let i = 0; i < frames; i++) {
    const far = 120 * Math.sin(i / 12);
    fire("pointermove", width / 2 + far, height / 2 + far / 2, 1);
    await frame();
    times.push(performance.now() - last);
    last = performance.now();
    seen.add(name.textContent);
  }
  fire("pointerup", width / 2, height / 2, 0);
  return [times, seen.size];
}"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the pages, act in them, and print the times beside their limits."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="actions of each kind")
    options = parser.parse_args(arguments)
    print_machine("interpwidgets", "playwright")
    chromium = find_chromium()
    if chromium is None:
        print("not measured: no Chromium")
        return
    long, linked = QUICK if options.quick else (LONG, LINKED)
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as address:
        (Path(name) / "long.html").write_text(long_page(*long), encoding="utf-8")
        (Path(name) / "linked.html").write_text(linked_page(*linked), encoding="utf-8")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            try:
                page = browser.new_page(viewport={"width": 1200, "height": 900})
                open_page(page, f"{address}/long.html")
                heads = [f"0.{1 + i % (long[0] - 1)}" for i in range(options.rounds)]
                opened = [page.evaluate(OPEN_HEAD, head) for head in heads]
                times, places = page.evaluate(PAN, 120)
                open_page(page, f"{address}/linked.html")
                echoes = [page.evaluate(ECHO, 1 + i % 8) for i in range(options.rounds)]
            finally:
                browser.close()
    first = long[0] - 1  # after that many, heads are opened again
    report(opened[:first], opened[first:], times, places, echoes, long, linked)


def long_page(n_heads: int, n_tokens: int) -> str:
    """Return a page of one layer with every head in full."""
    weights = causal_weights(1, n_tokens)[:, :n_heads]
    view: Any = show(AttentionPattern.of_arrays(token_texts(n_tokens), weights))
    return str(view.to_html(embed="full"))


def linked_page(n_heads: int, n_tokens: int) -> str:
    """Return a page of several views that share a selection."""
    weights = causal_weights(1, n_tokens)[:, :n_heads]
    result = AttentionPattern.of_arrays(token_texts(n_tokens), weights)
    views: list[Any] = [show(result) for _ in range(N_VIEWS)]
    for view in views[1:]:
        view.link(views[0])
    page = ExportedPage()
    return page.html("linked", "\n".join(page.mount(view_record(view), "") for view in views))


def open_page(page: Page, address: str) -> None:
    """Open a page and wait until its first view is whole and the browser calm."""
    page.goto(address, timeout=120_000)
    page.wait_for_selector(READY, timeout=120_000)
    page.wait_for_timeout(1_000)


def report(
    new: Sequence[float],
    again: Sequence[float],
    pan: Sequence[float],
    places: int,
    echoes: Sequence[float],
    long: tuple[int, int],
    linked: tuple[int, int],
) -> None:
    """Print each time's median and worst, beside its limit."""
    fps = 1000 / statistics.mean(pan)
    rows = [
        ["another head, new", f"T={long[1]}", *cells(new), f"< {HEAD_LIMIT_MS} ms"],
        ["another head, seen before", f"T={long[1]}", *cells(again), f"< {HEAD_LIMIT_MS} ms"],
        [
            f"selection in {N_VIEWS} views",
            f"T={linked[1]}",
            *cells(echoes),
            f"< {ECHO_LIMIT_MS} ms",
        ],
        ["a frame of a pan", f"T={long[1]}", *cells(pan), f"< {1000 / LEAST_FPS:.0f} ms"],
    ]
    print_table(["", "", "median ms", "worst ms", "limit"], rows)
    print(f"panning: {fps:.0f} frames a second, {places} places seen (limit {LEAST_FPS})")


def cells(times: Sequence[float]) -> list[str]:
    """Return the cells for a median and the worst."""
    return [f"{statistics.median(times):.0f}", f"{max(times):.0f}"] if times else ["", ""]


if __name__ == "__main__":
    main()
