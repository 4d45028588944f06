"""Embeddings and unembedding as matrices, products over the vocabulary in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float

from interpwidgets.errors import ModelError
from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.linear import matrix_of
from interpwidgets.models.readout import last_norm, unembedding

#: Numbers of a product over the vocabulary that are held at once.
CHUNK = 2**24


@dataclass(frozen=True)
class VocabularyWeights:
    """What a token puts into the stream, and what the stream gives each token's logit."""

    embed: Float[torch.Tensor, "d_vocab d_model"]
    """float32; position, scale and norm of the embedding left out."""

    unembed: Float[torch.Tensor, "d_model d_vocab"]
    """float32; behind the last norm's gain and mean, its scale left out."""

    def through(self) -> Float[torch.Tensor, "d_model d_model"]:
        """Return unembedding times embedding, summed over the vocabulary, in float64."""
        d_model, d_vocab = self.unembed.shape
        total = torch.zeros(d_model, d_model, dtype=torch.float64)
        step = max(1, CHUNK // d_model)
        for first in range(0, d_vocab, step):
            part = slice(first, first + step)
            total += self.unembed[:, part].double() @ self.embed[part].double()
        return total


def vocabulary_weights(model: Model, *, fold_norm: bool = True) -> VocabularyWeights:
    """Return a model's embeddings and unembedding.

    Args:
        model: An nnsight model.
        fold_norm: Whether the last norm's gain and mean are part of the unembedding.

    Raises:
        SiteError: It has no logits, or no last norm.
        ModelError: Its tokens are embedded in another width.
    """
    adapter = adapter_of(model)
    for site in ("ln_final", "logits"):
        adapter.place(site)  # refuses what the architecture lacks
    d_model = adapter.d_model
    root: Any = module_of(model)
    weight: torch.Tensor = root.get_input_embeddings().weight
    if weight.is_meta or weight.shape[1] != d_model:
        raise ModelError(
            f"tokens are embedded in {weight.shape[1]} numbers on {weight.device}; circuits "
            f"of the vocabulary need {d_model} in memory."
        )
    unembed = matrix_of(unembedding(model), model, d_model)
    if fold_norm:
        norm = last_norm(model)
        unembed = norm.gain.float()[:, None] * unembed
        if norm.centred:
            unembed = unembed - unembed.mean(dim=0, keepdim=True)
    n = min(len(weight), unembed.shape[1])
    return VocabularyWeights(weight.detach()[:n].to("cpu", torch.float32), unembed[:, :n])
