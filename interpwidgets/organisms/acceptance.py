"""What a bundled induction model must measure up to, on sequences it has never seen.

Training refuses to write weights that fail here; the tests measure the shipped ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.organisms.attention_only import (
    AttentionOnlyForCausalLM,
    next_token_loss,
)
from interpwidgets.organisms.induction import (
    prefix_matching_score,
    previous_token_score,
    repeated_blocks,
    second_half_accuracy,
)

EVALUATION_SEED = (1, 0)
EVALUATION_PERIOD = 16
MIN_ACCURACY = 0.95
MIN_PREFIX_MATCHING = 0.75
MIN_PREVIOUS_TOKEN = 0.4

HeadScores = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Figures:
    """One measurement of a model on the repeated-blocks task."""

    loss_nats: float
    """Mean cross-entropy over all tokens but ``<bos>``, the unpredictable ones included."""

    accuracy: float
    """Second-half accuracy, 0..1."""

    previous_token: HeadScores
    """Previous-token score, 0..1, by layer and head."""

    prefix_matching: HeadScores
    """Prefix-matching score, 0..1, by layer and head."""

    def best_head(self, scores: HeadScores, layer: int) -> int:
        """Return the head of ``layer`` that scores highest."""
        return max(range(len(scores[layer])), key=scores[layer].__getitem__)

    def shortfalls(self) -> list[str]:
        """Return a line for each figure below the gate; none for a model that passes."""
        rows = (
            ("second-half accuracy", self.accuracy, MIN_ACCURACY),
            ("best layer-1 prefix matching", max(self.prefix_matching[1]), MIN_PREFIX_MATCHING),
            ("best layer-0 previous token", max(self.previous_token[0]), MIN_PREVIOUS_TOKEN),
        )
        return [
            f"{name} is {measured:.3f}; wanted {wanted:.2f} or more"
            for name, measured, wanted in rows
            if not measured >= wanted
        ]


@torch.inference_mode()
def measure(
    model: AttentionOnlyForCausalLM,
    *,
    n: int = 256,
    seed: int | tuple[int, ...] = EVALUATION_SEED,
    period: int | None = EVALUATION_PERIOD,
) -> Figures:
    """Measure a model on fresh draws of the task.

    Args:
        model: The model; two layers or more.
        n: Number of sequences.
        seed: Seed of the draws. Training's begin with 0, so these differ.
        period: Block length, or None for training's own mixture.
    """
    blocks = repeated_blocks(n, seed, period)
    token_ids = torch.from_numpy(blocks.token_ids).to(model.device)
    outputs = model(token_ids, use_cache=False, output_attentions=True)
    logits = outputs.logits.float()
    patterns = [pattern.float().cpu().numpy() for pattern in outputs.attentions]
    return Figures(
        loss_nats=float(next_token_loss(logits, token_ids)),
        accuracy=second_half_accuracy(logits.cpu().numpy(), blocks),
        previous_token=tuple(
            _rounded(previous_token_score(pattern).mean(axis=0)) for pattern in patterns
        ),
        prefix_matching=tuple(
            _rounded(prefix_matching_score(pattern, blocks.period)) for pattern in patterns
        ),
    )


def _rounded(scores: Float[np.ndarray, " head"]) -> tuple[float, ...]:
    return tuple(round(score, 6) for score in scores.tolist())
