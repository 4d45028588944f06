"""Attention patterns of one prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped

from interpwidgets.axes import check_members, head_name
from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

#: uint8 code of a weight that is not finite; codes 0 to 254 span 0 to ``scale``.
NOT_FINITE = 255
TOP_CODE = 254

#: Rows of the tidy table above which one head at a time must be asked for.
MAX_FRAME_ROWS = 5_000_000


@dataclass(frozen=True)
class AttentionPattern(Result):
    """How much each query position attends to each key position, for every head."""

    kind: ClassVar[str] = "attention"

    tokens: Tokens
    """The prompt's tokens."""

    pattern: Shaped[np.ndarray, "layer head query_pos key_pos"]
    """Softmaxed weights: float16, or uint8 codes (``code / 254 × scale``, 255: not
    finite) when float16 would pass the budget. Rows sum to 1 unless something
    intervened."""

    layers: tuple[int, ...]
    """The model's layer number of each entry of the layer axis."""

    heads: tuple[int, ...]
    """The model's head number of each entry of the head axis."""

    layer_runs: tuple[int | None, ...]
    """The run that each layer's numbers came from; None: the forward never got there.
    Older than ``provenance.run``: kept from an earlier run of the same tokens."""

    causal: bool = True
    """Whether keys after the query are masked (absent, not zero)."""

    scale: float = 1.0
    """The weight of uint8 code 254."""

    prompt_index: int = 0
    """Which prompt of its run this is."""

    prompt_count: int = 1
    """How many prompts the run had."""

    def __post_init__(self) -> None:
        n = len(self.tokens)
        wanted = (len(self.layers), len(self.heads), n, n)
        if self.pattern.shape != wanted:
            raise ResultError(
                f"pattern must be [layer, head, query_pos, key_pos] = {wanted} for these "
                f"layers, heads and tokens; it is {self.pattern.shape}."
            )
        if self.pattern.dtype not in (np.float16, np.uint8):
            raise ResultError(f"pattern is float16 or uint8, not {self.pattern.dtype}.")
        if len(self.layer_runs) != len(self.layers):
            raise ResultError(
                f"layer_runs has {len(self.layer_runs)} entries for {len(self.layers)} layers."
            )

    @property
    def precision(self) -> str:
        """How the weights are kept: ``"float16"`` or ``"uint8"``."""
        return str(self.pattern.dtype)

    @property
    def resolution(self) -> float:
        """Largest rounding error of a weight in 0 to ``scale`` (float16: below 0.0003)."""
        return self.scale / TOP_CODE / 2 if self.pattern.dtype == np.uint8 else 2.0**-12

    def stored(self, layer: int, head: int) -> Shaped[np.ndarray, "query_pos key_pos"]:
        """Return one head's weights as they are kept (float16, or uint8 codes).

        Args:
            layer: The model's layer number.
            head: The model's head number.

        Raises:
            ResultError: This Result does not hold that head.
        """
        if layer not in self.layers or head not in self.heads:
            raise ResultError(
                f"{head_name(layer, head)} is not held; layers {list(self.layers)}, "
                f"heads {list(self.heads)}."
            )
        return self.pattern[self.layers.index(layer), self.heads.index(head)]

    def weights(self, layer: int, head: int) -> Float[np.ndarray, "query_pos key_pos"]:
        """Return one head's weights in float32; NaN where not finite.

        Args:
            layer: The model's layer number.
            head: The model's head number.
        """
        stored = self.stored(layer, head)
        if stored.dtype == np.float16:
            return stored.astype(np.float32)
        weights = stored.astype(np.float32) * (self.scale / TOP_CODE)
        weights[stored == NOT_FINITE] = np.nan
        return weights

    def nonfinite(self) -> Int[np.ndarray, "layer head"]:
        """Count the weights of each head that are NaN or infinite; 0 where not run."""
        bad = (
            self.pattern == NOT_FINITE
            if self.pattern.dtype == np.uint8
            else ~np.isfinite(self.pattern)
        )
        counts = bad.sum(axis=(2, 3))
        counts[[run is None for run in self.layer_runs]] = 0
        return counts

    def to_frame(self, *, layer: int | None = None, head: int | None = None) -> pd.DataFrame:
        """Return one row per (layer, head, query_pos, key_pos) that is not masked.

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
                    "weight": self.weights(one_layer, one_head)[query, key],
                }
            )
            for one_layer in layers
            for one_head in heads
        ]
        return pd.concat(frames, ignore_index=True)

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
