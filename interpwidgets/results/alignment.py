"""Which tokens of two prompts are the same: said outright, nothing guessed from positions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from interpwidgets.errors import ResultError
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

Pair = tuple[int, int]


@dataclass(frozen=True)
class Alignment:
    """Pairs of positions of two prompts, a and b, whose tokens belong together.

    A token belongs to several where two tokenizers cut the same text differently.
    """

    pairs: tuple[Pair, ...]
    """(position in a, position in b), in order in both."""

    unmatched_a: tuple[int, ...]
    """Positions of a without a partner, in order."""

    unmatched_b: tuple[int, ...]
    """Positions of b without a partner, in order."""

    text_a: tuple[str, ...] = ()
    """The tokens of a; empty: not given."""

    text_b: tuple[str, ...] = ()
    """The tokens of b; empty: not given."""

    def __post_init__(self) -> None:
        for (a, b), (next_a, next_b) in zip(self.pairs, self.pairs[1:], strict=False):
            if not (a <= next_a and b <= next_b and (a, b) != (next_a, next_b)):
                raise ResultError(
                    "pairs go up in both prompts, each pair once; got "
                    f"{(a, b)} before {(next_a, next_b)}."
                )
        sides = ((self.unmatched_a, self.text_a), (self.unmatched_b, self.text_b))
        for side, (unmatched, text) in enumerate(sides):
            _check_side("ab"[side], {pair[side] for pair in self.pairs}, unmatched, text)

    def a_to_b(self, pos: int) -> tuple[int, ...]:
        """Return the positions of b that belong to one of a; empty for none.

        Args:
            pos: A position of a.

        Raises:
            ResultError: a has no such position.
        """
        return self._partners_of("a", pos, self._to_b, self.unmatched_a)

    def b_to_a(self, pos: int) -> tuple[int, ...]:
        """Return the positions of a that belong to one of b; empty for none.

        Args:
            pos: A position of b.

        Raises:
            ResultError: b has no such position.
        """
        return self._partners_of("b", pos, self._to_a, self.unmatched_b)

    @property
    def one_to_one(self) -> tuple[Pair, ...]:
        """The pairs of whole tokens: neither belongs to another one as well."""
        return tuple(
            (a, b) for a, b in self.pairs if len(self._to_b[a]) == len(self._to_a[b]) == 1
        )

    def swapped(self) -> Alignment:
        """Return the same with a and b exchanged."""
        pairs = tuple((b, a) for a, b in self.pairs)
        return Alignment(pairs, self.unmatched_b, self.unmatched_a, self.text_b, self.text_a)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair, then those without a partner, their other side missing.

        Columns: a_pos, b_pos, a_token, b_token.
        """
        import pandas as pd

        rows: list[tuple[int | None, int | None]] = [
            *self.pairs,
            *((a, None) for a in self.unmatched_a),
            *((None, b) for b in self.unmatched_b),
        ]
        return pd.DataFrame(
            {
                "a_pos": pd.array([a for a, _ in rows], dtype="Int64"),
                "b_pos": pd.array([b for _, b in rows], dtype="Int64"),
                "a_token": [_token(self.text_a, a) for a, _ in rows],
                "b_token": [_token(self.text_b, b) for _, b in rows],
            }
        )

    def _partners_of(
        self, name: str, pos: int, known: dict[int, tuple[int, ...]], unmatched: tuple[int, ...]
    ) -> tuple[int, ...]:
        if pos not in known and pos not in unmatched:
            raise ResultError(
                f"prompt {name} has {len(known) + len(unmatched)} positions from 0; got {pos}."
            )
        return known.get(pos, ())

    @cached_property
    def _to_b(self) -> dict[int, tuple[int, ...]]:
        return _grouped(self.pairs)

    @cached_property
    def _to_a(self) -> dict[int, tuple[int, ...]]:
        return _grouped((b, a) for a, b in self.pairs)


