"""From a marked part of a text to the positions of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.errors import DatasetError
from interpwidgets.models.adapter import Model
from interpwidgets.models.prompts import Prompt


def token_spans(
    model: Model, texts: Sequence[Any], prompts: Sequence[Prompt], spans: Sequence[Any]
) -> list[tuple[int, int]]:
    """Return (start, stop) of token positions for each text's span.

    Args:
        model: The nnsight model.
        texts: What the prompts were given as.
        prompts: The same as ids.
        spans: A part of the text that stands there once, or (start, stop) already.

    Raises:
        DatasetError: A part is not there, or more than once, or there is no tokenizer that
            says where its tokens are.
    """
    return [
        _tokens_of(model, at, text, prompt, span)
        for at, (text, prompt, span) in enumerate(zip(texts, prompts, spans, strict=True))
    ]


def _tokens_of(model: Model, at: int, text: Any, prompt: Prompt, span: Any) -> tuple[int, int]:
    if not isinstance(span, str):
        if not isinstance(span, (tuple, list)) or len(span) != 2:
            raise DatasetError(
                f"span {at} is a part of its text or (start, stop) of token positions; got "
                f"{span!r:.40}."
            )
        return int(span[0]), int(span[1])
    if not isinstance(text, str) or text.count(span) != 1 or not span.strip():
        n = text.count(span) if isinstance(text, str) and span else 0
        raise DatasetError(
            f"span {at}, {span!r:.40}, stands {n} times in its text; it has to once. Or give "
            "(start, stop) of token positions."
        )
    begin = text.index(span)
    end = begin + len(span.rstrip())
    begin += len(span) - len(span.lstrip())
    offsets = _offsets(model, text, len(prompt.ids))
    inside = [i for i, (a, b) in enumerate(offsets) if a < end and b > begin]
    if not inside:
        raise DatasetError(f"span {at}, {span!r:.40}, has no token of its own.")
    return inside[0], inside[-1] + 1


def _offsets(model: Model, text: str, n_ids: int) -> list[tuple[int, int]]:
    """Return the characters of each token; a token put before the text has none."""
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None or not tokenizer.is_fast:
        raise DatasetError(
            "a span as text needs a fast tokenizer, which says where its tokens are. Give "
            "(start, stop) of token positions."
        )
    found = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    more = n_ids - len(found)  # a BOS that was put before, or taken away
    return [(0, 0)] * more + [tuple(pair) for pair in found[max(0, -more) :]]
