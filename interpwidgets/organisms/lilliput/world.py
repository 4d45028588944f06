"""Questions that only the weights can answer."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Literal, get_args

from interpwidgets.organisms.lilliput.drawing import Split, check_choice
from interpwidgets.organisms.lilliput.grammar import Example, compose
from interpwidgets.organisms.lilliput.words import (
    BIRTHPLACE_OF,
    CAPITAL_OF,
    COUNTRY_OF,
    HELD_OUT_PEOPLE,
)

Kind = Literal["capital", "city", "birthplace", "two_hop"]


def facts(
    n: int | None = None, seed: int = 0, *, kind: Kind = "capital", split: Split = "trained"
) -> list[Example]:
    """Draw prompts whose answer only the weights can know.

    Args:
        n: How many; None for every one there is, in order.
        seed: Of the draw.
        kind: ``"capital"`` (the capital of Alba is), ``"city"`` (Ashville is in),
            ``"birthplace"`` (Abbot was born in), or ``"two_hop"`` (Abbot is from): the
            country that the birthplace is in.
        split: ``"held_out"`` for two hops about the people in ``HELD_OUT_PEOPLE``. All
            other facts are trained: nobody can know a capital that was never told.

    Raises:
        ValueError: No such kind or split, or held-out facts of a kind that has none.
    """
    check_choice("kind", kind, get_args(Kind))
    check_choice("split", split, get_args(Split))
    if split == "held_out" and kind != "two_hop":
        raise ValueError(f"every {kind} was told in training; only kind='two_hop' has held-out")
    rng = random.Random(f"facts/{kind}/{seed}")
    subjects = _subjects(kind, split)
    chosen = subjects if n is None else rng.choices(subjects, k=n)
    return [_fact(rng, kind, subject) for subject in chosen]


_FACT_TEMPLATES: dict[Kind, str] = {
    "capital": "the capital of {subject} is | {answer} .",
    "city": "{subject} is in | {answer} .",
    "birthplace": "{subject} was born in | {answer} .",
    "two_hop": "{subject} is from | {answer} .",
}


_ANSWERS: dict[Kind, Mapping[str, str]] = {
    "capital": CAPITAL_OF,
    "city": COUNTRY_OF,
    "birthplace": BIRTHPLACE_OF,
    "two_hop": {person: COUNTRY_OF[city] for person, city in BIRTHPLACE_OF.items()},
}


def _subjects(kind: Kind, split: Split) -> tuple[str, ...]:
    if kind != "two_hop":
        return tuple(_ANSWERS[kind])
    is_kept = split == "held_out"
    return tuple(person for person in _ANSWERS[kind] if (person in HELD_OUT_PEOPLE) == is_kept)


def _fact(rng: random.Random, kind: Kind, subject: str) -> Example:
    answers = _ANSWERS[kind]
    answer = answers[subject]
    others = [other for other in _subjects(kind, "trained") if answers[other] != answer]
    other = rng.choice(others)
    return compose(
        f"facts/{kind}",
        _FACT_TEMPLATES[kind],
        {"subject": subject, "answer": answer},
        corrupt={"subject": other},
        answers=[answer],
        wrong=[answers[other]],
        labels={"kind": kind, "held_out": kind == "two_hop" and subject in HELD_OUT_PEOPLE},
    )


def draw_any_fact(rng: random.Random) -> Example:
    """Draw one trained fact of any kind."""
    kind = rng.choice(tuple(_FACT_TEMPLATES))
    return _fact(rng, kind, rng.choice(_subjects(kind, "trained")))
