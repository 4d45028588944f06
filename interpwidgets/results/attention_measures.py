"""Other numbers of the same heads: the sink left out, value-weighted, scores, differences.

Each takes an attention Result and gives one, head by head: what is kept as uint8 stays so,
and no more than one head is in float32 at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float, Shaped

from interpwidgets.errors import ResultError
from interpwidgets.results.alignment import align_tokens
from interpwidgets.results.attention_numbers import AttentionNumbers, coded
from interpwidgets.results.base import Provenance

Align = Literal["position", "text"]

P = TypeVar("P", bound=AttentionNumbers)
HeadNumbers = Callable[[int, int], Float[np.ndarray, "query_pos key_pos"]]

#: What the provenance of a measure says that was computed from uint8 codes.
FROM_CODES = "computed from 8-bit weights"


def without_sink(result: P) -> P:
    """Return weights without the sink, each row as shares of what is left.

    The sink is key position 0, whatever token it is: there heads rest that have nothing to
    do. Weights become ``w / (1 − w_sink)``, rows sum to 1. Row 0, and every row that is all
    on the sink, has nothing left and is 0.

    float16 rows are divided by the sum of what is left. uint8 codes leave small weights
    out of that sum, so they are divided by ``1 − w_sink``.

    Args:
        result: Weights. Value norms and scores stay, so that ``value_weighted`` and
            ``attention_scores`` of this leave the sink out, too.

    Raises:
        ResultError: It holds no weights.

    Source:
        Xiao et al. (2023), "Efficient Streaming Language Models with Attention Sinks", for
        the sink. We differ in: nothing is run again.
    """
    if result.hidden_sink and result.measure == "weight" and not result.less:
        return result
    _check_weights(result, "without_sink")
    as_codes = result.pattern.dtype == np.uint8

    def numbers(layer: int, head: int) -> Float[np.ndarray, "query_pos key_pos"]:
        weights = result.weights(layer, head)
        sink = weights[:, 0].copy()
        weights[:, 0] = 0
        left = (1 - sink if as_codes else weights.sum(axis=1))[:, None]
        empty = left == 0
        with np.errstate(invalid="ignore"):  # a row with an infinite weight
            weights /= np.where(empty, np.float32(1), left)
        weights[empty[:, 0]] = 0
        return weights

    return _measured(result, numbers, hidden_sink=True)


def value_weighted(result: P) -> P:
    """Return each weight times the norm of its key's value: the size of what is moved.

    Equals the norm of each summand ``A[q, k] · v[k]`` of a head's output.

    Args:
        result: Weights with ``value_norms``.

    Raises:
        ResultError: It holds no weights, or no norms.

    Source:
        Kobayashi et al. (2020), "Attention is Not Only a Weight". We differ in: the norm is
        of the value, not of the value through the output projection.
    """
    _check_weights(result, "value_weighted")
    norms = result.value_norms
    if norms is None:
        raise ResultError(
            "value_weighted needs the norms of the values, which are read beside the pattern "
            "where the model has the site 'v'; this Result has none. Run it again with a "
            "model that has it (iw.describe(model).sites), or weigh with your own: "
            "dataclasses.replace(result, value_norms=...)."
        )
    places = {(layer, head): norms[i, j] for (layer, head), (i, j) in _places(result)}

    def numbers(layer: int, head: int) -> Float[np.ndarray, "query_pos key_pos"]:
        return result.weights(layer, head) * places[layer, head]

    return _measured(
        result, numbers, measure="value_weighted", scale=None, value_norms=None, scores=None
    )


def attention_scores(result: P) -> P:
    """Return what the softmax received, from ``result.scores``; −inf where masked.

    Without the sink, their softmax is the weights without the sink.

    Args:
        result: Weights with ``scores``.

    Raises:
        ResultError: It holds no weights, or the scores were not kept.

    Source:
        Vaswani et al. (2017), "Attention is all you need", eq. 1: the argument of the
        softmax. We differ in: nothing.
    """
    _check_weights(result, "attention_scores")
    if result.scores is None:
        raise ResultError(
            "scores before the softmax were not kept. Run it again with scores=True, e.g. "
            "iw.attention(model, prompt, scores=True)."
        )
    scores = result.scores
    if result.hidden_sink:
        scores = scores.copy()
        scores[..., 0] = -np.inf
    return dataclasses.replace(
        result,
        pattern=scores,
        scale=_scale_of(_largest(head) for layer in scores for head in layer),
        measure="score",
        signed=True,
        value_norms=None,
        scores=None,
    )


def difference(a: P, b: P, *, align: Align = "position") -> P:
    """Return a − b for two runs or prompts, or two models with the same heads.

    ``difference(a, a)`` is 0 everywhere, and exchanging a and b changes the signs.

    Args:
        a: Whose tokens and provenance the difference has.
        b: What is subtracted.
        align: ``"position"``: by position, for as many tokens. ``"text"``: between tokens
            that ``align_tokens`` pairs one to one; rows and columns of a's other tokens are
            NaN, and ``unmatched`` names them.

    Raises:
        ResultError: They hold different layers, heads or measures, one is a difference, or
            their numbers of tokens differ and ``align`` is ``"position"``.
    """
    _check_alike(a, b)
    if align == "text":
        pairs = align_tokens(a.tokens, b.tokens).one_to_one
    elif align == "position":
        _check_as_many_tokens(a, b)
        pairs = tuple((pos, pos) for pos in range(len(a.tokens)))
    else:
        raise ResultError(f"align is 'position' or 'text', not {align!r}.")
    in_a, in_b = np.array(pairs, dtype=int).reshape(-1, 2).T
    whole = len(in_a) == len(a.tokens) == len(b.tokens)

    def numbers(layer: int, head: int) -> Float[np.ndarray, "query_pos key_pos"]:
        first, second = a.weights(layer, head), b.weights(layer, head)
        if whole:
            return _minus(first, second)
        apart = np.full_like(first, np.nan)
        apart[np.ix_(in_a, in_a)] = _minus(
            first[np.ix_(in_a, in_a)], second[np.ix_(in_b, in_b)]
        )
        return apart

    both = zip(a.layer_runs, b.layer_runs, strict=True)
    return _measured(
        a,
        numbers,
        as_codes=np.uint8 in (a.pattern.dtype, b.pattern.dtype),
        scale=None,
        signed=True,
        less=_in_words(b, a),
        unmatched=tuple(sorted(set(range(len(a.tokens))) - {int(pos) for pos in in_a})),
        layer_runs=tuple(None if None in runs else runs[0] for runs in both),
        value_norms=None,
        scores=None,
    )


# ------------------------------------------------------------------------------- checks


def _check_weights(result: AttentionNumbers, wanted: str) -> None:
    if result.measure != "weight" or result.less:
        what = f"a difference of {result.measure}s" if result.less else result.measure
        raise ResultError(
            f"{wanted} starts from the weights of a run; this Result holds: {what}. Take the "
            "Result that it was made of."
        )


def _check_alike(a: AttentionNumbers, b: AttentionNumbers) -> None:
    for one in (a, b):
        if one.less:
            raise ResultError(
                f"one of the two is a difference itself (less {one.less}); subtract Results "
                "of runs."
            )
    for name in ("layers", "heads", "measure", "hidden_sink", "causal"):
        ours, theirs = getattr(a, name), getattr(b, name)
        if ours != theirs:
            raise ResultError(
                f"a difference is of Results of the same layers, heads and measure; their "
                f"`{name}` differ: {ours} and {theirs}."
            )


def _check_as_many_tokens(a: AttentionNumbers, b: AttentionNumbers) -> None:
    if len(a.tokens) == len(b.tokens):
        return
    texts = zip(a.tokens.text, b.tokens.text, strict=False)
    shorter = min(len(a.tokens), len(b.tokens))
    at = next((pos for pos, (one, other) in enumerate(texts) if one != other), shorter)
    raise ResultError(
        f"by position a difference needs prompts of as many tokens; these have "
        f"{len(a.tokens)} and {len(b.tokens)}, and differ from position {at}. Give "
        'align="text" to subtract between tokens that both have.'
    )


# ------------------------------------------------------------------------------ writing


def _measured(
    result: P,
    numbers: HeadNumbers,
    *,
    as_codes: bool | None = None,
    scale: float | None = 1.0,
    **changes: Any,
) -> P:
    """Return a Result with other numbers, kept as this one's are.

    Args:
        result: Where the rest comes from.
        numbers: Gives one head's, in float32.
        as_codes: Keep uint8 codes; by default as the Result does.
        scale: What the numbers' scale is; None: the largest of all.
        changes: Other fields.
    """
    from_codes = result.pattern.dtype == np.uint8 if as_codes is None else as_codes
    signed = bool(changes.get("signed", False))
    if from_codes and scale is None:
        scale = _scale_of(_largest(numbers(*head)) for head, _ in _places(result))
    pattern = np.empty(result.pattern.shape, np.uint8 if from_codes else np.float16)
    for head, at in _places(result):
        one = numbers(*head)
        with np.errstate(over="ignore"):  # beyond float16 is not finite, and is drawn so
            pattern[at] = coded(one, scale or 1.0, signed=signed) if from_codes else one
    if scale is None:
        scale = _scale_of(_largest(head) for layer in pattern for head in layer)
    provenance = _noted(result.provenance) if from_codes else result.provenance
    return dataclasses.replace(
        result, pattern=pattern, scale=scale, provenance=provenance, **changes
    )


def _places(result: AttentionNumbers) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return each head's (layer, head) and its place in the arrays."""
    return [
        ((layer, head), (i, j))
        for i, layer in enumerate(result.layers)
        for j, head in enumerate(result.heads)
    ]


