"""What every head does on the one prompt on screen: scores to sort heads by.

The same definitions as ``iw.head_scores``, which measures on many drawn sequences; one
prompt shows which heads to look at, not what they do elsewhere.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from interpwidgets.errors import ResultError, ScoreError
from interpwidgets.results.attention_numbers import NOT_FINITE, AttentionNumbers, decoded
from interpwidgets.results.head_targets import OF_REPEATS, target_keys

#: Draws of the null, and their seed.
N_DRAWS, SEED = 100, 0
NULL_TITLE = f"random targets, n = {N_DRAWS}"
EVEN_TITLE = "a head that attends evenly"

#: Scores that are the attention on some keys, with what they are called.
TARGETED: dict[str, str] = {
    "previous_token": "previous token",
    "first_token": "first token",
    "current_token": "same token",
    "duplicate_token": "duplicate token",
    "induction": "induction",
}

#: Most (query, key) pairs that one draw of the null looks at, and that are added at once.
_MOST_PAIRS = 50_000

#: Numbers that are looked at at once, and queries at most.
_AT_ONCE, _ROWS = 300_000, 64

_CODES_ARE_COARSE = "weights below 0.002 count as 0: they are kept in 8 bits"


@dataclass(frozen=True)
class PatternScore:
    """One score of every head."""

    name: str
    """A name of ``TARGETED``, ``"entropy"``, ``"distance"`` or ``"selected"``."""

    title: str
    """What the score is, in words."""

    values: Float[np.ndarray, "layer head"]
    """float32; shares of attention from 0 to 1, nats (entropy) or positions (distance).
    NaN for heads with a number that is not finite."""

    low: float | None
    """Low end of 95 % of the null; None: it could not be drawn."""

    high: float | None
    """High end of 95 % of the null."""

    null_title: str
    """What the null is, in words."""

    n_queries: int
    """Over how many queries each value is a mean."""

    note: str = ""
    """What else a reader must know."""

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None) or (
            self.low is not None and self.high is not None and self.low > self.high
        ):
            raise ResultError(
                f"the null of {self.name} goes from a low to a high end; got {self.low} and "
                f"{self.high}."
            )


def pattern_scores(result: AttentionNumbers) -> tuple[PatternScore, ...]:
    """Score every head by the weights of one prompt.

    Every query but position 0 counts; of duplicates and induction those that have a key to
    look at, and without any the score is left out. Without the sink "first token" is, too.

    The null of a score says what a head gets that looks at random targets: each of 100
    draws takes the next of these heads and, for each query, moves the score's keys
    together to a random place among the keys that it may count. Of entropy and distance
    it is the value of a head that attends evenly to all keys that it sees.

    Args:
        result: Weights, with or without the sink.

    Raises:
        ScoreError: It holds no weights.

    Source:
        Olsson et al. (2022), "In-context Learning and Induction Heads", for previous-token
        and prefix-matching scores. We differ in: one prompt, and as ``iw.head_scores`` does.
    """
    heads = _Heads(result)
    if heads.n < 2:
        return ()
    scores = [
        _targeted(heads, name)
        for name in TARGETED
        if not (name == "first_token" and result.hidden_sink)
    ]
    return (*filter(None, scores), *_spreads(heads))


def pair_score(result: AttentionNumbers, query: int, key: int) -> PatternScore:
    """Return how much every head attends from one position to another.

    Args:
        result: Weights.
        query: The position that attends.
        key: The position that it attends to.

    Raises:
        ScoreError: It holds no weights, or has no such pair.
    """
    heads = _Heads(result)
    if not (0 <= query < heads.n and 0 <= key < heads.n) or (result.causal and key > query):
        seen = f"0-{query}" if result.causal and 0 <= query < heads.n else f"0-{heads.n - 1}"
        raise ScoreError(
            f"this prompt has {heads.n} positions, and query {query} sees keys {seen}; got "
            f"key {key}."
        )
    keys = np.zeros((heads.n, heads.n), dtype=bool)
    keys[query, key] = True
    text = result.tokens.text
    title = f"from {text[query].strip()} ({query}) to {text[key].strip()} ({key})"
    return _score_of(heads, "selected", title, keys, first=int(result.hidden_sink))


@functools.lru_cache(maxsize=2)
def _tables(
    as_codes: bool, scale: float
) -> tuple[Float[np.ndarray, " code"], Float[np.ndarray, " code"]]:
    """Return the weight, and its part of an entropy, of every code or float16 number.

    Looking them up takes a third of the time of arithmetic.
    """
    codes = np.arange(256 if as_codes else 2**16, dtype=np.uint16)
    stored = codes.astype(np.uint8) if as_codes else codes.view(np.float16)
    weights = decoded(stored, scale, signed=False)
    some = np.where(np.isfinite(weights) & (weights > 0), weights, np.float32(1))
    return weights, -some * np.log(some)


class _Heads:
    """The weights of a Result, one head at a time."""

    def __init__(self, result: AttentionNumbers) -> None:
        if result.measure != "weight" or result.less:
            raise ScoreError(
                "heads are scored by their weights; this Result holds "
                f"{'a difference' if result.less else result.measure}. Give the Result that "
                "it was made of."
            )
        self.result = result
        self.n = len(result.tokens)
        self.shape = result.pattern.shape[:2]
        self.as_codes = result.pattern.dtype == np.uint8
        self._weight_of, self._nats_of = _tables(self.as_codes, result.scale)

    def weights(self, stored: Shaped[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
        """Return weights in float32."""
        return self._weight_of[stored if self.as_codes else stored.view(np.uint16)]

    def nats(self, stored: Shaped[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
        """Return what each weight adds to its row's entropy, in float32."""
        return self._nats_of[stored if self.as_codes else stored.view(np.uint16)]

    @cached_property
    def finite(self) -> Bool[np.ndarray, "layer head"]:
        """Which heads have no number that is not finite."""
        return np.array([self._are_finite(layer) for layer in self.result.pattern])

    def _are_finite(
        self, stored: Shaped[np.ndarray, "head query_pos key_pos"]
    ) -> Bool[np.ndarray, " head"]:
        if self.as_codes:
            return stored.max(axis=(1, 2)) != NOT_FINITE
        return np.isfinite(stored).all(axis=(1, 2))

    @cached_property
    def blocks(self) -> list[tuple[slice, slice, Float[np.ndarray, "query_pos key_pos"]]]:
        """Queries but the first, the keys they see, and how far those are away.

        A block's numbers stay in the processor's cache, and half of a causal head is none.
        """
        blocks = []
        n_rows = min(_ROWS, max(1, _AT_ONCE // (self.shape[1] * self.n)))
        for start in range(1, self.n, n_rows):
            stop = min(start + n_rows, self.n)
            last = stop if self.result.causal else self.n
            queries = np.arange(start, stop, dtype=np.float32)[:, None]
            away = np.abs(queries - np.arange(last, dtype=np.float32))
            blocks.append((slice(start, stop), slice(0, last), away))
        return blocks

    def token_keys(self) -> Int[np.ndarray, " pos"]:
        """Return a number for each token, the same for the same token."""
        tokens = self.result.tokens
        if tokens.ids != tuple(range(self.n)):
            return np.asarray(tokens.ids)
        # tokens of plain text, whose ids only count
        return np.unique(np.array(tokens.text, dtype=object), return_inverse=True)[1]


def _targeted(heads: _Heads, name: str) -> PatternScore | None:
    """Return a score of ``TARGETED``; None where no query has a key to look at."""
    of_repeats = name in OF_REPEATS
    lag = int(name == "induction")
    keys = target_keys(name, heads.token_keys(), np.arange(heads.n), lag)
    if not keys.any():
        return None
    first = 1 if of_repeats or heads.result.hidden_sink else 0
    return _score_of(heads, name, TARGETED[name], keys, first, before=2 if of_repeats else 0)


def _score_of(
    heads: _Heads,
    name: str,
    title: str,
    keys: Bool[np.ndarray, "query_pos key_pos"],
    first: int,
    before: int = 0,
) -> PatternScore:
    """Return the attention on some keys, the mean over the queries that have one.

    Args:
        heads: The weights.
        name: Of the score.
        title: What it is.
        keys: Which are counted.
        first: The first key that could be.
        before: How far before the query the last key is that could be.
    """
    query, key = np.nonzero(keys)
    n_queries = int(keys.any(axis=1).sum())
    on_keys = np.zeros(heads.shape)
    for start in range(0, len(query), _MOST_PAIRS):
        some = slice(start, start + _MOST_PAIRS)
        for layer, stored in enumerate(heads.result.pattern):
            on_keys[layer] += heads.weights(stored[:, query[some], key[some]]).sum(axis=-1)
    values = np.where(heads.finite, on_keys / n_queries, np.nan).astype(np.float32)
    null = _null(heads, query, key, first, before)
    low, high = (None, None) if null is None else map(float, np.quantile(null, (0.025, 0.975)))
    return PatternScore(name, title, values, low, high, NULL_TITLE, n_queries)


def _null(
    heads: _Heads,
    query: Int[np.ndarray, " pair"],
    key: Int[np.ndarray, " pair"],
    first: int,
    before: int,
) -> Float[np.ndarray, " draw"] | None:
    """Return the score at random targets, each draw of the next head; None without heads."""
    if not heads.finite.any():
        return None
    rng = np.random.default_rng(SEED)
    held = rng.permutation(np.argwhere(heads.finite))[np.arange(N_DRAWS) % heads.finite.sum()]
    steps = rng.random((N_DRAWS, heads.n))
    query, key = _few_enough(query, key, rng)
    last = query - before if heads.result.causal or before else np.full_like(query, heads.n - 1)
    n_allowed = last - first + 1
    drawn = np.empty(N_DRAWS)
    at_once = max(1, _MOST_PAIRS // len(query))
    for start in range(0, N_DRAWS, at_once):
        draws = slice(start, start + at_once)
        layer, head = held[draws].T[..., None]
        step = (steps[draws][:, query] * n_allowed).astype(int)
        target = first + (key - first + step) % n_allowed
        drawn[draws] = heads.weights(heads.result.pattern[layer, head, query, target]).sum(
            axis=-1
        )
    return drawn / len(np.unique(query))


def _few_enough(
    query: Int[np.ndarray, " pair"], key: Int[np.ndarray, " pair"], rng: np.random.Generator
) -> tuple[Int[np.ndarray, " kept"], Int[np.ndarray, " kept"]]:
    """Return the pairs of some of the queries where all would take too long to draw."""
    if len(query) <= _MOST_PAIRS:
        return query, key
    queries = rng.permutation(np.unique(query))
    kept = queries[: max(1, len(queries) * _MOST_PAIRS // len(query))]
    among = np.isin(query, kept)
    return query[among], key[among]


# -------------------------------------------------------------------- entropy, distance


def _spreads(heads: _Heads) -> tuple[PatternScore, PatternScore]:
    with np.errstate(invalid="ignore"):  # heads that are not finite, which have no score
        by_layer = [_spreads_of(heads, layer) for layer in heads.result.pattern]
    entropy, distance = np.where(heads.finite, np.stack(by_layer, axis=1), np.float32(np.nan))
    note = _CODES_ARE_COARSE if heads.as_codes else ""
    even_nats, even_away = _even(heads)
    where = "back" if heads.result.causal else "away"
    n_queries = heads.n - 1
    return (
        PatternScore(
            "entropy",
            "entropy, nats",
            entropy,
            even_nats,
            even_nats,
            EVEN_TITLE,
            n_queries,
            note,
        ),
        PatternScore(
            "distance",
            f"distance, positions {where}",
            distance,
            even_away,
            even_away,
            EVEN_TITLE,
            n_queries,
            note,
        ),
    )


def _spreads_of(
    heads: _Heads, stored: Shaped[np.ndarray, "head query_pos key_pos"]
) -> Float[np.ndarray, "2 head"]:
    """Return the mean nats of a layer's heads, and how far their attention is on average.

    Queries without any attention, all on a hidden sink, have no distance.
    """
    nats, far, n_far = (np.zeros(len(stored), dtype=np.float32) for _ in range(3))
    for rows, keys, away in heads.blocks:
        block = stored[:, rows, keys]
        nats += heads.nats(block).sum(axis=(1, 2))
        # codes do as well as weights, for each row is divided by its sum
        shares = block.astype(np.float32) if heads.as_codes else heads.weights(block)
        mass = shares.sum(axis=2)
        some = mass > 0
        row_far = np.einsum("hqk,qk->hq", shares, away) / np.where(some, mass, 1)
        far += np.where(some, row_far, 0).sum(axis=1)
        n_far += some.sum(axis=1)
    return np.stack([nats / (heads.n - 1), far / np.where(n_far > 0, n_far, np.nan)])


def _even(heads: _Heads) -> tuple[float, float]:
    """Return entropy and distance of a head that attends evenly to all keys that it sees."""
    n, sink = heads.n, int(heads.result.hidden_sink)
    seen = np.tri(n, dtype=bool)[1:] if heads.result.causal else np.ones((n - 1, n), dtype=bool)
    seen[:, :sink] = False
    counts = seen.sum(axis=1)
    positions = np.arange(n)
    away = np.abs(positions[1:, None] - positions)
    distance = (away * seen).sum(axis=1) / counts
    return float(np.log(counts).mean()), float(distance.mean())
