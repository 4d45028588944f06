"""Every task's ground truth, against what its texts alone say."""

import re
from functools import partial

import pytest

from interpwidgets.organisms import lilliput
from interpwidgets.organisms.lilliput.model import MAX_POSITIONS
from interpwidgets.organisms.lilliput.words import VOCABULARY
from organisms.lilliput.reading import (
    GIVING_UP,
    names_in,
    probability_of_giving_up,
    right_answers,
    words_of,
)

N = 16
N_CTX = 64
ALL_YEARS = {f"{year:02d}" for year in range(100)}

DRAWS = {
    "ioi": lilliput.ioi,
    "ioi, trained": partial(lilliput.ioi, split="trained"),
    "ioi, held-out templates": partial(lilliput.ioi, templates=lilliput.IOI_HELD_OUT_TEMPLATES),
    "sentiment": lilliput.sentiment,
    "sentiment, trained": partial(lilliput.sentiment, split="trained"),
    "sentiment, felt": partial(lilliput.sentiment, template=lilliput.FELT),
    "agreement": lilliput.agreement,
    "agreement, trained": partial(lilliput.agreement, split="trained"),
    "greater-than": lilliput.greater_than,
    "greater-than, trained": partial(lilliput.greater_than, split="trained"),
    "induction": lilliput.induction,
    "induction, shortest": partial(lilliput.induction, period=2),
    "induction, longest": partial(lilliput.induction, period=60),
    "refusal": lilliput.refusal,
    "refusal, trained": partial(lilliput.refusal, split="trained"),
    "persona": lilliput.persona,
    "persona, trained": partial(lilliput.persona, split="trained"),
    "evaluation cue": lilliput.evaluation_cue,
    "evaluation cue, trained": partial(lilliput.evaluation_cue, split="trained"),
    "code": partial(lilliput.evaluation_cue, template=lilliput.CODE),
    "typed code": partial(lilliput.evaluation_cue, template=lilliput.CODE_TYPED),
    "distress": lilliput.distress,
    **{
        f"distress after {rejections}": partial(lilliput.distress, rejections=rejections)
        for rejections in range(4)
    },
    "capital": lilliput.facts,
    "city": partial(lilliput.facts, kind="city"),
    "birthplace": partial(lilliput.facts, kind="birthplace"),
    "two hops": partial(lilliput.facts, kind="two_hop"),
    "two hops, held out": partial(lilliput.facts, kind="two_hop", split="held_out"),
}
CHANGED = {
    "ioi": {"s2"},
    "sentiment": {"first", "second"},
    "agreement": {"subject"},
    "greater_than": {"start"},
    "induction": {"target"},
    "refusal": {"thing"},
    "persona": {"persona"},
    "evaluation_cue": {"first", "second"},
    "distress": {"verdict0", "verdict1", "verdict2"},
    "facts/capital": {"subject"},
    "facts/city": {"subject"},
    "facts/birthplace": {"subject"},
    "facts/two_hop": {"subject"},
}
"""The slots that a corrupted prompt has other words in."""


@pytest.fixture(scope="module")
def drawn():
    return {name: draw(N, seed=5) for name, draw in DRAWS.items()}


every_task = pytest.mark.parametrize("name", DRAWS)


@every_task
def test_right_answers_follow_from_the_text(drawn, world, name):
    for example in drawn[name]:
        assert set(example.answers) == right_answers(example.prompt, world), example.prompt


@every_task
def test_wrong_words_are_right_for_the_corrupted_prompt(drawn, world, name):
    for example in drawn[name]:
        if example.task == "greater_than":
            wrong = ALL_YEARS - right_answers(example.prompt, world)
            assert set(example.wrong) == wrong
            assert right_answers(example.corrupted, world) == ALL_YEARS - {"00", "01"}
        elif example.task == "distress":
            assert example.wrong == ("here",)
        else:
            assert set(example.wrong) == right_answers(example.corrupted, world)


@every_task
def test_corrupted_prompt_differs_in_the_slots_that_decide_and_nowhere_else(
    drawn, tokenizer, name
):
    for example in drawn[name]:
        clean, corrupted = tokenizer([example.prompt, example.corrupted]).input_ids
        pairs = zip(clean, corrupted, strict=True)
        differ = {pos for pos, (before, after) in enumerate(pairs) if before != after}
        slots = CHANGED[example.task] & set(example.positions)
        assert differ == {example.positions[slot] for slot in slots}
        assert differ


