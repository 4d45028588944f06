"""From grids of patches, and patches made by hand, to what travels to the browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interpwidgets.results.patched_run import PatchedRun
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.widgets.attention_payload import stamp
from interpwidgets.widgets.contract.common import TokenInfo
from interpwidgets.widgets.contract.patching import (
    CellOutput,
    PatchingPayload,
    RunControl,
    TopToken,
    WireAgreement,
    WirePatchControl,
    WirePatchedRun,
    WirePatchGrid,
)
from interpwidgets.widgets.tokens_payload import float32_bytes, token_infos

#: Cells above which a grid travels without its raw numbers and intervals.
DETAILED_CELLS = 60_000

#: A short name for the switch, and what is patched in words.
SITES = {
    "resid_pre": ("residual", "residual stream before each layer"),
    "resid_mid": ("residual mid", "residual stream between attention and MLP"),
    "resid_post": ("residual post", "residual stream after each layer"),
    "attn_out": ("attention", "attention output of each layer"),
    "mlp_in": ("MLP in", "what each MLP reads"),
    "mlp_out": ("MLP", "MLP output of each layer"),
    "z": ("heads", "output of each head"),
    "q": ("queries", "queries of each head"),
    "k": ("keys", "keys of each head"),
    "v": ("values", "values of each head"),
    "pattern": ("patterns", "attention pattern of each head"),
}
Top = Sequence[tuple[str, float]]


def patching_payload(grids: Sequence[PatchingGrid], shown: int) -> PatchingPayload:
    """Return the payload of some grids.

    Args:
        grids: What to draw, one at a time.
        shown: The one on screen: its run is the view's.
    """
    return {
        "version": 1,
        "kind": "patching",
        "run": grids[shown].provenance.run,
        "grids": [_grid(one, grids) for one in grids],
    }


def grid_name(grid: PatchingGrid, grids: Sequence[PatchingGrid]) -> str:
    """Return what a grid is called among several: its site, and what tells it from others.

    Args:
        grid: Which one.
        grids: All.
    """
    said = [grid.site]
    for field in ("by", "direction", "method"):
        others = {getattr(one, field) for one in grids if one.site == grid.site}
        if len(others) > 1:
            said.append(getattr(grid, field))
    return " ".join(said)


def is_exact(grid: PatchingGrid) -> bool:
    """Return whether each cell is a run of its own, and no estimate."""
    return grid.method != "attribution patching"


def exact_of(grid: PatchingGrid, grids: Sequence[PatchingGrid]) -> PatchingGrid | None:
    """Return the exact grid of the same cells as an estimate; None where there is none."""
    if is_exact(grid):
        return None
    same = ("site", "by", "direction", "layers", "columns", "clean", "corrupted")
    for one in grids:
        if is_exact(one) and all(getattr(one, f) == getattr(grid, f) for f in same):
            return one
    return None


def _grid(grid: PatchingGrid, grids: Sequence[PatchingGrid]) -> WirePatchGrid:
    detailed = grid.values.size <= DETAILED_CELLS
    intervals = grid.interval() if detailed and grid.n > 1 else None
    side = 0 if grid.direction == "denoising" else 1
    texts = [tokens.text for tokens in grid.base]
    shortest = min(map(len, texts))
    short, what = SITES.get(grid.site, (grid.site, grid.site))
    return {
        "name": grid_name(grid, grids),
        "title": _title(short, grid, grids),
        "what": what,
        "site": grid.site,
        "by": _literal(grid.by),
        "direction": _literal(grid.direction),
        "exact": is_exact(grid),
        "metric": grid.metric,
        "unit": grid.unit,
        "layers": list(grid.layers),
        "columns": list(grid.columns),
        "source": token_infos(grid.source[0]),
        "target": token_infos(grid.base[0]),
        "mapping": [(pair[side], pair[1 - side]) for pair in grid.mapping[0]],
        "varying": [p for p in range(shortest) if len({text[p] for text in texts}) > 1],
        "alone": np.flatnonzero(~grid.has_partner).tolist(),
        "n": grid.n,
        "clean": float(grid.clean_values.mean()),
        "corrupted": float(grid.corrupted_values.mean()),
        "values": float32_bytes(grid.values),
        "raw": float32_bytes(grid.raw.mean(axis=0)) if detailed else b"",
        "low": b"" if intervals is None else float32_bytes(intervals[0]),
        "high": b"" if intervals is None else float32_bytes(intervals[1]),
        "left": grid.n_left,
        "control": _control(grid),
        "agreement": _agreement(grid, grids),
        "stamp": stamp(grid.provenance, grid.site, grid.provenance.dtype),
    }


def _literal(text: str) -> Any:
    return text  # the Result checked that it is one of two


def _title(short: str, grid: PatchingGrid, grids: Sequence[PatchingGrid]) -> str:
    more = grid_name(grid, grids).removeprefix(grid.site).strip()
    more = more.replace("attribution patching", "estimate").replace(
        "activation patching", "exact"
    )
    return ", ".join(filter(None, [short, more]))


def _control(grid: PatchingGrid) -> WirePatchControl | None:
    control = grid.control
    if control is None:
        return None
    low, high = control.interval()
    return {
        "n": control.n,
        "title": control.title,
        "mean": float32_bytes(control.mean),
        "low": float32_bytes(low),
        "high": float32_bytes(high),
    }


def _agreement(grid: PatchingGrid, grids: Sequence[PatchingGrid]) -> WireAgreement | None:
    exact = exact_of(grid, grids)
    if exact is None:
        return None
    found = grid.agreement(exact)
    return {
        "correlation": found.correlation if np.isfinite(found.correlation) else None,
        "tolerance": found.tolerance,
        "disagree": [(int(row), int(column)) for row, column in np.argwhere(found.disagree)],
    }


def wire_top(top: Top) -> list[TopToken]:
    """Return next tokens with their probability as they travel.

    Args:
        top: The most probable first.
    """
    return [{"token": _plain_token(text), "probability": p} for text, p in top]


def _plain_token(text: str) -> TokenInfo:
    return {"text": text, "special": False, "generated": False}


def wire_run(run: PatchedRun, number: int) -> WirePatchedRun:
    """Return a patched run as it travels.

    Args:
        run: What was done.
        number: Its place in the history.
    """
    low, high = run.interval() or (None, None)
    place = run.place
    return {
        "number": number,
        "words": run.words,
        "site": place.site,
        "layer": place.layer,
        "pos": place.pos,
        "source_pos": place.source_pos,
        "heads": list(place.heads),
        "share": run.share,
        "raw": run.metric_value,
        "metric": run.metric,
        "unit": run.unit,
        "low": low,
        "high": high,
        "control": _run_control(run),
        "top": wire_top(run.top),
    }


def _run_control(run: PatchedRun) -> RunControl | None:
    ends = run.control_interval()
    if ends is None or run.control_raw is None:
        return None
    n = len(run.control_raw)
    return {"n": n, "low": ends[0], "high": ends[1], "title": run.control_title}


def wire_output(cell: tuple[int, int, int], run: PatchedRun) -> CellOutput:
    """Return what was seen of one cell's patched run.

    Args:
        cell: Grid, row and column.
        run: Its run.
    """
    grid, row, column = cell
    return {
        "grid": grid,
        "row": row,
        "column": column,
        "share": run.share,
        "raw": run.metric_value,
        "top": wire_top(run.top),
    }
