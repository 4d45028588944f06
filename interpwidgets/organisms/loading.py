"""Open a bundled model and its tokenizer from the files that ship with the package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

import interpwidgets.organisms.attention_only  # noqa: F401  (registers the architecture)
from interpwidgets.errors import ModelError, nearest
from interpwidgets.organisms import ORGANISMS, organism_path
from interpwidgets.organisms.tokenizer import WordTokenizer

WEIGHTS = "model.safetensors"
SUMS = "SHA256SUMS"


def load_organism(
    name: str,
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    step: int | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Open a bundled model with its tokenizer; nothing is downloaded.

    Args:
        name: A name from ``ORGANISMS``.
        device: Where to put it; the CPU by default.
        dtype: Of the weights; as they were saved (float32) by default.
        step: A moment of its training, one of ``snapshot_steps``; the trained model by
            default. These weights were kept in float16.

    Returns:
        The model, ready to evaluate, and its tokenizer.

    Raises:
        ModelError: No such model or snapshot, or its files are missing or damaged.
    """
    folder = _folder(name)
    weights = folder / WEIGHTS if step is None else _snapshot(name, step)
    try:
        with _without_progress_bars():
            model, info = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, local_files_only=True, output_loading_info=True
            )
        if info["missing_keys"] or info["mismatched_keys"]:
            raise ValueError(f"no weights for {sorted(info['missing_keys'])}")
        if step is None:
            _check_sum(weights)
        else:
            model.load_state_dict(load_file(weights))
        tokenizer = WordTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{name} should open from {weights}, but its files are missing or damaged "
            f"({reason}). Install interpwidgets again, or train it: "
            f"python -m interpwidgets.organisms.train {name}"
        ) from error
    return model.to(device=device).eval(), tokenizer


def snapshot_steps(name: str) -> tuple[int, ...]:
    """Return the training steps at which a bundled model's weights were kept."""
    files = (_folder(name) / "snapshots").glob("step-*.safetensors")
    return tuple(sorted(int(file.stem.removeprefix("step-")) for file in files))


def write_sum(folder: Path) -> None:
    """Write the checksum of a folder's weights beside them, as ``sha256sum`` does.

    Args:
        folder: Where ``model.safetensors`` is.
    """
    line = f"{_sum_of(folder / WEIGHTS)}  {WEIGHTS}\n"
    (folder / SUMS).write_text(line, encoding="utf-8")


def _check_sum(weights: Path) -> None:
    """Refuse weights that open but are not those that were written."""
    noted = (weights.parent / SUMS).read_text(encoding="utf-8").split()
    if noted[:1] != [_sum_of(weights)]:
        raise ValueError(f"its checksum is not the one in {SUMS}")


def _sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _folder(name: str) -> Path:
    folder = organism_path(name)
    if folder is None:
        raise ModelError(f"no bundled model {name!r}. {nearest(name, ORGANISMS)}")
    return folder


def _snapshot(name: str, step: int) -> Path:
    steps = snapshot_steps(name)
    if step not in steps:
        kept = ", ".join(map(str, steps))
        raise ModelError(f"{name} has no snapshot at step {step}; it has {kept}")
    return _folder(name) / "snapshots" / f"step-{step:06d}.safetensors"


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Keep transformers' loading bar, too short to be of use, out of the notebook."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()