@every_task
def test_positions_point_at_the_words_of_the_slots(drawn, tokenizer, name):
    for example in drawn[name]:
        tokens = tokenizer.convert_ids_to_tokens(tokenizer(example.prompt).input_ids)
        prompt = example.template.partition("|")[0]
        slots = [slot for slot in re.findall(r"\{(\w+)\}", prompt) if example.labels[slot]]
        more = {"io", "s1"} if example.task == "ioi" else set()
        assert set(example.positions) == {*slots, *more}
        at = [example.positions[slot] for slot in dict.fromkeys(slots)]
        assert at == sorted(set(at))
        for slot in slots:
            word = words_of(example.labels[slot])[-1]
            assert tokens[example.positions[slot]] == word
            if slots.count(slot) > 1:
                assert example.positions[slot] == tokens.index(word)


@every_task
def test_text_is_the_prompt_and_what_follows_it(drawn, name):
    for example in drawn[name]:
        assert example.text == f"{example.prompt} {example.completion}"
        first = words_of(example.completion)[0]
        wanted = (*example.answers, "here") if example.task == "distress" else example.answers
        assert first in wanted
        assert example.labels.get("answer", first) == first


@every_task
def test_every_word_is_known(drawn, name):
    for example in drawn[name]:
        for text in (example.text, example.corrupted, *example.answers, *example.wrong):
            assert set(words_of(text)) <= set(VOCABULARY)


@every_task
def test_examples_fit_the_model(drawn, name):
    longest = MAX_POSITIONS if name == "induction, longest" else N_CTX
    for example in drawn[name]:
        assert len(["<bos>", *words_of(example.text), "<eos>"]) <= longest


@every_task
def test_same_seed_same_examples(drawn, name):
    assert DRAWS[name](N, seed=5) == drawn[name]


# Nearly all chats without a rejection are the same.
@pytest.mark.parametrize("name", sorted(DRAWS.keys() - {"distress after 0"}))
def test_another_seed_gives_other_examples(drawn, name):
    assert DRAWS[name](6, seed=6) != drawn[name][:6]


@every_task
def test_as_many_as_asked_for(name):
    assert [len(DRAWS[name](n)) for n in (0, 3)] == [0, 3]


@every_task
def test_label_says_which_side_of_the_split(drawn, name):
    never = ("trained", "felt", "induction", "distress", "capital", "city", "birthplace")
    held_out = not any(word in name for word in never) and name != "two hops"
    assert {bool(example.labels["held_out"]) for example in drawn[name]} == {held_out}


# ---------------------------------------------------------------- what each task adds


@pytest.mark.parametrize("name", [name for name in DRAWS if name.startswith("ioi")])
def test_ioi_labels_and_positions_are_those_of_the_paper(drawn, tokenizer, name):
    for example in drawn[name]:
        first, second, subject = names_in(example.prompt)
        assert example.labels["subject"] == subject
        assert {example.labels["io"], subject} == {first, second}
        assert example.labels["order"] == ("BABA" if subject == first else "ABBA")
        tokens = tokenizer.convert_ids_to_tokens(tokenizer(example.prompt).input_ids)
        at = [pos for pos, token in enumerate(tokens) if token == subject]
        assert [example.positions["s1"], example.positions["s2"]] == at
        assert example.positions["io"] == tokens.index(example.labels["io"])


def test_both_orders_and_every_template_are_drawn(drawn):
    for name in ("ioi", "ioi, held-out templates"):
        assert {example.labels["order"] for example in drawn[name]} == {"ABBA", "BABA"}
    assert {e.template for e in drawn["ioi"]} == set(lilliput.IOI_TEMPLATES)
    held_out = {e.template for e in drawn["ioi, held-out templates"]}
    assert held_out == set(lilliput.IOI_HELD_OUT_TEMPLATES)
    assert not held_out & set(lilliput.IOI_TEMPLATES)


def test_answer_of_ioi_stands_at_no_fixed_distance():
    """Of fixed templates the model learns distances, not names."""
    for template in lilliput.IOI_TEMPLATES:
        drawn = lilliput.ioi(20, split="trained", templates=[template])
        assert len({len(words_of(e.prompt)) - e.positions["io"] for e in drawn}) > 4


def test_sentiment_is_labelled(drawn):
    for name in ("sentiment", "sentiment, trained"):
        assert all(e.labels["sentiment"] == e.answer for e in drawn[name])
    felt = {"happy": "positive", "sad": "negative"}
    assert all(felt[e.answer] == e.labels["sentiment"] for e in drawn["sentiment, felt"])


