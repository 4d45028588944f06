"""Any numbers that belong to the tokens of one text."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.errors import ResultError, nearest
from interpwidgets.results.base import Provenance, Result
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

#: An axis of the rows: its name and the labels of its members.
RowAxis = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class TokenValues(Result):
    """One value for each token of a text, in one or several rows."""

    kind: ClassVar[str] = "token_values"

    tokens: Tokens
    """The text."""

    values: Float[np.ndarray, "row pos"]
    """float32, in ``unit``; NaN and infinities are shown as not finite."""

    rows: tuple[str, ...] = ()
    """A name for each row; made of ``row_axes`` where those are given."""

    row_axes: tuple[RowAxis, ...] = ()
    """What the rows are the product of, e.g. layers and neurons; the last varies fastest.
    Empty: the rows are one plain list."""

    title: str = "Values"
    """What the values are, for a heading."""

    unit: str = ""
    """``"nats"``, ``"logits"`` ...; empty for none."""

    signed: bool = False
    """Whether negative values are the opposite of positive ones, so that 0 is the middle."""

    scale: tuple[float, float] | None = None
    """The values of the ramp's ends. By default ``(-most, most)`` when signed, else
    ``(0, largest)``, over all rows."""

    absent: tuple[int, ...] = ()
    """Positions that have no value by definition: left bare, not marked as missing."""

    top_text: tuple[tuple[str, ...], ...] = ()
    """``[pos, rank]``: tokens that the model expected there, the most probable first."""

    top_logprob: Float[np.ndarray, "pos rank"] | None = None
    """Their log-probabilities, nats, float32; NaN where nothing was expected."""

    rank: Int[np.ndarray, " pos"] | None = None
    """How many tokens the model found more probable than the one that is there; −1 where
    nothing was expected. int32."""

    prompt_index: int = 0
    """Which text of several this is."""

    prompt_count: int = 1
    """How many there are."""

    prompt_label: str = ""
    """What this text is called among them; empty for its number alone."""

    def __post_init__(self) -> None:
        if self.row_axes:
            named = itertools.product(
                *([f"{name} {i}" for i in of] for name, of in self.row_axes)
            )
            object.__setattr__(self, "rows", self.rows or tuple(", ".join(r) for r in named))
        object.__setattr__(self, "rows", self.rows or ("",) * len(self.values))
        self._check_shapes()
        object.__setattr__(self, "scale", _checked_scale(self.scale or self._widest()))

    def _check_shapes(self) -> None:
        n = len(self.tokens)
        axes = " × ".join(f"{len(of)} {name}" for name, of in self.row_axes)
        if self.values.shape != (len(self.rows), n):
            of = f" ({axes})" if axes else ""
            raise ResultError(
                f"values must be [row, pos] = ({len(self.rows)}, {n}) for these rows{of} and "
                f"tokens; they are {self.values.shape}."
            )
        if self.row_axes and np.prod([len(of) for _, of in self.row_axes]) != len(self.rows):
            raise ResultError(f"row_axes are {axes}; there are {len(self.rows)} rows.")
        if any(not 0 <= pos < n for pos in self.absent):
            raise ResultError(f"absent positions are 0-{n - 1}; got {self.absent}.")
        given = {len(self.top_text)} if self.top_text else set()
        given |= {len(a) for a in (self.top_logprob, self.rank) if a is not None}
        if given - {n} or bool(self.top_text) != (self.top_logprob is not None):
            raise ResultError(
                f"top_text and top_logprob come together, and they and rank have one entry "
                f"per token, {n}; got {sorted(given)}."
            )

    def _widest(self) -> tuple[float, float]:
        finite = self.values[np.isfinite(self.values)]
        most = (
            float(np.abs(finite).max(initial=0))
            if self.signed
            else max(0.0, float(finite.max(initial=0)))
        )
        most = most or 1.0
        return (-most if self.signed else 0.0), most

    def row(self, row: int | str) -> Float[np.ndarray, " pos"]:
        """Return one row.

        Args:
            row: Its number or its name.

        Raises:
            ResultError: There is no such row.
        """
        if isinstance(row, str):
            if row not in self.rows:
                raise ResultError(f"there is no row {row!r}. {nearest(row, self.rows)}")
            row = self.rows.index(row)
        if not 0 <= row < len(self.rows):
            raise ResultError(f"row {row} is outside 0-{len(self.rows) - 1}.")
        return self.values[row]

    def nonfinite(self) -> Int[np.ndarray, " row"]:
        """Count the values of each row that are NaN or infinite but not absent."""
        bad = ~np.isfinite(self.values)
        bad[:, list(self.absent)] = False
        counts: np.ndarray = bad.sum(axis=1)
        return counts

    def to_frame(self) -> pd.DataFrame:
        """Return one row per (row, pos), with the rank of the token where it is known."""
        import pandas as pd

        n_rows, n = self.values.shape
        names = np.array(self.rows, dtype=object).repeat(n)
        columns = {
            "row": names,
            **self._axis_columns(n),
            "pos": np.tile(np.arange(n), n_rows),
            "token": np.tile(np.array(self.tokens.text, dtype=object), n_rows),
            "value": self.values.reshape(-1),
        }
        if self.rank is not None:
            columns["rank"] = np.tile(self.rank, n_rows)
        if self.top_text:
            first = [words[0] if words else "" for words in self.top_text]
            columns["expected"] = np.tile(np.array(first, dtype=object), n_rows)
        return pd.DataFrame(columns)

    def _axis_columns(self, n: int) -> dict[str, np.ndarray]:
        if len(self.row_axes) < 2:
            return {}
        members = list(itertools.product(*(of for _, of in self.row_axes)))
        return {
            name: np.array([member[i] for member in members], dtype=object).repeat(n)
            for i, (name, _) in enumerate(self.row_axes)
        }

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> TokenValues:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**plain, **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["tokens"] = Tokens.from_plain(plain["tokens"])
        fields["rows"] = tuple(plain["rows"])
        fields["row_axes"] = tuple((name, tuple(of)) for name, of in plain["row_axes"])
        fields["top_text"] = tuple(tuple(words) for words in plain["top_text"])
        fields["absent"], fields["scale"] = tuple(plain["absent"]), tuple(plain["scale"])
        return cls(**fields)


def _checked_scale(scale: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(end) for end in scale)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ResultError(f"scale is (low, high), finite and low below high; got {scale}.")
    return low, high
