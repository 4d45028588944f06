"""One run with one place patched: what it made of the metric and of the next token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import InterventionError
from interpwidgets.results.bootstrap import bootstrap_interval
from interpwidgets.results.patching import PatchingGrid

if TYPE_CHECKING:
    import pandas as pd

_TAIL = 2.5


@dataclass(frozen=True)
class PatchPlace:
    """What is patched in each pair: a layer's vector at a position, or heads."""

    site: str
    """A name of ``interpwidgets.sites.SITES``."""

    layer: int
    """Of the site."""

    pos: int | None = None
    """Position in the prompt that is changed; None: all that have a partner."""

    source_pos: int | None = None
    """Position in the other prompt; None: the partner of ``pos``."""

    heads: tuple[int, ...] = ()
    """Which heads; empty: all, or a site without."""

    def words(self, source: Sequence[str], target: Sequence[str]) -> str:
        """Return it in words: ``"resid_pre L3, 4 ' Ada' → 9 ' Ben'"``.

        Args:
            source: The tokens of the prompt that is patched from.
            target: Those of the prompt that is changed.
        """
        heads = " ".join(f"H{head}" for head in self.heads)
        place = " ".join(filter(None, [self.site, f"L{self.layer}", heads]))
        if self.pos is None:
            return place
        here = f"{self.pos} {target[self.pos]!r}"
        if self.source_pos is None:
            return f"{place}, {here}"
        return f"{place}, {self.source_pos} {source[self.source_pos]!r} → {here}"


@dataclass(frozen=True)
class PatchedRun:
    """What one patch did, in every pair of prompts of a grid."""

    place: PatchPlace
    """What was patched."""

    words: str
    """The same in words, with the tokens of the first pair."""

    direction: str
    """As of the grid."""

    metric: str
    """In words."""

    unit: str
    """The metric's."""

    pairs: tuple[int, ...]
    """Which pairs of the grid were run."""

    raw: Float[np.ndarray, " pair"]
    """The metric of each patched run."""

    clean_values: Float[np.ndarray, " pair"]
    """The metric of each clean run."""

    corrupted_values: Float[np.ndarray, " pair"]
    """The metric of each corrupted run."""

    top: tuple[tuple[str, float], ...]
    """The first pair's most probable next tokens with their probability."""

    run: int = 0
    """Which run of its process, the last one where there are several pairs."""

    control_raw: Float[np.ndarray, "draw pair"] | None = None
    """The metric of the control's runs; None: not run yet."""

    control_title: str = ""
    """What the control patched in, in words."""

    @property
    def share(self) -> float:
        """0 as the corrupted run, 1 as the clean one; mean over pairs."""
        return float(self._normalised(self.raw).mean())

    @property
    def metric_value(self) -> float:
        """The metric, mean over pairs."""
        return float(self.raw.mean())

    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of the share by bootstrap over pairs; None for one pair."""
        if len(self.raw) < 2:
            return None
        low, high = bootstrap_interval(self._normalised(self.raw)[:, None])[:, 0]
        return float(low), float(high)

    @property
    def control_shares(self) -> Float[np.ndarray, " draw"] | None:
        """The control's shares, each a mean over pairs; None: not run yet."""
        if self.control_raw is None:
            return None
        return self._normalised(self.control_raw).mean(axis=1)

    def control_interval(self) -> tuple[float, float] | None:
        """Return where 95 % of the control's draws lie, by percentiles."""
        shares = self.control_shares
        if shares is None:
            return None
        low, high = np.percentile(shares, [_TAIL, 100 - _TAIL])
        return float(low), float(high)

    def _normalised(self, raw: np.ndarray) -> np.ndarray:
        shares: np.ndarray = (raw - self.corrupted_values) / (
            self.clean_values - self.corrupted_values
        )
        return shares

    def __repr__(self) -> str:
        likely = ", ".join(f"{text!r} {p:.2f}" for text, p in self.top[:3])
        spread = self.control_interval()
        control = "no control yet" if spread is None else _range("control", spread)
        value = f"{self.metric} {self.metric_value:.4g} {self.unit}".rstrip()
        return f"<{self.words}: share {self.share:.2f}, {value}; {control}; next {likely}>"


