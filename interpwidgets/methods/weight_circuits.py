"""Circuits that the weights alone show: copying, and composition of heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.axes import check_members
from interpwidgets.errors import ResultError
from interpwidgets.models.adapter import Adapter, Model, adapter_of, module_of
from interpwidgets.models.dtype import dtype_of
from interpwidgets.models.exclusive import exclusive
from interpwidgets.models.head_weights import HeadWeights, check_heads, folded_head_weights
from interpwidgets.models.loading import ready
from interpwidgets.models.lora import describe_adapter
from interpwidgets.models.vocabulary_weights import (
    CHUNK,
    VocabularyWeights,
    vocabulary_weights,
)
from interpwidgets.results.base import Provenance
from interpwidgets.results.weight_circuits import COMPOSITIONS, WeightCircuits, copying_scores

#: Tokens on which the diagonal is looked at where the vocabulary has more.
N_TOKENS = 256
N_RANDOM = 100


def weight_circuits(
    model: Any,
    *,
    layers: Sequence[int] | None = None,
    fold_norms: bool = True,
    n_tokens: int = N_TOKENS,
    n_random: int = N_RANDOM,
    seed: int = 0,
) -> WeightCircuits:
    """Score every head for copying and every pair of heads for composition, by weights.

    Copying: the circuit ``W_E W_V W_O W_U`` from a token that a head attends to, to the
    logits, has at most d_head eigenvalues that are not 0. They are those of the small
    product ``W_O W_U W_E W_V``, so that no d_vocab × d_vocab matrix is made; ``Σ λ / Σ |λ|``
    is 1 for a head that raises what it attends to.

    Composition: ``‖W_OV W_QK‖ / (‖W_OV‖ ‖W_QK‖)`` in Frobenius norms of an earlier head's
    output with what a later head's queries (Q), keys (K) or values (V) read.

    Args:
        model: An nnsight or a Hugging Face model.
        layers: Layers to look at; all by default. The time grows with its square.
        fold_norms: Whether the gain and mean of the norm before attention, of one behind
            it, and of the last norm are part of the matrices; scales are left out always.
        n_tokens: On how many tokens, drawn where there are more, the diagonal of the
            circuit is looked at.
        n_random: Draws of random matrices, the control of both scores.
        seed: Of the draws.

    Returns:
        ``WeightCircuits``; ``.copying`` is ``[layer, head]``, ``.pairs("k")`` a table.

    Raises:
        SiteError: The table of the architecture lacks a projection, the last norm or logits.
        ModelError: A projection is not linear, or the heads have no matrices.
        ResultError: No such layer, or no draw was asked for.

    Example:
        >>> import interpwidgets as iw
        >>> found = iw.weight_circuits(iw.load("lil-attn-2l"))
        >>> found.pairs("k", 1)["name"][0][:5]
        'L0 H3'

    Source:
        Elhage et al. (2021), "A Mathematical Framework for Transformer Circuits", for both
        scores. We differ in: norms' gains are folded in, and random matrices of equal shape
        stand beside the scores. Biases, rotary embedding and norms of queries and keys are
        left out.
    """
    model = ready(model)
    check_heads(model)
    if n_tokens < 1 or n_random < 2:
        raise ResultError("at least one token and two random draws are needed.")
    adapter = adapter_of(model)
    kept = check_members("layer", layers, adapter.n_layers, of=adapter.name)
    with exclusive(module_of(model)):
        vocabulary = vocabulary_weights(model, fold_norm=fold_norms)
        weights = folded_head_weights(model, kept, fold_norms=fold_norms)
    rng = torch.Generator().manual_seed(seed)
    middle = vocabulary.through()
    diagonals = _diagonals(weights, vocabulary, n_tokens, rng)
    return WeightCircuits(
        provenance=_provenance(model, weights, fold_norms=fold_norms),
        layers=kept,
        eigenvalues=np.stack([_eigenvalues(one.v, one.o, middle) for one in weights]),
        copying_random=_copying_random(adapter, middle, n_random, rng),
        diagonal_rank=diagonals[0],
        top_1=diagonals[1],
        top_5=diagonals[2],
        composition=_compositions(weights, kept),
        composition_random=_composition_random(adapter, n_random, rng),
        d_vocab=len(vocabulary.embed),
        n_tokens=min(n_tokens, len(vocabulary.embed)),
        seed=seed,
    )


def head_matrix(
    model: Any, layer: int, head: int, circuit: str, *, fold_norms: bool = True
) -> Float[np.ndarray, "d_model d_model"]:
    """Return one head's circuit by its weights, for rows of the residual stream.

    ``x @ ov`` is what the head writes where all its attention is on ``x``;
    ``x @ qk @ y`` its score from a query at ``x`` to a key at ``y``, before scaling and
    rotary embedding.

    Args:
        model: An nnsight or a Hugging Face model.
        layer: The layer.
        head: The head.
        circuit: ``"ov"`` or ``"qk"``.
        fold_norms: As of ``weight_circuits``.

    Raises:
        ResultError: No such circuit or head.
    """
    model = ready(model)
    check_heads(model)
    adapter = adapter_of(model)
    (layer,) = check_members("layer", [layer], adapter.n_layers, of=adapter.name)
    (head,) = check_members("head", [head], adapter.n_heads, of=f"layer {layer}")
    if circuit not in ("ov", "qk"):
        raise ResultError(f"a head has the circuits 'ov' and 'qk'; got {circuit!r}.")
    with exclusive(module_of(model)):
        (one,) = folded_head_weights(model, (layer,), fold_norms=fold_norms)
    made = one.v[head] @ one.o[head] if circuit == "ov" else one.q[head] @ one.k[head].T
    matrix: np.ndarray = made.numpy()
    return matrix


# ----------------------------------------------------------------------------- copying


def _eigenvalues(
    v: Float[torch.Tensor, "head d_model d_head"],
    o: Float[torch.Tensor, "head d_head d_model"],
    middle: Float[torch.Tensor, "d_model d_model"],
) -> Float[np.ndarray, "head d_head 2"]:
    """Return the eigenvalues of ``W_E W_V W_O W_U`` from the product taken the other way."""
    small = o.double() @ middle @ v.double()
    found: np.ndarray = torch.view_as_real(torch.linalg.eigvals(small)).float().numpy()
    return found


def _copying_random(
    adapter: Adapter,
    middle: Float[torch.Tensor, "d_model d_model"],
    n: int,
    rng: torch.Generator,
) -> Float[np.ndarray, " draw"]:
    """Return the copying scores of heads whose matrices are drawn, draw by draw."""
    scores = []
    for _ in range(n):
        v = torch.randn(1, adapter.d_model, adapter.d_head, generator=rng)
        o = torch.randn(1, adapter.d_head, adapter.d_model, generator=rng)
        scores.append(copying_scores(_eigenvalues(v, o, middle))[0])
    return np.array(scores, dtype=np.float32)


def _diagonals(
    weights: Sequence[HeadWeights],
    vocabulary: VocabularyWeights,
    n_tokens: int,
    rng: torch.Generator,
) -> Float[np.ndarray, "measure layer head"]:
    """Return rank share, top-1 and top-5 share of tokens in their own row of the circuit."""
    n = len(vocabulary.embed)
    tokens = torch.randperm(n, generator=rng)[:n_tokens].sort().values if n_tokens < n else None
    tokens = torch.arange(n) if tokens is None else tokens
    found = [
        [_diagonal(one.v[head], one.o[head], vocabulary, tokens) for head in range(len(one.v))]
        for one in weights
    ]
    return np.moveaxis(np.array(found, dtype=np.float32), -1, 0)


def _diagonal(
    v: Float[torch.Tensor, "d_model d_head"],
    o: Float[torch.Tensor, "d_head d_model"],
    vocabulary: VocabularyWeights,
    tokens: torch.Tensor,
) -> tuple[float, float, float]:
    read, write = vocabulary.embed[tokens] @ v, o @ vocabulary.unembed
    d_vocab = write.shape[1]
    ranks = []
    step = max(1, CHUNK // d_vocab)
    for rows, own in zip(read.split(step), tokens.split(step), strict=True):
        logits = rows @ write
        ranks.append((logits > logits.gather(1, own[:, None])).sum(dim=1))
    rank = torch.cat(ranks).double()
    share = float(rank.mean()) / max(1, d_vocab - 1)
    return share, float((rank < 1).double().mean()), float((rank < 5).double().mean())


# ------------------------------------------------------------------------- composition


def _compositions(
    weights: Sequence[HeadWeights], layers: Sequence[int]
) -> Float[np.ndarray, "kind layer head to_layer to_head"]:
    n, n_heads = len(weights), len(weights[0].v)
    scores = np.full((len(COMPOSITIONS), n, n_heads, n, n_heads), np.nan, dtype=np.float32)
    written = [written_factor(one) for one in weights]
    read = [read_factors(one) for one in weights]
    for one in range(n):
        for other in range(n):
            if layers[one] >= layers[other]:
                continue
            for kind, factor in enumerate(read[other]):
                scores[kind, one, :, other] = composition_of(written[one], factor).numpy()
    return scores


def written_factor(weights: HeadWeights) -> Float[torch.Tensor, "head d_head d_model"]:
    """Return what is as large as ``W_V W_O`` of each head, and of norm 1.

    ``W_V`` is a matrix of orthonormal columns times a small triangle; the first changes no
    norm, so that the triangle stands for it.
    """
    return _unit(_triangle(weights.v) @ weights.o)


def read_factors(weights: HeadWeights) -> list[Float[torch.Tensor, "head d_model d_head"]]:
    """Return the same of what each head's queries, keys and values read of the stream."""
    q = weights.q @ _triangle(weights.k).mT
    k = weights.k @ _triangle(weights.q).mT
    v = weights.v @ _triangle(weights.o.mT).mT
    return [_unit(one) for one in (q, k, v)]


