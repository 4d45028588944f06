"""What patching each place of a model does to its answer, between two runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Bool

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError
from interpwidgets.results.pair_grid import PairGrid
from interpwidgets.results.renderings import rendering
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd


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


@dataclass(frozen=True, kw_only=True, repr=False)
class PatchingGrid(PairGrid):
    """Layers × positions, or layers × heads: what each patch made of a metric."""

    kind: ClassVar[str] = "patching_grid"
    control_call: ClassVar[str] = "iw.patching_control(model, result)"

    site: str
    """What was patched."""

    by: str
    """``"position"``: columns are positions of the run that was changed; ``"head"``;
    ``"neuron"``: columns are neurons, the same ones of every layer."""

    layers: tuple[int, ...]
    """The rows."""

    columns: tuple[int, ...]
    """Positions, heads or neurons."""

    method: str = "activation patching"
    """How the numbers were found."""

    def __post_init__(self) -> None:
        self._check_raw((len(self.clean), len(self.layers), len(self.columns)))
        self._check_pairs()

    # ------------------------------------------------------------------------- numbers

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

    def row_names(self) -> tuple[str, ...]:
        """Return the layers as views name them."""
        return tuple(f"L{layer}" for layer in self.layers)

    @property
    def source(self) -> tuple[Tokens, ...]:
        """The prompts that were patched from."""
        return self.clean if self.direction == "denoising" else self.corrupted

    @property
    def has_partner(self) -> Bool[np.ndarray, " column"]:
        """Whether there is something to patch in, in every pair; a cell without is no cell."""
        if self.by != "position":
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
        return tuple(self._column_name(at) for at in self.columns)

    def _column_name(self, at: int) -> str:
        if self.by != "position":
            return f"{'H' if self.by == 'head' else 'N'}{at}"
        texts = {tokens.text[at] for tokens in self.base}
        return texts.pop() if len(texts) == 1 else f"position {at}"

    def cell_name(self, row: int, column: int) -> str:
        """Return one cell's name: ``"L3 H2"``, or ``"L3 pos 4 ' Ada'"``."""
        layer, at = self.layers[row], self.columns[column]
        if self.by != "position":
            return head_name(layer, at) if self.by == "head" else f"L{layer} N{at}"
        return f"L{layer} pos {at} {self._column_name(at)!r}"

    # ---------------------------------------------------------------------------- forms

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair and cell.

        Columns: pair, layer, position, head or neuron, (token,) raw, share, clean, corrupted,
        and, once there is a control, its mean and interval over draws.
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
        return pd.DataFrame(table | self._control_columns(row, column))

    def summary(self) -> str:
        """Return in one line what was patched into what, and how it was measured."""
        name = self.provenance.model or "a model"
        pairs = "1 pair" if self.n == 1 else f"{self.n} pairs"
        what = f"{self.method}, {self.direction}, {self.site} by {self.by}"
        return f"{name}: {what}, {self.metric}, {pairs}"

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
