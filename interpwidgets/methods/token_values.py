"""Values on text: how surprising each token was, and how much attention it received."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.axes import head_name
from interpwidgets.errors import ModelError, ResultError
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Read
from interpwidgets.models.running import Run, refuse_large, run_method
from interpwidgets.models.token_text import read_tokens
from interpwidgets.reads.surprisal import LOGPROB, POS, RANK, TOP, SurprisalRead, columns_of
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.base import Provenance
from interpwidgets.results.token_values import TokenValues

MAX_BYTES = 2**30
TOP_K = 10


def surprisal(
    model: Any,
    prompt: Any,
    *,
    top_k: int = TOP_K,
    prepend_bos: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> TokenValues:
    """Read how surprising each token was to the model, given the ones before it.

    Summed over the text this is its cross-entropy loss times the number of tokens less
    one. The first token has no value: nothing predicts it.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids, or chat messages.
        top_k: How many of the tokens that were expected instead to keep.
        prepend_bos: Whether the prompt begins with the beginning-of-sequence token; by
            default as the tokenizer or the chat template does.
        max_bytes: Refuse to keep more than this.

    Returns:
        ``TokenValues``; ``values`` is ``[1, pos]``, −log p in nats, float32.

    Raises:
        ModelError: The model does not read from left to right.
        SiteError: It has no logits.
        ResultError: ``top_k`` is larger than the vocabulary.

    Example:
        >>> import interpwidgets as iw
        >>> found = surprisal(iw.load("lil-attn-2l"), [1, 5, 6, 5], top_k=2)
        >>> found.values.shape, found.top_logprob.shape
        ((1, 4), (4, 2))

    Source:
        Shannon (1951), "Prediction and Entropy of Printed English", for a text's
        surprisal token by token; Hale (2001) for the word. We differ in: nats.
    """
    method = SurprisalMethod(top_k, max_bytes)
    return run_method(model, prompt, method, prepend_bos=prepend_bos)


@dataclass(frozen=True)
class SurprisalMethod:
    """Surprisal as a method: what it reads and what it builds."""

    name: ClassVar[str] = "surprisal"

    top_k: int = TOP_K
    max_bytes: int = MAX_BYTES

    @property
    def result_type(self) -> type[TokenValues]:
        """The type of Result that ``build`` makes."""
        return TokenValues

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return the read of the logits."""
        architecture = adapter.architecture
        if architecture.positions or not architecture.causal:
            raise ModelError(
                "surprisal needs a model that reads text from left to right and predicts the "
                f"next token; {adapter.name} ({adapter.model_type}) does not. Use "
                "iw.attention or iw.activations on it."
            )
        adapter.place("logits", None)  # refuses a model without a head
        most = adapter.d_vocab or self.top_k
        if not 0 <= self.top_k <= most:
            raise ResultError(f"top_k is 0-{most:,} for this vocabulary; got {self.top_k}.")
        return [SurprisalRead(self.top_k).read()]

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:  # noqa: ARG002
        """Refuse what would pass ``max_bytes``."""
        needed = 4 * n_prompts * n_tokens * columns_of(self.top_k)
        what = f"surprisal of {n_prompts} prompts × {n_tokens:,} tokens, top {self.top_k}"
        refuse_large(what, needed, self.max_bytes, "Ask for fewer top_k")

    def build(self, run: Run, previous: Sequence[TokenValues] = ()) -> tuple[TokenValues, ...]:  # noqa: ARG002
        """Return one Result per prompt, over every forward pass of the run."""
        n_prompts = run.capture.n_prompts
        return tuple(self._result(run, prompt, n_prompts) for prompt in range(n_prompts))

    def _result(self, run: Run, prompt: int, n_prompts: int) -> TokenValues:
        table = _assemble(run, prompt, columns_of(self.top_k))
        ids, logprob = np.split(table[:, TOP:], 2, axis=1)
        unread = np.flatnonzero(np.isnan(table[:, POS]))
        return TokenValues(
            provenance=_noted(run.provenance("logits", prompt=prompt), len(unread)),
            tokens=run.tokens(prompt),
            values=-table[None, :, LOGPROB],
            title="Surprisal",
            unit="nats",
            absent=tuple(unread.tolist()),
            top_text=_texts(run.tokenizer, ids) if self.top_k else (),
            top_logprob=logprob if self.top_k else None,
            rank=np.where(np.isnan(table[:, RANK]), -1, table[:, RANK]).astype(np.int32),
            prompt_index=prompt,
            prompt_count=n_prompts,
        )


