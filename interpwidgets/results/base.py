"""What every Result has: where it came from, saving and opening.

A saved Result is one safetensors file: arrays as tensors, the rest as JSON in its
metadata. It opens without torch and without the model.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from interpwidgets.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "interpwidgets-result"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Provenance:
    """Where a Result's numbers came from."""

    model: str = ""
    """The model's name or path as the user gave it."""

    revision: str = ""
    """Commit of the weights, or a hash of them; empty when unknown."""

    tokenizer: str = ""
    """The tokenizer's class."""

    dtype: str = ""
    """What the model computed in, e.g. ``"float32"``."""

    sites: tuple[str, ...] = ()
    """The sites that were read."""

    run: int = 0
    """Which run of its process, from 1; 0 when no model ran here."""

    intervened: tuple[str, ...] = ()
    """Places where the user changed a value during this run; empty for a plain one."""

    adapter: str = ""
    """The LoRA adapter and how strong it was, e.g. ``"my-lora × 0.5"``; empty for none."""

    bos: str = ""
    """Whether the prompt begins with the beginning-of-sequence token: ``"with BOS"`` or
    ``"no BOS"``; empty when the tokenizer has no such token."""

    note: str = ""
    """What else a reader must know, e.g. that attention was switched to eager."""

    @property
    def remarks(self) -> str:
        """What a view's stamp says beside model, site and precision."""
        return " · ".join(filter(None, [self.adapter, self.bos, self.note]))

    def in_full(self, precision: str) -> str:
        """Return all of it in one line, for where a view is asked where its numbers are from.

        Args:
            precision: How the numbers are kept.
        """
        said = {
            "model": f"{self.model} {self.revision}".strip() or "not known",
            "tokenizer": self.tokenizer or "none",
            "adapter": self.adapter or "none",
            "sites": ", ".join(self.sites),
            "computed in": self.dtype,
            "kept as": precision,
            "run": str(self.run) if self.run else "none here",
            "intervened": ", ".join(self.intervened) or "nothing",
            "": " · ".join(filter(None, [self.bos, self.note])),
        }
        return " · ".join(f"{name} {what}".strip() for name, what in said.items() if what)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Provenance:
        """Make one of what JSON gives."""
        return cls(**with_tuples(plain))


@dataclass(frozen=True)
class Result:
    """A method's output. Subclasses name their arrays and check them."""

    kind: ClassVar[str] = ""

    provenance: Provenance
    """Where the numbers came from."""

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as one tidy table."""
        raise NotImplementedError

    def save(self, path: str | Path) -> Path:
        """Write this Result to one file.

        Args:
            path: Where to; ``.safetensors`` is added when there is no suffix.

        Returns:
            The path written.
        """
        path = Path(path)
        if not path.suffix:
            path = path.with_suffix(".safetensors")
        arrays, plain = self._parts()
        metadata = {
            "format": FORMAT,
            "version": str(FORMAT_VERSION),
            "kind": self.kind,
            "fields": json.dumps(plain),
        }
        save_file(arrays, str(path), metadata=metadata)
        return path

    @functools.cached_property
    def fingerprint(self) -> str:
        """Six characters that tell this Result's content from another's."""
        arrays, plain = self._parts()
        digest = hashlib.blake2b(json.dumps(plain).encode(), digest_size=3)
        for name in sorted(arrays):
            digest.update(arrays[name].view(np.uint8).data)
        return digest.hexdigest()

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays, and the other fields as JSON has them."""
        arrays, plain = {}, {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                arrays[field.name] = np.ascontiguousarray(value)
            else:
                plain[field.name] = _plain(value)
        return arrays, plain

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> Result:
        """Make a Result of what ``save`` wrote."""
        raise NotImplementedError


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]


def read_saved(path: str | Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Open a file that ``Result.save`` wrote.

    Returns:
        The Result's kind, its arrays, its other fields.

    Raises:
        ResultError: The file is no saved Result, or of a version not known here.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ResultError(f"{path} is no saved Result: {error}") from error
    if metadata.get("format") != FORMAT:
        raise ResultError(f"{path} holds tensors but no saved Result of interpwidgets.")
    if metadata.get("version") != str(FORMAT_VERSION):
        raise ResultError(
            f"{path} is a Result of format version {metadata.get('version')}; this "
            f"interpwidgets reads version {FORMAT_VERSION}. Upgrade interpwidgets."
        )
    return metadata["kind"], arrays, json.loads(metadata["fields"])


def with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields read from JSON, which has no tuples, with tuples for lists."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
