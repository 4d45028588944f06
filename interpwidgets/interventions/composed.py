"""Several interventions in order, and reading them back from JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from interpwidgets.errors import InterventionError
from interpwidgets.interventions.ablation import Ablation
from interpwidgets.interventions.directed import Add, Clamp, ProjectOut, SignFlip
from interpwidgets.interventions.plain import from_plain
from interpwidgets.interventions.replaced import Ablate, Patch
from interpwidgets.interventions.value import Intervention
from interpwidgets.interventions.where import Where

Part = Intervention | Ablation

KINDS: dict[str, type[Intervention]] = {
    kind.kind: kind for kind in (Ablate, Add, Clamp, Patch, ProjectOut, SignFlip)
}


@dataclass(frozen=True)
class Interventions:
    """Interventions made one after the other where they meet."""

    parts: tuple[Part, ...] = ()
    """In this order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", parts_of(self.parts))

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __add__(self, other: Any) -> Interventions:
        return Interventions((*self.parts, *parts_of(other)))

    def __str__(self) -> str:
        return "; ".join(str(part) for part in self.parts) or "nothing changed"

    def to_json(self) -> str:
        """Return them as a JSON list; ``from_json`` reads it."""
        return json.dumps([json.loads(part.to_json()) for part in self.parts])


def parts_of(given: Any) -> tuple[Part, ...]:
    """Return one, several or no interventions as a flat tuple.

    Args:
        given: An intervention, an ``Ablation``, a sequence of those, or None.

    Raises:
        InterventionError: It is something else.
    """
    if given is None:
        return ()
    if isinstance(given, (Intervention, Ablation)):
        return (given,)
    if isinstance(given, Interventions):
        return given.parts
    if isinstance(given, Sequence) and not isinstance(given, str):
        return tuple(part for one in given for part in parts_of(one))
    raise InterventionError(
        "expected an intervention, e.g. iw.interventions.Add(direction, 4.0), or several; got "
        f"{type(given).__name__} {given!r:.40}."
    )


def from_json(text: str) -> Any:
    """Return what ``to_json`` of an intervention, or of several, gave.

    Args:
        text: JSON.

    Raises:
        InterventionError: It is something else.
    """
    try:
        plain = json.loads(text)
    except json.JSONDecodeError as error:
        raise InterventionError(f"this is no JSON: {error}") from error
    if isinstance(plain, list):
        return Interventions(tuple(_part(one) for one in plain))
    return _part(plain)


def _part(plain: Any) -> Part:
    kind = plain.get("kind") if isinstance(plain, dict) else None
    if kind == "ablate":
        return Ablation.from_json(json.dumps(plain))
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise InterventionError(f"this is no intervention of a known kind ({known}): {kind!r}.")
    fields = {name: from_plain(value) for name, value in plain.items() if name != "kind"}
    try:
        return KINDS[kind](**{**fields, "where": Where.from_plain(fields.get("where", {}))})
    except TypeError as error:
        raise InterventionError(f"this JSON of {kind!r} does not fit: {error}") from error
