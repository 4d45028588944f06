"""What an attention view costs: bytes to the browser, Python time, paint, browser CPU.

Beside circuitsvis ``attention_heads`` (a call a layer) and bertviz ``head_view``, from
the same weights. Peers send every weight as text; ours sends thumbnails and one head, and
fetches the others when they are clicked; "every head in full" is our page with them all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attention_pages import ARMS, N_HEADS, Built, fetch_bertviz_scripts
from drawing import Drawing, draw, find_chromium, serving
from measuring import (
    NOT_INSTALLED,
    argument_parser,
    beside_limit,
    megabytes,
    missing,
    print_machine,
    print_table,
    version_of,
)

OURS, PEER = "interpwidgets", "circuitsvis attention_heads"
OUR_ARMS = (OURS, "interpwidgets, every head in full")
SIZES = ((1, 32), (1, 128), (1, 512), (12, 128))
BYTES_LIMIT = 1 / 20
BYTES_LIMIT_FROM = 128
PAINT_LIMIT_SECONDS = 1.0
PAINT_LIMIT_SIZE = (12, 128)
BUILDER = Path(__file__).with_name("attention_pages.py")
EMPTY_PAGE = '<!doctype html><meta charset="utf-8"><body><canvas></canvas>'


@dataclass(frozen=True)
class Outcome:
    """What one arm came to: what could not be had is in words."""

    built: Built | str
    drawing: Drawing | str


def main(arguments: Sequence[str] | None = None) -> None:
    """Build and draw every arm at every size, and print the tables."""
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--timeout", type=float, default=60, help="seconds for building, and again for drawing"
    )
    parser.add_argument(
        "--size", metavar="LxT", action="append", help="layers x tokens, e.g. 12x128"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not draw")
    options = parser.parse_args(arguments)
    sizes = [(1, 8)] if options.quick else SIZES
    if options.size:
        sizes = [(int(n), int(t)) for n, t in (size.split("x") for size in options.size)]
    chromium = None if options.no_browser else find_chromium()
    print_machine("interpwidgets", "circuitsvis", "bertviz", "playwright")
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), chromium, options.timeout)
        bench.print_empty_page()
        for n_layers, n_tokens in sizes:
            print(f"== layers × heads = {n_layers} × {N_HEADS}, T = {n_tokens}", flush=True)
            report(bench, n_layers, n_tokens)


class Bench:
    """Builds and draws in a temporary folder."""

    def __init__(self, folder: Path, chromium: str | None, timeout: float) -> None:
        """Prepare the folder.

        Args:
            folder: Where pages are written to.
            chromium: The program; None draws nothing.
            timeout: Seconds for one build, and again for one drawing.
        """
        self.folder, self.chromium, self.timeout = folder, chromium, timeout
        self._bertviz_lacks: str | None = None
        if chromium and version_of("bertviz"):
            self._bertviz_lacks = fetch_bertviz_scripts(folder)

    def run(self, arm: str, n_layers: int, n_tokens: int) -> Outcome:
        """Build and draw one arm."""
        distribution = ARMS[arm][0]
        if arm not in OUR_ARMS and not version_of(distribution):
            return Outcome(NOT_INSTALLED, "")
        page = self.folder / "page.html"
        built = self._build(arm, n_layers, n_tokens, page)
        if isinstance(built, str):
            return Outcome(built, "")
        if distribution == "bertviz" and self._bertviz_lacks:
            return Outcome(built, self._bertviz_lacks)
        return Outcome(built, self.draw(page, built.selector))

    def _build(self, arm: str, n_layers: int, n_tokens: int, page: Path) -> Built | str:
        command = [sys.executable, str(BUILDER), arm, str(n_layers), str(n_tokens), str(page)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=self.timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return f"did not finish building in {self.timeout:.0f} s"
        if done.returncode:
            return f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
        return Built(**json.loads(done.stdout.splitlines()[-1]))

    def draw(self, page: Path, selector: str) -> Drawing | str:
        """Draw one page."""
        if self.chromium is None:
            return "not drawn: no Chromium"
        with serving(self.folder) as address:
            return draw(self.chromium, f"{address}/{page.name}", selector, self.timeout)

    def print_empty_page(self) -> None:
        """Say what drawing costs at the least."""
        page = self.folder / "empty.html"
        page.write_text(EMPTY_PAGE, encoding="utf-8")
        drawing = self.draw(page, "canvas")
        if isinstance(drawing, Drawing):
            paint, cpu = drawing_cells(drawing, self.timeout)
            print(f"an empty page: first paint {paint} s, browser CPU {cpu} s\n")


def report(bench: Bench, n_layers: int, n_tokens: int) -> None:
    """Run every arm at one size and print its table, ratios and limits."""
    outcomes = {arm: bench.run(arm, n_layers, n_tokens) for arm in ARMS}
    rows = []
    for arm, outcome in outcomes.items():
        paint, cpu = drawing_cells(outcome.drawing, bench.timeout)
        built = outcome.built
        sizes = (
            [built, ""]
            if isinstance(built, str)
            else [megabytes(built.n_bytes), f"{built.cpu_seconds:.2f}"]
        )
        rows.append([arm, *sizes, paint, cpu])
    print_table(["", "bytes", "Python CPU s", "first paint s", "browser CPU s"], rows)
    for arm, outcome in outcomes.items():
        if outcome.built == NOT_INSTALLED:
            print(f"{arm}: {missing(ARMS[arm][0])}")
        if isinstance(outcome.built, Built):
            for what, n_bytes in outcome.built.more.items():
                print(f"{arm}: {what}: {megabytes(n_bytes)}")
        if isinstance(outcome.drawing, Drawing):
            for error in outcome.drawing.errors[:3]:
                print(f"{arm}: the page reported: {error:.200}")
    print_ratios(outcomes)
    print_limits(outcomes, (n_layers, n_tokens))
    print(flush=True)


def drawing_cells(drawing: Drawing | str, timeout: float) -> tuple[str, str]:
    """Return the cells for first paint and browser CPU."""
    if isinstance(drawing, str):
        return drawing, ""
    unpainted = drawing.paint_seconds is None
    paint = f"not in {timeout:.0f} s" if unpainted else f"{drawing.paint_seconds:.2f}"
    if drawing.at_rest:
        return paint, f"{drawing.cpu_seconds:.2f}"
    return paint, f"{drawing.cpu_seconds:.1f}, still busy after {timeout:.0f} s"


def print_ratios(outcomes: dict[str, Outcome]) -> None:
    """Print every peer's figures as multiples of ours."""
    ours = outcomes[OURS]
    for arm, outcome in outcomes.items():
        if arm == OURS or isinstance(outcome.built, str) or isinstance(ours.built, str):
            continue
        told = [f"bytes {outcome.built.n_bytes / ours.built.n_bytes:.1f}×"]
        told.append(f"Python {outcome.built.cpu_seconds / ours.built.cpu_seconds:.0f}×")
        a, b = outcome.drawing, ours.drawing
        if isinstance(a, Drawing) and isinstance(b, Drawing):
            if a.paint_seconds and b.paint_seconds:
                told.append(f"first paint {a.paint_seconds / b.paint_seconds:.1f}×")
            least = "" if a.at_rest else "at least "
            told.append(f"browser CPU {least}{a.cpu_seconds / b.cpu_seconds:.1f}×")
        print(f"{arm} / ours: {', '.join(told)}")


def print_limits(outcomes: dict[str, Outcome], size: tuple[int, int]) -> None:
    """Print how far from our limits we are, where one holds."""
    ours, peer = outcomes[OURS], outcomes[PEER]
    if isinstance(ours.built, Built) and isinstance(peer.built, Built):
        ratio = ours.built.n_bytes / peer.built.n_bytes
        if size[1] >= BYTES_LIMIT_FROM:
            print(f"bytes, ours / circuitsvis: {beside_limit(ratio, BYTES_LIMIT)}")
    paint = ours.drawing.paint_seconds if isinstance(ours.drawing, Drawing) else None
    if paint is not None and size == PAINT_LIMIT_SIZE:
        print(f"our first paint in seconds: {beside_limit(paint, PAINT_LIMIT_SECONDS)}")


if __name__ == "__main__":
    main()
