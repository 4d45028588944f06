"""Small trained models that ship with the package: no network is needed to open one.

Importing this module costs no torch; `interpwidgets.organisms.loading` opens the files.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["ORGANISMS", "organism_path"]

ORGANISMS: tuple[str, ...] = ("lil-attn-2l",)


def organism_path(name: str) -> Path | None:
    """Return the folder of a bundled model, or None if none has that name.

    Args:
        name: A name from ``ORGANISMS``.
    """
    return Path(__file__).parent / "weights" / name if name in ORGANISMS else None
