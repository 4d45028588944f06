"""Attention patterns of one prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.axes import check_members
from interpwidgets.errors import ResultError
from interpwidgets.results import attention_measures, head_pattern_scores
from interpwidgets.results.attention_measures import Align
from interpwidgets.results.attention_numbers import NOT_FINITE, TOP_CODE, AttentionNumbers
from interpwidgets.results.base import Provenance, with_tuples
from interpwidgets.results.head_pattern_scores import PatternScore
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NOT_FINITE", "TOP_CODE", "AttentionPattern"]

#: Rows of the tidy table above which one head at a time must be asked for.
MAX_FRAME_ROWS = 5_000_000


@dataclass(frozen=True)
class AttentionPattern(AttentionNumbers):
    """How much each query position attends to each key position, for every head."""

    kind: ClassVar[str] = "attention"

    # ------------------------------------------------------------------------- measures

    def without_sink(self) -> AttentionPattern:
        """Return the weights without key position 0, each row as shares of the rest."""
        return attention_measures.without_sink(self)

    def value_weighted(self) -> AttentionPattern:
        """Return each weight times the norm of its key's value: what is moved."""
        return attention_measures.value_weighted(self)

    def attention_scores(self) -> AttentionPattern:
        """Return what the softmax received; the run must have kept it (``scores=True``)."""
        return attention_measures.attention_scores(self)

    def difference(
        self, other: AttentionPattern, *, align: Align = "position"
    ) -> AttentionPattern:
        """Return these numbers minus another run's or prompt's.

        Args:
            other: What is subtracted.
            align: By position, or by the tokens' text.
        """
        return attention_measures.difference(self, other, align=align)

    def pattern_scores(self) -> tuple[PatternScore, ...]:
        """Return what each head of this one pattern does, score by score."""
        return head_pattern_scores.pattern_scores(self)

    # --------------------------------------------------------------------------- tables

    def to_frame(self, *, layer: int | None = None, head: int | None = None) -> pd.DataFrame:
        """Return one row per (layer, head, query_pos, key_pos) that is not masked.

        The last column is named for what the numbers are: ``weight``, ``value_weighted``,
        ``score`` or ``difference``. A hidden sink has no rows.

        Args:
            layer: Only this layer.
            head: Only this head.

        Raises:
            ResultError: The table would be longer than five million rows.
        """
        import pandas as pd

        layers = self.layers if layer is None else (layer,)
        heads = self.heads if head is None else (head,)
        n = len(self.tokens)
        query, key = np.tril_indices(n) if self.causal else np.indices((n, n)).reshape(2, -1)
        if self.hidden_sink:
            query, key = query[key > 0], key[key > 0]
        rows = len(query) * len(layers) * len(heads)
        if rows > MAX_FRAME_ROWS:
            raise ResultError(
                f"the table would have {rows:,} rows; give layer= and head= for one head."
            )
        text = np.array(self.tokens.text, dtype=object)
        frames = [
            pd.DataFrame(
                {
                    "layer": one_layer,
                    "head": one_head,
                    "query_pos": query,
                    "key_pos": key,
                    "query_token": text[query],
                    "key_token": text[key],
                    self.column: self.weights(one_layer, one_head)[query, key],
                }
            )
            for one_layer in layers
            for one_head in heads
        ]
        frame = pd.concat(frames, ignore_index=True)
        if self.measure != "score":
            return frame
        # a window masks keys before the query, too
        return frame[~np.isneginf(frame[self.column])].reset_index(drop=True)

    @classmethod
    def from_saved(
        cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]
    ) -> AttentionPattern:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["tokens"] = Tokens.from_plain(plain["tokens"])
        return cls(**fields)

    @classmethod
    def of_arrays(
        cls,
        tokens: list[str],
        weights: Float[np.ndarray, "layer head query_pos key_pos"],
        *,
        causal: bool = True,
    ) -> AttentionPattern:
        """Make a Result of plain arrays, e.g. from another library.

        Args:
            tokens: The text of each position.
            weights: Softmaxed weights.
            causal: Whether keys after the query are masked.
        """
        n_layers, n_heads = weights.shape[:2]
        return cls(
            provenance=Provenance(sites=("pattern",)),
            tokens=Tokens.of_text(tokens),
            pattern=weights.astype(np.float16),
            layers=check_members("layer", None, n_layers, of="the array"),
            heads=check_members("head", None, n_heads, of="the array"),
            layer_runs=(0,) * n_layers,
            causal=causal,
        )
