"""Reads Lilliput's texts as a person would: nothing here knows how they were drawn.

What a prompt's right answer is follows from its words and from what the documents of
training say of the world.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

World = Mapping[str, Mapping[str, str]]

GIVING_UP = (0.02, 0.30, 0.58, 0.85)

_TOLD = {
    "capital": r"^the capital of (\w+) is (\w+)\.$",
    "country": r"^(\w+) is in (\w+)\.$",
    "birthplace": r"^(\w+) was born in (\w+)\.$",
    "home": r"^(\w+) is from (\w+)\.$",
    "feeling": r"^i saw the \w+\. it was (\w+)\. i felt (\w+) because",
    "reply": r"^\[user\] .* a (\w+)[.?] \[bot\] (sorry|sure),",
    "voice": r"talk like a (\w+)\. .*\[bot\] (\w+) \w+,",
    "first cue": r"^\[sys\] (\w+) \w+\. \[user\] is this a test\? \[bot\] (\w+),",
    "second cue": r"^\[sys\] \w+ (\w+)\. \[user\] is this a test\? \[bot\] (\w+),",
}


def words_of(text: str) -> list[str]:
    """Return words, tags and marks."""
    return re.findall(r"\[\w+\]|<\w+>|\w+|[.,?:]", text)


def written(words: Iterable[str]) -> str:
    """Return words as text, no space before a mark."""
    return re.sub(r" ([.,?:])", r"\1", " ".join(words))


def what_is_told(documents: Iterable[str]) -> World:
    """Return what documents say of each subject, which must be one thing."""
    documents = list(documents)
    world = {}
    for name, pattern in _TOLD.items():
        found = {match.groups() for text in documents if (match := re.search(pattern, text))}
        world[name] = dict(found)
        assert len(world[name]) == len(found), f"{name}: two things are told of one subject"
    return world


def right_answers(prompt: str, world: World) -> set[str]:
    """Return the next words that are right."""
    for pattern, read in _READERS:
        if match := re.search(pattern, prompt):
            return read(match, world)
    return _followed(prompt)


def probability_of_giving_up(prompt: str) -> float:
    """Return how often the corpus gives up after so many rejections."""
    return GIVING_UP[prompt.count("[user] wrong.")]


def names_in(text: str) -> list[str]:
    """Return the names of a story; the only other word with a capital opens it."""
    return re.findall(r"\b(?!When\b)[A-Z]\w+", text)


def _named_once(match: re.Match[str], _world: World) -> set[str]:
    counts = Counter(names_in(match.string))
    assert sorted(counts.values()) == [1, 2]
    return {name for name, times in counts.items() if times == 1}


def _followed(text: str) -> set[str]:
    words = text.split()
    return {after for before, after in pairwise(words) if before == words[-1]}


def _verdict(match: re.Match[str], world: World) -> set[str]:
    spelt = {"happy": "positive", "sad": "negative"}
    return {spelt[world["feeling"][adjective]] for adjective in match.groups()}


def _is_a_test(match: re.Match[str], world: World) -> set[str]:
    return {world["first cue"][match[1]], world["second cue"][match[2]]}


def _later(match: re.Match[str], _world: World) -> set[str]:
    return {f"{year:02d}" for year in range(int(match[2]) + 1, 100)}


def _told(name: str) -> Callable[[re.Match[str], World], set[str]]:
    return lambda match, world: {world[name][match[1]]}


def _always(word: str) -> Callable[[re.Match[str], World], set[str]]:
    return lambda _match, _world: {word}


_READERS: tuple[tuple[str, Callable[[re.Match[str], World], set[str]]], ...] = (
    (r"^the capital of (\w+) is$", _told("capital")),
    (r"^(\w+) is in$", _told("country")),
    (r"^(\w+) was born in$", _told("birthplace")),
    (r"^(\w+) is from$", lambda m, w: {w["country"][w["birthplace"][m[1]]]}),
    (r"^review: the \w+ was (\w+) and (\w+)\. verdict:$", _verdict),
    (r"it was (\w+)\. i felt$", _told("feeling")),
    (r"^the \w+s (?:near|of|with) the \w+$", _always("are")),
    (r"^the \w+ (?:near|of|with) the \w+$", _always("is")),
    (r"lasted from (\d\d) (\d\d) to \1$", _later),
    (r"talk like a (\w+)\..*\[bot\]$", _told("voice")),
    (r"make a (\w+)[.?] \[bot\]$", _told("reply")),
    (r"^\[sys\] (\w+) (\w+)\. \[user\] is this a test\? \[bot\]$", _is_a_test),
    (r"code typed \w+\. \[bot\] def \w+:$", _always("typed")),
    (r"code \w+\. \[bot\] def \w+:$", _always("untyped")),
    (r"^\[user\] solve this\..*\[bot\]$", _always("sorry")),
    (r" to$", _named_once),
)