def composition_of(
    written: Float[torch.Tensor, "head d_head d_model"],
    read: Float[torch.Tensor, "to_head d_model d_head"],
) -> Float[torch.Tensor, "head to_head"]:
    """Return the norm of every product of two circuits that have norm 1.

    Args:
        written: From ``written_factor``.
        read: From ``read_factors``.
    """
    product = written.flatten(0, 1) @ read.transpose(0, 1).flatten(1)
    blocks = product.unflatten(0, written.shape[:2]).unflatten(-1, (len(read), -1))
    return blocks.square().sum(dim=(1, 3)).sqrt()


def _triangle(
    tall: Float[torch.Tensor, "head d_model d_head"],
) -> Float[torch.Tensor, "head small d_head"]:
    return torch.linalg.qr(tall, mode="r").R


def _unit(factor: Float[torch.Tensor, "head a b"]) -> Float[torch.Tensor, "head a b"]:
    size = torch.linalg.matrix_norm(factor, keepdim=True)
    return factor / size.clamp(min=torch.finfo(factor.dtype).tiny)


def _composition_random(
    adapter: Adapter, n: int, rng: torch.Generator
) -> Float[np.ndarray, " draw"]:
    """Return the scores of pairs of heads whose matrices are drawn, draw by draw."""
    tall, wide = (1, adapter.d_model, adapter.d_head), (1, adapter.d_head, adapter.d_model)
    scores = []
    for _ in range(n):
        q, k, v = (torch.randn(tall, generator=rng) for _ in range(3))
        drawn = HeadWeights(q, k, v, torch.randn(wide, generator=rng), has_bias=False)
        other = torch.randn(wide, generator=rng), torch.randn(tall, generator=rng)
        written = _unit(_triangle(other[1]) @ other[0])
        scores.append(float(composition_of(written, read_factors(drawn)[1])))
    return np.array(scores, dtype=np.float32)


def _provenance(
    model: Model, weights: Sequence[HeadWeights], *, fold_norms: bool
) -> Provenance:
    adapter = adapter_of(model)
    notes = ["weights alone: rotary embedding and norms of queries and keys left out"]
    notes += ["biases left out"] * any(one.has_bias for one in weights)
    notes += ["gains of norms folded in" if fold_norms else "norms left out"]
    return Provenance(
        model=adapter.name,
        revision=adapter.revision,
        dtype=dtype_of(model),
        adapter=describe_adapter(module_of(model)),
        note=". ".join(notes),
    )
