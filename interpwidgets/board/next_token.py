"""What a run says of the next token: read in the same forward, compared between runs."""

from __future__ import annotations

import torch
from jaxtyping import Float

from interpwidgets.models.adapter import Adapter, Model
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.prompts import Batch
from interpwidgets.models.running import MethodReader

#: Its number among a run's readers; methods count from 0.
READER = -1


def why_unread(adapter: Adapter) -> str:
    """Return in words why a run of a model has no next token to compare."""
    if not adapter.architecture.causal:
        return f"{adapter.name} ({adapter.model_type}) predicts no next token"
    if "logits" not in adapter.architecture.places:
        return f"{adapter.name} ({adapter.model_type}) has no logits"
    return "this run gave no logits after the last token of each prompt"


def next_token_reads(adapter: Adapter) -> list[Read]:
    """Return the read of the logits at each prompt's last position; none if there are none."""
    if not adapter.architecture.causal or "logits" not in adapter.architecture.places:
        return []
    return [Read("logits", None, last_log_probs, reader=READER, optional=True)]


def last_log_probs(
    logits: Float[torch.Tensor, "prompt pos d_vocab"],
) -> Float[torch.Tensor, "prompt d_vocab"]:
    """Return log-probabilities at the last position, in float32."""
    return logits[:, -1].float().log_softmax(dim=-1)


def log_probs_of(capture: Capture) -> Float[torch.Tensor, "prompt d_vocab"] | None:
    """Return what ``next_token_reads`` kept; None for a generation, or a run cut short."""
    visits = capture.values.get((READER, "logits", None), [])
    at_end = all(end == capture.n_tokens for end in capture.ends)
    if len(visits) != 1 or len(visits[0]) != capture.n_prompts or not at_end:
        return None
    return visits[0]


def kl_nats(
    clean: Float[torch.Tensor, "prompt d_vocab"], changed: Float[torch.Tensor, "prompt d_vocab"]
) -> float:
    """Return KL(clean ‖ changed) in nats, mean over prompts.

    Args:
        clean: Log-probabilities.
        changed: The same of a run with something changed.

    Source:
        Kullback and Leibler (1951), "On information and sufficiency". We differ in: nothing.
    """
    return float(kl_by_prompt(clean, changed).mean())


def kl_by_prompt(
    clean: Float[torch.Tensor, "prompt d_vocab"], changed: Float[torch.Tensor, "prompt d_vocab"]
) -> Float[torch.Tensor, " prompt"]:
    """Return KL(clean ‖ changed) in nats, of each prompt.

    Args:
        clean: As of ``kl_nats``.
        changed: As of ``kl_nats``.
    """
    clean, changed = clean.double(), changed.double()
    terms = torch.where(clean.isneginf(), 0.0, clean.exp() * (clean - changed))
    # Never negative but for the rounding of float32.
    return terms.sum(dim=-1).clamp(min=0)


class NextTokenReader(MethodReader):
    """Reads the next token, and nothing for any view."""

    def __init__(self, model: Model, batch: Batch) -> None:
        super().__init__(model, [], batch)

    def reads(self) -> list[Read]:
        """Return the one read."""
        return next_token_reads(self.adapter)
