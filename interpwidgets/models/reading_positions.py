"""Which positions of a prompt a rule means, and taking them out of a padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from interpwidgets.errors import DatasetError, nearest

#: Position rules and what each reads; a whole number is that position, negative from the end.
RULES = {
    "last": "last token",
    "mean": "mean over tokens",
    "every": "every token",
    "span": "mean over the marked span",
}


@dataclass(frozen=True)
class Rule:
    """Which positions to read."""

    name: str | int
    """One of ``RULES``, or a position."""

    per_text: int | None = None
    """Of ``"every"``, how many tokens of each text, drawn by lot; None: all."""

    seed: int = 0
    """Of that draw."""

    def __str__(self) -> str:
        if isinstance(self.name, int):
            return f"position {self.name}"
        drawn = f", {self.per_text} of each text" if self.per_text else ""
        return RULES[self.name] + (drawn if self.name == "every" else "")


def check_rules(rules: Sequence[Rule], spans: object | None) -> None:
    """Refuse rules that do not exist, or that miss their spans.

    Args:
        rules: What was asked for.
        spans: The spans that were given.

    Raises:
        DatasetError: One cannot be followed.
    """
    if not rules:
        raise DatasetError("no position was asked for; 'last' reads each text's last token.")
    for rule in rules:
        if not isinstance(rule.name, int) and rule.name not in RULES:
            raise DatasetError(
                f"position is {rule.name!r:.40}: a whole number, or one of "
                f"{', '.join(RULES)}. {nearest(str(rule.name), RULES)}"
            )
        if rule.name == "span" and spans is None:
            raise DatasetError("position='span' needs a span for each text: spans=[...].")
        if rule.per_text is not None and rule.per_text < 1:
            raise DatasetError(f"tokens_per_text counts from 1; got {rule.per_text}.")


@dataclass(frozen=True)
class FoundRows:
    """The rows that a rule gives: of which text, from which of its positions."""

    rule: Rule
    text: Int[np.ndarray, " row"]
    first: Int[np.ndarray, " row"]
    """First position of each row, counted from the prompt's own first token."""
    stop: Int[np.ndarray, " row"]
    """Behind its last; a row is the mean in between."""
    length: Int[np.ndarray, " text"]
    """Tokens of each prompt."""

    def of_batch(self, batch: Sequence[int], causal: bool) -> BatchRows:
        """Return the rows of some texts as columns of their padded batch.

        Args:
            batch: The texts, in its order.
            causal: Whether the padding is on the left.
        """
        at = {text: row for row, text in enumerate(batch)}
        rows = np.flatnonzero(np.isin(self.text, list(batch)))
        prompt = np.array([at[text] for text in self.text[rows].tolist()], dtype=np.int64)
        width = max(self.length[text] for text in batch)
        pads = (width - self.length[self.text[rows]]) * causal
        return BatchRows(rows, prompt, self.first[rows] + pads, self.stop[rows] + pads)


@dataclass(frozen=True)
class BatchRows:
    """Rows of one padded batch."""

    rows: Int[np.ndarray, " row"]
    prompt: Int[np.ndarray, " row"]
    first: Int[np.ndarray, " row"]
    stop: Int[np.ndarray, " row"]

    def take(self, value: torch.Tensor) -> torch.Tensor:
        """Return the rows of a site's tensor, ``[prompt, pos, d]``.

        Args:
            value: What passes there.
        """
        prompt = torch.from_numpy(self.prompt).to(value.device)
        first = torch.from_numpy(self.first).to(value.device)
        n = self.stop - self.first
        if (n == 1).all():
            return value[prompt, first]
        columns = torch.arange(value.shape[1], device=value.device)
        stop = torch.from_numpy(self.stop).to(value.device)
        inside = (columns >= first[:, None]) & (columns < stop[:, None])
        wide = value.to(torch.promote_types(value.dtype, torch.float32))[prompt]
        total = wide.masked_fill(~inside[..., None], 0.0).sum(dim=1)
        return total / torch.from_numpy(n).to(total)[:, None]


def rows_of(
    rule: Rule,
    ids: Sequence[Sequence[int]],
    spans: Sequence[tuple[int, int]] | None,
    bos: int | None,
) -> FoundRows:
    """Return the rows that a rule gives of some prompts.

    Means and ``"every"`` leave a beginning-of-sequence token out, which is the same for all.

    Args:
        rule: Checked by ``check_rules``.
        ids: Each prompt's tokens.
        spans: (start, stop) of token positions, one a prompt, for ``"span"``.
        bos: The id that begins a text.

    Raises:
        DatasetError: A prompt has no such position.
    """
    length = np.array([len(one) for one in ids], dtype=np.int64)
    begin = np.array([int(len(one) > 1 and one[0] == bos) for one in ids], dtype=np.int64)
    text = np.arange(len(ids), dtype=np.int64)
    if rule.name == "every":
        return _every(rule, length, begin)
    if rule.name == "last":
        first, stop = length - 1, length
    elif rule.name == "mean":
        first, stop = begin, length
    elif rule.name == "span":
        first, stop = np.array(spans, dtype=np.int64).T
        _refuse((first < 0) | (first >= stop) | (stop > length), "span", length)
    else:
        assert isinstance(rule.name, int)
        first = length + rule.name if rule.name < 0 else np.full(len(ids), rule.name)
        stop = first + 1
        _refuse((first < 0) | (stop > length), f"position {rule.name}", length)
    return FoundRows(rule, text, first, stop, length)


def _every(rule: Rule, length: np.ndarray, begin: np.ndarray) -> FoundRows:
    rng = np.random.default_rng(rule.seed)
    chosen = []
    for n, start in zip(length.tolist(), begin.tolist(), strict=True):
        kept = np.arange(start, n)
        if rule.per_text is not None and len(kept) > rule.per_text:
            kept = np.sort(rng.choice(kept, rule.per_text, replace=False))
        chosen.append(kept)
    text = np.repeat(np.arange(len(length)), [len(kept) for kept in chosen])
    first = np.concatenate(chosen)
    return FoundRows(rule, text, first, first + 1, length)


def _refuse(bad: np.ndarray, what: str, length: np.ndarray) -> None:
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise DatasetError(f"text {at} has {length[at]} tokens and no {what} in them.")
