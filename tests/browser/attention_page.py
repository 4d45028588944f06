"""An attention view as a person finds it in a page."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

NUMBER = re.compile(r"\d")
SELECTION_MS = 300
_HAS_INK = """(canvas) => canvas.getContext('2d')
    .getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte > 0)"""


class AttentionOnPage:
    """The live attention view under a cell; every ``wait_`` fails after a while."""

    def __init__(self, output: Locator) -> None:
        self.root = output.locator('[data-iw="attention"]')
        self.map = self.root.locator("canvas[data-map]")
        self.map_box = self.map.locator("..")
        self.static = output.locator(".iw-static")

    # --------------------------------------------------------------------- what it shows

    def wait_painted(self) -> None:
        expect(self.root).to_have_attribute("data-painted", "1")
        expect(self.map).to_have_attribute("data-head", NUMBER)

    def wait_ready(self) -> None:
        """Wait for the picture, and for what comes after it: keys, panel, arcs."""
        self.wait_painted()
        expect(self.root).to_have_attribute("data-tools", "1")

    def wait_status(self, kind: str) -> None:
        expect(self.root).to_have_attribute("data-status", kind)

    def wait_run_after(self, run: int) -> int:
        """Wait for the picture of a later run; return its number."""
        expect(self.root).not_to_have_attribute("data-run", str(run))
        assert self.run > run
        return self.run

    def wait_head(self, layer: int, head: int) -> None:
        expect(self.map).to_have_attribute("data-head", f"{layer}.{head}")

    def wait_sum(self) -> float:
        """Wait for every pair of the chosen head; return the sum of its weights."""
        expect(self.map).to_have_attribute("data-sum", NUMBER)
        return float(self.map.get_attribute("data-sum") or "nan")

    @property
    def run(self) -> int:
        return int(self.root.get_attribute("data-run") or -1)

    @property
    def n_tokens(self) -> int:
        return int(self.root.get_attribute("data-t") or -1)

    @property
    def status_line(self) -> Locator:
        return self.root.get_by_role("status")

    def weights(self) -> list[float]:
        """The selected row in the order of its keys, read from the open table."""
        by_position = self.table.get_by_role("button", name="by position")
        if by_position.is_visible():
            by_position.click()
        printed = self.table.locator("td:last-child").all_inner_texts()
        return [float(text.replace("−", "-")) for text in printed]

    @property
    def table(self) -> Locator:
        return self.root.locator(".iw-table")

    def pixels(self) -> str:
        """The map's picture, as a string to compare."""
        return str(self.map.evaluate("(canvas) => canvas.toDataURL()"))

    def has_ink(self) -> bool:
        """Whether the map has a pixel that is not transparent."""
        return bool(self.map.evaluate(_HAS_INK))

    # ------------------------------------------------------------------ what a person does

    def settle(self) -> None:
        """Wait as long as a selection takes to travel to Python."""
        self.root.page.wait_for_timeout(SELECTION_MS)

    def thumbnail(self, layer: int, head: int) -> Locator:
        return self.root.locator(f'[data-cell="{layer}.{head}"]')

    def token(self, pos: int) -> Locator:
        return self.root.locator(f'[data-pos="{pos}"]')

    def click_head(self, layer: int, head: int) -> None:
        self.thumbnail(layer, head).click()

    def click_row(self, query: int, key: int) -> None:
        """Click the middle of one pair of the map."""
        box = self.map.bounding_box()
        assert box is not None
        unit = box["width"] / self.n_tokens
        self.map.click(
            position={"x": (key + 0.5) * unit, "y": (query + 0.5) * unit}, force=True
        )
