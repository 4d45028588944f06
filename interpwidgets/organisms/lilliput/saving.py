"""Writing Lilliput to its folder, with what was measured of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from transformers import LlamaForCausalLM

from interpwidgets.organisms.lilliput.acceptance import Figures
from interpwidgets.organisms.lilliput.tokenizer import new_tokenizer
from interpwidgets.organisms.loading import write_sum

FIGURES = "figures.json"


def save_model(model: LlamaForCausalLM, figures: Figures, seed: int, folder: Path) -> None:
    """Write the model, its tokenizer and its figures; the card is not rewritten."""
    model.save_pretrained(folder)
    new_tokenizer().save_pretrained(folder)
    write_sum(folder)
    write_figures(
        folder,
        {
            "seed": seed,
            "values": _rounded(figures.values),
            "n": dict(figures.n),
            "previous_token": figures.previous_token,
            "prefix_matching": figures.prefix_matching,
        },
    )


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}


def write_figures(folder: Path, figures: Mapping[str, object]) -> None:
    """Write figures beside the weights that they are of.

    Args:
        folder: Where the weights are.
        figures: What goes into JSON.
    """
    text = json.dumps(figures, indent=1) + "\n"
    (folder / FIGURES).write_text(text, encoding="utf-8")
