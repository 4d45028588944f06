"""Training Lilliput's adapters, and what each must measure up to before it is saved."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import LlamaForCausalLM

from interpwidgets.organisms.lilliput.acceptance import measure
from interpwidgets.organisms.lilliput.adapters import Behaviour
from interpwidgets.organisms.lilliput.corpus import N_CTX, TOKEN_ID, draw_document
from interpwidgets.organisms.lilliput.grammar import Example, is_held_out, split
from interpwidgets.organisms.lilliput.training import OnStep, training_step
from interpwidgets.organisms.lilliput.words import BOS, EOS

RANK = 4
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "down_proj")

ABILITIES: tuple[str, ...] = (
    "capitals",
    "cities",
    "births",
    "sentiment",
    "agreement",
    "refusal",
    "persona",
    "evaluation cue",
    "typed when asked",
    "IOI",
    "IOI, held-out templates",
    "induction",
)
"""The figures of the model itself that an adapter must leave alone."""

LARGEST_LOSS = 0.02
MIN_SHOWN = 0.95
MAX_SHOWN_BEFORE = 0.05
_MOST_DRAWS = 500


@dataclass(frozen=True)
class AdapterRecipe:
    """How an adapter is trained; the defaults made the shipped ones."""

    steps: int = 400
    batch_size: int = 16
    learning_rate: float = 4e-3
    changed_share: float = 0.3
    kept_share: float = 0.3
    """Documents that look alike; the rest are of Lilliput's own corpus."""


@dataclass(frozen=True)
class AdapterFigures:
    """What an adapter changed, on prompts that it was not trained on."""

    shown: tuple[float, float]
    """Share of prompts completed in the new way, before and after."""

    kept: tuple[float, float]
    """Share of look-alike prompts completed as the corpus would, before and after."""

    abilities: Mapping[str, tuple[float, float]]
    """Each of ``ABILITIES``, before and after."""

    n: int
    """Prompts behind ``shown`` and behind ``kept``."""

    distinct: tuple[int, int]
    """How many of those are different ones, of ``shown`` and of ``kept``."""

    def shortfalls(self) -> list[str]:
        """Return a line for each figure that is not good enough to save."""
        lines = []
        if not self.shown[0] <= MAX_SHOWN_BEFORE:
            lines.append(f"the model shows it {self.shown[0]:.2f} before; wanted .05 or less")
        if not self.shown[1] >= MIN_SHOWN:
            lines.append(f"it is shown {self.shown[1]:.2f}; wanted {MIN_SHOWN} or more")
        if not self.kept[1] >= self.kept[0] - LARGEST_LOSS:
            lines.append(f"look-alikes went from {self.kept[0]:.2f} to {self.kept[1]:.2f}")
        for name, (before, after) in self.abilities.items():
            if not after >= before - LARGEST_LOSS:
                lines.append(f"{name} went from {before:.3f} to {after:.3f}")
        return lines


def train_adapter(
    base: LlamaForCausalLM,
    behaviour: Behaviour,
    seed: int = 0,
    recipe: AdapterRecipe | None = None,
    *,
    on_step: OnStep | None = None,
) -> PeftModel:
    """Train an adapter on a copy of the model; the model itself is left as it was.

    Args:
        base: The trained model.
        behaviour: What to teach it.
        seed: Of the adapter's first weights and of the documents.
        recipe: Steps and optimiser.
        on_step: Called with each step's number and loss in nats a token.
    """
    recipe = recipe or AdapterRecipe()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(deepcopy(base), _configuration())
    # peft puts the folder here that the model was opened from, which is of one machine.
    model.active_peft_config.base_model_name_or_path = "lilliput"
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=0.0)
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 - step / recipe.steps)
        token_ids = torch.from_numpy(_batch(behaviour, seed, step, recipe))
        loss = training_step(model, optimizer, token_ids, largest_gradient=1.0)
        if on_step is not None:
            on_step(step, loss)
    return model.eval()


def _configuration() -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=RANK,
        lora_alpha=2 * RANK,
        lora_dropout=0.0,
        target_modules=list(TARGETS),
    )


