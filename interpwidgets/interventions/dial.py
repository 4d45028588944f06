"""A direction with a strength to turn: what a steering slider stands for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interpwidgets.directions import Direction
from interpwidgets.errors import InterventionError
from interpwidgets.interventions.directed import Add
from interpwidgets.interventions.where import Threshold, Where


@dataclass(frozen=True)
class Dial:
    """Makes interventions of strengths, in units of a site's mean norm at each layer."""

    direction: Direction
    """What is added; its length does not matter."""

    units: Mapping[int | None, float]
    """By layer: the mean norm there. A strength of 1 adds a vector as long as that. The key
    is None of a site that exists once."""

    positions: Any = None
    """As of ``Where``; None: everywhere."""

    when: Threshold | None = None
    """A gate: only where it is passed."""

    tokens: Any = None
    """As of ``Where``."""

    known: Mapping[int | None, float] = field(default_factory=dict)
    """The unit of every layer it could be added at; those of ``units`` by default."""

    def __post_init__(self) -> None:
        if not self.units or any(not unit > 0 for unit in self.units.values()):
            raise InterventionError(
                "a dial needs the norm of its site at one layer or more; got "
                f"{dict(self.units)}."
            )
        object.__setattr__(self, "known", {**self.known, **self.units})

    @property
    def layers(self) -> tuple[int, ...]:
        """Where it is added; empty for a site that exists once."""
        return tuple(layer for layer in self.units if layer is not None)

    @property
    def place(self) -> str:
        """Where it is added, in words."""
        where = Where(layers=self.layers or None, positions=self.positions, when=self.when)
        return " ".join(filter(None, [self.direction.site, str(where)]))

    def at(self, strength: float | int) -> tuple[Add, ...]:
        """Return what a strength means: an addition a layer; of 0, nothing.

        Args:
            strength: In units; negative: the other way.
        """
        if not strength:
            return ()
        return tuple(
            Add(
                self.direction.unit,
                float(strength) * unit,
                name=self.direction.name,
                site=self.direction.site,
                where=Where(
                    layers=layer,
                    positions=self.positions,
                    tokens=self.tokens,
                    when=self.when,
                ),
            )
            for layer, unit in self.units.items()
        )

    def turned_to(self, direction: Direction) -> Dial:
        """Return the same for another direction.

        Args:
            direction: As wide; e.g. ``direction.random_like(seed)``.
        """
        return dataclasses.replace(self, direction=direction)

    def moved_to(self, layers: Sequence[int] | None = None, positions: Any = None) -> Dial:
        """Return the same at other layers and positions.

        Args:
            layers: Of those whose unit is known; None: as they are.
            positions: As of ``Where``; None: everywhere.

        Raises:
            InterventionError: The unit of a layer is not known.
        """
        if layers is None or not self.layers:
            return dataclasses.replace(self, positions=positions)
        missing = [layer for layer in layers if layer not in self.known]
        if missing or not layers:
            known = ", ".join(str(layer) for layer in self.known)
            raise InterventionError(
                f"a dial is added at one layer or more of {known}; got {list(layers)}."
            )
        units: dict[int | None, float] = {
            layer: self.known[layer] for layer in sorted(set(layers))
        }
        return dataclasses.replace(self, units=units, positions=positions)
