"""What steering does at each strength, beside random directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.bootstrap import LEVEL, bootstrap_interval
from interpwidgets.results.renderings import rendering

if TYPE_CHECKING:
    import pandas as pd

#: What was measured.
QUANTITIES = ("effect", "loss")


@dataclass(frozen=True, repr=False)
class DoseResponse(Result):
    """An effect, and how well the text holds together, against the strength."""

    kind: ClassVar[str] = "dose_response"

    direction: str
    """What the direction stands for, in words."""

    place: str
    """Where it was added, in words."""

    strengths: Float[np.ndarray, " strength"]
    """float64; in units of the site's mean norm."""

    unit: float
    """That norm: a strength times this is the length of what was added."""

    effect: Float[np.ndarray, "prompt strength"]
    """The metric, float64."""

    loss: Float[np.ndarray, "prompt strength"]
    """Mean surprisal, to the model as it is, of what was written; nats a token."""

    control_effect: Float[np.ndarray, "draw prompt strength"]
    """The same with random directions in its place, as long."""

    control_loss: Float[np.ndarray, "draw prompt strength"]
    """The same with those."""

    metric: str
    """In words."""

    sampling: str
    """How the text was written, in words."""

    texts: tuple[tuple[str, ...], ...] = ()
    """What was written on each prompt at each strength."""

    note: str = ""
    """E.g. that it was ended before its last prompt."""

    def __post_init__(self) -> None:
        n, size = len(self.effect), len(self.strengths)
        draws = len(self.control_effect)
        wanted = {
            "effect": (n, size),
            "loss": (n, size),
            "control_effect": (draws, n, size),
            "control_loss": (draws, n, size),
        }
        for name, shape in wanted.items():
            came = getattr(self, name).shape
            if came != shape:
                raise ResultError(f"{name} must have the shape {shape}; it has {came}.")

    @property
    def n(self) -> int:
        """How many prompts."""
        return len(self.effect)

    @property
    def n_control(self) -> int:
        """How many random directions."""
        return len(self.control_effect)

    def mean(self, of: str = "effect") -> Float[np.ndarray, " strength"]:
        """Return the mean over prompts.

        Args:
            of: ``"effect"`` or ``"loss"``.
        """
        means: np.ndarray = self._values(of).mean(axis=0)
        return means

    def interval(self, of: str = "effect") -> Float[np.ndarray, "2 strength"]:
        """Return 95 % intervals of ``mean`` by bootstrap over prompts; NaN for one prompt.

        Args:
            of: ``"effect"`` or ``"loss"``.
        """
        return bootstrap_interval(self._values(of))

    def control(self, of: str = "effect") -> Float[np.ndarray, "3 strength"]:
        """Return where 95 % of the random directions lie, and their mean: low, mean, high.

        Each is a mean over the same prompts.

        Args:
            of: ``"effect"`` or ``"loss"``.
        """
        self._values(of)
        draws = (self.control_effect if of == "effect" else self.control_loss).mean(axis=1)
        if not len(draws):
            return np.full((3, len(self.strengths)), np.nan)
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
        return np.stack([low, draws.mean(axis=0), high])

    def monotone(self) -> float:
        """Return Spearman's correlation of strength and mean effect."""
        from scipy.stats import spearmanr

        if np.ptp(self.mean()) == 0:
            return 0.0
        return float(spearmanr(self.strengths, self.mean()).statistic)

    def _values(self, of: str) -> np.ndarray:
        if of not in QUANTITIES:
            raise ResultError(f"`of` is {' or '.join(QUANTITIES)}; got {of!r:.40}.")
        values: np.ndarray = getattr(self, of)
        return values

    def to_frame(self) -> pd.DataFrame:
        """Return one row per strength.

        Columns: strength, added (its length), and of effect and loss the mean over prompts,
        low and high (95 %), control_low, control_mean, control_high; n, n_control.
        """
        import pandas as pd

        table: dict[str, Any] = {
            "strength": self.strengths,
            "added": self.strengths * self.unit,
        }
        for of in QUANTITIES:
            low, high = self.interval(of)
            table |= {of: self.mean(of), f"{of}_low": low, f"{of}_high": high}
            for name, line in zip(("low", "mean", "high"), self.control(of), strict=True):
                table[f"{of}_control_{name}"] = line
        return pd.DataFrame({**table, "n": self.n, "n_control": self.n_control})

    def summary(self) -> str:
        """Return in one line what was done."""
        prompts = "1 prompt" if self.n == 1 else f"{self.n} prompts"
        return f"{self.direction} at {self.place}: {self.metric}, {prompts}, {self.sampling}"

    def __repr__(self) -> str:
        at = [0, int(np.abs(self.strengths).argmin()), len(self.strengths) - 1]
        effect, (low, mean, high) = self.mean(), self.control()
        lines = [
            f"  {self.strengths[i]:+.3g}: {effect[i]:.3f}, random {mean[i]:.3f} "
            f"({low[i]:.3f} to {high[i]:.3f}, n = {self.n_control})"
            for i in dict.fromkeys(at)
        ]
        return "\n".join([self.summary(), *lines])

    def figure(self, **which: Any) -> Any:
        """Return a plotly figure: the effect, and below it the loss, against the strength.

        Args:
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.
        """
        return rendering("dose_response_figure")(self, **which)

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, plain = super()._parts()
        # An axis of length 0 has no tensor of its own in the file's format.
        return {name: array for name, array in arrays.items() if array.size}, plain

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> DoseResponse:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["texts"] = tuple(tuple(row) for row in plain["texts"])
        for name in ("control_effect", "control_loss"):
            fields.setdefault(name, np.zeros((0, *arrays["effect"].shape)))
        return cls(**fields)
