"""What every intervention has: a site, where it is made, and a form as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar

from interpwidgets.errors import InterventionError
from interpwidgets.interventions.plain import to_plain
from interpwidgets.interventions.where import Where
from interpwidgets.sites import WHOLE_MODEL, check_site

#: Sites with an axis of heads.
HEAD_SITES = frozenset({"q", "k", "v", "z"})

#: Made of other sites, so that a change there would go nowhere.
_DERIVED = frozenset({"attn_scores", "result"})


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Intervention:
    """A change of one site, as a value: frozen, composed with ``+``, equal by content."""

    kind: ClassVar[str] = ""

    site: str = "resid_post"
    """A name of ``interpwidgets.sites.SITES``."""

    where: Where = dataclasses.field(default_factory=Where)
    """Which layers, heads and positions; all by default."""

    def __post_init__(self) -> None:
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
        from interpwidgets.interventions.composed import Interventions

        return Interventions((self,)) + other

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"kind": self.kind, **to_plain(self)}

    def to_json(self) -> str:
        """Return it as JSON, arrays included; ``interventions.from_json`` reads it."""
        return json.dumps(self.to_plain())

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.to_plain() == self.to_plain()  # type: ignore[attr-defined]

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
