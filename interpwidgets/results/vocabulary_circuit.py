"""A head's circuit between tokens: rows of the vocabulary, and columns of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError
from interpwidgets.results.attribution import signed_text
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.renderings import rendering

if TYPE_CHECKING:
    import pandas as pd

#: The circuits of a head, and what one number of each is.
CIRCUITS: dict[str, str] = {
    "ov": "logits added to the column's token by attending to the row's",
    "qk": "score of a query at the row's token for a key at the column's, before scaling",
}

_SHOWN, _WORDS = 4, 5


@dataclass(frozen=True, repr=False)
class VocabularyCircuit(Result):
    """Numbers from tokens to tokens, each row beside all of its vocabulary."""

    kind: ClassVar[str] = "vocabulary_circuit"

    layer: int
    head: int

    circuit: str
    """One of ``CIRCUITS``."""

    rows: tuple[str, ...]
    """Texts: of ``"ov"`` the token attended to, of ``"qk"`` the query."""

    row_ids: Int[np.ndarray, " row"]

    columns: tuple[tuple[str, ...], ...]
    """Texts: of ``"ov"`` the token whose logit it is, of ``"qk"`` the key. One line for all
    rows where they were chosen, else one per row, the largest number first."""

    column_ids: Int[np.ndarray, "row column"]

    values: Float[np.ndarray, "row column"]
    """float32; the scale of the last norm is left out, so that only ratios mean something."""

    mean: Float[np.ndarray, " row"]
    """float32; of the row over the whole vocabulary."""

    spread: Float[np.ndarray, " row"]
    """float32; standard deviation of the same: the control of each number."""

    own: Float[np.ndarray, " row"]
    """float32; the number from the row's token to itself."""

    own_rank: Int[np.ndarray, " row"]
    """How many tokens have a larger one; 0: it is the largest."""

    chosen: bool
    """Whether the columns were chosen, or are the largest of each row."""

    d_vocab: int
    """Tokens of the vocabulary."""

    def __post_init__(self) -> None:
        n = len(self.rows)
        arrays = (self.row_ids, self.column_ids, self.values, self.mean, self.spread)
        lengths = {len(one) for one in (*arrays, self.own, self.own_rank)}
        if lengths != {n} or len(self.columns) != (1 if self.chosen else n):
            raise ResultError(
                f"a circuit of {n} rows needs one entry of everything per row; got lengths "
                f"{sorted(lengths)} and {len(self.columns)} lines of columns."
            )
        if self.circuit not in CIRCUITS:
            raise ResultError(f"a head has the circuits 'ov' and 'qk'; got {self.circuit!r}.")

    @property
    def name(self) -> str:
        """Whose circuit: ``"L1 H3 OV"``."""
        return f"{head_name(self.layer, self.head)} {self.circuit.upper()}"

    def columns_of(self, row: int) -> tuple[str, ...]:
        """Return the texts of one row's columns.

        Args:
            row: Its place, from 0.
        """
        return self.columns[0] if self.chosen else self.columns[row]

    @property
    def in_spreads(self) -> Float[np.ndarray, "row column"]:
        """How far each number is from its row's mean, in its row's standard deviations."""
        spread = np.where(self.spread > 0, self.spread, 1)[:, None]
        found: np.ndarray = (self.values - self.mean[:, None]) / spread
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return one line per row and column.

        Columns: row, column (texts), row_id, column_id, value, mean and spread (of the row
        over the whole vocabulary), in_spreads, own and own_rank (of the row's own token).
        """
        import pandas as pd

        n_columns = self.values.shape[1]
        frame: dict[str, Any] = {"row": np.repeat(np.array(self.rows, dtype=object), n_columns)}
        frame["column"] = [
            text for row in range(len(self.rows)) for text in self.columns_of(row)
        ]
        frame["row_id"] = np.repeat(self.row_ids, n_columns)
        frame["column_id"] = self.column_ids.ravel()
        frame["value"] = self.values.ravel()
        for name in ("mean", "spread"):
            frame[name] = np.repeat(getattr(self, name), n_columns)
        frame["in_spreads"] = self.in_spreads.ravel()
        for name in ("own", "own_rank"):
            frame[name] = np.repeat(getattr(self, name), n_columns)
        return pd.DataFrame(frame)

    def summary(self) -> str:
        """Return in one line whose circuit this is."""
        size = f"{len(self.rows):,} of {self.d_vocab:,} tokens"
        return f"{self.provenance.model or 'a model'}, {self.name}, {size}"

    def __repr__(self) -> str:
        lines = [f"VocabularyCircuit of {self.summary()}"]
        for row in range(min(_SHOWN, len(self.rows))):
            pairs = list(zip(self.columns_of(row), self.values[row], strict=True))[:_WORDS]
            said = ", ".join(f"{text!r} {signed_text(float(value))}" for text, value in pairs)
            lines.append(f"  {self.rows[row]!r} → {said}")
        return "\n".join(lines)

    def figure(self, **which: Any) -> Any:
        """Return a plotly figure: rows down, columns across.

        Args:
            which: ``rows``: how many of the first; ``width``: ``"column"``, ``"page"``, ...
        """
        return rendering("vocabulary_circuit_figure")(self, **which)

    @classmethod
    def from_saved(
        cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]
    ) -> VocabularyCircuit:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["columns"] = tuple(tuple(texts) for texts in plain["columns"])
        return cls(**fields)
