"""Effects between a clean and a corrupted run: 0 as the corrupted one, 1 as the clean one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, with_tuples
from interpwidgets.results.effect_grid import EffectGrid
from interpwidgets.results.tokens import Tokens

#: Which run is changed, and what that shows.
DIRECTIONS = {
    "denoising": "clean patched into corrupted: what is enough to restore the answer",
    "noising": "corrupted patched into clean: what the answer cannot do without",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class PairGrid(EffectGrid):
    """A grid of patches between pairs of prompts."""

    direction: str
    """``"denoising"`` or ``"noising"``: see ``DIRECTIONS``."""

    clean_values: Float[np.ndarray, " pair"]
    """The metric of each clean run."""

    corrupted_values: Float[np.ndarray, " pair"]
    """The metric of each corrupted run."""

    clean: tuple[Tokens, ...]
    """The clean prompts."""

    corrupted: tuple[Tokens, ...]
    """The corrupted prompts."""

    mapping: tuple[tuple[tuple[int, int], ...], ...]
    """Of each pair: (clean position, corrupted position) of tokens that belong together."""

    positions: tuple[int, ...] = ()
    """Positions that are patched at once; empty: all that have a partner."""

    def _check_pairs(self) -> None:
        n = len(self.clean)
        per_pair = (self.corrupted, self.mapping, self.clean_values, self.corrupted_values)
        if any(len(one) != n for one in per_pair) or self.direction not in DIRECTIONS:
            raise ResultError(
                f"a grid of {n} pairs needs as many corrupted prompts, mappings and values, "
                f"and a direction of {', '.join(DIRECTIONS)}; got {self.direction!r}."
            )

    @property
    def neutral(self) -> float:
        """The share of a cell that does nothing."""
        return 0.0 if self.direction == "denoising" else 1.0

    @property
    def shares(self) -> Float[np.ndarray, "pair row column"]:
        """Every pair's cells: 0 as the corrupted run, 1 as the clean one."""
        return self._normalised(self.raw)

    @property
    def scale(self) -> float:
        """How far colours reach to either side of 0: 1, or as far as the largest share."""
        return max(1.0, super().scale)

    @property
    def base(self) -> tuple[Tokens, ...]:
        """The prompts that were changed."""
        return self.corrupted if self.direction == "denoising" else self.clean

    def _normalised(self, raw: np.ndarray) -> np.ndarray:
        corrupted = self.corrupted_values[:, None, None]
        return (raw - corrupted) / (self.clean_values[:, None, None] - corrupted)

    def __repr__(self) -> str:
        low, high = self.clean_values.mean(), self.corrupted_values.mean()
        control = "no control yet" if self.control is None else f"control {self.control}"
        lines = [
            self.summary(),
            f"  clean {low:.4g} {self.unit}, corrupted {high:.4g}; 0 as corrupted, 1 as clean",
            f"  {', '.join(self.best()) or 'no cell was run'}",
            f"  {control}",
        ]
        return "\n".join(lines)

    def summary(self) -> str:
        """Return in one line what was patched into what, and how it was measured."""
        raise NotImplementedError

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> PairGrid:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        for name in ("clean", "corrupted"):
            fields[name] = tuple(Tokens.from_plain(tokens) for tokens in plain[name])
        fields["mapping"] = tuple(_pairs(pairs) for pairs in plain["mapping"])
        fields["answers"] = tuple(tuple(ids) for ids in plain["answers"])
        return cls(**fields)

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, plain = super()._parts()
        for name in ("clean", "corrupted"):
            plain[name] = [vars(tokens) for tokens in getattr(self, name)]
        return arrays, plain


def _pairs(plain: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((there, here) for there, here in plain)