def _largest(numbers: Shaped[np.ndarray, "query_pos key_pos"]) -> float:
    sizes = np.abs(numbers)
    largest = float(sizes.max(initial=0))
    if np.isfinite(largest):
        return largest
    return float(sizes.max(where=np.isfinite(sizes), initial=0))  # ten times slower


def _scale_of(largest: Any) -> float:
    return max(largest, default=0.0) or 1.0


def _minus(
    a: Float[np.ndarray, "query_pos key_pos"], b: Float[np.ndarray, "query_pos key_pos"]
) -> Float[np.ndarray, "query_pos key_pos"]:
    """Subtract; what is masked in both (−inf) stays masked, in one only is NaN."""
    with np.errstate(invalid="ignore"):  # −inf − −inf, here and in the sum
        less = a - b
        whole = np.isfinite(less.sum())
    if whole:
        return less
    masked, other = np.isneginf(a), np.isneginf(b)
    less[masked != other] = np.nan
    less[masked & other] = -np.inf
    return less


def _noted(provenance: Provenance) -> Provenance:
    if FROM_CODES in provenance.note:
        return provenance
    note = " · ".join(filter(None, [provenance.note, FROM_CODES]))
    return dataclasses.replace(provenance, note=note)


def _in_words(b: AttentionNumbers, a: AttentionNumbers) -> str:
    """Name what is subtracted, by what sets it apart from what it is subtracted from."""
    of, own = b.provenance, a.provenance
    run = f"run {of.run}" if of.run else "the other array"
    words = f"prompt {b.prompt_index + 1} of {run}" if b.prompt_count > 1 else run
    if of.model != own.model:
        words += f" of {of.model or 'another model'}"
    if of.adapter != own.adapter:
        words += f", {of.adapter or 'no adapter'}"
    return words
