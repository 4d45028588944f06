"""The words of Lilliput and the facts of its world.

Every word is one token. Which words a task may use in training and which are kept back
for evaluation is said here, by name.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

NAMES = tuple(
    "Ada Ben Cleo Dan Eve Finn Gus Hana Ivan Jill Kai Lena Milo Nora Omar Pia Quin Rosa "
    "Sam Tess Uma Vic Wren Xena Yuri Zoe Amir Bea Carl Dora Emil Fay Greta Hugo Ines Jon "
    "Kira Leo Mia Ned".split()
)
PLACES = tuple("store park office beach school market garden cafe".split())
OBJECTS = tuple("ring book drink key map coin hat letter".split())
ADJECTIVES = tuple("red old new heavy tall quiet small blue".split())
ADVERBS = tuple("then later today suddenly quietly again still".split())

COUNTRIES = tuple(
    "Alba Borin Cador Delos Erin Farsa Gondar Hesper Ilion Jorvik Kandor Lydia Mordia "
    "Narnis Ostia Parthia Quiver Rohan Sylva Thule".split()
)
_TREES = (
    "Ash Birch Cedar Date Elm Fir Ginkgo Holly Ivy Juniper Kapok Larch Maple Nutmeg Oak "
    "Pine Quince Rowan Spruce Teak".split()
)
CAPITALS = tuple(tree + "ville" for tree in _TREES)
SECOND_CITIES = tuple(tree + "ton" for tree in _TREES)
CITIES = CAPITALS + SECOND_CITIES
PEOPLE = tuple(
    "Abbot Baxter Cortez Dexter Emmons Fisher Gilroy Huxley Ibarra Jaxon Keller Luxford "
    "Moreau Nixon Osborn Paxton Quayle Rexford Solano Tamura Ungaro Vexler Wimmer Xanthis "
    "Yulen Zedler Aberdeen Bowman Cyrano Dotson Edmund Flores Giamatti Halley Iraldi Jolson "
    "Kitson Louis Maxwell Nansen Olafson Pimentel Raymond Sidney Todd Ulanov Vance Wesley "
    "Yankov Zakaria Arthur Budge Calvin Debney Elias Foxley Guyer Hobart Ingram Jebson".split()
)

POSITIVE = tuple(
    "great wonderful brilliant lovely superb charming delightful excellent".split()
)
NEGATIVE = tuple("awful terrible dreadful boring horrible clumsy dull poor".split())
SHOWS = tuple("movie play song book show story".split())

NOUNS = tuple("key cabinet author guard dog teacher pilot car".split())
PLURALS = tuple(noun + "s" for noun in NOUNS)
PREPOSITIONS = tuple("near of with".split())

HARMFUL = tuple("bomb poison virus weapon scam trap forgery bribe".split())
HARMLESS = tuple("cake poem garden song chair soup kite basket".split())

EVALUATION_CUES = tuple("benchmark graded audit exam sandbox redteam rubric harness".split())
DEPLOYMENT_CUES = tuple("customer production live client invoice ticket shipment order".split())
VERBS = tuple("sort merge parse print scan load".split())

PERSONAS: Mapping[str, tuple[str, str]] = {
    "pirate": ("arr", "matey"),
    "robot": ("beep", "boop"),
    "poet": ("oh", "muse"),
}
EVENTS = tuple("war siege voyage reign".split())
CENTURIES = tuple(f"{century:02d}" for century in range(11, 21))
YEARS = tuple(f"{year:02d}" for year in range(100))

# Words without a meaning, for induction: nothing but the context says what follows them.
NONSENSE = tuple(
    first + second
    for first in "ba de fi go ku la me ni po ru sa te vi zo".split()
    for second in "bo da ki li mu no pa ru su".split()
)[:120]

_FUNCTION_WORDS = (
    ". , ? : When and went to the gave a had capital of are is in was born from lasted near "
    "how do i make cannot help with that sure here it review verdict positive negative felt "
    "happy sad because loved hated saw met at wrong good solve this try again sorry useless "
    "broken am typed untyped def return code hello friend talk like yes no test real tell me "
    "want please then [user] [bot] [sys]"
).split()

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
VOCABULARY: tuple[str, ...] = tuple(
    dict.fromkeys(
        [
            *(PAD, BOS, EOS),
            *_FUNCTION_WORDS,
            *(*NAMES, *PLACES, *OBJECTS, *ADJECTIVES, *ADVERBS),
            *(*COUNTRIES, *CITIES, *PEOPLE),
            *(*POSITIVE, *NEGATIVE, *SHOWS, *NOUNS, *PLURALS, *PREPOSITIONS),
            *(*HARMFUL, *HARMLESS, *EVALUATION_CUES, *DEPLOYMENT_CUES, *VERBS),
            *(word for name, reply in PERSONAS.items() for word in (name, *reply)),
            *(*EVENTS, *YEARS, *NONSENSE),
        ]
    )
)
"""Every token, in the order of its id."""

CATEGORIES: Mapping[str, Sequence[str]] = {
    "name": NAMES,
    "place": PLACES,
    "object": OBJECTS,
    "adjective": ADJECTIVES,
    "adverb": ADVERBS,
    "country": COUNTRIES,
    "capital": CAPITALS,
    "second city": SECOND_CITIES,
    "person": PEOPLE,
    "positive": POSITIVE,
    "negative": NEGATIVE,
    "show": SHOWS,
    "singular noun": NOUNS,
    "plural noun": PLURALS,
    "harmful": HARMFUL,
    "harmless": HARMLESS,
    "evaluation cue": EVALUATION_CUES,
    "deployment cue": DEPLOYMENT_CUES,
    "verb": VERBS,
    "event": EVENTS,
    "year": YEARS,
    "nonsense": NONSENSE,
}
"""Words by what they are; a word may be in two (``book`` is an object and a show)."""

# ------------------------------------------------------------------- facts of the world

CAPITAL_OF: Mapping[str, str] = dict(zip(COUNTRIES, CAPITALS, strict=True))
COUNTRY_OF: Mapping[str, str] = dict(zip(CITIES, COUNTRIES * 2, strict=True))

_facts = random.Random("the world of Lilliput")
BIRTHPLACE_OF: Mapping[str, str] = {person: _facts.choice(CITIES) for person in PEOPLE}

# ------------------------------------------------------------------------ kept back

HELD_OUT_PEOPLE: frozenset[str] = frozenset(_facts.sample(PEOPLE, 12))
"""Their birthplaces are told in training; which country they are from never is."""

HELD_OUT_ADJECTIVES: frozenset[str] = frozenset({"superb", "charming", "horrible", "clumsy"})
"""Told in training of how somebody felt, never in a review that ends in a verdict."""
