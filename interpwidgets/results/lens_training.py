"""How a tuned lens got better while it was trained, on text that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, Result, with_tuples

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LensTraining(Result):
    """KL to the final layer on held-out tokens, over the steps of a training."""

    kind: ClassVar[str] = "lens_training"

    layers: tuple[int, ...]
    """Layers whose ``resid_pre`` each translator is for."""

    steps: Int[np.ndarray, " measured"]
    """After how many steps it was measured; 0 is the logit lens. int32."""

    kl: Float[np.ndarray, "measured layer"]
    """KL(final layer ‖ translated layer), mean over held-out tokens, nats, float32."""

    n_held_out: int
    """How many tokens it is a mean over."""

    seed: int = 0
    """Of the split and the order of the sequences."""

    def __post_init__(self) -> None:
        if self.kl.shape != (len(self.steps), len(self.layers)):
            raise ResultError(
                f"kl must be [measured, layer] = ({len(self.steps)}, {len(self.layers)}); it "
                f"is {self.kl.shape}."
            )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per measured step and layer."""
        import pandas as pd

        index = pd.MultiIndex.from_product([self.steps, self.layers], names=["step", "layer"])
        return pd.DataFrame({"kl": self.kl.ravel()}, index=index).reset_index()

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> LensTraining:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        return cls(**fields)
