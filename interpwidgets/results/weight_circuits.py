"""What a model's weights say of its heads: copying, and which head feeds which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError, nearest
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.renderings import rendering

if TYPE_CHECKING:
    import pandas as pd

#: How an earlier head may feed a later one.
COMPOSITIONS: dict[str, str] = {
    "q": "through the queries of the later head",
    "k": "through the keys of the later head",
    "v": "through the values of the later head",
}

_SHOWN = 3


@dataclass(frozen=True, repr=False)
class WeightCircuits(Result):
    """Copying scores of every head, and composition scores of every pair of heads.

    From weights alone: no prompt was run. Scores of all tokens but for the diagonal's,
    which are of a sample where the vocabulary is large.
    """

    kind: ClassVar[str] = "weight_circuits"

    layers: tuple[int, ...]
    """The layers looked at."""

    eigenvalues: Float[np.ndarray, "layer head rank 2"]
    """float32, real and imaginary parts: of the circuit from a token that is attended to,
    through the head, to the logits. All that are not 0."""

    copying_random: Float[np.ndarray, " draw"]
    """float32; copying scores of random heads of equal shape in the same embeddings."""

    diagonal_rank: Float[np.ndarray, "layer head"]
    """float32; mean share of the vocabulary that a head raises more than the token itself
    when it attends to it; 0: the token is first, 0.5: chance."""

    top_1: Float[np.ndarray, "layer head"]
    """float32; share of tokens that the head raises most when it attends to them."""

    top_5: Float[np.ndarray, "layer head"]
    """float32; share of tokens that are among the 5 that it raises most."""

    composition: Float[np.ndarray, "kind layer head to_layer to_head"]
    """float32; ``COMPOSITIONS`` in order; NaN where the second head is not in a later
    layer."""

    composition_random: Float[np.ndarray, " draw"]
    """float32; the same of matrices of equal shape, drawn at random."""

    d_vocab: int
    """Tokens of the vocabulary."""

    n_tokens: int
    """Over how many of them the diagonal was looked at."""

    seed: int = 0
    """Of the draws."""

    def __post_init__(self) -> None:
        n_layers, n_heads = self.diagonal_rank.shape
        square = (len(COMPOSITIONS), n_layers, n_heads, n_layers, n_heads)
        if n_layers != len(self.layers) or self.composition.shape != square:
            raise ResultError(
                f"circuits of {len(self.layers)} layers need [layer, head] numbers and a "
                f"composition of {square}; got {n_layers} layers and {self.composition.shape}."
            )

    # ------------------------------------------------------------------------- numbers

    @property
    def copying(self) -> Float[np.ndarray, "layer head"]:
        """Σ λ / Σ |λ| of each head: 1 raises what it attends to, −1 lowers it."""
        return copying_scores(self.eigenvalues)

    def of(self, kind: str) -> Float[np.ndarray, "layer head to_layer to_head"]:
        """Return the composition scores of one kind.

        Args:
            kind: One of ``COMPOSITIONS``.

        Raises:
            ResultError: It is not.
        """
        if kind not in COMPOSITIONS:
            raise ResultError(f"no composition {kind!r}. {nearest(kind, COMPOSITIONS)}")
        scores: np.ndarray = self.composition[list(COMPOSITIONS).index(kind)]
        return scores

    @property
    def baseline(self) -> float:
        """The mean composition score of random matrices."""
        return float(self.composition_random.mean())

    @property
    def baseline_interval(self) -> tuple[float, float]:
        """What 95 % of random matrices score."""
        return _middle(self.composition_random)

    @property
    def copying_interval(self) -> tuple[float, float]:
        """What 95 % of random heads score in copying."""
        return _middle(self.copying_random)

    # -------------------------------------------------------------------------- tables

    def to_frame(self) -> pd.DataFrame:
        """Return one row per head.

        Columns: layer, head, copying, copying_low and copying_high (95 % of random heads),
        diagonal_rank, top_1, top_5, n_tokens.
        """
        import pandas as pd

        layer, head = np.indices(self.diagonal_rank.shape)
        low, high = self.copying_interval
        return pd.DataFrame(
            {
                "layer": np.array(self.layers)[layer.ravel()],
                "head": head.ravel(),
                "copying": self.copying.ravel(),
                "copying_low": low,
                "copying_high": high,
                "diagonal_rank": self.diagonal_rank.ravel(),
                "top_1": self.top_1.ravel(),
                "top_5": self.top_5.ravel(),
                "n_tokens": self.n_tokens,
            }
        )

    def pairs(self, kind: str | None = None, n: int | None = None) -> pd.DataFrame:
        """Return the pairs of heads, the strongest composition first.

        Columns: kind, name, layer, head, to_layer, to_head, score, ratio (to the mean of
        random matrices), low and high (95 % of those).

        Args:
            kind: One of ``COMPOSITIONS``; all by default.
            n: How many; all by default.
        """
        import pandas as pd

        kinds = list(COMPOSITIONS) if kind is None else [kind]
        scores = np.stack([self.of(one) for one in kinds])
        at = np.argwhere(self._ordered()[None] & np.isfinite(scores))
        values = scores[tuple(at.T)]
        order = np.argsort(-values, kind="stable")[:n]
        at, values = at[order], values[order]
        low, high = self.baseline_interval
        layers = np.array(self.layers)
        frame = pd.DataFrame(
            {
                "kind": [kinds[one] for one in at[:, 0]],
                "layer": layers[at[:, 1]],
                "head": at[:, 2],
                "to_layer": layers[at[:, 3]],
                "to_head": at[:, 4],
                "score": values,
                "ratio": values / self.baseline,
                "low": low,
                "high": high,
            }
        )
        frame.insert(1, "name", [_pair(row) for row in frame.itertuples(index=False)])
        return frame

    def _ordered(self) -> Bool[np.ndarray, "layer head to_layer to_head"]:
        earlier = np.less.outer(np.array(self.layers), np.array(self.layers))
        shape = self.composition.shape[1:]
        return np.broadcast_to(earlier[:, None, :, None], shape)

    def summary(self) -> str:
        """Return in one line which model's weights these are."""
        name = self.provenance.model or "a model"
        return f"{name}, {len(self.layers)} layers × {self.diagonal_rank.shape[1]} heads"

    def __repr__(self) -> str:
        order = np.argsort(-self.copying.ravel(), kind="stable")[:_SHOWN]
        heads = [np.unravel_index(at, self.copying.shape) for at in order]
        copying = ", ".join(
            f"{head_name(self.layers[layer], int(head))} {self.copying[layer, head]:+.2f}"
            for layer, head in heads
        )
        lines = [f"WeightCircuits of {self.summary()}", f"  copying  {copying}"]
        for kind in COMPOSITIONS:
            best = self.pairs(kind, _SHOWN)
            said = [f"{r.name} {r.score:.3f}" for r in best.itertuples(index=False)]
            lines.append(f"  {kind.upper()}        {', '.join(said) or 'one layer'}")
        low, high = self.baseline_interval
        lines.append(f"  random matrices compose by {low:.3f}–{high:.3f}")
        return "\n".join(lines)

    def figure(self, what: str = "k", **which: Any) -> Any:
        """Return a plotly figure of one measure.

        Args:
            what: ``"q"``, ``"k"`` or ``"v"`` composition, earlier heads down and later ones
                across; ``"copying"``; or ``"eigenvalues"``.
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.
        """
        return rendering("weight_circuits_figure")(self, what, **which)

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> WeightCircuits:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        return cls(**fields)


def copying_scores(
    eigenvalues: Float[np.ndarray, "*heads rank 2"],
) -> Float[np.ndarray, "*heads"]:
    """Return Σ λ / Σ |λ|; the sum is real, for eigenvalues come in conjugate pairs.

    Args:
        eigenvalues: Real and imaginary parts.
    """
    sizes = np.linalg.norm(eigenvalues.astype(np.float64), axis=-1).sum(axis=-1)
    total = eigenvalues[..., 0].astype(np.float64).sum(axis=-1)
    found: np.ndarray = total / np.where(sizes > 0, sizes, 1)
    return found


def _middle(draws: Float[np.ndarray, " draw"]) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _pair(row: Any) -> str:
    one, other = head_name(row.layer, row.head), head_name(row.to_layer, row.to_head)
    return f"{one} → {other} {row.kind.upper()}"
