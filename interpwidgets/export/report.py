"""What an export wrote and what it had to leave out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """An exported page. It prints as one line, and one more of what was left out."""

    path: Path
    """The file written."""

    n_bytes: int
    """Its size."""

    n_views: int
    """Live views in it."""

    left_out: tuple[str, ...] = ()
    """What the page does not show as the notebook did, with how often."""

    def __str__(self) -> str:
        views = f"{self.n_views} live view{'' if self.n_views == 1 else 's'}"
        line = f"{self.path}: {size_text(self.n_bytes)}, {views}, opens with no network"
        return "\n".join([line, *(f"left out: {what}" for what in self.left_out)])


def size_text(n_bytes: int) -> str:
    """Return a size as ``412 kB`` or ``1.3 MB``.

    Args:
        n_bytes: The size.
    """
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 999_500 else f"{-(-n_bytes // 1000)} kB"


def counted(notes: list[str]) -> tuple[str, ...]:
    """Return each note once with how often it came, in order of first coming.

    Args:
        notes: One sentence per thing left out.
    """
    return tuple(f"{n} × {note}" for note, n in Counter(notes).items())
