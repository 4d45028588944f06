"""The values of one site, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, Result
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Activations(Result):
    """What was at a site on one prompt."""

    kind: ClassVar[str] = "activations"

    site: str
    """A name of ``interpwidgets.sites.SITES``."""

    tokens: Tokens
    """The prompt's tokens."""

    values: Float[np.ndarray, layer * site_axes]
    """float32; a layer axis (of length 1 for sites that exist once), then the site's own
    axes as ``interpwidgets.sites`` gives them."""

    layers: tuple[int, ...]
    """The model's layer number of each entry of the layer axis; empty for sites that
    exist once."""

    def __post_init__(self) -> None:
        n = max(1, len(self.layers))
        if self.values.shape[0] != n:
            raise ResultError(
                f"values need one entry per layer, {n}; they have {self.values.shape[0]}."
            )

    def at(self, layer: int | None = None) -> Float[np.ndarray, "*site_axes"]:
        """Return one layer's values.

        Args:
            layer: The model's layer number; None for a site that exists once.

        Raises:
            ResultError: That layer is not held.
        """
        if layer is None and len(self.values) == 1:
            return self.values[0]
        if layer is None or layer not in self.layers:
            raise ResultError(f"layer {layer} of {self.site} is not held; {self.layers} are.")
        return self.values[self.layers.index(layer)]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per layer and position (and head), one column per last-axis entry."""
        import pandas as pd

        layers = self.layers or (-1,)
        names = ["layer", *(f"axis_{i}" for i in range(1, self.values.ndim - 1))]
        index = pd.MultiIndex.from_product(
            [layers, *(range(n) for n in self.values.shape[1:-1])], names=names
        )
        return pd.DataFrame(self.values.reshape(len(index), -1), index=index)

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> Activations:
        """Make the Result of what ``save`` wrote."""
        return cls(
            provenance=Provenance.from_plain(plain["provenance"]),
            site=plain["site"],
            tokens=Tokens.from_plain(plain["tokens"]),
            values=arrays["values"],
            layers=tuple(plain["layers"]),
        )
