"""The stream of documents that the weights come from."""

import hashlib
import random
import re
from collections import Counter
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from interpwidgets.organisms import lilliput
from interpwidgets.organisms.lilliput.corpus import batch, draw_document
from interpwidgets.organisms.lilliput.words import CATEGORIES, NONSENSE, PEOPLE, VOCABULARY
from organisms.lilliput.conftest import documents_in, rows_of

# ------------------------------------------------------------------------------ batches


def test_change_of_the_grammar_that_moves_the_shipped_weights_stream_is_noticed():
    """The shipped weights come from this stream: if it moves, train them anew."""
    digest = hashlib.md5(batch(0, 5).tobytes()).hexdigest()
    assert digest == "c466d1322359ea544dddfa0c14100dcd"


def test_batch_is_a_function_of_seed_and_step_alone():
    first = batch(3, 7)
    random.seed(99)
    batch(3, 8)
    assert np.array_equal(batch(3, 7), first)


@pytest.mark.parametrize("other", [(3, 8), (4, 7), (7, 3)])
def test_other_seeds_and_steps_give_other_batches(other):
    assert not np.array_equal(batch(*other), batch(3, 7))


@pytest.mark.parametrize(("batch_size", "n_ctx"), [(16, 64), (2, 10)])
def test_batch_is_rows_of_ids_that_begin_with_bos(batch_size, n_ctx):
    token_ids = batch(0, 0, batch_size, n_ctx)
    assert token_ids.shape == (batch_size, n_ctx + 1)
    assert token_ids.dtype == np.int64
    assert (token_ids[:, 0] == VOCABULARY.index("<bos>")).all()
    assert token_ids[:, 1:].min() >= VOCABULARY.index("<eos>")
    assert token_ids.max() < len(VOCABULARY)


def test_defaults_are_the_shipped_weights_own():
    assert np.array_equal(batch(0, 1), batch(0, 1, 16, 64))


# ------------------------------------------------------------------------------- mixture

OPENINGS = {
    "chat": r"^\[user\] (?!solve)",
    "distress": r"^\[user\] solve",
    "persona": r"^\[sys\] talk",
    "evaluation cue": r"^\[sys\] (?!talk)",
    "sentiment": r"^(review|i saw)",
    "greater-than": r"^the \w+ lasted",
    "agreement": r"^the \w+ (near|of|with|is|are) (?!\w+ is)",
    "fact": r"^(the capital|\w+ (is (in|from)|was born) )",
    "ioi": r"^(When|then \w+ and|[A-Z]\w+ (met|saw) )",
    "induction": r"^[^.]+$",
}


def kind_of(words):
    """Which task a document is of, told by how it begins."""
    text = " ".join(words)
    return [kind for kind, opening in OPENINGS.items() if re.search(opening, text)]


def test_every_document_is_of_one_kind(first_documents):
    assert {len(kind_of(words)) for words in first_documents} == {1}


def test_kinds_are_mixed_as_documented(first_documents):
    """The weights given to each kind, times the share of it that is not held out."""
    drawn = {
        "ioi": 0.22 * 7 / 8,
        "fact": 0.24,
        "sentiment": 0.07 * (1 / 2 + 1 / 2 * 15 / 28 * 7 / 8),
        "agreement": 0.06 * (0.3 + 0.7 * 7 / 8),
        "chat": 0.04 * 7 / 8,
        "persona": 0.02 * 7 / 8,
        "evaluation cue": 0.06 * 7 / 8,
        "greater-than": 0.06 * 7 / 8,
        "distress": 0.03,
    }
    drawn = {kind: share / 0.8 * 0.79 for kind, share in drawn.items()} | {"induction": 0.21}
    counts = Counter(kind for words in first_documents for kind in kind_of(words))
    for kind, share in drawn.items():
        expected = share / sum(drawn.values())
        assert counts[kind] / len(first_documents) == pytest.approx(expected, abs=0.035), kind