def _assemble(run: Run, prompt: int, n_columns: int) -> Float[np.ndarray, "pos kept"]:
    """Put the passes together, without the padding; NaN in every column: not predicted."""
    table = np.full((run.capture.n_tokens, n_columns), np.nan, dtype=np.float32)
    for visit in run.visits("logits"):
        rows = visit[prompt].numpy()
        # A pass's first token was predicted by the pass before, or by nothing.
        known = ~np.isnan(rows[:, RANK])
        table[rows[known, POS].astype(int)] = rows[known]
    span = run.capture.span(prompt)
    table[span.start] = np.nan  # what is before it is padding, which predicts nothing
    return table[span]


def _noted(provenance: Provenance, n_unread: int) -> Provenance:
    if n_unread < 2:
        return provenance
    note = "a generation computes no logits within its prompt"
    return dataclasses.replace(
        provenance, note=". ".join(filter(None, [provenance.note, note]))
    )


def _texts(
    tokenizer: Any | None, ids: Float[np.ndarray, "pos rank"]
) -> tuple[tuple[str, ...], ...]:
    known = np.unique(ids[~np.isnan(ids)]).astype(int).tolist()
    text = dict(zip(known, read_tokens(tokenizer, known).text, strict=True))
    return tuple(tuple(text[int(i)] for i in row if not np.isnan(i)) for row in ids)


def attention_received(
    result: AttentionPattern, heads: Sequence[tuple[int, int]] | None = None
) -> TokenValues:
    """Return how much attention each token gets from the ones after it, on average.

    Times how many queries come after each token, and with the diagonal added, a head's
    values sum to the number of queries.

    Args:
        result: The patterns.
        heads: (layer, head) pairs; all by default.

    Returns:
        ``TokenValues``; a row per head. The last token of a causal model has no value.

    Raises:
        ResultError: A head is not held, none was asked for, or the numbers are scores.

    Example:
        >>> import interpwidgets as iw
        >>> pattern = iw.attention(iw.load("lil-attn-2l"), [1, 5, 6, 5]).result
        >>> attention_received(pattern, [(1, 0)]).rows
        ('L1 H0',)

    Source:
        Clark et al. (2019), "What Does BERT Look At?", average attention to a token. We
        differ in: the token's attention to itself is left out.
    """
    every = [(layer, head) for layer in result.layers for head in result.heads]
    chosen = every if heads is None else [(int(layer), int(head)) for layer, head in heads]
    if not chosen:
        raise ResultError("no head was asked for; give (layer, head) pairs, or None for all.")
    if result.measure == "score":
        raise ResultError("scores before the softmax add up to nothing; give the weights.")
    values = np.stack([_received(result, *head) for head in chosen])
    absent = _without_queries(result)
    values[:, list(absent)] = np.nan
    return TokenValues(
        provenance=result.provenance,
        tokens=result.tokens,
        values=values,
        rows=tuple(head_name(*head) for head in chosen),
        row_axes=() if heads is not None else _axes(result),
        title=_title(result),
        signed=result.signed,
        absent=absent,
        prompt_index=result.prompt_index,
        prompt_count=result.prompt_count,
    )


def _received(result: AttentionPattern, layer: int, head: int) -> Float[np.ndarray, " pos"]:
    weights = result.weights(layer, head)
    n = len(weights)
    query, key = np.indices((n, n))
    seen = query > key if result.causal else query != key
    seen[list(result.unmatched)] = False  # of a difference: tokens that only one run has
    n_queries = seen.sum(axis=0)
    total = np.where(seen, weights, 0).sum(axis=0, dtype=np.float64)
    mean = np.divide(total, n_queries, out=np.full(n, np.nan), where=n_queries > 0)
    return mean.astype(np.float32)


def _without_queries(result: AttentionPattern) -> tuple[int, ...]:
    """Return the positions that receive nothing by definition."""
    n = len(result.tokens)
    last = (n - 1,) if result.causal or n == 1 else ()
    return tuple(dict.fromkeys([*((0,) if result.hidden_sink else ()), *last]))


def _title(result: AttentionPattern) -> str:
    title = "Attention received"
    if result.measure == "value_weighted":
        title = "Value-weighted attention received"
    return f"{title}, minus {result.less}" if result.less else title


def _axes(result: AttentionPattern) -> tuple[tuple[str, tuple[str, ...]], ...]:
    layers = tuple(f"L{layer}" for layer in result.layers)
    return ("layer", layers), ("head", tuple(f"H{head}" for head in result.heads))
