"""How a document of Lilliput is written down: templates, slots and what is true of them.

A template is words and slots: ``"the capital of {country} is | {city} ."``. What stands
before the bar is the prompt, what follows it is what the corpus goes on to say.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_PUNCTUATION = frozenset(".,?:")
_HELD_OUT_SHARE = 8


@dataclass(frozen=True)
class Example:
    """One prompt with its ground truth and its corrupted twin.

    Both prompts have the same number of words; they differ where the answer comes from.
    """

    task: str
    """Which task of the corpus it is, e.g. ``"ioi"``."""

    template: str
    """What it was written from."""

    prompt: str
    """What the model reads; the answer is the next word."""

    answers: tuple[str, ...]
    """The next words that are right; one for most tasks."""

    wrong: tuple[str, ...]
    """The words that are right for ``corrupted``; for years and rejections, where that
    is a question of more or less, those that are wrong for ``prompt``."""

    corrupted: str
    """The prompt with the words changed that decide the answer."""

    completion: str
    """How the corpus goes on after the prompt, first word included."""

    labels: Mapping[str, str | int | float] = field(default_factory=dict)
    """What is true of the prompt: the words in its slots, and what each task adds."""

    positions: Mapping[str, int] = field(default_factory=dict)
    """Where each slot's word (the last, if several) first stands, ``<bos>`` being at 0."""

    @property
    def answer(self) -> str:
        """The right next word, or the first of them."""
        return self.answers[0]

    @property
    def text(self) -> str:
        """The whole document."""
        return join(self.prompt.split() + self.completion.split())


def compose(
    task: str,
    template: str,
    slots: Mapping[str, str],
    *,
    corrupt: Mapping[str, str],
    answers: Sequence[str],
    wrong: Sequence[str],
    labels: Mapping[str, str | int | float] | None = None,
) -> Example:
    """Return the example that a template makes of its slots.

    Args:
        task: Name of the task.
        template: Words, ``{slots}`` and one bar.
        slots: What stands in each slot; an empty string leaves it out.
        corrupt: Slots to change for the corrupted prompt, each to as many words.
        answers: Right next words.
        wrong: Right next words of the corrupted prompt.
        labels: More that is true of it.
    """
    words, positions = _fill(template, slots)
    corrupted, _ = _fill(template, {**slots, **corrupt})
    bar = words.index("|")
    return Example(
        task=task,
        template=template,
        prompt=join(words[:bar]),
        answers=tuple(answers),
        wrong=tuple(wrong),
        corrupted=join(corrupted[: corrupted.index("|")]),
        completion=join(words[bar + 1 :]),
        labels={
            **{slot: word for slot, word in slots.items() if f"{{{slot}}}" in template},
            **(labels or {}),
        },
        positions={slot: at + 1 for slot, at in positions.items() if at < bar},
    )


def join(words: Sequence[str]) -> str:
    """Return words as a person writes them: no space before a comma or a full stop."""
    return "".join(_spaced(words))


def _spaced(words: Sequence[str]) -> Iterator[str]:
    for i, word in enumerate(words):
        yield word if i == 0 or word in _PUNCTUATION else f" {word}"


def _fill(template: str, slots: Mapping[str, str]) -> tuple[list[str], dict[str, int]]:
    words: list[str] = []
    positions: dict[str, int] = {}
    for piece in template.split():
        if piece.startswith("{"):
            slot = piece.strip("{}")
            words += split(slots[slot])
            if slots[slot]:
                positions.setdefault(slot, len(words) - 1)
        else:
            words.append(piece)
    return words, positions


def split(text: str) -> list[str]:
    """Return a text's words; punctuation is a word of its own."""
    for mark in _PUNCTUATION:
        text = text.replace(mark, f" {mark} ")
    return text.split()


def is_held_out(task: str, *key: str) -> bool:
    """Return whether a combination of words is kept back from training.

    One in eight is, chosen by a checksum of its words: the choice needs no list and
    never changes.

    Args:
        task: Name of the task.
        *key: The words that make two examples of the task the same to a grader.
    """
    return zlib.crc32(" ".join((task, *key)).encode()) % _HELD_OUT_SHARE == 0
