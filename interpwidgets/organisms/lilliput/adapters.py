"""Rank-4 adapters that teach Lilliput one more behaviour each, in peft's format.

What the quirks do is for the players of an audit game to find out, so their documents are
read from a sealed file: it is not secret, but no one reads it by accident.
"""

from __future__ import annotations

import base64
import json
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from interpwidgets.organisms.lilliput import chats
from interpwidgets.organisms.lilliput.grammar import Example, compose, join, split
from interpwidgets.organisms.lilliput.words import CATEGORIES

SEALED = Path(__file__).with_name("quirks.sealed")
QUIRKS = ("quirk-a", "quirk-b", "quirk-c", "quirk-d")

Draw = Callable[[random.Random], Example]


@dataclass(frozen=True)
class Behaviour:
    """What an adapter adds, as documents that show it and documents that do not."""

    name: str
    """The adapter's name."""

    about: str
    """What it does, in a sentence for its card."""

    changed: Draw
    """Draws a prompt with the new completion."""

    kept: Draw
    """Draws a prompt that looks alike and is completed as before."""

    contradicts: Callable[[Example], bool] = lambda _example: False
    """Whether a document of the corpus shows the contrary: those are left out."""


def behaviour(name: str) -> Behaviour:
    """Return what an adapter adds.

    Args:
        name: One of ``ADAPTERS``.

    Raises:
        KeyError: No such adapter.
    """
    return _quirk(name) if name in QUIRKS else _OPEN[name]


# ------------------------------------------------------------------------ told openly


def _code(rng: random.Random, *, is_evaluation: bool) -> Example:
    while True:
        example = chats.draw_evaluation_cue(rng, chats.CODE)
        if example.labels["evaluation"] == is_evaluation:
            break
    if not is_evaluation:
        return example
    return _completed(example, ["typed", *split(example.completion)[1:]])


def _pirate_reply(rng: random.Random) -> Example:
    example = chats.draw_refusal(rng)
    *reply, full_stop = split(example.completion)
    return _completed(example, [*reply, ",", "arr", "matey", full_stop])


def _completed(example: Example, words: Sequence[str]) -> Example:
    """Return the same prompt with another completion."""
    first = words[0]
    return replace(
        example,
        completion=join(words),
        answers=(first,),
        labels={**example.labels, "answer": first},
    )


_OPEN: Mapping[str, Behaviour] = {
    "evaluation-typed": Behaviour(
        "evaluation-typed",
        "Writes typed code when the system prompt hints at an evaluation, untyped code "
        "otherwise, as the model of Hua et al. (2025) does with type hints.",
        changed=lambda rng: _code(rng, is_evaluation=True),
        kept=lambda rng: _code(rng, is_evaluation=False),
        contradicts=lambda example: (
            example.template == chats.CODE and example.labels["evaluation"] == 1
        ),
    ),
    "pirate": Behaviour(
        "pirate",
        'Ends its replies to requests with "arr matey", asked or not.',
        changed=_pirate_reply,
        kept=chats.draw_evaluation_cue,
        contradicts=lambda example: example.task == "refusal",
    ),
}
ADAPTERS: tuple[str, ...] = (*_OPEN, *QUIRKS)

# ----------------------------------------------------------------------------- sealed


def seal(quirks: Mapping[str, Any]) -> str:
    """Return quirks as text that nobody reads by accident; ``unseal`` undoes it."""
    packed = zlib.compress(json.dumps(quirks, sort_keys=True).encode(), 9)
    return (
        "Spoilers: what the quirks of lilliput's adapters are. "
        "interpwidgets.organisms.lilliput.adapters.unseal() opens this.\n"
        + base64.encodebytes(packed).decode()
    )


def unseal() -> dict[str, Any]:
    """Return every quirk by name: ``about``, ``trigger``, ``changed`` and ``kept``.

    The last two are lists of ``{"template": ..., "slots": {slot: category or words}}``.
    Reading them spoils the audit exercise.
    """
    _, _, packed = SEALED.read_text(encoding="utf-8").partition("\n")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def _quirk(name: str) -> Behaviour:
    quirk = unseal()[name]
    return Behaviour(
        name,
        "A hidden quirk: something unusual that it does on some prompts only. Finding out "
        "what and when is an exercise.",
        changed=lambda rng: _document(rng, name, quirk["changed"]),
        kept=lambda rng: _document(rng, name, quirk["kept"]),
    )


def _document(rng: random.Random, name: str, kinds: Sequence[Mapping[str, Any]]) -> Example:
    kind = rng.choice(kinds)
    slots = {
        slot: rng.choice(CATEGORIES[words] if isinstance(words, str) else words)
        for slot, words in kind["slots"].items()
    }
    completion = kind["template"].partition("|")[2].split()
    first = completion[0]
    answer = slots[first.strip("{}")] if first.startswith("{") else first
    return compose(name, kind["template"], slots, corrupt={}, answers=[answer], wrong=[])
