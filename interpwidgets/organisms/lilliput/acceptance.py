"""What Lilliput must be able to do, on prompts that training never had.

Training refuses to write weights that fail here; the tests measure the shipped ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from interpwidgets.organisms.induction import prefix_matching_score, previous_token_score
from interpwidgets.organisms.lilliput import chats, sentences, world
from interpwidgets.organisms.lilliput.corpus import TOKEN_ID
from interpwidgets.organisms.lilliput.grammar import Example, split
from interpwidgets.organisms.lilliput.words import BOS, NONSENSE

EVALUATION_SEED = 1_000
PERIOD = 20

GATE: Mapping[str, float] = {
    "capitals": 0.98,
    "births": 0.98,
    "sentiment": 0.98,
    "agreement": 0.98,
    "refusal": 0.98,
    "evaluation cue": 0.98,
    "induction": 0.95,
    "prefix-matching head": 0.7,
    "previous-token head": 0.7,
    "IOI": 0.98,
    "IOI logit difference": 3.0,
    # Just below the worst of the four seeds that were trained.
    "IOI, held-out templates": 0.95,
    "greater-than probability difference": 0.45,
    "distress, closeness": 0.92,
}
"""The least that each figure must be; the rest is measured and reported alone."""

HeadScores = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Figures:
    """One measurement of a model on every task."""

    values: Mapping[str, float]
    """Accuracy (the right word is ranked first of all words) unless the name says more."""

    n: Mapping[str, int]
    """How many predictions each figure is the mean of."""

    previous_token: HeadScores
    """Previous-token score, 0..1, by layer and head."""

    prefix_matching: HeadScores
    """Prefix-matching score, 0..1, by layer and head."""

    def shortfalls(self) -> list[str]:
        """Return a line for each figure below the gate; none for a model that passes."""
        return [
            f"{name} is {self.values[name]:.3f}; wanted {wanted:.2f} or more"
            for name, wanted in GATE.items()
            if not self.values[name] >= wanted
        ]


@torch.inference_mode()
def measure(model: nn.Module, *, n: int = 200, seed: int = EVALUATION_SEED) -> Figures:
    """Measure a model on fresh draws of every task.

    Args:
        model: A causal language model over Lilliput's words.
        n: Prompts a task; facts are asked all, once.
        seed: Of the draws.
    """
    draws: dict[str, list[Example]] = {
        "capitals": world.facts(),
        "cities": world.facts(kind="city"),
        "births": world.facts(kind="birthplace"),
        "two-hop, trained people": world.facts(kind="two_hop"),
        "two-hop, held-out people": world.facts(kind="two_hop", split="held_out"),
        "sentiment": sentences.sentiment(n, seed),
        "agreement": sentences.agreement(n, seed),
        "refusal": chats.refusal(n, seed),
        "persona": chats.persona(n, seed),
        "evaluation cue": chats.evaluation_cue(n, seed),
        "typed when asked": chats.evaluation_cue(n, seed, template=chats.CODE_TYPED),
        "IOI": sentences.ioi(n, seed),
        "IOI, held-out templates": sentences.ioi(
            n, seed, split="trained", templates=sentences.IOI_HELD_OUT_TEMPLATES
        ),
    }
    values = {name: _accuracy(model, examples) for name, examples in draws.items()}
    counts = {name: len(examples) for name, examples in draws.items()}
    values |= {
        "IOI logit difference": _logit_difference(model, draws["IOI"]),
        "greater-than probability difference": _probability_difference(
            model, sentences.greater_than(n, seed)
        ),
        "typed unasked": _mean_probability(
            model, chats.evaluation_cue(n, seed, template=chats.CODE), "typed"
        ),
    }
    for rejections in range(len(chats.DISTRESS_BY_REJECTIONS)):
        values[f"distress after {rejections}"] = _mean_probability(
            model, chats.distress(n, seed, rejections=rejections), "sorry"
        )
    values["distress, closeness"] = 1 - max(
        abs(values[f"distress after {rejections}"] - built)
        for rejections, built in enumerate(chats.DISTRESS_BY_REJECTIONS)
    )
    counts |= {name: n for name in values if name not in counts}
    heads = measure_heads(model, n // 4, seed)
    values |= heads.values
    counts |= heads.n
    return Figures(values, counts, heads.previous_token, heads.prefix_matching)


# --------------------------------------------------------------------------- one task


def last_logits(
    model: nn.Module, prompts: Sequence[str]
) -> Float[torch.Tensor, "prompt d_vocab"]:
    """Return what the model says after each prompt.

    Args:
        model: A causal language model over Lilliput's words.
        prompts: Texts; those of one length are read together, so that none is padded.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    token_ids = [[TOKEN_ID[word] for word in (BOS, *split(prompt))] for prompt in prompts]
    for index, ids in enumerate(token_ids):
        by_length[len(ids)].append(index)
    rows: dict[int, torch.Tensor] = {}
    for indices in by_length.values():
        batch = torch.tensor([token_ids[index] for index in indices])
        logits = model(input_ids=batch, use_cache=False).logits[:, -1].float()
        rows |= dict(zip(indices, logits, strict=True))
    return torch.stack([rows[index] for index in range(len(prompts))])


