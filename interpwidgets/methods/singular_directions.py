"""The strongest directions of a head's or an MLP's output weights, as tokens."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float

from interpwidgets.axes import check_members
from interpwidgets.errors import ResultError
from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.dtype import dtype_of
from interpwidgets.models.exclusive import exclusive
from interpwidgets.models.head_weights import (
    attention_norms,
    check_heads,
    head_weights,
    mlp_output,
)
from interpwidgets.models.loading import ready
from interpwidgets.models.lora import describe_adapter
from interpwidgets.models.token_text import read_tokens
from interpwidgets.models.vocabulary_weights import VocabularyWeights, vocabulary_weights
from interpwidgets.results.base import Provenance
from interpwidgets.results.singular_directions import SingularDirections, Words

N_RANDOM = 200


def singular_directions(
    model: Any,
    layer: int,
    head: int | None = None,
    *,
    n: int = 8,
    top_k: int = 10,
    seed: int = 0,
) -> SingularDirections:
    """Return the directions that a head, or an MLP, writes most strongly, as tokens.

    Singular vectors of the head's ``W_V W_O``, or of the MLP's output weights, go through
    the last norm's gain and the unembedding. What a head reads for each goes through the
    embedding; of an MLP it is a mixture of neurons, which no token names. The product of
    the parts, singular value by singular value, is the matrix.

    Args:
        model: An nnsight or a Hugging Face model.
        layer: The layer.
        head: The head; None for the MLP.
        n: How many directions.
        top_k: How many tokens of each.
        seed: Of the random directions that are the control.

    Returns:
        ``SingularDirections``; ``.to_frame()`` has a row per direction.

    Raises:
        SiteError: The model has no MLP with output weights (a mixture of experts).
        ResultError: No such layer or head, or ``n`` or ``top_k`` is no count.

    Example:
        >>> import interpwidgets as iw
        >>> iw.singular_directions(iw.load("lilliput"), 3, head=0, n=2).singular.shape
        (2,)

    Source:
        Millidge and Black (2022), "The Singular Value Decompositions of Transformer Weight
        Matrices are Highly Interpretable". We differ in: the norms' gains are folded in, and
        random directions stand beside.
    """
    model = ready(model)
    adapter = adapter_of(model)
    (layer,) = check_members("layer", [layer], adapter.n_layers, of=adapter.name)
    if n < 1 or not 1 <= top_k <= (adapter.d_vocab or top_k):
        raise ResultError(
            f"n and top_k count from 1, top_k to {adapter.d_vocab}; got {n}, {top_k}."
        )
    with exclusive(module_of(model)):
        left, singular, right = _decomposed(model, layer, head)
        vocabulary = vocabulary_weights(model)
    logits = right[:n] @ vocabulary.unembed
    flip = torch.where(logits.max(dim=1).values >= -logits.min(dim=1).values, 1.0, -1.0)
    logits = logits * flip[:, None]
    write_logit, write = logits.topk(top_k)
    lower_logit, lower = logits.topk(top_k, largest=False)
    read: Words = ()
    if left is not None:
        seen = (vocabulary.embed @ left[:, :n]).T * flip[:, None]
        read = _texts(model, seen.topk(top_k).indices)
    return SingularDirections(
        provenance=Provenance(
            model=adapter.name,
            revision=adapter.revision,
            dtype=dtype_of(model),
            adapter=describe_adapter(module_of(model)),
            note="weights alone: gains of norms folded in",
        ),
        layer=layer,
        head=-1 if head is None else head,
        singular=singular[:n].numpy(),
        share=(singular.square() / singular.square().sum())[:n].numpy(),
        write=_texts(model, write),
        write_logit=write_logit.numpy(),
        lower=_texts(model, lower),
        lower_logit=lower_logit.numpy(),
        read=read,
        random_top=_random_top(vocabulary, seed).numpy(),
        vectors=(right[:n] * flip[:, None]).float().numpy(),
    )


def _decomposed(
    model: Model, layer: int, head: int | None
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """Return left vectors ``[d_model, rank]`` (of a head), values, right vectors."""
    if head is None:
        _, singular, right = torch.linalg.svd(mlp_output(model, layer), full_matrices=False)
        return None, singular, right
    check_heads(model)
    adapter = adapter_of(model)
    (head,) = check_members("head", [head], adapter.n_heads, of=f"layer {layer}")
    norms = attention_norms(model)[layer]
    weights = head_weights(model, layer, norms.before, norms.behind)
    return small_svd(weights.v[head], weights.o[head])


def small_svd(
    v: Float[torch.Tensor, "d_model d_head"], o: Float[torch.Tensor, "d_head d_model"]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the singular value decomposition of ``v @ o`` from one of d_head × d_head.

    Args:
        v: What is read.
        o: What is written.
    """
    q_read, r_read = torch.linalg.qr(v)
    q_write, r_write = torch.linalg.qr(o.T)
    left, singular, right = torch.linalg.svd(r_read @ r_write.T)
    return q_read @ left, singular, right @ q_write.T


def _random_top(vocabulary: VocabularyWeights, seed: int) -> Float[torch.Tensor, " draw"]:
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.randn(N_RANDOM, vocabulary.unembed.shape[0], generator=rng)
    drawn = drawn / drawn.norm(dim=1, keepdim=True)
    # Of a direction, too, the sign is taken whose largest logit is positive.
    return torch.cat([(one @ vocabulary.unembed).abs().max()[None] for one in drawn.split(1)])


def _texts(model: Model, ids: torch.Tensor) -> Words:
    tokenizer = getattr(model, "tokenizer", None)
    return tuple(read_tokens(tokenizer, row).text for row in ids.tolist())
