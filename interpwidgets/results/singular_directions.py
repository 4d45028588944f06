"""The strongest directions that a head or an MLP writes, as words of the vocabulary."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.axes import check_members, head_name
from interpwidgets.directions import Direction, Origin
from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.renderings import rendering

if TYPE_CHECKING:
    import pandas as pd

Words = tuple[tuple[str, ...], ...]

_SHOWN, _WORDS = 4, 5


@dataclass(frozen=True, repr=False)
class SingularDirections(Result):
    """Singular value by singular value, what is written and what it is written for.

    A sign is free for each direction: the one is taken whose largest logit is positive.
    """

    kind: ClassVar[str] = "singular_directions"

    layer: int
    """The layer."""

    head: int
    """The head whose ``W_V W_O`` this is; −1: the output weights of the MLP."""

    singular: Float[np.ndarray, " rank"]
    """float32; the largest first, those kept."""

    share: Float[np.ndarray, " rank"]
    """float32; of the sum of all squared singular values."""

    write: Words
    """For each, the tokens whose logits it raises most."""

    write_logit: Float[np.ndarray, "rank token"]
    """float32; how much, of a direction of length 1, the last norm's scale left out."""

    lower: Words
    """For each, the tokens whose logits it lowers most."""

    lower_logit: Float[np.ndarray, "rank token"]
    """float32."""

    read: Words
    """Of a head, for each the tokens whose embeddings call it up most; empty for an MLP."""

    random_top: Float[np.ndarray, " draw"]
    """float32, the control: the largest logit of random directions of length 1."""

    vectors: Float[np.ndarray, "rank d_model"] | None = None
    """float32; the directions themselves, of length 1; None in files of older versions."""

    def __post_init__(self) -> None:
        n = len(self.singular)
        columns = (self.share, self.write, self.write_logit, self.lower, self.lower_logit)
        if {len(column) for column in columns} != {n} or len(self.read) not in (0, n):
            raise ResultError(f"every column needs one entry for each of {n} directions.")

    @property
    def name(self) -> str:
        """What writes: ``"L1 H3"`` or ``"L1 MLP"``."""
        return f"L{self.layer} MLP" if self.head < 0 else head_name(self.layer, self.head)

    @property
    def random_interval(self) -> tuple[float, float]:
        """Between what the largest logits of 95 % of random directions lie."""
        low, high = np.quantile(self.random_top, [0.025, 0.975])
        return float(low), float(high)

    def direction(self, rank: int = 0) -> Direction:
        """Return one as a direction of the residual stream behind its layer, of length 1.

        Args:
            rank: Which, the strongest first.

        Raises:
            ResultError: There is no such one, or an old file without vectors was opened.
        """
        if self.vectors is None:
            raise ResultError("this was saved without its vectors; compute it again.")
        (rank,) = check_members("rank", [rank], len(self.vectors), of="this Result")
        origin = Origin(
            method="singular_vector",
            how=f"singular vector {rank} of what {self.name} writes, by weights alone",
            model=self.provenance.model,
            revision=self.provenance.revision,
            adapter=self.provenance.adapter,
        )
        name = f"{self.name} writing {self.write[rank][0].strip()!r}"
        return Direction(self.vectors[rank], "resid_post", self.layer, name, origin)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per direction.

        Columns: rank, singular, share, top_logit, low and high (95 % of the same of random
        directions), write, lower, read (texts of tokens, the strongest first).
        """
        import pandas as pd

        low, high = self.random_interval
        return pd.DataFrame(
            {
                "rank": np.arange(len(self.singular)),
                "singular": self.singular,
                "share": self.share,
                "top_logit": self.write_logit[:, 0],
                "low": low,
                "high": high,
                "write": list(self.write),
                "lower": list(self.lower),
                "read": list(self.read) or [()] * len(self.singular),
            }
        )

    def summary(self) -> str:
        """Return in one line whose weights these are."""
        return f"{self.provenance.model or 'a model'}, {self.name}"

    def __repr__(self) -> str:
        lines = [f"SingularDirections of {self.summary()}"]
        rows = zip(self.singular, self.share, self.write, strict=True)
        for singular, share, write in itertools.islice(rows, _SHOWN):
            words = ", ".join(map(repr, write[:_WORDS]))
            lines.append(f"  {singular:.2f} ({share:.0%})  {words}")
        low, high = self.random_interval
        lines.append(f"  largest logit of random directions {low:.2f}–{high:.2f}")
        return "\n".join(lines)

    def figure(self, **which: Any) -> Any:
        """Return a plotly figure of the singular values, with what each writes.

        Args:
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.
        """
        return rendering("singular_directions_figure")(self, **which)

    @classmethod
    def from_saved(
        cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]
    ) -> SingularDirections:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        for name in ("write", "lower", "read"):
            fields[name] = tuple(tuple(words) for words in plain[name])
        return cls(**fields)