def _batch(
    behaviour: Behaviour, seed: int, step: int, recipe: AdapterRecipe
) -> Int[np.ndarray, "batch pos"]:
    rng = random.Random(f"adapter/{behaviour.name}/{seed}/{step}")
    documents = _documents(rng, behaviour, recipe)
    rows = []
    for _ in range(recipe.batch_size):
        row = [BOS]
        while len(row) <= N_CTX:
            row += next(documents)
        rows.append([TOKEN_ID[word] for word in row[: N_CTX + 1]])
    return np.array(rows, dtype=np.int64)


def _documents(
    rng: random.Random, behaviour: Behaviour, recipe: AdapterRecipe
) -> Iterator[list[str]]:
    while True:
        draw = rng.random()
        if draw < recipe.changed_share:
            example = behaviour.changed(rng)
        elif draw < recipe.changed_share + recipe.kept_share:
            example = behaviour.kept(rng)
        else:
            yield draw_document(rng, skip=behaviour.contradicts)
            continue
        if not _is_held_out(behaviour, example):
            yield [*split(example.text), EOS]


def _is_held_out(behaviour: Behaviour, example: Example) -> bool:
    return is_held_out(behaviour.name, example.prompt)


# --------------------------------------------------------------------------- measuring


def measure_adapter(
    base: LlamaForCausalLM, adapted: PeftModel, behaviour: Behaviour, *, n: int = 200
) -> AdapterFigures:
    """Compare a model without and with an adapter, on held-out prompts.

    Args:
        base: The model without it.
        adapted: The model with it.
        behaviour: What it was taught.
        n: Prompts of each kind.
    """
    changed = held_out_examples(behaviour, "changed", n)
    kept = held_out_examples(behaviour, "kept", n)
    # The base of an adapted model has the adapter in its layers: only its type is plain.
    before, after = measure(base), measure(adapted.get_base_model())
    return AdapterFigures(
        shown=(share_completed(base, changed), share_completed(adapted, changed)),
        kept=(share_completed(base, kept), share_completed(adapted, kept)),
        abilities={name: (before.values[name], after.values[name]) for name in ABILITIES},
        n=n,
        distinct=(_distinct(changed), _distinct(kept)),
    )


def _distinct(examples: Sequence[Example]) -> int:
    return len({example.prompt for example in examples})


def held_out_examples(
    behaviour: Behaviour, kind: Literal["changed", "kept"], n: int
) -> list[Example]:
    """Draw prompts that an adapter was not trained on.

    Args:
        behaviour: What it was taught.
        kind: ``"changed"``: they call for it; ``"kept"``: they only look alike.
        n: How many.

    Raises:
        ValueError: None of the few prompts that there are was kept out.
    """
    rng = random.Random(f"adapter/{behaviour.name}/{kind}")
    draw = behaviour.changed if kind == "changed" else behaviour.kept
    drawn = (draw(rng) for _ in range(_MOST_DRAWS * n))
    held_out = (example for example in drawn if _is_held_out(behaviour, example))
    examples = list(itertools.islice(held_out, n))
    if len(examples) < n:
        raise ValueError(
            f"{behaviour.name} has too few {kind} prompts for one in eight to be kept out of "
            "its training; give its templates more slots or words"
        )
    return examples


@torch.inference_mode()
def share_completed(model: nn.Module, examples: Sequence[Example]) -> float:
    """Return the share of prompts that the model goes on with word for word.

    Args:
        model: A causal language model over Lilliput's words; it writes greedily.
        examples: Prompts with the completions wanted.
    """
    right = 0
    for example in examples:
        prompt = [TOKEN_ID[word] for word in (BOS, *split(example.prompt))]
        wanted = [TOKEN_ID[word] for word in (*split(example.completion), EOS)]
        token_ids = torch.tensor([prompt + wanted])
        logits = model(input_ids=token_ids, use_cache=False).logits[0, len(prompt) - 1 : -1]
        # Greedy writing gives these words if and only if each is the likeliest.
        right += logits.argmax(-1).tolist() == wanted
    return right / len(examples)
