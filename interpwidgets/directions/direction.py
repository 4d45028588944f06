"""A vector at a site of a model, with how it was made and from what."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from interpwidgets.directions.saving import write_direction
from interpwidgets.errors import DirectionError
from interpwidgets.sites import WHOLE_MODEL, check_site

#: Examples whose text a direction keeps; of all it keeps a checksum.
MOST_EXAMPLES = 32


@dataclass(frozen=True)
class Origin:
    """How a direction was made, and from what."""

    method: str = "given"
    """Which estimator, e.g. ``"mean_difference"``; ``"given"`` for an array."""

    how: str = ""
    """The same in words, arithmetic done since included."""

    model: str = ""
    """The model's name as the user gave it."""

    revision: str = ""
    """Commit of its weights; empty when unknown."""

    adapter: str = ""
    """The LoRA adapter and how strong it was; empty for none."""

    classes: tuple[str, ...] = ()
    """What it points away from and what it points to; one name: that against the rest."""

    position: str = ""
    """Which token of each example was read."""

    split: str = ""
    """Which of the examples it is from."""

    n_examples: int = 0
    """How many."""

    examples: tuple[str, ...] = ()
    """The first of them."""

    checksum: str = ""
    """Of all of them with their labels."""

    site_norm: float = 0.0
    """Mean length of the site's vectors on those examples, at the tokens read; 0: not
    known. A strength is best told in units of it."""


