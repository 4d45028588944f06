"""What is known of every head of a model, joined: one row a head."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError, nearest
from interpwidgets.results.attribution import DirectLogitAttribution
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.head_columns import (
    HeadColumn,
    ablation_column,
    attribution_column,
    copying_column,
    score_columns,
)
from interpwidgets.results.head_scores import HeadScores
from interpwidgets.results.renderings import rendering
from interpwidgets.results.tokens import Tokens
from interpwidgets.results.weight_circuits import WeightCircuits

if TYPE_CHECKING:
    import pandas as pd

#: The Results that a table joins, by field.
PARTS: dict[str, type[Result]] = {
    "scores": HeadScores,
    "circuits": WeightCircuits,
    "attribution": DirectLogitAttribution,
}

_SHOWN = 3


@dataclass(frozen=True, repr=False)
class HeadTable(Result):
    """Pattern scores, weight circuits, attribution and ablation effects of every head.

    It holds the Results that it joins as they are; nothing is computed anew.
    """

    kind: ClassVar[str] = "head_table"

    scores: HeadScores | None = None
    """What each head attends to, on sequences of its own."""

    circuits: WeightCircuits | None = None
    """What each head does by its weights."""

    attribution: DirectLogitAttribution | None = None
    """What each head adds to a logit, on the one prompt."""

    ablation: Float[np.ndarray, "layer head"] | None = None
    """float32, nats: KL(clean ‖ ablated) of the next token with that head alone ablated in
    the prompt as it is; NaN where it was not run."""

    ablation_mode: str = ""
    """How: ``"zero"`` or ``"mean"``."""

    tokens: Tokens = dataclasses.field(default_factory=lambda: Tokens.of_text(()))
    """The prompt; empty before one was run."""

    prompt_index: int = 0
    """Which prompt of a batch."""

    prompt_count: int = 1
    """Of how many."""

    absent: tuple[tuple[str, str], ...] = ()
    """Parts that this model has not, each with the reason."""

    def __post_init__(self) -> None:
        shapes = dict(self._shapes())
        if len(set(shapes.values())) != 1:
            raise ResultError(
                "a table of heads joins parts of the same layers and heads, at least one; got "
                f"[layer, head] of {shapes or 'nothing'}."
            )

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        if self.scores is not None:
            yield "scores", (self.scores.n_layers, self.scores.n_heads)
        if self.circuits is not None:
            yield "circuits", self.circuits.diagonal_rank.shape
        if self.attribution is not None:
            yield "attribution", self.attribution.of("head").shape
        if self.ablation is not None:
            yield "ablation", self.ablation.shape

    @classmethod
    def of(cls, result: Result) -> HeadTable:
        """Return the table of one part alone, or the table that it is.

        Args:
            result: A HeadTable, or one of what it joins.

        Raises:
            ResultError: It is neither.
        """
        if isinstance(result, HeadTable):
            return result
        for name, kind in PARTS.items():
            if isinstance(result, kind):
                given: dict[str, Any] = {name: result}
                return cls(result.provenance, **given)
        raise ResultError(f"a table of heads has no part of type {type(result).__name__}.")

    # ------------------------------------------------------------------------- numbers

    @property
    def shape(self) -> tuple[int, int]:
        """How many layers, and how many heads each has."""
        n_layers, n_heads = next(self._shapes())[1]
        return n_layers, n_heads

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers, by number."""
        circuits = self.circuits
        return tuple(range(self.shape[0])) if circuits is None else circuits.layers

    @cached_property
    def columns(self) -> tuple[HeadColumn, ...]:
        """What there is of each head, in the order in which views show it."""
        made: list[HeadColumn] = []
        if self.scores is not None:
            made += score_columns(self.scores)
        if self.circuits is not None:
            made.append(copying_column(self.circuits))
        if self.attribution is not None:
            made.append(attribution_column(self.attribution))
        if self.ablation is not None:
            made.append(ablation_column(self.ablation, self.ablation_mode))
        return tuple(made)

    def column(self, name: str) -> HeadColumn:
        """Return one column.

        Args:
            name: Its name.

        Raises:
            ResultError: It is not there.
        """
        known = {column.name: column for column in self.columns}
        if name not in known:
            raise ResultError(f"no column {name!r} here. {nearest(name, known)}")
        return known[name]

    # -------------------------------------------------------------------------- tables

    def to_frame(self) -> pd.DataFrame:
        """Return one row per head.

        Columns: layer, head; of each column its value and, where it has a control, the ends
        of the control's range (``…_low``, ``…_high``) and whether the value is beyond it
        (``…_beyond``); ``lag`` of induction.
        """
        import pandas as pd

        layer, head = np.indices(self.shape)
        frame = {"layer": np.array(self.layers)[layer.ravel()], "head": head.ravel()}
        for column in self.columns:
            frame[column.name] = column.values.ravel()
            if column.lags is not None:
                frame["lag"] = column.lags.ravel()
            if column.null:
                frame[f"{column.name}_low"] = column.low.ravel()
                frame[f"{column.name}_high"] = column.high.ravel()
                frame[f"{column.name}_beyond"] = column.beyond.ravel()
        return pd.DataFrame(frame)

    def best(self, column: str, n: int = 5) -> pd.DataFrame:
        """Return the rows of the heads with the most of a column, whatever its sign.

        Args:
            column: Its name.
            n: How many; those without a number come last.

        Raises:
            ResultError: It is not there.
        """
        order = self.column(column).ranked()[:n]
        return self.to_frame().iloc[order].reset_index(drop=True)

    def summary(self) -> str:
        """Return in one line which model's heads these are."""
        name = self.provenance.model or "a model"
        n_layers, n_heads = self.shape
        said = f"{name}, {n_layers} layers × {n_heads} heads"
        if self.attribution is not None:
            said += f", {self.attribution.target_text()}"
        return said

    def __repr__(self) -> str:
        width = max(len(column.name) for column in self.columns)
        lines = [f"HeadTable of {self.summary()}"]
        for column in self.columns:
            places = [divmod(at, self.shape[1]) for at in column.ranked()[:_SHOWN]]
            heads = ", ".join(
                f"{head_name(self.layers[layer], head)} {column.text(layer, head)}"
                for layer, head in places
            )
            lines.append(f"  {column.name:<{width}}  {heads}")
        return "\n".join(lines)

    def figure(self, column: str | None = None, **which: Any) -> Any:
        """Return a plotly figure of one column: layers down, heads across.

        Args:
            column: Its name; the first by default.
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.

        Raises:
            ResultError: It is not there.
        """
        return rendering("head_table_figure")(self, column, **which)

    # -------------------------------------------------------------------------- saving

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return each part's arrays under its name."""
        arrays: dict[str, np.ndarray] = {}
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        if self.ablation is not None:
            arrays["ablation"] = np.ascontiguousarray(own.pop("ablation"))
        plain: dict[str, Any] = {}
        for name in PARTS:
            part: Result | None = own.pop(name)
            if part is not None:
                of_part, plain[name] = part._parts()
                arrays |= {f"{name}.{key}": array for key, array in of_part.items()}
        own |= {name: dataclasses.asdict(own[name]) for name in ("provenance", "tokens")}
        return arrays, plain | own

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> HeadTable:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = with_tuples(plain)
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["tokens"] = Tokens.from_plain(plain["tokens"])
        fields["absent"] = tuple((part, why) for part, why in plain["absent"])
        if "ablation" in arrays:
            fields["ablation"] = arrays["ablation"]
        for name, kind in PARTS.items():
            if name in plain:
                start = f"{name}."
                own = {
                    k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)
                }
                fields[name] = kind.from_saved(own, plain[name])
        return cls(**fields)
