"""The source of a cell that ``%%time`` hid from nnsight.

nnsight compiles the body of a trace from its source. The magic runs a cell under a
file name that has none, but holds the cell's text in its own frame.
"""

from __future__ import annotations

from types import FrameType

from nnsight.tracing.globals import BLOCKS, SOURCES

TIMED = "<timed exec>"


def find_timed_source(frame: FrameType | None) -> None:
    """Tell nnsight the source of the ``%%time`` cell that is running, if there is one.

    Args:
        frame: The frame that opens a trace, inside the cell's code or called by it.
    """
    while frame is not None and frame.f_code.co_filename != TIMED:
        frame = frame.f_back
    while frame is not None and frame.f_code.co_filename == TIMED:
        frame = frame.f_back
    cell = frame.f_locals.get("cell") if frame is not None else None
    if isinstance(cell, str):
        SOURCES[TIMED] = cell
        for site in [site for site in BLOCKS if site[0] == TIMED]:
            del BLOCKS[site]