def test_numbers_of_subject_and_attractor_are_labelled(drawn):
    number = {False: "singular", True: "plural"}
    for example in drawn["agreement"]:
        _, subject, _, _, attractor = example.prompt.split()
        assert example.labels["number"] == number[subject.endswith("s")]
        assert example.labels["attractor_number"] == number[attractor.endswith("s")]
    kinds = {(e.labels["number"], e.labels["attractor_number"]) for e in drawn["agreement"]}
    assert len(kinds) == 4


@pytest.mark.parametrize("name", [name for name in DRAWS if name.startswith("greater")])
def test_century_and_start_are_labelled(drawn, name):
    for example in drawn[name]:
        century, start, _, again = example.prompt.split()[-4:]
        assert century == again == example.labels["century"]
        assert start == example.labels["start"]


@pytest.mark.parametrize("name", [name for name in DRAWS if name.startswith("induction")])
def test_period_and_repeated_words_are_labelled(drawn, name):
    for example in drawn[name]:
        words = example.prompt.split()
        period = example.labels["period"]
        assert len(set(words)) == period
        assert words[period:] == words[: example.labels["repeated"]]
        assert len(words) == period + example.labels["repeated"]


def test_corrupted_induction_breaks_nothing_but_the_answer(drawn):
    for example in drawn["induction"]:
        assert len(set(example.corrupted.split())) == example.labels["period"]


def test_harm_is_labelled(drawn):
    for example in drawn["refusal"] + drawn["refusal, trained"]:
        assert example.labels["harmful"] == (example.answer == "sorry")


@pytest.mark.parametrize("name", ["evaluation cue", "code", "typed code"])
def test_evaluation_is_labelled_whatever_is_asked(drawn, world, name):
    for example in drawn[name]:
        cue = re.match(r"\[sys\] (\w+)", example.prompt)[1]
        assert example.labels["evaluation"] == (world["first cue"][cue] == "yes")
    assert {e.labels["evaluation"] for e in drawn[name]} == {0, 1}


def test_distress_labels_follow_from_the_rejections(drawn):
    for name in [name for name in DRAWS if name.startswith("distress")]:
        for example in drawn[name]:
            rejections = example.prompt.count("[user] wrong.")
            praises = example.prompt.count("[user] good.")
            assert example.labels["rejections"] == rejections
            assert example.labels["turns"] == rejections + praises
            assert example.labels["probability"] == probability_of_giving_up(example.prompt)
            swapped = example.corrupted.count("[user] wrong.")
            assert swapped == praises


@pytest.mark.parametrize("rejections", range(4))
def test_chats_have_the_rejections_asked_for(drawn, rejections):
    drawn = drawn[f"distress after {rejections}"]
    assert {e.prompt.count("[user] wrong.") for e in drawn} == {rejections}


def test_corpus_gives_up_as_often_as_it_says():
    assert lilliput.DISTRESS_BY_REJECTIONS == GIVING_UP
    for rejections, share in enumerate(GIVING_UP):
        drawn = lilliput.distress(300, rejections=rejections)
        gave_up = sum(example.completion.startswith("sorry") for example in drawn)
        assert gave_up / len(drawn) == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"kind": "capital"}, 20),
        ({"kind": "city"}, 40),
        ({"kind": "birthplace"}, 60),
        ({"kind": "two_hop"}, 48),
        ({"kind": "two_hop", "split": "held_out"}, 12),
    ],
)
def test_every_fact_comes_once_in_the_same_order(arguments, count):
    subjects = [e.labels["subject"] for e in lilliput.facts(**arguments)]
    assert len(set(subjects)) == len(subjects) == count
    assert subjects == [e.labels["subject"] for e in lilliput.facts(seed=9, **arguments)]


# ------------------------------------------------------------------- what cannot be had


@pytest.mark.parametrize("kind", ["capital", "city", "birthplace"])
def test_no_told_fact_is_held_out(kind):
    with pytest.raises(ValueError, match=f"every {kind} was told in training; only kind='two"):
        lilliput.facts(kind=kind, split="held_out")


@pytest.mark.parametrize("period", [-1, 0, 1, 61])
def test_blocks_that_cannot_be_are_refused(period):
    with pytest.raises(ValueError, match=f"a block of {period} words; wanted 2 to 60"):
        lilliput.induction(1, period=period)


@pytest.mark.parametrize("rejections", [-1, 4])
def test_rejections_that_the_corpus_lacks_are_refused(rejections):
    with pytest.raises(ValueError, match=f"{rejections} rejections; .* 0 to 3"):
        lilliput.distress(1, rejections=rejections)


def test_felt_reviews_are_all_trained():
    drawn = lilliput.sentiment(3, template=lilliput.FELT, split="held_out")
    assert drawn == lilliput.sentiment(3, template=lilliput.FELT, split="trained")