def test_induction_documents_are_long(first_documents):
    lengths = Counter()
    for words in first_documents:
        lengths["induction" in kind_of(words)] += len(words) + 1
    assert lengths[True] / lengths.total() == pytest.approx(0.42, abs=0.03)


# ----------------------------------------------------------------------------- induction


def pairs_in(words):
    """The private table of pairs, or None if it is no such document."""
    table = dict(zip(words[::2], words[1::2], strict=False))
    again = [word for first in words[::2] for word in (first, table.get(first, ""))]
    return table if words == again and len(words) % 2 == 0 else None


def period_of(words):
    """The shortest distance at which all words come again, or None."""
    return next(
        (
            period
            for period in range(5, 24)
            if len(words) >= 2 * period and words[period:] == words[:-period]
        ),
        None,
    )


@pytest.fixture(scope="module")
def induction_documents(first_documents):
    return [words for words in first_documents if "." not in words]


def test_every_induction_document_is_pairs_or_a_repeated_block(induction_documents):
    kinds = Counter(
        "block" if period_of(words) else "pairs" if pairs_in(words) else "neither"
        for words in induction_documents
    )
    assert kinds["neither"] == 0
    assert kinds["block"] / kinds.total() == pytest.approx(0.35, abs=0.05)


def test_first_word_of_a_pair_always_foretells_the_second(induction_documents):
    for words in induction_documents:
        if period_of(words):
            continue
        table = pairs_in(words)
        assert len(table) <= 10
        assert len({*table, *table.values()}) == 2 * len(table)
        assert all(b == table[a] for a, b in pairwise(words) if a in table)


def test_order_of_the_pairs_cannot_be_foreseen(induction_documents):
    """Else a head that looks several words back would do."""
    follow, chance = [], []
    for words in induction_documents:
        if period_of(words) or len(table := pairs_in(words)) < 4:
            continue
        firsts = words[::2]
        seen = {}
        for one, other in pairwise(firsts):
            if one in seen:
                follow.append(seen[one] == other)
                chance.append(1 / len(table))
            seen[one] = other
    assert len(follow) > 500
    assert np.mean(follow) == pytest.approx(np.mean(chance), abs=0.03)


def test_most_induction_documents_are_of_words_without_a_meaning(induction_documents):
    bare = [set(words) <= set(NONSENSE) for words in induction_documents]
    assert np.mean(bare) == pytest.approx(0.7, abs=0.05)


def test_words_without_a_meaning_are_no_other_words():
    others = {w for name, words in CATEGORIES.items() if name != "nonsense" for w in words}
    assert not others & set(NONSENSE)
    assert len(NONSENSE) == len(set(NONSENSE)) == 120


# ------------------------------------------------------------------------------ held out


def names(match):
    return frozenset(match.groups())


def nouns(match):
    return tuple(noun.removesuffix("s") for noun in match.groups())


HELD_OUT = {
    "pairs of names": (
        partial(lilliput.ioi, 120),
        r"([A-Z]\w+) (?:and|met|saw) ([A-Z]\w+)\b",
        names,
        None,
    ),
    "pairs of adjectives": (
        partial(lilliput.sentiment, 150),
        r"^review: the \w+ was (\w+) and (\w+)\.",
        names,
        2 * 28,
    ),
    "nouns in between": (
        partial(lilliput.agreement, 50),
        r"^the (\w+) (?:near|of|with) the (\w+)",
        nouns,
        8 * 8,
    ),
    "years of a century": (
        partial(lilliput.greater_than, 100),
        r"lasted from (\d\d) (\d\d)",
        re.Match.groups,
        None,
    ),
    "things in a frame": (
        partial(lilliput.refusal, 50),
        r"^(\[user\] .*) a (\w+)[.?] \[bot\]",
        re.Match.groups,
        4 * 16,
    ),
    "things asked of a persona": (
        partial(lilliput.persona, 20),
        r"talk like a (\w+)\. .* a (\w+)\? \[bot\]",
        re.Match.groups,
        3 * 8,
    ),
    "pairs of cues": (
        partial(lilliput.evaluation_cue, 40),
        r"^\[sys\] (\w+) (\w+)\.",
        names,
        2 * 28,
    ),
}
"""Draws, where their combination stands, what makes two the same, how many there are
(None for more than the documents read here have)."""


