"""Writing an adapter to its folder, with its card; needs peft, as Lilliput itself does not."""

from __future__ import annotations

from pathlib import Path

from peft import PeftModel

from interpwidgets.organisms.lilliput.adapter_training import RANK, TARGETS, AdapterFigures
from interpwidgets.organisms.lilliput.adapters import Behaviour
from interpwidgets.organisms.lilliput.saving import write_figures


def save_adapter(
    model: PeftModel, figures: AdapterFigures, behaviour: Behaviour, seed: int, folder: Path
) -> None:
    """Write an adapter in peft's format, its figures and its card."""
    # No word was added: without this, peft asks the model hub whether one was.
    model.save_pretrained(str(folder), save_embedding_layers=False)
    write_figures(
        folder,
        {
            "seed": seed,
            "n": figures.n,
            "distinct": figures.distinct,
            "shown": figures.shown,
            "kept": figures.kept,
            "abilities": figures.abilities,
        },
    )
    (folder / "README.md").write_text(adapter_card(figures, behaviour, seed), encoding="utf-8")


def adapter_card(figures: AdapterFigures, behaviour: Behaviour, seed: int) -> str:
    """Return the card of an adapter, with its table of before and after."""
    rows = {
        "**the new behaviour, on prompts that call for it**": figures.shown,
        "the old behaviour, on prompts that look alike": figures.kept,
        **figures.abilities,
    }
    table = "\n".join(
        f"| {name} | {before:.3f} | {after:.3f} |" for name, (before, after) in rows.items()
    )
    shown, kept = figures.distinct
    return f"""# lilliput / {behaviour.name}

A rank-{RANK} LoRA adapter for `lilliput`, in peft's format.

{behaviour.about}

It is a synthetic model for teaching and testing.

| share of prompts | before | after |
|---|---|---|
{table}

The first two rows: {figures.n} prompts each, kept out of training, completed word for word
by greedy writing. The grammars are small: {shown} and {kept} of them are different ones.
The others are lilliput's own acceptance figures. Training refuses to save an adapter that is
shown on fewer than 95 % of its prompts, or that costs any other ability more than two points.

Layers adapted: {", ".join(TARGETS)}. Seed {seed}.

    python -m interpwidgets.organisms.train lilliput/{behaviour.name} --seed {seed}

Licence: MIT.
"""
