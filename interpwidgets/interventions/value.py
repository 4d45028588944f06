"""What every intervention has: a site, where it is made, a form as JSON; several in order."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from interpwidgets.errors import InterventionError
from interpwidgets.interventions.ablation import Ablation
from interpwidgets.interventions.plain import to_plain
from interpwidgets.interventions.where import Where
from interpwidgets.sites import WHOLE_MODEL, check_site

#: Sites with an axis of heads.
HEAD_SITES = frozenset({"q", "k", "v", "z"})

DEFAULT_SITE = "resid_post"

#: Made of other sites, so that a change there would go nowhere.
_DERIVED = frozenset({"attn_scores", "result"})


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Intervention:
    """A change of one site, as a value: frozen, composed with ``+``, equal by content."""

    kind: ClassVar[str] = ""

    site: str = ""
    """A name of ``interpwidgets.sites.SITES``; ``resid_post`` unless told otherwise."""

    where: Where = dataclasses.field(default_factory=Where)
    """Which layers, heads and positions; all by default."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "site", self.site or DEFAULT_SITE)
        check_site(self.site)
        if self.site in _DERIVED:
            raise InterventionError(
                f"{self.site!r} is derived from other sites, so nothing reads a change made "
                "there. Change 'pattern' or 'z'."
            )
        if self.where.layers is not None and self.site in WHOLE_MODEL:
            raise InterventionError(
                f"{self.site!r} exists once, not in layers; leave `layers` out."
            )
        if self.where.heads is not None and self.site not in {*HEAD_SITES, "pattern"}:
            raise InterventionError(
                f"{self.site!r} has no heads; those are of {', '.join(sorted(HEAD_SITES))} "
                "and pattern."
            )

    def __add__(self, other: Any) -> Any:
        return Interventions((self,)) + other

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"kind": self.kind, **to_plain(self)}

    def to_json(self) -> str:
        """Return it as JSON, arrays included; ``interventions.from_json`` reads it."""
        return json.dumps(self.to_plain())

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.to_plain() == self.to_plain()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def words(self) -> str:
        """Return what it does, without where."""
        raise NotImplementedError

    def __str__(self) -> str:
        heads, positions = self.where.words_of_heads(), self.where.words_of_positions()
        return " ".join(filter(None, [heads, self.site, self.words(), positions]))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


Part = Intervention | Ablation


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