@dataclass(frozen=True, eq=False, repr=False)
class Direction:
    """A vector at a site; ``+ − * /`` make others, which remember what of."""

    vector: Any
    """``[d]``, any array of finite numbers that is not all 0; kept as float32."""

    site: str = "resid_post"
    """Where it is from: a name of ``interpwidgets.sites.SITES``."""

    layer: int | None = None
    """Of which layer; None: of no layer in particular, or of a site that exists once."""

    name: str = "a direction"
    """What it stands for, in words."""

    origin: Origin = field(default_factory=Origin)
    """How it was made."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", _checked(self.vector))
        check_site(self.site)
        if self.layer is not None and (self.site in WHOLE_MODEL or self.layer < 0):
            raise DirectionError(
                f"`layer` counts from 0, and {', '.join(sorted(WHOLE_MODEL))} have none; got "
                f"layer {self.layer} of {self.site}."
            )

    # ------------------------------------------------------------------------- numbers

    @property
    def norm(self) -> float:
        """Its length, in units of the site."""
        return float(np.linalg.norm(self.vector.astype(np.float64)))

    @property
    def unit(self) -> Direction:
        """The same direction with length 1."""
        return self._with(self.vector / self.norm, self.name, f"{self._how}, length 1")

    @property
    def strength(self) -> float:
        """Its length in units of the site's mean norm; NaN where that is not known."""
        known = self.origin.site_norm
        return self.norm / known if known else float("nan")

    def __len__(self) -> int:
        return len(self.vector)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.vector, dtype=dtype, copy=True if copy is None else copy)

    def cosine(self, other: Any) -> float:
        """Return the cosine of the angle to another direction.

        Args:
            other: A direction or an array, as wide as this.
        """
        theirs = self._same_width(other).astype(np.float64)
        own = self.vector.astype(np.float64)
        length = np.linalg.norm(own) * np.linalg.norm(theirs)
        if not length:
            raise DirectionError("a vector of zeros has no direction, so no cosine.")
        return float(own @ theirs / length)

    # ---------------------------------------------------------------------- arithmetic

    def __add__(self, other: Any) -> Direction:
        return self._sum(other, 1.0, "+")

    def __sub__(self, other: Any) -> Direction:
        return self._sum(other, -1.0, "−")

    def __neg__(self) -> Direction:
        return self._with(-self.vector, f"− {self.name}", f"− ({self._how})")

    def __mul__(self, scale: float | int) -> Direction:
        return self._with(
            self.vector * float(scale), f"{scale:g} × {self.name}", f"{scale:g} × ({self._how})"
        )

    __rmul__ = __mul__

    def __truediv__(self, scale: float | int) -> Direction:
        if not scale:
            raise DirectionError("a direction divided by 0 is none.")
        return self * (1 / scale)

    def project_out(self, other: Any) -> Direction:
        """Return what is left without the component along another direction.

        Its cosine with the other is 0.

        Args:
            other: A direction or an array, as wide as this.
        """
        theirs = self._same_width(other).astype(np.float64)
        own = self.vector.astype(np.float64)
        left = own - theirs * (own @ theirs) / (theirs @ theirs)
        if np.linalg.norm(left) <= 1e-6 * np.linalg.norm(own):
            raise DirectionError(
                f"{self.name} lies along {_name_of(other)}: nothing is left without it."
            )
        name = f"{self.name} without {_name_of(other)}"
        return self._with(left, name, f"({self._how}) without ({_how_of(other)})")

    def random_like(self, seed: int = 0) -> Direction:
        """Return a random direction of the same length at the same place: its control.

        Args:
            seed: Of the draw, evenly over all directions.
        """
        drawn = np.random.default_rng(seed).standard_normal(len(self))
        origin = dataclasses.replace(
            self.origin,
            method="random",
            how=f"random, as long as {self.name}, seed {seed}",
            classes=(),
        )
        vector = drawn * (self.norm / np.linalg.norm(drawn))
        return dataclasses.replace(self, vector=vector, name="random", origin=origin)

    # ------------------------------------------------------------------------- showing

    @property
    def place(self) -> str:
        """Where it is, in words: ``"resid_post L6"``."""
        return self.site if self.layer is None else f"{self.site} L{self.layer}"

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        known = [self.place, f"d {len(self)}", f"norm {self.norm:.3g}"]
        if self.origin.site_norm:
            known.append(f"{self.strength:.2g} of the site's mean norm")
        known += [self._how, self.origin.model, self.origin.adapter]
        return f"<Direction {self.name}: {', '.join(filter(None, known))}>"

    def save(self, path: str | Path) -> Path:
        """Write it to one safetensors file, all but the vector as JSON in its metadata.

        Args:
            path: Where to; ``.safetensors`` is added when there is no suffix.

        Returns:
            The path written; ``iw.load_direction`` opens it.
        """
        fields = {"site": self.site, "layer": self.layer, "name": self.name}
        return write_direction(
            path, self.vector, {**fields, "origin": dataclasses.asdict(self.origin)}
        )

    # ------------------------------------------------------------------------- helpers

    @property
    def _how(self) -> str:
        return self.origin.how or self.origin.method

    def _with(self, vector: np.ndarray, name: str, how: str) -> Direction:
        origin = dataclasses.replace(self.origin, how=how)
        return dataclasses.replace(self, vector=vector, name=name, origin=origin)

    def _sum(self, other: Any, sign: float, mark: str) -> Direction:
        vector = self.vector + sign * self._same_width(other)
        how = f"({self._how}) {mark} ({_how_of(other)})"
        return self._with(vector, f"{self.name} {mark} {_name_of(other)}", how)

    def _same_width(self, other: Any) -> Float[np.ndarray, " d"]:
        theirs = np.asarray(other.vector if isinstance(other, Direction) else other, float)
        if theirs.shape != self.vector.shape:
            raise DirectionError(
                f"{self.name} is {len(self)} wide; {_name_of(other)} has shape "
                f"{list(theirs.shape)}: it is of another site or model."
            )
        return theirs


def first_examples(examples: Sequence[str]) -> tuple[str, ...]:
    """Return the examples whose text a direction keeps.

    Args:
        examples: All of them.
    """
    return tuple(examples[:MOST_EXAMPLES])


def _name_of(other: Any) -> str:
    return other.name if isinstance(other, Direction) else "an array"


def _how_of(other: Any) -> str:
    return other._how if isinstance(other, Direction) else "an array"


def _checked(vector: Any) -> Float[np.ndarray, " d"]:
    plain = np.asarray(getattr(vector, "tolist", lambda: vector)(), dtype=np.float64)
    with np.errstate(over="ignore"):
        array = plain.astype(np.float32)
    if array.ndim != 1 or not np.isfinite(array).all() or not array.any():
        finite = "" if np.isfinite(array).all() else " with NaN, inf or beyond float32"
        raise DirectionError(
            "a direction is one axis of finite numbers, not all 0; got shape "
            f"{list(array.shape)}{finite}."
        )
    array.flags.writeable = False
    return array
