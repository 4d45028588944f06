"""Pairs of a clean and a corrupted prompt, and which of their tokens belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interpwidgets.errors import ModelError, PromptError
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.prompts import read_prompts
from interpwidgets.models.token_text import read_tokens
from interpwidgets.results.alignment import align_tokens
from interpwidgets.results.tokens import Tokens

Mapping = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PromptPair:
    """One pair."""

    clean: Tokens
    corrupted: Tokens

    mapping: Mapping
    """(clean position, corrupted position), in order."""

    def into(self, direction: str) -> tuple[Tokens, Mapping]:
        """Return the prompt that is changed, and (position in the other, position there).

        Args:
            direction: ``"denoising"`` or ``"noising"``.
        """
        if direction == "denoising":
            return self.corrupted, self.mapping
        return self.clean, tuple((corrupted, clean) for clean, corrupted in self.mapping)


def read_pairs(
    model: Model,
    clean: Any,
    corrupted: Any,
    *,
    align: Any = None,
    prepend_bos: bool | None = None,
) -> list[PromptPair]:
    """Return pairs of prompts with their tokens, checked and aligned.

    Args:
        model: The nnsight model.
        clean: A prompt or a list of those.
        corrupted: As many.
        align: As of ``activation_patching``.
        prepend_bos: As of ``read_prompts``.

    Raises:
        ModelError: The model predicts no next token.
        PromptError: Not as many of each, or of different length and nothing said.
    """
    check_predicts(model)
    tokenizer = getattr(model, "tokenizer", None)
    sides = [
        [
            read_tokens(tokenizer, one.ids)
            for one in read_prompts(given, model, prepend_bos=prepend_bos).prompts
        ]
        for given in (clean, corrupted)
    ]
    if len(sides[0]) != len(sides[1]):
        raise PromptError(
            f"each clean prompt needs its corrupted one; got {len(sides[0])} and "
            f"{len(sides[1])}."
        )
    return [
        PromptPair(a, b, _mapping(a, b, align, number))
        for number, (a, b) in enumerate(zip(*sides, strict=True))
    ]


def check_predicts(model: Model) -> None:
    """Refuse a model without a next token.

    Raises:
        ModelError: It is an encoder, sees images, or has no logits.
    """
    adapter = adapter_of(model)
    architecture = adapter.architecture
    if architecture.positions or not architecture.causal or "logits" not in architecture.places:
        raise ModelError(
            "patching measures the next token, so it needs a model that reads text from left "
            f"to right and has logits; {adapter.name} ({adapter.model_type}) does not."
        )


def _mapping(clean: Tokens, corrupted: Tokens, align: Any, number: int) -> Mapping:
    if align is None:
        if len(clean) != len(corrupted):
            _refuse_lengths(clean, corrupted, number)
        return tuple((pos, pos) for pos in range(len(clean)))
    if align == "tokens":
        return _by_tokens(clean, corrupted)
    return _checked(align, clean, corrupted)


def _refuse_lengths(clean: Tokens, corrupted: Tokens, number: int) -> None:
    both = zip(clean.text, corrupted.text, strict=False)
    shorter = min(len(clean), len(corrupted))
    first = next((pos for pos, (a, b) in enumerate(both) if a != b), shorter)
    texts = [repr("".join(side.text[first : first + 3])) for side in (clean, corrupted)]
    raise PromptError(
        f"clean has {len(clean)} tokens, corrupted has {len(corrupted)} in pair {number} (they "
        f"differ from position {first}: {texts[0]} / {texts[1]}), so which positions belong "
        "together is not known. Give align='tokens', or align=[(clean, corrupted), ...] "
        "positions, or prompts of one length."
    )


def _by_tokens(clean: Tokens, corrupted: Tokens) -> Mapping:
    """Pair equal tokens, and what was changed between them where it is as many tokens."""
    fixed = align_tokens(clean, corrupted).one_to_one
    pairs: list[tuple[int, int]] = []
    before = (-1, -1)
    for pair in (*fixed, (len(clean), len(corrupted))):
        gap = pair[0] - before[0]
        if gap == pair[1] - before[1]:
            pairs += [(before[0] + i, before[1] + i) for i in range(1, gap)]
        pairs.append(pair)
        before = pair
    return tuple(pairs[:-1])


def _checked(align: Any, clean: Tokens, corrupted: Tokens) -> Mapping:
    try:
        pairs = tuple((int(a), int(b)) for a, b in align)
    except (TypeError, ValueError) as error:
        raise PromptError(
            "align is 'tokens' or pairs of positions [(clean, corrupted), ...]; got "
            f"{align!r:.40}."
        ) from error
    inside = all(0 <= a < len(clean) and 0 <= b < len(corrupted) for a, b in pairs)
    once = all(len({pair[side] for pair in pairs}) == len(pairs) for side in (0, 1))
    if not (pairs and inside and once):
        raise PromptError(
            f"align pairs each position once: clean has 0-{len(clean) - 1}, corrupted "
            f"0-{len(corrupted) - 1}; got {align!r:.60}."
        )
    return pairs


def answer_ids(model: Model, answers: Any, n_each: int, n_pairs: int) -> list[tuple[int, ...]]:
    """Return the token ids that a metric is about, of each pair.

    Args:
        model: The nnsight model.
        answers: Texts or ids: one tuple for all pairs, or one for each.
        n_each: How many each needs.
        n_pairs: How many pairs.

    Raises:
        PromptError: There are others, or one is not a single token.
    """
    if isinstance(answers, (str, int)):
        answers = (answers,)
    flat = isinstance(answers, Sequence) and answers and isinstance(answers[0], (str, int))
    rows = [answers] * n_pairs if flat else list(answers or ())
    rows = [(row,) if isinstance(row, (str, int)) else tuple(row) for row in rows]
    if len(rows) == 1 and n_pairs == 1 and n_each == 1:
        rows = [rows[0][:1]]
    if len(rows) != n_pairs or any(len(row) < n_each for row in rows):
        wanted = ("a correct token", "(correct, wrong) tokens")[n_each - 1]
        raise PromptError(
            f"`answers` is {wanted}, or a list of {n_pairs} of those, one for each pair; got "
            f"{answers!r:.60}."
        )
    return [tuple(_token_id(model, one) for one in row[:n_each]) for row in rows]


def _token_id(model: Model, given: Any) -> int:
    n = adapter_of(model).d_vocab
    if not isinstance(given, str):
        if n is not None and not 0 <= int(given) < n:
            raise PromptError(f"token id {given} is outside the vocabulary, 0-{n - 1}.")
        return int(given)
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None:
        raise PromptError(f"this model has no tokenizer: give {given!r} as a token id.")
    ids = tokenizer(given, add_special_tokens=False)["input_ids"]
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        texts = [repr(text) for text in read_tokens(tokenizer, ids).text]
        raise PromptError(
            f"an answer is one token; {given!r} is {len(ids)}: {', '.join(texts)}. Give its "
            "first one, with its leading space if it has one, or an id."
        )
    return int(ids[0])
