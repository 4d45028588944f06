"""Tasks of plain sentences: names, feelings, agreement, years and repeated words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from interpwidgets.organisms.lilliput.drawing import Split, draws
from interpwidgets.organisms.lilliput.grammar import Example, compose, is_held_out
from interpwidgets.organisms.lilliput.words import (
    ADJECTIVES,
    ADVERBS,
    CENTURIES,
    EVENTS,
    HELD_OUT_ADJECTIVES,
    NAMES,
    NEGATIVE,
    NONSENSE,
    NOUNS,
    OBJECTS,
    PLACES,
    PLURALS,
    POSITIVE,
    PREPOSITIONS,
    SHOWS,
    YEARS,
)

IOI_TEMPLATES: tuple[str, ...] = (
    "When {a} and {b} went to the {place} , {filler} {adverb} {s2} {adverb2} gave a "
    "{adjective} {object} to | {answer} .",
    "then {a} and {b} had a {adjective} {object} at the {place} . {filler} {adverb} {s2} "
    "{adverb2} gave it to | {answer} .",
    "{a} met {b} near the {place} . {filler} {adverb} {s2} gave the {adjective} {object} "
    "{adverb2} to | {answer} .",
    "{a} saw {b} . {filler} {adverb} {s2} {adverb2} had a {adjective} {object} at the "
    "{place} and gave it to | {answer} .",
)
IOI_HELD_OUT_TEMPLATES: tuple[str, ...] = (
    "{a} and {b} went to the {place} , then {s2} {adverb} gave a {adjective} {object} to "
    "| {answer} .",
    "at the {place} {a} met {b} . {filler} {s2} {adverb2} gave the {object} to | {answer} .",
)
"""Never in training: they measure whether the circuit generalises."""


def ioi(
    n: int,
    seed: int = 0,
    *,
    split: Split = "held_out",
    templates: Sequence[str] = IOI_TEMPLATES,
) -> list[Example]:
    """Draw indirect-object prompts: "When Ada and Ben went ..., Ada gave a ring to".

    The answer is the name that came once. The corrupted prompt repeats the other name, so
    that the answer is the first one's. Labels: ``io``, ``subject``, ``order`` ("ABBA" or
    "BABA"); ``positions`` has ``io``, ``s1`` and ``s2``.

    Args:
        n: How many.
        seed: Of the draw.
        split: ``"held_out"``: pairs of names that never met in training; ``"trained"``.
        templates: ``IOI_TEMPLATES``, or ``IOI_HELD_OUT_TEMPLATES``.

    Source:
        Wang et al. (2022), "Interpretability in the Wild".
    """
    return draws(lambda rng: draw_ioi(rng, templates), n, seed, "ioi", split)


def draw_ioi(rng: random.Random, templates: Sequence[str] = IOI_TEMPLATES) -> Example:
    """Draw one, held out or not."""
    a, b = rng.sample(NAMES, 2)
    subject_is_first = rng.random() < 0.5
    subject, io = (a, b) if subject_is_first else (b, a)
    slots = {
        "a": a,
        "b": b,
        "s2": subject,
        "answer": io,
        "place": rng.choice(PLACES),
        "object": rng.choice(OBJECTS),
        "adjective": rng.choice(ADJECTIVES) if rng.random() < 0.5 else "",
        "adverb": rng.choice(ADVERBS) if rng.random() < 0.4 else "",
        "adverb2": rng.choice(ADVERBS) if rng.random() < 0.4 else "",
        "filler": _filler(rng),
    }
    example = compose(
        "ioi",
        rng.choice(templates),
        slots,
        corrupt={"s2": io},
        answers=[io],
        wrong=[subject],
        labels={
            "io": io,
            "subject": subject,
            "order": "BABA" if subject_is_first else "ABBA",
            "held_out": is_held_out("ioi", *sorted((a, b))),
        },
    )
    where = dict(example.positions)
    where["s1"], where["io"] = (
        (where["a"], where["b"]) if subject_is_first else (where["b"], where["a"])
    )
    return _with_positions(example, where)


def _filler(rng: random.Random) -> str:
    """A sentence, or none, that keeps the answer from standing in one place."""
    draw = rng.random()
    if draw < 0.35:
        return ""
    if draw < 0.6:
        return f"the {rng.choice(OBJECTS)} was {rng.choice(ADJECTIVES)} ."
    if draw < 0.8:
        one, other = rng.choice(ADJECTIVES), rng.choice(ADJECTIVES)
        return f"it was {one} and {other} at the {rng.choice(PLACES)} ."
    return (
        f"the {rng.choice(NOUNS)} near the {rng.choice(PLACES)} is {rng.choice(ADJECTIVES)} ."
    )


def _with_positions(example: Example, positions: dict[str, int]) -> Example:
    return replace(example, positions=positions)


VERDICT = "review : the {show} was {first} and {second} . verdict : | {answer} ."
FELT = "i saw the {show} . it was {first} . i felt | {answer} because i {loved} it ."


def sentiment(
    n: int, seed: int = 0, *, split: Split = "held_out", template: str = VERDICT
) -> list[Example]:
    """Draw reviews: "review: the movie was great and lovely. verdict:" positive.

    The corrupted prompt has adjectives of the other kind. Label: ``sentiment``.

    Args:
        n: How many.
        seed: Of the draw.
        split: ``"held_out"``: pairs of adjectives never seen together, among them those
            of ``HELD_OUT_ADJECTIVES``, which training has in ``FELT`` alone.
        template: ``VERDICT`` or ``FELT`` (of which nothing is held out).
    """
    if template == FELT:
        split = "trained"
    return draws(lambda rng: draw_sentiment(rng, template), n, seed, "sentiment", split)


def draw_sentiment(rng: random.Random, template: str | None = None) -> Example:
    """Draw one, held out or not; of either template by default."""
    template = template or rng.choice((VERDICT, FELT))
    is_positive = rng.random() < 0.5
    words, others = (POSITIVE, NEGATIVE) if is_positive else (NEGATIVE, POSITIVE)
    first, second = rng.sample(words, 2)
    other_first, other_second = rng.sample(others, 2)
    right, wrong = ("positive", "negative") if template == VERDICT else ("happy", "sad")
    if not is_positive:
        right, wrong = wrong, right
    return compose(
        "sentiment",
        template,
        {
            "show": rng.choice(SHOWS),
            "first": first,
            "second": second,
            "answer": right,
            "loved": "loved" if is_positive else "hated",
        },
        corrupt={"first": other_first, "second": other_second},
        answers=[right],
        wrong=[wrong],
        labels={
            "sentiment": "positive" if is_positive else "negative",
            "held_out": template == VERDICT
            and (
                bool({first, second} & HELD_OUT_ADJECTIVES)
                or is_held_out("sentiment", *sorted((first, second)))
            ),
        },
    )


def agreement(n: int, seed: int = 0, *, split: Split = "held_out") -> list[Example]:
    """Draw subjects with a noun in between: "the keys near the cabinet" are.

    The corrupted prompt has the subject in the other number. Labels: ``number`` of the
    subject and ``attractor_number`` of the noun in between, which need not agree.

    Args:
        n: How many.
        seed: Of the draw.
        split: ``"held_out"``: nouns never seen in between after that subject in training.
    """
    return draws(lambda rng: draw_agreement(rng, 1.0), n, seed, "agreement", split)


def draw_agreement(rng: random.Random, share_with_attractor: float = 0.7) -> Example:
    """Draw one, held out or not; the corpus has some with no noun in between."""
    i, j = rng.randrange(len(NOUNS)), rng.randrange(len(NOUNS))
    is_plural, attractor_is_plural = rng.random() < 0.5, rng.random() < 0.5
    right, wrong = ("are", "is") if is_plural else ("is", "are")
    has_attractor = rng.random() < share_with_attractor
    forms, other_forms = (PLURALS, NOUNS) if is_plural else (NOUNS, PLURALS)
    slots = {"subject": forms[i], "answer": right, "adjective": rng.choice(ADJECTIVES)}
    if has_attractor:
        template = "the {subject} {preposition} the {attractor} | {answer} {adjective} ."
        slots["preposition"] = rng.choice(PREPOSITIONS)
        slots["attractor"] = (PLURALS if attractor_is_plural else NOUNS)[j]
    else:
        template = "the {subject} | {answer} {adjective} ."
    return compose(
        "agreement",
        template,
        slots,
        corrupt={"subject": other_forms[i]},
        answers=[right],
        wrong=[wrong],
        labels={
            "number": "plural" if is_plural else "singular",
            "attractor_number": ("plural" if attractor_is_plural else "singular")
            if has_attractor
            else "none",
            "held_out": has_attractor and is_held_out("agreement", NOUNS[i], NOUNS[j]),
        },
    )


def greater_than(n: int, seed: int = 0, *, split: Split = "held_out") -> list[Example]:
    """Draw spans of years: "the war lasted from 17 32 to 17" some year after 32.

    Every later year of the century is right, every other wrong; the corrupted prompt
    starts in year 01. Labels: ``century``, ``start``.

    Args:
        n: How many.
        seed: Of the draw.
        split: ``"held_out"``: starting years never seen in that century.

    Source:
        Hanna et al. (2023), "How does GPT-2 compute greater-than?".
    """
    return draws(draw_greater_than, n, seed, "greater_than", split)


def draw_greater_than(rng: random.Random) -> Example:
    """Draw one, held out or not."""
    start = rng.randrange(2, 98)
    century = rng.choice(CENTURIES)
    later = YEARS[start + 1 :]
    return compose(
        "greater_than",
        "the {event} lasted from {century} {start} to {century} | {end} .",
        {
            "event": rng.choice(EVENTS),
            "century": century,
            "start": YEARS[start],
            "end": rng.choice(later),
        },
        corrupt={"start": "01"},
        answers=later,
        wrong=YEARS[: start + 1],
        labels={"held_out": is_held_out("greater_than", century, YEARS[start])},
    )


def induction(n: int, seed: int = 0, *, period: int = 20) -> list[Example]:
    """Draw a block of random words that starts again: the next word followed before.

    The corrupted prompt has another word where the answer stood, so that following the
    rule gives that one. Labels: ``period``, ``repeated`` (words of the second round).

    Args:
        n: How many.
        seed: Of the draw. Random words are never drawn twice the same: none is held out.
        period: Words in a block, 2 to 60, all different.

    Raises:
        ValueError: The block is too short to repeat, or too long for the model.

    Source:
        Olsson et al. (2022), "In-context Learning and Induction Heads".
    """
    if not 2 <= period <= 60:
        raise ValueError(f"a block of {period} words; wanted 2 to 60")
    rng = random.Random(f"induction/{seed}")
    return [_induction(rng, period) for _ in range(n)]


def _induction(rng: random.Random, period: int) -> Example:
    *block, other = rng.sample(NONSENSE, period + 1)
    repeated = rng.randrange(1, period)
    answer = block[repeated]
    before, after = block[:repeated], block[repeated + 1 :]
    return compose(
        "induction",
        "{before} {target} {after} {again} | {answer}",
        {
            "before": " ".join(before),
            "target": answer,
            "after": " ".join(after),
            "again": " ".join(before),
            "answer": answer,
        },
        corrupt={"target": other},
        answers=[answer],
        wrong=[other],
        labels={"period": period, "repeated": repeated, "held_out": False},
    )