def _range(name: str, ends: tuple[float, float]) -> str:
    return f"{name} {ends[0]:.2f} to {ends[1]:.2f}"


def place_in(
    grid: PatchingGrid,
    layer: int,
    pos: int | None,
    source_pos: int | None,
    head: int | None,
) -> PatchPlace:
    """Return a place to patch, checked against the prompts of a grid.

    Args:
        grid: Whose prompts and site.
        layer: Of the site.
        pos: Position in the prompt that is changed; None: all that have a partner.
        source_pos: Position in the other prompt; None: the partner of ``pos``.
        head: One head; None: all.

    Raises:
        InterventionError: It is not there; the message says what is.
    """
    here, there = (min(map(len, side)) for side in (grid.base, grid.source))
    _check("layer", layer, grid.layers)
    _check("pos", pos, range(here))
    _check("source_pos", source_pos, range(there))
    if grid.by == "head":
        _check("head", head, grid.columns)
    elif head is not None:
        raise InterventionError(f"this grid of {grid.site} is by position; leave `head` out.")
    if source_pos is not None and (pos is None or grid.site == "pattern"):
        raise InterventionError(
            "source_pos says what is put at `pos`: give both, and a site that is no pattern."
        )
    return PatchPlace(grid.site, layer, pos, source_pos, () if head is None else (head,))


def _check(name: str, given: int | None, known: Any) -> None:
    if given is not None and given not in known:
        low, high = min(known), max(known)
        raise InterventionError(f"`{name}` is {given}; this grid has {name} {low}-{high}.")


def history_frame(runs: Sequence[PatchedRun]) -> pd.DataFrame:
    """Return patched runs as a table, one row each, in the order they were made.

    Columns: what (in words), site, layer, pos, source_pos, heads, direction, share, metric,
    low and high (95 % over pairs), control_low, control_high, control_n, top.

    Args:
        runs: The runs.
    """
    import pandas as pd

    columns = (
        *("what", "site", "layer", "pos", "source_pos", "heads", "direction", "share"),
        *("metric", "low", "high", "control_low", "control_high", "control_n", "top"),
    )
    return pd.DataFrame([_row(run) for run in runs], columns=list(columns))


def _row(run: PatchedRun) -> dict[str, Any]:
    low, high = run.interval() or (np.nan, np.nan)
    control_low, control_high = run.control_interval() or (np.nan, np.nan)
    place = run.place
    return {
        "what": run.words,
        "site": place.site,
        "layer": place.layer,
        "pos": place.pos,
        "source_pos": place.pos if place.source_pos is None else place.source_pos,
        "heads": place.heads,
        "direction": run.direction,
        "share": run.share,
        "metric": run.metric_value,
        "low": low,
        "high": high,
        "control_low": control_low,
        "control_high": control_high,
        "control_n": 0 if run.control_raw is None else len(run.control_raw),
        "top": tuple(run.top),
    }


def compare_runs(a: PatchedRun, b: PatchedRun) -> pd.DataFrame:
    """Return two patched runs side by side, and the second less the first.

    One row for the share, one for the metric, and one for each next token that either run
    has among its most probable; a probability that a run did not keep is NaN.

    Args:
        a: One run.
        b: Another one.
    """
    import pandas as pd

    of_a, of_b = dict(a.top), dict(b.top)
    rows = {
        "share": (a.share, b.share),
        f"{a.metric}": (a.metric_value, b.metric_value),
        **{
            f"p({text!r})": (of_a.get(text, np.nan), of_b.get(text, np.nan))
            for text in dict.fromkeys([*of_a, *of_b])
        },
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["a", "b"])
    return table.assign(difference=table["b"] - table["a"])
