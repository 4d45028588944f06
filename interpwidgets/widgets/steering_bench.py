"""Where the dials of a steering studio stand, and who writes its texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from interpwidgets.errors import InterventionError
from interpwidgets.interventions.dial import Dial
from interpwidgets.interventions.value import Part
from interpwidgets.results.dose_response import DoseResponse
from interpwidgets.results.steering import SteeredText


@dataclass(frozen=True)
class Setting:
    """Where everything on the panel stands."""

    dials: tuple[Dial, ...]
    strengths: tuple[float, ...]
    extras: tuple[Part, ...] = ()
    on: tuple[bool, ...] = ()
    max_new_tokens: int = 40
    temperature: float = 0.0
    seed: int = 0

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is changed."""
        turned = zip(self.dials, self.strengths, strict=True)
        dialled = [part for dial, strength in turned for part in dial.at(strength)]
        extras = [part for part, on in zip(self.extras, self.on, strict=True) if on]
        return (*dialled, *extras)

    def positions(self, n: int) -> list[int] | None:
        """Return where the dials act in a prompt; None: everywhere.

        Args:
            n: Its length.
        """
        wanted = self.dials[0].positions if self.dials else None
        if wanted is None:
            return None
        many = wanted if isinstance(wanted, (list, tuple)) else [wanted]
        whole = all(isinstance(one, int) for one in many)
        return [one % n for one in many] if whole else None

    def moved(self, strengths: Sequence[Any], changes: dict[str, Any]) -> Setting:
        """Return where everything stands after a change, checked.

        Args:
            strengths: One a dial.
            changes: ``layers``, ``positions``, ``on`` and how the text is written.

        Raises:
            InterventionError: It does not fit this panel.
        """
        layers = changes.pop("layers", None)
        known = {"positions", "on", "max_new_tokens", "temperature", "seed"}
        if unknown := sorted(set(changes) - known):
            raise InterventionError(
                f"steering has no {unknown[0]!r}; it has strengths, layers, "
                f"{', '.join(sorted(known))}."
            )
        if len(strengths) != len(self.dials) or (layers and len(layers) != len(self.dials)):
            raise InterventionError(
                f"this view has {len(self.dials)} dials; got {len(strengths)} strengths"
                + (f" and layers for {len(layers)}." if layers else ".")
            )
        if not all(abs(strength) < float("inf") for strength in strengths):
            raise InterventionError(f"strengths are finite numbers; got {list(strengths)}.")
        positions = changes.pop("positions", self.dials[0].positions if self.dials else None)
        dials = [
            dial.moved_to(layers[at] if layers else None, positions)
            for at, dial in enumerate(self.dials)
        ]
        on = tuple(bool(one) for one in changes.pop("on", self.on))
        if len(on) != len(self.extras):
            raise InterventionError(
                f"this view has {len(self.extras)} further interventions; got {len(on)}."
            )
        strong = tuple(float(strength) for strength in strengths)
        return dataclasses.replace(self, dials=tuple(dials), strengths=strong, on=on, **changes)


@runtime_checkable
class SteeringBench(Protocol):
    """Who writes the texts of a view."""

    @property
    def metric(self) -> str:
        """What a dose-response measures, in words; empty: nothing yet."""

    @property
    def can_show(self) -> bool:
        """Whether other views would show the steered run."""

    def write(self, setting: Setting, turn: int) -> SteeredText:
        """Write both texts now, told to the view as they come."""

    def write_from(self, setting: Setting, turn: int) -> None:
        """Queue the same; it ends when a later turn begins."""

    def dose(self, setting: Setting, dial: int) -> DoseResponse:
        """Measure a dial's dose-response now."""

    def dose_from(self, setting: Setting, dial: int) -> None:
        """Queue the same."""

    def show_from(self, setting: Setting, result: SteeredText, side: str) -> None:
        """Queue a run of a text for the board's other views."""

    def release(self) -> None:
        """Forget what waits."""
