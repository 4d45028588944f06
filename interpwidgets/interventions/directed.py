"""Interventions along a direction, or on single components."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from interpwidgets.directions import Direction
from interpwidgets.errors import InterventionError
from interpwidgets.interventions.value import Intervention
from interpwidgets.interventions.where import UNNAMED, as_direction
from interpwidgets.sites import WHOLE_MODEL


@dataclass(frozen=True, eq=False, repr=False)
class _Directed(Intervention):
    direction: Any
    """``[d]``, as wide as the site: d_model, or d_head for a site with heads; a Direction, or
    any array of numbers, kept as float32. Of a Direction the name is taken over, and its
    site and layer where ``site`` and ``where`` do not say others."""

    made_on: str = field(default="", kw_only=True)
    """The model that a Direction was made on; a run of another one says so."""

    def __post_init__(self) -> None:
        if isinstance(self.direction, Direction):
            self._take_over(self.direction)
        super().__post_init__()
        object.__setattr__(self, "direction", as_direction(self.direction))
        if self.site == "pattern":
            raise InterventionError(
                "attention weights have no direction; Ablate or Patch the site 'pattern'."
            )

    def _take_over(self, given: Direction) -> None:
        if getattr(self, "name", "") == UNNAMED:
            object.__setattr__(self, "name", given.name)
        object.__setattr__(self, "site", self.site or given.site)
        object.__setattr__(self, "made_on", self.made_on or given.origin.model)
        if self.where.layers is None and self.site not in WHOLE_MODEL:
            where = dataclasses.replace(self.where, layers=given.layer)
            object.__setattr__(self, "where", where)


@dataclass(frozen=True, eq=False, repr=False)
class Add(_Directed):
    """Add ``scale`` times a direction, as long as it was given.

    A scale of 0 changes nothing, and two additions commute up to rounding.

    Source:
        Turner et al. (2023), "Activation Addition". We differ in: any site.
    """

    kind: ClassVar[str] = "add"

    scale: float = 1.0
    """How much of it."""

    name: str = UNNAMED
    """What the direction is, in words."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "scale", _finite("scale", self.scale))

    def words(self) -> str:
        """Return what it does, without where."""
        return f"+ {self.scale:g} × {self.name}"


@dataclass(frozen=True, eq=False, repr=False)
class ProjectOut(_Directed):
    """Take away the component along a direction, whose length does not matter.

    Twice is the same as once.

    Source:
        Arditi et al. (2024), "Refusal in Language Models Is Mediated by a Single
        Direction", directional ablation. We differ in: any site.
    """

    kind: ClassVar[str] = "project_out"

    name: str = UNNAMED
    """What the direction is, in words."""

    def words(self) -> str:
        """Return what it does, without where."""
        return f"without {self.name}"


@dataclass(frozen=True, eq=False, repr=False)
class Clamp(_Directed):
    """Set the component along a direction, whose length does not matter, to a value.

    Source:
        Templeton et al. (2024), "Scaling Monosemanticity", clamping a feature. We differ
        in: the feature is its direction; nothing is encoded.
    """

    kind: ClassVar[str] = "clamp"

    value: float
    """In units of the site."""

    name: str = UNNAMED
    """What the direction is, in words."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "value", _finite("value", self.value))

    def words(self) -> str:
        """Return what it does, without where."""
        return f"with {self.name} set to {self.value:g}"


@dataclass(frozen=True, eq=False, repr=False)
class SignFlip(Intervention):
    """Turn the sign of components round; twice changes nothing."""

    kind: ClassVar[str] = "sign_flip"

    components: Sequence[int] | None = None
    """Which of the site's last axis; None: all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.components is not None:
            object.__setattr__(self, "components", tuple(int(i) for i in self.components))
        if self.site == "pattern":
            raise InterventionError("attention weights are not negative; there is no sign.")

    def words(self) -> str:
        """Return what it does, without where."""
        n = "all" if self.components is None else str(len(self.components))
        return f"with the sign of {n} components flipped"


def _finite(name: str, number: Any) -> float:
    value = float(number)
    if not np.isfinite(value):
        raise InterventionError(f"`{name}` must be a finite number; got {value}.")
    return value
