"""Attention patterns of every head, with what else is known of the same forward."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Shaped

from interpwidgets.axes import check_members
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Read
from interpwidgets.models.running import Run, refuse_large, run_method
from interpwidgets.reads.pattern import (
    pattern_bytes,
    pattern_reads,
    score_bytes,
    score_reads,
)
from interpwidgets.reads.steps import positions_of_passes, rows_of_passes
from interpwidgets.reads.value_norms import value_norm_reads
from interpwidgets.results.attention import NOT_FINITE, TOP_CODE, AttentionPattern

MAX_BYTES = 2**30


def attention(
    model: Any,
    prompt: Any,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    prepend_bos: bool | None = None,
    scores: bool = False,
    max_bytes: int = MAX_BYTES,
) -> AttentionPattern:
    """Read how much each token attends to each other one, for every head.

    Every row of a head's pattern sums to 1, and equals what plain torch hooks on the
    attention modules give.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids, or chat messages.
        layers: Layers to read; all by default.
        heads: Heads to keep of each; all by default.
        prepend_bos: Whether the prompt begins with the beginning-of-sequence token; by
            default as the tokenizer or the chat template does.
        scores: Keep what the softmax receives, too, as float16.
        max_bytes: Refuse to keep more than this.

    Returns:
        ``AttentionPattern``; ``pattern`` is ``[layer, head, query_pos, key_pos]``,
        float16, or uint8 codes above 64 MB. ``value_norms`` come along where the model has
        the site ``v``.

    Raises:
        SiteError: ``scores`` are asked for, and the model has no site ``attn_scores``.
        PromptError: The prompt is empty or longer than the model's context.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> attention(iw.load("lil-attn-2l"), [1, 5, 6, 5]).pattern.shape
        (2, 4, 4, 4)

    Source:
        Vaswani et al. (2017), "Attention is all you need", eq. 1. We differ in: nothing.
    """
    method = AttentionMethod(layers, heads, max_bytes, scores)
    return run_method(model, prompt, method, prepend_bos=prepend_bos)


@dataclass(frozen=True)
class AttentionMethod:
    """The attention pattern as a method: what it reads and what it builds."""

    name: ClassVar[str] = "attention"

    layers: Sequence[int] | None = None
    heads: Sequence[int] | None = None
    max_bytes: int = MAX_BYTES
    scores: bool = False

    @property
    def result_type(self) -> type[AttentionPattern]:
        """The type of Result that ``build`` makes."""
        return AttentionPattern

    def kept_layers(self, adapter: Adapter) -> tuple[int, ...]:
        """Return the layers read, checked."""
        return check_members("layer", self.layers, adapter.n_layers, of=adapter.name)

    def kept_heads(self, adapter: Adapter) -> tuple[int, ...]:
        """Return the heads kept, checked."""
        return check_members("head", self.heads, adapter.n_heads, of=adapter.name)

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return the reads of each layer: its pattern, its value norms, scores if asked."""
        layers, heads = self.kept_layers(adapter), self.kept_heads(adapter)
        reads = pattern_reads(layers, heads, adapter.n_heads)
        reads += value_norm_reads(adapter, layers)
        if self.scores:
            adapter.place("attn_scores", layers[0])  # refuses what the architecture lacks
            reads += score_reads(layers, heads, adapter.n_heads)
        return reads

    def bytes_needed(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> int:
        """Return how many bytes the patterns, and scores if asked, will be kept in.

        Value norms are not counted: they are a number where a pattern has a row.
        """
        n_layers, n_heads = len(self.kept_layers(adapter)), len(self.kept_heads(adapter))
        return n_prompts * self._bytes(n_layers, n_heads, n_tokens)

    def _bytes(self, n_layers: int, n_heads: int, n_tokens: int) -> int:
        size = n_layers, n_heads, n_tokens
        return pattern_bytes(*size) + (score_bytes(*size) if self.scores else 0)

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:
        """Refuse what would pass ``max_bytes``, with the arguments that would fit."""
        layers, heads = self.kept_layers(adapter), self.kept_heads(adapter)
        needed = self.bytes_needed(adapter, n_prompts, n_tokens)
        fit = self.max_bytes // (n_prompts * self._bytes(1, len(heads), n_tokens))
        if fit:
            fits = f"Read at most {fit} layers, e.g. layers=range({fit})"
        else:
            n_heads = self.max_bytes // (n_prompts * self._bytes(1, 1, n_tokens))
            fits = (
                f"Read one layer and at most {n_heads} heads, e.g. layers=[0], "
                f"heads=range({n_heads})"
                if n_heads
                else "Shorten the prompt"
            )
        what = "patterns and scores" if self.scores else "patterns"
        alone = pattern_bytes(len(layers), len(heads), n_tokens)
        if self.scores and n_prompts * alone <= self.max_bytes:
            fits += ", leave out scores=True"
        of = f"{what} of {len(layers)} layers × {len(heads)} heads × {n_tokens:,}² tokens"
        refuse_large(of, needed, self.max_bytes, fits)

    def build(
        self, run: Run, previous: Sequence[AttentionPattern] = ()
    ) -> tuple[AttentionPattern, ...]:
        """Return one Result per prompt; layers not reached come from ``previous``."""
        layers, heads = self.kept_layers(run.adapter), self.kept_heads(run.adapter)
        n_prompts = run.capture.n_prompts
        built = []
        for prompt in range(n_prompts):
            result = AttentionPattern(
                provenance=run.provenance(*self._sites(run.adapter), prompt=prompt),
                tokens=run.tokens(prompt),
                pattern=_assemble(run, prompt, layers, len(heads)),
                layers=layers,
                heads=heads,
                layer_runs=tuple(
                    run.capture.number if run.visits("pattern", layer) else None
                    for layer in layers
                ),
                causal=run.adapter.architecture.causal,
                prompt_index=prompt,
                prompt_count=n_prompts,
                value_norms=_value_norms(run, prompt, layers, heads),
                scores=_scores(run, prompt, layers, len(heads)) if self.scores else None,
                n_heads=run.adapter.n_heads,
                n_kv_heads=run.adapter.n_kv_heads,
            )
            before = previous[prompt] if prompt < len(previous) else None
            built.append(_fill_unreached(result, before))
        return tuple(built)

    def _sites(self, adapter: Adapter) -> tuple[str, ...]:
        return tuple(dict.fromkeys(read.site for read in self.reads(adapter)))


def _assemble(
    run: Run, prompt: int, layers: tuple[int, ...], n_heads: int
) -> Shaped[np.ndarray, "layer head query_pos key_pos"]:
    """Put the rows of every forward pass together, without the padding."""
    visits = [run.visits("pattern", layer) for layer in layers]
    as_codes = any(str(visit.dtype) == "torch.uint8" for layer in visits for visit in layer)
    n = run.capture.length(prompt)
    shape = (len(layers), n_heads, n, n)
    pattern = np.zeros(shape, dtype=np.uint8 if as_codes else np.float16)
    for at, layer_visits in enumerate(visits):
        if not layer_visits:
            pattern[at] = NOT_FINITE if as_codes else np.nan
        for queries, n_keys, rows in rows_of_passes(layer_visits, run.capture, prompt):
            kept = rows.numpy()
            pattern[at, :, queries, :n_keys] = _codes(kept) if as_codes else kept
    return pattern


def _scores(
    run: Run, prompt: int, layers: tuple[int, ...], n_heads: int
) -> Float[np.ndarray, "layer head query_pos key_pos"]:
    """Put the scores of every forward pass together; −inf at keys that came later."""
    n = run.capture.length(prompt)
    scores = np.full((len(layers), n_heads, n, n), -np.inf, dtype=np.float16)
    for at, layer in enumerate(layers):
        visits = run.visits("attn_scores", layer)
        if not visits:
            scores[at] = np.nan
        for queries, n_keys, rows in rows_of_passes(visits, run.capture, prompt):
            scores[at, :, queries, :n_keys] = rows.numpy()
    return scores


def _value_norms(
    run: Run, prompt: int, layers: tuple[int, ...], heads: tuple[int, ...]
) -> Float[np.ndarray, "layer head key_pos"] | None:
    """Return each head's norms, those of a key-value head for every head that shares it."""
    if not value_norm_reads(run.adapter, layers):
        return None
    shape = (len(layers), len(heads), run.capture.length(prompt))
    norms = np.full(shape, np.nan, dtype=np.float32)
    for at, layer in enumerate(layers):
        visits = run.visits("v", layer)
        if visits:
            of_kv_head = positions_of_passes(visits, run.capture, prompt).numpy().T
            shared_by = run.adapter.n_heads // len(of_kv_head)
            norms[at] = of_kv_head[[head // shared_by for head in heads]]
    return norms


def _codes(
    weights: Shaped[np.ndarray, "head query_pos key_pos"],
) -> Shaped[np.ndarray, "head query_pos key_pos"]:
    """Return uint8 codes; an early generation step may still have fitted in float16."""
    if weights.dtype == np.uint8:
        return weights
    finite = np.isfinite(weights)
    codes = np.rint(np.clip(np.where(finite, weights, 0), 0, 1) * TOP_CODE)
    return np.where(finite, codes, NOT_FINITE).astype(np.uint8)


def _fill_unreached(
    result: AttentionPattern, before: AttentionPattern | None
) -> AttentionPattern:
    """Show the last run's numbers, marked by their run, where this one stopped short."""
    usable = (
        before is not None
        and None in result.layer_runs
        and before.tokens.ids == result.tokens.ids
        and before.layers == result.layers
        and before.heads == result.heads
        and before.pattern.dtype == result.pattern.dtype
    )
    if not usable or before is None:
        return result
    runs = list(result.layer_runs)
    for at, run in enumerate(runs):
        if run is None:
            result.pattern[at] = before.pattern[at]
            _fill(result.value_norms, before.value_norms, at)
            _fill(result.scores, before.scores, at)
            runs[at] = before.layer_runs[at]
    return dataclasses.replace(result, layer_runs=tuple(runs))


def _fill(array: np.ndarray | None, before: np.ndarray | None, at: int) -> None:
    """Take one layer of the run before; NaN where that one did not read it."""
    if array is not None:
        array[at] = np.nan if before is None else before[at]