def align_tokens(a: Tokens, b: Tokens) -> Alignment:
    """Align two prompts.

    Where both spell the same text, spaces and special tokens aside, but cut it differently,
    tokens belong together that share a character other than a space. Otherwise tokens of
    the same text do, by the longest runs that both have in the same order (difflib's
    ``SequenceMatcher``); no token then has two partners, and a changed word has none.

    ``align_tokens(t, t)`` pairs every position with itself, and exchanging the prompts
    exchanges the pairs.

    Args:
        a: One prompt's tokens.
        b: The other's.

    Example:
        Prompts of "Ada met Ben" and "Ada never met Ben": "never" is in ``unmatched_b``.
    """
    if a.text > b.text:  # SequenceMatcher is not symmetric; so it always gets one order
        return align_tokens(b, a).swapped()
    same_text = a.text != b.text and _spelled(a) == _spelled(b) != ""
    pairs = _overlapping(a, b) if same_text else _matching(a.text, b.text)
    return Alignment(
        tuple(pairs),
        _others({pos for pos, _ in pairs}, len(a)),
        _others({pos for _, pos in pairs}, len(b)),
        a.text,
        b.text,
    )


def _matching(a: tuple[object, ...], b: tuple[object, ...]) -> list[Pair]:
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    return [
        (block.a + i, block.b + i)
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
    ]


def _overlapping(a: Tokens, b: Tokens) -> list[Pair]:
    """Pair tokens that share a character; those that have none, by where they stand."""
    spans_a, spans_b = _spans(a), _spans(b)
    pairs: list[Pair] = []
    first = 0
    for at, (start, stop) in enumerate(spans_a):
        if start == stop:
            continue
        while spans_b[first][1] <= start:
            first += 1
        other = first
        while other < len(b) and spans_b[other][0] < stop:
            if spans_b[other][0] < spans_b[other][1]:
                pairs.append((at, other))
            other += 1
    return sorted(pairs + _bare_pairs(a, spans_a, b, spans_b))


def _bare_pairs(a: Tokens, spans_a: list[Pair], b: Tokens, spans_b: list[Pair]) -> list[Pair]:
    """Pair special tokens and bare spaces of the same text at the same place of the text."""
    bare_a = [at for at, (start, stop) in enumerate(spans_a) if start == stop]
    bare_b = [at for at, (start, stop) in enumerate(spans_b) if start == stop]
    keys_a = tuple((spans_a[at][0], a.text[at]) for at in bare_a)
    keys_b = tuple((spans_b[at][0], b.text[at]) for at in bare_b)
    return [(bare_a[i], bare_b[j]) for i, j in _matching(keys_a, keys_b)]


def _spans(tokens: Tokens) -> list[Pair]:
    """Return which of the text's characters each token holds, spaces not counted."""
    spans, start = [], 0
    for pos in range(len(tokens)):
        stop = start + len(_characters(tokens, pos))
        spans.append((start, stop))
        start = stop
    return spans


def _spelled(tokens: Tokens) -> str:
    return "".join(_characters(tokens, pos) for pos in range(len(tokens)))


def _characters(tokens: Tokens, pos: int) -> str:
    return "" if tokens.special[pos] else "".join(tokens.text[pos].split())


def _grouped(pairs: Iterable[Pair]) -> dict[int, tuple[int, ...]]:
    groups: dict[int, tuple[int, ...]] = {}
    for one, other in pairs:
        groups[one] = (*groups.get(one, ()), other)
    return groups


def _others(paired: set[int], n: int) -> tuple[int, ...]:
    return tuple(pos for pos in range(n) if pos not in paired)


def _check_side(
    name: str, paired: set[int], unmatched: tuple[int, ...], text: tuple[str, ...]
) -> None:
    n = len(text) or len(paired) + len(unmatched)
    if sorted([*paired, *unmatched]) != list(range(n)):
        raise ResultError(
            f"each of the {n} positions of {name} is in a pair or in unmatched_{name}, and "
            f"in one of them only; got {sorted(paired)} and {list(unmatched)}."
        )


def _token(text: tuple[str, ...], pos: int | None) -> str:
    return text[pos] if text and pos is not None else ""
