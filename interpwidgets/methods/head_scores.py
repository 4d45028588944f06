"""Scores that name what each head of a model does."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from interpwidgets.errors import PromptError, ScoreError, nearest
from interpwidgets.models.adapter import Adapter, Model, adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.loading import ready
from interpwidgets.models.prompts import token_ids_of
from interpwidgets.models.repeated_blocks import choose_period, draw_repeated_blocks
from interpwidgets.models.running import MethodReader, Run, join_bos, refuse_large
from interpwidgets.models.tracing import forward
from interpwidgets.models.vocabulary import check_words
from interpwidgets.reads.head_scores import (
    Column,
    OwnScore,
    count_queries,
    even_pattern,
    score_heads,
    score_reads,
)
from interpwidgets.results.head_scores import SCORES, HeadScores

MAX_BYTES = 2**30

#: How far induction is looked for by default.
FARTHEST_LAG = 8

# Bytes of float32, and how many patterns' worth one layer's scores are made in.
_FLOAT, _COPIES = 4, 4

Scores = str | Sequence[str | Mapping[str, OwnScore]] | Mapping[str, OwnScore]


def head_scores(
    model: Any,
    prompt: Any = None,
    *,
    scores: Scores = tuple(SCORES),
    lags: Sequence[int] | None = None,
    n: int = 32,
    period: int | None = None,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> HeadScores:
    """Score every head for what it attends to.

    Without a prompt, on sequences of a block of distinct random tokens said twice. A head
    that spreads its attention evenly scores ``uniform``, the same on the same sequences.

    ======================= ===============================================================
    ``previous_token``      attention to the token before
    ``induction``           from a token that occurred before, attention to ``lag``
                            positions after that occurrence; lag 1 is the textbook
                            induction head. A head's score is that of its best lag
    ``duplicate_token``     attention to earlier occurrences of the same token
    ``first_token``         attention to the first position, where heads often rest
    ``entropy``             mean entropy of the rows, in nats
    ``entropy_share``       the same as a share of the log of how many keys are visible
    ======================= ===============================================================

    All but the queries at position 0 count, of induction and duplicates those that have a
    key to look at. These two leave out as keys the first position, the query itself and
    the token before it, and induction those that hold the query's own token: other kinds
    of head look there too. In drawn sequences no lag meets those or another lag; in a
    prompt that repeats itself often one key may count for several lags. A head that looks
    a fixed number of tokens back, whatever they are, scores at some lag as well, and at
    another lag with another ``period``.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids or chat messages to score on, or a list of those; drawn
            sequences by default.
        scores: Names of the scores above, all by default; and own ones as a mapping from
            a name to ``f(pattern [1, head, query_pos, key_pos], token_ids [1, pos])``,
            called for one sequence at a time with float32 numpy arrays, which returns
            ``[head]``. A list may hold both: ``["induction", {"mine": f}]``.
        lags: At which to look for induction; −8 to 8 by default, at most ``period − 2``.
        n: How many sequences are drawn.
        period: Tokens in a drawn block; 20 by default, or what fits the model's context.
        seed: Of the draws.
        max_bytes: Run so many sequences at once that they need no more than this.

    Returns:
        ``HeadScores``; ``.of(score)`` is ``[layer, head]``, ``.best(score)`` a table.

    Raises:
        ScoreError: There is no such score, or an own one fails.
        ModelError: It sees images.
        PromptError: A prompt is empty or too long, or no such sequences can be drawn.
        ReadTooLargeError: One sequence needs more than ``max_bytes``.

    Example:
        >>> import interpwidgets as iw
        >>> found = iw.head_scores(iw.load("lil-attn-2l"), n=8)
        >>> found.of("previous_token").argmax(axis=1)[0]
        np.int64(3)
        >>> found.best_lag[1]
        array([1, 1, 1, 1])

    Source:
        Olsson et al. (2022), "In-context Learning and Induction Heads", for previous-token
        and prefix-matching scores. We differ in: blocks of distinct tokens, any lag, keys
        that other heads look at left out, and the first token's draw measured by itself.
    """
    model = ready(model)
    adapter, _ = adapter_of(model), check_words(model)
    if prompt is None:
        period = choose_period(model, period)
        sequences = draw_repeated_blocks(model, n, period, seed)
    else:
        sequences, period, seed = token_ids_of(prompt, model), 0, 0
    columns = _columns(scores, _check_lags(lags, period))
    method = HeadScoresMethod((), columns, period, seed, max_bytes)
    parts = [
        _score(model, dataclasses.replace(method, token_ids=batch))
        for batch in _batches(sequences, adapter, max_bytes)
    ]
    return _joined(parts)


@dataclass(frozen=True)
class HeadScoresMethod:
    """The scores of heads as a method: what it reads and what it builds."""

    token_ids: tuple[tuple[int, ...], ...]
    """The sequences that it will be given, all equally long."""

    columns: tuple[Column, ...]
    """What to measure."""

    period: int = 0
    seed: int = 0
    max_bytes: int = MAX_BYTES

    @property
    def result_type(self) -> type[HeadScores]:
        """The type of Result that ``build`` makes."""
        return HeadScores

    def _ids(self) -> Int[torch.Tensor, "prompt pos"]:
        return torch.tensor(self.token_ids)

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return one read per layer."""
        causal = adapter.architecture.causal
        return score_reads(adapter.n_layers, self._ids(), self.columns, causal=causal)

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:
        """Refuse what would pass ``max_bytes`` while a layer is scored."""
        needed = n_prompts * _bytes_of_sequence(adapter, n_tokens)
        what = f"scoring {n_prompts} sequences of {n_tokens:,} tokens"
        refuse_large(what, needed, self.max_bytes, "Shorten the prompt")

    def build(self, run: Run, previous: Sequence[HeadScores] = ()) -> tuple[HeadScores, ...]:  # noqa: ARG002
        """Return the one Result of all the sequences."""
        ids, adapter = self._ids(), run.adapter
        if run.capture.ids is None or not torch.equal(run.capture.ids, ids):
            raise PromptError("the model was given other tokens than those to score on.")
        causal, n = adapter.architecture.causal, ids.shape[1]
        even = even_pattern(n, causal=causal).expand(len(ids), adapter.n_heads, n, n)
        uniform = score_heads(even, token_ids=ids, columns=self.columns, causal=causal)
        by_layer = [run.visits("pattern", layer)[0] for layer in range(adapter.n_layers)]
        return (
            HeadScores(
                provenance=run.provenance("pattern", prompt=None),
                scores=tuple(dict.fromkeys(column.score for column in self.columns)),
                lags=tuple(c.lag for c in self.columns if c.score == "induction"),
                values=torch.stack(by_layer, dim=2).numpy(),
                uniform=uniform.mean(-1).numpy(),
                n_queries=count_queries(ids, self.columns).numpy(),
                token_ids=self.token_ids,
                period=self.period,
                seed=self.seed,
            ),
        )


