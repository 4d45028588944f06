"""What one part of a model tells another, path by path, between two runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from interpwidgets.results.pair_grid import PairGrid
from interpwidgets.results.path_nodes import PathNode
from interpwidgets.results.renderings import rendering

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, repr=False)
class PathPatching(PairGrid):
    """Senders × receivers: what the path from one to the other alone made of a metric."""

    kind: ClassVar[str] = "path_patching"
    control_call: ClassVar[str] = "iw.path_patching_control(model, result)"

    senders: tuple[str, ...]
    """The rows, by name: ``"L0 H1"``, ``"L2 mlp"``, ``"embed"``."""

    receivers: tuple[str, ...]
    """The columns, by name: ``"L1 H3 k"``, ``"L1 H3"``, ``"L2 mlp"``, ``"logits"``."""

    through: str
    """``"mlps"``: MLPs on the way are recomputed; ``"residual"``: held, like heads."""

    last_norm: str = "live"
    """``"frozen"``: with the scale of the run that was changed, so that effects add."""

    def __post_init__(self) -> None:
        self._check_raw((len(self.clean), len(self.senders), len(self.receivers)))
        self._check_pairs()

    @property
    def method(self) -> str:
        """How the numbers were found."""
        return "path patching"

    def row_names(self) -> tuple[str, ...]:
        """Return the senders."""
        return self.senders

    def column_names(self) -> tuple[str, ...]:
        """Return the receivers."""
        return self.receivers

    def cell_name(self, row: int, column: int) -> str:
        """Return one path's name: ``"L0 H1 → L1 H3 k"``."""
        return f"{self.senders[row]} → {self.receivers[column]}"

    def heads_of(self, row: int, column: int) -> tuple[tuple[int, int], ...]:
        """Return the (layer, head) of a path's ends that are heads.

        Of a ``k`` or ``v`` input it is the key-value head.

        Args:
            row: The sender's.
            column: The receiver's.
        """
        ends = (PathNode.from_name(n) for n in (self.senders[row], self.receivers[column]))
        return tuple(
            (end.layer, end.head)
            for end in ends
            if end is not None and end.layer is not None and end.head is not None
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair and path.

        Columns: pair, sender, receiver, raw, share, clean, corrupted, and, once there is a
        control, its mean and interval over draws.
        """
        import pandas as pd

        pair, row, column = (axis.ravel() for axis in np.indices(self.raw.shape))
        table: dict[str, Any] = {
            "pair": pair,
            "sender": np.array(self.senders)[row],
            "receiver": np.array(self.receivers)[column],
            "raw": self.raw.ravel(),
            "share": self.shares.ravel(),
            "clean": self.clean_values[pair],
            "corrupted": self.corrupted_values[pair],
        }
        return pd.DataFrame(table | self._control_columns(row, column))

    def summary(self) -> str:
        """Return in one line which paths were patched, and how it was measured."""
        name = self.provenance.model or "a model"
        pairs = "1 pair" if self.n == 1 else f"{self.n} pairs"
        way = "MLPs on the way live" if self.through == "mlps" else "MLPs on the way held"
        norm = ", last norm frozen" if self.last_norm == "frozen" else ""
        what = f"{self.method}, {self.direction}, {way}{norm}"
        return f"{name}: {what}, {self.metric}, {pairs}"

    def figure(self, **which: Any) -> Any:
        """Return a plotly heat map.

        Args:
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.
        """
        return rendering("path_patching_figure")(self, **which)

    def to_html(self) -> str:
        """Return a static page: the grid as a picture, and its table."""
        page: str = rendering("path_patching_html")(self)
        return page