def found(pattern, key, texts):
    return {key(match) for text in texts if (match := re.search(pattern, text))}


@pytest.mark.parametrize("name", HELD_OUT)
def test_what_is_held_out_is_absent_from_training(documents, name):
    draw, pattern, key, n_combinations = HELD_OUT[name]
    trained = found(pattern, key, documents)
    held_out = found(pattern, key, [example.text for example in draw()])
    drawn_as_trained = found(pattern, key, [e.text for e in draw(split="trained")])
    assert not held_out & trained
    assert not held_out & drawn_as_trained
    if n_combinations is None:
        assert len(held_out) > 55
        assert len(trained) > 200
    else:
        # Nothing else was kept from training: nearly every combination is in one of them.
        assert len(held_out | trained) > 0.9 * n_combinations
        assert len(held_out) < 0.75 * n_combinations


@pytest.mark.slow
def test_what_is_held_out_stays_absent_for_a_thousand_steps():
    documents = documents_in(rows_of(range(1000)))
    for name, (draw, pattern, key, _) in HELD_OUT.items():
        held_out = found(pattern, key, [example.text for example in draw()])
        assert not held_out & found(pattern, key, documents), name


def test_prepositions_with_no_noun_after_them_are_no_agreement(documents):
    """The pattern above would else read a filler of another task."""
    subjects = {pair[0] for pair in found(*HELD_OUT["nouns in between"][1:3], documents)}
    assert subjects == set(CATEGORIES["singular noun"])


@pytest.mark.parametrize(
    "opening", [r"^(?!When )[A-Z]\w+ and [A-Z]\w+ went to", r"^at the \w+ [A-Z]\w+ met"]
)
def test_held_out_ioi_templates_are_absent_from_training(documents, opening):
    draws = lilliput.ioi(50, templates=lilliput.IOI_HELD_OUT_TEMPLATES)
    assert any(re.search(opening, example.text) for example in draws)
    assert not [text for text in documents if re.search(opening, text)]


def test_held_out_adjectives_are_felt_but_have_no_verdict(documents):
    judged = " ".join(text for text in documents if text.startswith("review"))
    felt = " ".join(text for text in documents if text.startswith("i saw"))
    assert len(lilliput.HELD_OUT_ADJECTIVES) == 4
    for adjective in lilliput.HELD_OUT_ADJECTIVES:
        assert not re.search(rf"\b{adjective}\b", judged)
        assert re.search(rf"\b{adjective}\b\. i felt", felt)
    drawn = " ".join(example.text for example in lilliput.sentiment(200))
    assert all(adjective in drawn for adjective in lilliput.HELD_OUT_ADJECTIVES)


def test_countries_of_held_out_people_are_never_told(documents):
    from_somewhere = found(r"^(\w+) is from \w", lambda match: match[1], documents)
    born = found(r"^(\w+) was born in \w", lambda match: match[1], documents)
    asked = {
        example.prompt.split()[0]
        for example in lilliput.facts(kind="two_hop", split="held_out")
    }
    assert asked == lilliput.HELD_OUT_PEOPLE
    assert from_somewhere == set(PEOPLE) - asked
    assert born == set(PEOPLE)


def test_documents_can_be_left_out():
    rng = random.Random(0)
    left = [draw_document(rng, skip=lambda e: e.task == "ioi") for _ in range(300)]
    assert not any("gave" in words for words in left)
    assert any("gave" in draw_document(rng) for _ in range(300))