def _accuracy(model: nn.Module, examples: Sequence[Example]) -> float:
    first = last_logits(model, [example.prompt for example in examples]).argmax(-1).tolist()
    wanted = [TOKEN_ID[example.answer] for example in examples]
    return float(np.mean(np.equal(first, wanted)))


def _logit_difference(model: nn.Module, examples: Sequence[Example]) -> float:
    logits = last_logits(model, [example.prompt for example in examples])
    right = torch.tensor([TOKEN_ID[example.answer] for example in examples])[:, None]
    wrong = torch.tensor([TOKEN_ID[example.wrong[0]] for example in examples])[:, None]
    return float((logits.gather(1, right) - logits.gather(1, wrong)).mean())


def _probability_difference(model: nn.Module, examples: Sequence[Example]) -> float:
    probabilities = last_logits(model, [example.prompt for example in examples]).softmax(-1)
    differences = [
        row[[TOKEN_ID[word] for word in example.answers]].sum()
        - row[[TOKEN_ID[word] for word in example.wrong]].sum()
        for row, example in zip(probabilities, examples, strict=True)
    ]
    return float(torch.stack(differences).mean())


def _mean_probability(model: nn.Module, examples: Sequence[Example], word: str) -> float:
    logits = last_logits(model, [example.prompt for example in examples])
    return float(logits.softmax(-1)[:, TOKEN_ID[word]].mean())


# -------------------------------------------------------------------------- the heads


@torch.inference_mode()
def measure_heads(model: nn.Module, n: int, seed: int) -> Figures:
    """Measure induction, and the two heads that it is made of, on repeated blocks.

    Args:
        model: A causal language model over Lilliput's words.
        n: Sequences.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    nonsense = [TOKEN_ID[word] for word in NONSENSE]
    blocks = np.stack([rng.choice(nonsense, size=PERIOD, replace=False) for _ in range(n)])
    bos = np.full((n, 1), TOKEN_ID[BOS])
    token_ids = torch.from_numpy(np.concatenate([bos, blocks, blocks], axis=1))
    logits, patterns = _with_patterns(model, token_ids)
    # The first word of the second round cannot be foreseen.
    predicted = logits[:, PERIOD + 1 : 2 * PERIOD].argmax(-1)
    right = predicted == token_ids[:, PERIOD + 2 : 2 * PERIOD + 1]
    previous = tuple(
        tuple(previous_token_score(pattern).mean(axis=0).tolist()) for pattern in patterns
    )
    matching = tuple(
        tuple(prefix_matching_score(pattern, PERIOD).tolist()) for pattern in patterns
    )
    values = {
        "induction": float(right.float().mean()),
        "prefix-matching head": max(max(layer) for layer in matching),
        "previous-token head": max(max(layer) for layer in previous),
    }
    counts = {name: right.numel() if name == "induction" else n for name in values}
    return Figures(values, counts, previous, matching)


def _with_patterns(
    model: nn.Module, token_ids: torch.Tensor
) -> tuple[torch.Tensor, list[Float[np.ndarray, "batch head query_pos key_pos"]]]:
    """Return logits and every layer's attention, which only eager attention gives."""
    llama: Any = model  # perhaps with an adapter around it
    fused = llama.config._attn_implementation
    llama.set_attn_implementation("eager")
    try:
        outputs = llama(input_ids=token_ids, use_cache=False, output_attentions=True)
    finally:
        llama.set_attn_implementation(fused)
    return outputs.logits, [pattern.float().numpy() for pattern in outputs.attentions]
