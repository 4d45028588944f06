"""Small trained models that ship with the package: no network is needed to open one.

Importing this module costs no torch; `interpwidgets.organisms.loading` opens the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["ADAPTERS", "ORGANISMS", "adapter_path", "organism_path"]

ORGANISMS: tuple[str, ...] = ("lilliput", "lil-attn-2l")
ADAPTERS: Mapping[str, tuple[str, ...]] = {
    "lilliput": (
        *("evaluation-typed", "pirate"),
        *("quirk-a", "quirk-b", "quirk-c", "quirk-d"),
    )
}
"""The adapters that ship with each model."""


def organism_path(name: str) -> Path | None:
    """Return the folder of a bundled model, or None if none has that name.

    Args:
        name: A name from ``ORGANISMS``.
    """
    return Path(__file__).parent / "weights" / name if name in ORGANISMS else None


def adapter_path(name: str, adapter: str) -> Path | None:
    """Return the folder of a bundled adapter, in peft's format, or None.

    Args:
        name: A name from ``ORGANISMS``.
        adapter: A name from ``ADAPTERS[name]``.
    """
    folder = organism_path(name)
    if folder is None or adapter not in ADAPTERS.get(name, ()):
        return None
    return folder / "adapters" / adapter
