"""Reading interventions back from JSON."""

from __future__ import annotations

import json
from typing import Any

from interpwidgets.errors import InterventionError
from interpwidgets.interventions.ablation import Ablation
from interpwidgets.interventions.directed import Add, Clamp, ProjectOut, SignFlip
from interpwidgets.interventions.plain import from_plain
from interpwidgets.interventions.replaced import Ablate, Patch
from interpwidgets.interventions.value import Intervention, Interventions, Part
from interpwidgets.interventions.where import Where

KINDS: dict[str, type[Intervention]] = {
    kind.kind: kind for kind in (Ablate, Add, Clamp, Patch, ProjectOut, SignFlip)
}


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
