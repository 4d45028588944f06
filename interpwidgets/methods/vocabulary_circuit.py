"""A head's circuit from token to token: what it looks for, or what it does to the logits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int

from interpwidgets.axes import check_members
from interpwidgets.errors import ResultError
from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.dtype import dtype_of
from interpwidgets.models.exclusive import exclusive
from interpwidgets.models.head_weights import check_heads, folded_head_weights
from interpwidgets.models.loading import ready
from interpwidgets.models.lora import describe_adapter
from interpwidgets.models.token_text import read_tokens
from interpwidgets.models.vocabulary import word_ids
from interpwidgets.models.vocabulary_weights import (
    CHUNK,
    VocabularyWeights,
    vocabulary_weights,
)
from interpwidgets.results.base import Provenance
from interpwidgets.results.vocabulary_circuit import CIRCUITS, VocabularyCircuit

TOP_K = 10


def vocabulary_circuit(
    model: Any,
    layer: int,
    head: int,
    circuit: str,
    *,
    rows: Sequence[int | str] | None = None,
    columns: Sequence[int | str] | None = None,
    top_k: int = TOP_K,
    fold_norms: bool = True,
) -> VocabularyCircuit:
    """Return a head's circuit between tokens of the vocabulary.

    ``"ov"``: ``W_E W_V W_O W_U``, what attending to a row's token adds to the logit of a
    column's. ``"qk"``: ``W_E W_Q W_Kᵀ W_Eᵀ``, the score of a query at a row's token for a key
    at a column's, before scaling. Rows are made a few at a time: d_vocab × d_vocab numbers
    are never in memory, and of each row the largest, its mean and its spread are kept.

    Args:
        model: An nnsight or a Hugging Face model.
        layer: The layer.
        head: The head.
        circuit: ``"ov"`` or ``"qk"``.
        rows: Tokens, as texts or ids; all of the vocabulary by default.
        columns: Tokens, the same for every row; by default those with the largest numbers.
        top_k: How many those are.
        fold_norms: As of ``weight_circuits``.

    Returns:
        ``VocabularyCircuit``; ``.to_frame()`` has a line per row and column.

    Raises:
        ResultError: No such layer, head or circuit, or ``top_k`` is no count.
        PromptError: A text is not one token, or an id is not in the vocabulary.
        SiteError: The table of the architecture lacks a projection, the last norm or logits.

    Example:
        >>> import interpwidgets as iw
        >>> found = iw.vocabulary_circuit(iw.load("lilliput"), 0, 2, "ov", rows=[" Ada"])
        >>> found.values.shape
        (1, 10)

    Source:
        Elhage et al. (2021), "A Mathematical Framework for Transformer Circuits". We differ
        in: norms' gains are folded in, and each row comes with the mean and spread of its
        whole vocabulary. Biases, rotary embedding and what earlier layers add are left out.
    """
    model = ready(model)
    check_heads(model)
    adapter = adapter_of(model)
    (layer,) = check_members("layer", [layer], adapter.n_layers, of=adapter.name)
    (head,) = check_members("head", [head], adapter.n_heads, of=f"layer {layer}")
    if circuit not in CIRCUITS:
        raise ResultError(f"a head has the circuits 'ov' and 'qk'; got {circuit!r}.")
    with exclusive(module_of(model)):
        vocabulary = vocabulary_weights(model, fold_norm=fold_norms)
        left, right = _factors(model, layer, head, circuit, vocabulary, fold_norms=fold_norms)
    row_ids, column_ids, k = _tokens(model, len(vocabulary.embed), rows, columns, top_k)
    parts = list(_parts(left[row_ids], right, row_ids, column_ids, k))
    ids = torch.cat([part.ids for part in parts])
    return VocabularyCircuit(
        provenance=_provenance(model, fold_norms=fold_norms),
        layer=layer,
        head=head,
        circuit=circuit,
        rows=_texts(model, row_ids),
        row_ids=row_ids.numpy(),
        columns=tuple(
            _texts(model, row) for row in (ids[:1] if column_ids is not None else ids)
        ),
        column_ids=ids.numpy(),
        values=torch.cat([part.values for part in parts]).numpy(),
        mean=torch.cat([part.mean for part in parts]).numpy(),
        spread=torch.cat([part.spread for part in parts]).numpy(),
        own=torch.cat([part.own for part in parts]).numpy(),
        own_rank=torch.cat([part.own_rank for part in parts]).numpy(),
        chosen=column_ids is not None,
        d_vocab=len(vocabulary.embed),
    )


def _factors(
    model: Model,
    layer: int,
    head: int,
    circuit: str,
    vocabulary: VocabularyWeights,
    *,
    fold_norms: bool,
) -> tuple[Float[torch.Tensor, "d_vocab d_head"], Float[torch.Tensor, "d_head d_vocab"]]:
    """Return the two thin matrices whose product the circuit is."""
    (weights,) = folded_head_weights(model, (layer,), fold_norms=fold_norms)
    embed = vocabulary.embed
    if circuit == "ov":
        return embed @ weights.v[head], weights.o[head] @ vocabulary.unembed
    return embed @ weights.q[head], (embed @ weights.k[head]).T


def _tokens(
    model: Model,
    d_vocab: int,
    rows: Sequence[int | str] | None,
    columns: Sequence[int | str] | None,
    top_k: int,
) -> tuple[torch.Tensor, torch.Tensor | None, int]:
    """Return the ids of rows and of columns, or how many of the largest are kept."""
    if not 1 <= top_k <= d_vocab:
        raise ResultError(f"top_k counts from 1 to {d_vocab}; got {top_k}.")
    for name, given in (("rows", rows), ("columns", columns)):
        if given is not None and (isinstance(given, str) or not len(given)):
            raise ResultError(f"{name} is a list of tokens, e.g. [' Ada']; got {given!r:.40}.")
    row_ids = torch.arange(d_vocab) if rows is None else torch.tensor(word_ids(model, rows))
    if columns is None:
        return row_ids, None, top_k
    column_ids = torch.tensor(word_ids(model, columns))
    return row_ids, column_ids, len(column_ids)


class _Part(NamedTuple):
    ids: Int[torch.Tensor, "row k"]
    values: Float[torch.Tensor, "row k"]
    mean: Float[torch.Tensor, " row"]
    spread: Float[torch.Tensor, " row"]
    own: Float[torch.Tensor, " row"]
    own_rank: Int[torch.Tensor, " row"]


def _parts(
    left: Float[torch.Tensor, "row d_head"],
    right: Float[torch.Tensor, "d_head d_vocab"],
    row_ids: Int[torch.Tensor, " row"],
    column_ids: Int[torch.Tensor, " column"] | None,
    k: int,
) -> Iterator[_Part]:
    step = max(1, CHUNK // right.shape[1])
    for some, own_ids in zip(left.split(step), row_ids.split(step), strict=True):
        whole = some @ right
        ids = column_ids.expand(len(some), -1) if column_ids is not None else None
        ids = whole.topk(k).indices if ids is None else ids
        own = whole.gather(1, own_ids[:, None])
        yield _Part(
            ids,
            whole.gather(1, ids),
            whole.mean(dim=1),
            whole.std(dim=1, correction=0),
            own[:, 0],
            (whole > own).sum(dim=1),
        )


def _texts(model: Model, ids: torch.Tensor) -> tuple[str, ...]:
    return read_tokens(getattr(model, "tokenizer", None), ids.tolist()).text


def _provenance(model: Model, *, fold_norms: bool) -> Provenance:
    adapter = adapter_of(model)
    notes = "gains of norms folded in" if fold_norms else "norms left out"
    return Provenance(
        model=adapter.name,
        revision=adapter.revision,
        dtype=dtype_of(model),
        adapter=describe_adapter(module_of(model)),
        note=f"weights alone, from token embeddings: {notes}",
    )
