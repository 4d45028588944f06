"""What a path between two parts of a model can begin and end at, by name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from interpwidgets.axes import head_name

#: What a part is read and changed at.
SITE_OF = {
    "embed": "embed",
    "head": "z",
    "q": "q",
    "k": "k",
    "v": "v",
    "mlp": "mlp_out",
    "logits": "logits",
}
SENDING = ("embed", "head", "mlp")
RECEIVING = ("head", "q", "k", "v", "mlp", "logits")

_NAME = re.compile(r"L(\d+) ?(?:H(\d+))?(?: ?(mlp|q|k|v))?")


@dataclass(frozen=True)
class PathNode:
    """A head, one of its inputs, an MLP, the embedding or the logits."""

    part: str
    """A name of ``SITE_OF``."""

    layer: int | None = None
    """None for the embedding and the logits."""

    head: int | None = None
    """Of ``k`` and ``v`` the key-value head; None for what is no head."""

    @property
    def site(self) -> str:
        """Where it is read and changed."""
        return SITE_OF[self.part]

    @property
    def name(self) -> str:
        """As views write it: ``"L1 H3 k"``, ``"L2 mlp"``, ``"embed"``."""
        if self.layer is None:
            return self.part
        if self.head is None:
            return f"L{self.layer} {self.part}"
        part = "" if self.part == "head" else f" {self.part}"
        return head_name(self.layer, self.head) + part

    def reaches(self, receiver: PathNode) -> bool:
        """Whether what it writes is in the residual stream that a receiver reads.

        Args:
            receiver: Where a path would end.
        """
        return self._stage() < receiver._stage()

    def _stage(self) -> tuple[float, int]:
        if self.layer is None:
            return (-1.0, 0) if self.part == "embed" else (float("inf"), 0)
        return float(self.layer), int(self.part == "mlp")

    @classmethod
    def from_name(cls, name: str) -> PathNode | None:
        """Return what a name stands for; None where it is no name of one.

        Args:
            name: As ``name`` gives it.
        """
        if name in ("embed", "logits"):
            return cls(name)
        found = _NAME.fullmatch(name.strip())
        if found is None:
            return None
        layer, head, part = found.groups()
        if (head is None) == (part == "mlp") and part in ("mlp", "q", "k", "v", None):
            return cls(part or "head", int(layer), None if head is None else int(head))
        return None