# ------------------------------------------------------------------------------- scores


def _columns(scores: Scores, lags: tuple[int, ...]) -> tuple[Column, ...]:
    columns: list[Column] = []
    for name, own in _named(scores):
        if any(column.score == name for column in columns):
            raise ScoreError(f"the score {name!r} was asked for twice.")
        known = own is None and name == "induction"
        columns += [Column(name, lag, own) for lag in (lags if known else (0,))]
    if not columns:
        raise ScoreError(f"no score was asked for. Known: {', '.join(SCORES)}.")
    return tuple(columns)


def _named(scores: Any) -> Iterator[tuple[str, OwnScore | None]]:
    """Yield every score with its function, None for built-in ones."""
    is_one = isinstance(scores, (str, Mapping)) or callable(scores)
    for item in [scores] if is_one else scores:
        if isinstance(item, Mapping):
            yield from map(_check_own, item.items())
        elif isinstance(item, str) and item in SCORES:
            yield item, None
        else:
            raise ScoreError(
                f"there is no score {item!r}. {nearest(str(item), SCORES)} An own one is a "
                "mapping of its name to a function."
            )


def _check_own(named: tuple[Any, Any]) -> tuple[str, OwnScore]:
    name, function = named
    if not name or not isinstance(name, str) or name in SCORES or not callable(function):
        raise ScoreError(
            "an own score is a name that no built-in score has, and a function; got "
            f"{name!r}: {function!r:.40}."
        )
    return name, function


def _check_lags(lags: Sequence[int] | None, period: int) -> tuple[int, ...]:
    """Return the lags in order; those of drawn sequences stay clear of the query."""
    farthest = period - 2 if period else FARTHEST_LAG
    if lags is None:
        farthest = min(FARTHEST_LAG, farthest)
        lags = range(-farthest, farthest + 1)
        return tuple(lag for lag in lags if lag)
    kept = tuple(sorted({int(lag) for lag in lags}))
    if not kept or 0 in kept:
        came = "0, which duplicate_token measures" if kept else "none"
        raise ScoreError(f"lags are whole numbers other than 0; got {came}.")
    far = max(kept, key=abs)
    if period and abs(far) > farthest:
        raise ScoreError(
            f"in a block of {period} tokens lags go from {-farthest} to {farthest}, or keys of "
            f"other heads would count; got {far}. Give period={abs(far) + 2} or smaller lags."
        )
    return kept


# ---------------------------------------------------------------------------- sequences


def _batches(
    sequences: list[list[int]], adapter: Adapter, max_bytes: int
) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Yield runs of equally long sequences, as many as ``max_bytes`` allows."""
    for n_tokens, alike in itertools.groupby(sequences, key=len):
        at_once = max(1, max_bytes // _bytes_of_sequence(adapter, n_tokens))
        rows = [tuple(ids) for ids in alike]
        for start in range(0, len(rows), at_once):
            yield tuple(rows[start : start + at_once])


def _bytes_of_sequence(adapter: Adapter, n_tokens: int) -> int:
    """Return about what one sequence takes: a layer's patterns, and the logits."""
    d_logits = adapter.d_vocab or 0 if "logits" in adapter.architecture.places else 0
    return _FLOAT * n_tokens * (_COPIES * adapter.n_heads * n_tokens + d_logits)


def _score(model: Model, method: HeadScoresMethod) -> HeadScores:
    reader = MethodReader(model, [method])
    capture = forward(model, np.array(method.token_ids), reader)
    return method.build(reader.run_of(capture))[0]


def _joined(parts: Sequence[HeadScores]) -> HeadScores:
    """Return one Result of several that differ in their sequences."""
    last = parts[-1]
    bos = join_bos(part.provenance.bos for part in parts)
    return dataclasses.replace(
        last,
        provenance=dataclasses.replace(last.provenance, bos=bos),
        values=np.concatenate([part.values for part in parts], axis=1),
        uniform=np.concatenate([part.uniform for part in parts], axis=1),
        n_queries=np.concatenate([part.n_queries for part in parts], axis=1),
        token_ids=tuple(ids for part in parts for ids in part.token_ids),
    )
