"""What patching each place of a model does to its answer, between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.bootstrap import bootstrap_interval
from interpwidgets.results.renderings import rendering
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

#: Which run is changed, and what that shows.
DIRECTIONS = {
    "denoising": "clean patched into corrupted: what is enough to restore the answer",
    "noising": "corrupted patched into clean: what the answer cannot do without",
}
_LEVEL = 0.95


@dataclass(frozen=True)
class PatchingControl:
    """The same cells patched with something that has no reason to matter."""

    shares: Float[np.ndarray, "draw pair layer column"]
    """Normalised as the grid's; NaN where none was run."""

    title: str
    """What was patched in, in words."""

    @property
    def n(self) -> int:
        """How many draws for each cell."""
        return int(self.shares.shape[0])

    @property
    def mean(self) -> Float[np.ndarray, "layer column"]:
        """Over draws and pairs."""
        return self.shares.mean(axis=(0, 1))

    def interval(self) -> Float[np.ndarray, "2 layer column"]:
        """Return where 95 % of the draws lie, each a mean over pairs, by percentiles."""
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


@dataclass(frozen=True)
class PatchingAgreement:
    """How far an estimate is what was measured."""

    correlation: float
    """Pearson's, over cells; NaN where all cells of one are equal."""

    disagree: Bool[np.ndarray, "layer column"]
    """Cells whose shares differ by more than the tolerance."""

    tolerance: float
    """In shares."""

    def __str__(self) -> str:
        n = int(self.disagree.sum())
        return (
            f"correlation {self.correlation:.3f} with the exact grid; {n} of "
            f"{self.disagree.size} cells differ by more than {self.tolerance:g}"
        )


