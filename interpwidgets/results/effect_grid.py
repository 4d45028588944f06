"""A grid of effects: what changing each of several places did to a metric, case by case.

Knows nothing of what was changed; a cell may be any pair of a row and a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Result
from interpwidgets.results.bootstrap import bootstrap_interval

_LEVEL = 0.95


@dataclass(frozen=True)
class GridControl:
    """The same cells changed by something that has no reason to matter."""

    shares: Float[np.ndarray, "draw case row column"]
    """In the grid's own measure; NaN where none was run."""

    title: str
    """What was put there, in words."""

    @property
    def n(self) -> int:
        """How many draws for each cell."""
        return int(self.shares.shape[0])

    @property
    def mean(self) -> Float[np.ndarray, "row column"]:
        """Over draws and cases."""
        return self.shares.mean(axis=(0, 1))

    def interval(self) -> Float[np.ndarray, "2 row column"]:
        """Return where 95 % of the draws lie, each a mean over cases, by percentiles."""
        tail = (1 - _LEVEL) / 2
        return np.quantile(self.shares.mean(axis=1), [tail, 1 - tail], axis=0)

    def __str__(self) -> str:
        known = self.shares[np.isfinite(self.shares)]
        if not len(known):
            return f"{self.title}: no cell"
        tail = (1 - _LEVEL) / 2
        low, high = np.quantile(known, [tail, 1 - tail])
        return (
            f"{known.mean():.2f} ({low:.2f} to {high:.2f}, n = {self.n} a cell): {self.title}"
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class EffectGrid(Result):
    """Rows × columns of effects on a metric, a mean over cases (pairs, or prompts)."""

    #: What runs a control, for who has none yet.
    control_call: ClassVar[str] = ""
    #: What one case is.
    case: ClassVar[str] = "pair"

    metric: str
    """Of the logits after the last token, in words."""

    unit: str
    """The metric's."""

    raw: Float[np.ndarray, "case row column"]
    """The metric of each changed run, float64; NaN where there is no such cell, or the sweep
    was ended before."""

    answers: tuple[tuple[int, ...], ...] = ()
    """Token ids that the metric is about, of each case."""

    control_raw: Float[np.ndarray, "draw case row column"] | None = None
    """The metric of the control's runs; None: not run yet."""

    control_title: str = ""
    """What the control put there, in words."""

    # ------------------------------------------------------------- what a kind must know

    @property
    def neutral(self) -> float:
        """The value of a cell that does nothing."""
        return 0.0

    def row_names(self) -> tuple[str, ...]:
        """Return the rows as views name them."""
        raise NotImplementedError

    def column_names(self) -> tuple[str, ...]:
        """Return the columns as views name them."""
        raise NotImplementedError

    def cell_name(self, row: int, column: int) -> str:
        """Return one cell's name."""
        raise NotImplementedError

    def _normalised(self, raw: np.ndarray) -> np.ndarray:
        """Return the measure that is shown, given the metric ``[..., case, row, column]``."""
        raise NotImplementedError

    # -------------------------------------------------------------------------- numbers

    @property
    def n(self) -> int:
        """How many cases."""
        return int(self.raw.shape[0])

    @property
    def values(self) -> Float[np.ndarray, "row column"]:
        """The mean of what is shown over cases."""
        return self._normalised(self.raw).mean(axis=0)

    @property
    def scale(self) -> float:
        """How far colours reach to either side of 0."""
        known = np.abs(self.values[np.isfinite(self.values)])
        return float(known.max()) if known.size and known.max() > 0 else 1.0

    def interval(self) -> Float[np.ndarray, "2 row column"]:
        """Return 95 % intervals of ``values`` by bootstrap over cases; NaN for one."""
        flat = self._normalised(self.raw).reshape(self.n, -1)
        return bootstrap_interval(flat).reshape(2, *self.raw.shape[1:])

    @property
    def control(self) -> GridControl | None:
        """What changes without a reason to matter do; None until it was run."""
        if self.control_raw is None:
            return None
        return GridControl(self._normalised(self.control_raw), self.control_title)

    @property
    def beyond_control(self) -> Bool[np.ndarray, "row column"]:
        """Cells outside of where 95 % of their control lie.

        Raises:
            ResultError: There is no control yet.
        """
        if self.control is None:
            raise ResultError(f"no control yet: {self.control_call} runs one.")
        low, high = self.control.interval()
        return (self.values < low) | (self.values > high)

    def ranked(self) -> list[tuple[int, int]]:
        """Return (row, column) of the cells, those that matter most first."""
        values = self.values
        size = np.nan_to_num(np.abs(values - self.neutral), nan=-1.0)
        order = np.argsort(-size, axis=None, kind="stable")
        cells = [divmod(int(i), values.shape[1]) for i in order]
        return [cell for cell in cells if np.isfinite(values[cell])]

    def best(self, n: int = 5) -> tuple[str, ...]:
        """Return the cells that matter most, in words."""
        values = self.values
        return tuple(
            f"{self.cell_name(*cell)} {values[cell]:.2f}" for cell in self.ranked()[:n]
        )

    def _control_columns(self, row: np.ndarray, column: np.ndarray) -> dict[str, Any]:
        """Return the columns of a table that a control gives: mean and ends, of cells."""
        if self.control is None:
            return {}
        low, high = self.control.interval()
        grids = (("mean", self.control.mean), ("low", low), ("high", high))
        return {f"control_{name}": grid[row, column] for name, grid in grids}

    def _check_raw(self, wanted: tuple[int, int, int]) -> None:
        control = () if self.control_raw is None else self.control_raw.shape[1:]
        if self.raw.shape != wanted or control not in ((), wanted):
            raise ResultError(
                f"raw must be [{self.case}, row, column] = {list(wanted)}; got "
                f"{list(self.raw.shape)}, the control {list(control) or 'none'}."
            )
