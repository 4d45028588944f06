"""What a lens would say of some tokens if the stream's directions meant nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LensControl(Result):
    """Tokens read from one position by randomly rotated unembeddings."""

    kind: ClassVar[str] = "lens_control"

    tokens: Tokens
    """The prompt."""

    site: str
    """What was read, e.g. ``"resid_post"``."""

    layers: tuple[int, ...]
    """The model's layer number of each entry of the layer axis."""

    pos: int
    """The position that was read, from 0."""

    token_ids: tuple[int, ...]
    """The tokens whose probability was read."""

    logprob: Float[np.ndarray, "draw layer target"]
    """Their log-probabilities, nats, float32; a rotation a draw."""

    vocabulary: dict[int, str]
    """The text of those tokens."""

    seed: int = 0
    """Of the rotations."""

    lens: str = ""
    """The tuned lens that the vectors went through first, in words; empty for none."""

    def __post_init__(self) -> None:
        wanted = len(self.layers), len(self.token_ids)
        if self.logprob.shape[1:] != wanted or not len(self.logprob):
            raise ResultError(
                f"logprob must have the shape (draw, {wanted[0]}, {wanted[1]}) for "
                f"{wanted[0]} layers and {wanted[1]} tokens, with one draw at least; it has "
                f"{self.logprob.shape}."
            )

    @property
    def n(self) -> int:
        """How many rotations were drawn."""
        return len(self.logprob)

    def interval(self, share: float = 0.95) -> Float[np.ndarray, "end layer target"]:
        """Return the probabilities between which a share of the draws lies.

        Args:
            share: Of the draws, as many left out below as above.

        Raises:
            ResultError: ``share`` is no share.
        """
        if not 0 < share <= 1:
            raise ResultError(f"`share` is between 0 and 1; got {share}.")
        ends = [(1 - share) / 2, (1 + share) / 2]
        both: np.ndarray = np.quantile(np.exp(self.logprob), ends, axis=0).astype(np.float32)
        return both

    def to_frame(self) -> pd.DataFrame:
        """Return one row per draw, layer and token: its log-probability in nats."""
        import pandas as pd

        texts = [self.vocabulary.get(i, f"[{i}]") for i in self.token_ids]
        index = pd.MultiIndex.from_product(
            [range(self.n), self.layers, texts], names=["draw", "layer", "token"]
        )
        columns = {"logprob": self.logprob.ravel()}
        return pd.DataFrame(columns, index=index).reset_index()

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, plain = super()._parts()
        plain["vocabulary"] = [[i, text] for i, text in sorted(self.vocabulary.items())]
        return arrays, plain

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> LensControl:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["tokens"] = Tokens.from_plain(plain["tokens"])
        fields["vocabulary"] = {int(i): text for i, text in plain["vocabulary"]}
        return cls(**fields)