@dataclass(frozen=True, repr=False)
class PatchingGrid(Result):
    """Layers × positions, or layers × heads: what each patch made of a metric."""

    kind: ClassVar[str] = "patching_grid"

    site: str
    """What was patched."""

    by: str
    """``"position"``: columns are positions of the run that was changed; ``"head"``."""

    direction: str
    """``"denoising"`` or ``"noising"``: see ``DIRECTIONS``."""

    metric: str
    """Of the logits after the last token, in words."""

    unit: str
    """The metric's."""

    layers: tuple[int, ...]
    """The rows."""

    columns: tuple[int, ...]
    """Positions or heads."""

    raw: Float[np.ndarray, "pair layer column"]
    """The metric of each patched run, float64; NaN where there is no token to patch in, or
    the sweep was ended before."""

    clean_values: Float[np.ndarray, " pair"]
    """The metric of each clean run."""

    corrupted_values: Float[np.ndarray, " pair"]
    """The metric of each corrupted run."""

    clean: tuple[Tokens, ...]
    """The clean prompts."""

    corrupted: tuple[Tokens, ...]
    """The corrupted prompts."""

    mapping: tuple[tuple[tuple[int, int], ...], ...]
    """Of each pair: (clean position, corrupted position) of tokens that belong together."""

    positions: tuple[int, ...] = ()
    """Positions that a grid of heads patches at once; empty: all that have a partner."""

    answers: tuple[tuple[int, ...], ...] = ()
    """Token ids that the metric is about, of each pair."""

    method: str = "activation patching"
    """How the numbers were found."""

    control_raw: Float[np.ndarray, "draw pair layer column"] | None = None
    """The metric of the control's runs; None: not run yet."""

    control_title: str = ""
    """What the control patched in, in words."""

    def __post_init__(self) -> None:
        n = len(self.clean)
        wanted = (n, len(self.layers), len(self.columns))
        control = () if self.control_raw is None else self.control_raw.shape[1:]
        if self.raw.shape != wanted or control not in ((), wanted):
            raise ResultError(
                f"raw must be [pair, layer, column] = {list(wanted)}; got "
                f"{list(self.raw.shape)}, the control {list(control) or 'none'}."
            )
        per_pair = (self.corrupted, self.mapping, self.clean_values, self.corrupted_values)
        if any(len(one) != n for one in per_pair) or self.direction not in DIRECTIONS:
            raise ResultError(
                f"a grid of {n} pairs needs as many corrupted prompts, mappings and values, "
                f"and a direction of {', '.join(DIRECTIONS)}; got {self.direction!r}."
            )

    # ------------------------------------------------------------------------- numbers

    @property
    def n(self) -> int:
        """How many pairs of prompts."""
        return len(self.clean)

    @property
    def shares(self) -> Float[np.ndarray, "pair layer column"]:
        """Every pair's cells: 0 as the corrupted run, 1 as the clean one."""
        return self._normalised(self.raw)

    @property
    def values(self) -> Float[np.ndarray, "layer column"]:
        """The mean of ``shares`` over pairs."""
        return self.shares.mean(axis=0)

    def interval(self) -> Float[np.ndarray, "2 layer column"]:
        """Return 95 % intervals of ``values`` by bootstrap over pairs; NaN for one pair."""
        flat = self.shares.reshape(self.n, -1)
        return bootstrap_interval(flat).reshape(2, *self.values.shape)

    @property
    def control(self) -> PatchingControl | None:
        """What patches without a reason to matter do; None until it was run."""
        if self.control_raw is None:
            return None
        return PatchingControl(self._normalised(self.control_raw), self.control_title)

    @property
    def beyond_control(self) -> Bool[np.ndarray, "layer column"]:
        """Cells outside of where 95 % of their control lie.

        Raises:
            ResultError: There is no control yet.
        """
        if self.control is None:
            raise ResultError("no control yet: iw.patching_control(model, result) runs one.")
        low, high = self.control.interval()
        return (self.values < low) | (self.values > high)

    def agreement(self, exact: PatchingGrid, tolerance: float = 0.1) -> PatchingAgreement:
        """Return how far these estimates are those of an exact grid.

        Args:
            exact: Of ``activation_patching`` on the same cells.
            tolerance: Shares that differ by more disagree.

        Raises:
            ResultError: The two are of other cells, or other prompts.
        """
        for name in ("site", "by", "direction", "layers", "columns", "clean", "corrupted"):
            if getattr(self, name) != getattr(exact, name):
                raise ResultError(
                    f"two grids are compared cell by cell; their {name} differ: "
                    f"{getattr(self, name)!r:.60} and {getattr(exact, name)!r:.60}."
                )
        known = np.isfinite(self.values) & np.isfinite(exact.values)
        both = self.values[known], exact.values[known]
        flat = known.sum() < 2 or any(np.ptp(one) == 0 for one in both)
        return PatchingAgreement(
            correlation=float("nan") if flat else float(np.corrcoef(*both)[0, 1]),
            disagree=known & (np.abs(self.values - exact.values) > tolerance),
            tolerance=tolerance,
        )

    def _normalised(self, raw: np.ndarray) -> np.ndarray:
        corrupted = self.corrupted_values[:, None, None]
        return (raw - corrupted) / (self.clean_values[:, None, None] - corrupted)

    @property
    def base(self) -> tuple[Tokens, ...]:
        """The prompts that were changed."""
        return self.corrupted if self.direction == "denoising" else self.clean

    @property
    def source(self) -> tuple[Tokens, ...]:
        """The prompts that were patched from."""
        return self.clean if self.direction == "denoising" else self.corrupted

    @property
    def has_partner(self) -> Bool[np.ndarray, " column"]:
        """Whether there is something to patch in, in every pair; a cell without is no cell."""
        if self.by == "head":
            return np.ones(len(self.columns), dtype=bool)
        here = 1 if self.direction == "denoising" else 0
        of_pairs = [{pair[here] for pair in pairs} for pairs in self.mapping]
        return np.array([all(pos in of for of in of_pairs) for pos in self.columns], dtype=bool)

    @property
    def n_left(self) -> int:
        """Cells that were not run: a sweep was ended before."""
        return int(np.isnan(self.values[:, self.has_partner]).sum())

    def column_names(self) -> tuple[str, ...]:
        """Return the columns as views name them; tokens where all pairs have the same one."""
        if self.by == "head":
            return tuple(f"H{head}" for head in self.columns)
        texts = [{tokens.text[pos] for tokens in self.base} for pos in self.columns]
        return tuple(
            text.pop() if len(text) == 1 else f"position {pos}"
            for text, pos in zip(texts, self.columns, strict=True)
        )

    def cell_name(self, row: int, column: int) -> str:
        """Return one cell's name: ``"L3 H2"``, or ``"L3 pos 4 ' Ada'"``."""
        layer, at = self.layers[row], self.columns[column]
        if self.by == "head":
            return head_name(layer, at)
        return f"L{layer} pos {at} {self.column_names()[column]!r}"

    def ranked(self) -> list[tuple[int, int]]:
        """Return (row, column) of the cells, those that matter most first."""
        neutral = 0.0 if self.direction == "denoising" else 1.0
        size = np.nan_to_num(np.abs(self.values - neutral), nan=-1.0)
        order = np.argsort(-size, axis=None, kind="stable")
        known = np.isfinite(self.values)
        cells = [divmod(int(i), len(self.columns)) for i in order]
        return [cell for cell in cells if known[cell]]

    def best(self, n: int = 5) -> tuple[str, ...]:
        """Return the cells that matter most, in words."""
        return tuple(
            f"{self.cell_name(*cell)} {self.values[cell]:.2f}" for cell in self.ranked()[:n]
        )

    # ---------------------------------------------------------------------------- forms

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair and cell.

        Columns: pair, layer, position or head, (token,) raw, share, clean, corrupted, and,
        once there is a control, its mean and interval over draws.
        """
        import pandas as pd

        pair, row, column = (axis.ravel() for axis in np.indices(self.raw.shape))
        table: dict[str, Any] = {
            "pair": pair,
            "layer": np.array(self.layers)[row],
            self.by: np.array(self.columns)[column],
        }
        if self.by == "position":
            table["token"] = [
                self.base[p].text[self.columns[c]] for p, c in zip(pair, column, strict=True)
            ]
        table |= {
            "raw": self.raw.ravel(),
            "share": self.shares.ravel(),
            "clean": self.clean_values[pair],
            "corrupted": self.corrupted_values[pair],
        }
        if self.control is not None:
            low, high = self.control.interval()
            for name, grid in (("mean", self.control.mean), ("low", low), ("high", high)):
                table[f"control_{name}"] = grid[row, column]
        return pd.DataFrame(table)

    def summary(self) -> str:
        """Return in one line what was patched into what, and how it was measured."""
        name = self.provenance.model or "a model"
        pairs = "1 pair" if self.n == 1 else f"{self.n} pairs"
        what = f"{self.method}, {self.direction}, {self.site} by {self.by}"
        return f"{name}: {what}, {self.metric}, {pairs}"

    def __repr__(self) -> str:
        low, high = self.clean_values.mean(), self.corrupted_values.mean()
        control = "no control yet" if self.control is None else f"control {self.control}"
        lines = [
            self.summary(),
            f"  clean {low:.4g} {self.unit}, corrupted {high:.4g}; 0 as corrupted, 1 as clean",
            f"  {', '.join(self.best()) or 'no cell was run'}",
            f"  {control}",
        ]
        return "\n".join(lines)

    def figure(self, **which: Any) -> Any:
        """Return a plotly heat map.

        Args:
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.
        """
        return rendering("patching_figure")(self, **which)

    def to_html(self) -> str:
        """Return a static page: the grid as a picture, and its table."""
        page: str = rendering("patching_html")(self)
        return page

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> PatchingGrid:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        for name in ("clean", "corrupted"):
            fields[name] = tuple(Tokens.from_plain(tokens) for tokens in plain[name])
        fields["mapping"] = tuple(_pairs(pairs) for pairs in plain["mapping"])
        fields["answers"] = tuple(tuple(ids) for ids in plain["answers"])
        return cls(**fields)

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, plain = super()._parts()
        for name in ("clean", "corrupted"):
            plain[name] = [vars(tokens) for tokens in getattr(self, name)]
        return arrays, plain


def _pairs(plain: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((there, here) for there, here in plain)
