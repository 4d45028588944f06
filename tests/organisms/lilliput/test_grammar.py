"""Documents written from templates."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpwidgets.organisms.lilliput.grammar import compose, is_held_out, join, split
from interpwidgets.organisms.lilliput.words import VOCABULARY

WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=30)


def example(**slots):
    return compose(
        "greeting",
        "hello {who} . {filler} {who} , are you {state} ? | {answer} , i am {state} .",
        {"who": "Ada", "filler": "", "state": "well", "answer": "yes", **slots},
        corrupt={"state": "ill"},
        answers=["yes"],
        wrong=["no"],
        labels={"kind": "polite"},
    )


def test_bar_sets_the_prompt_apart_from_the_completion():
    drawn = example()
    assert drawn.prompt == "hello Ada. Ada, are you well?"
    assert drawn.completion == "yes, i am well."
    assert drawn.text == "hello Ada. Ada, are you well? yes, i am well."


def test_corrupted_prompt_has_the_changed_slot_alone():
    assert example().corrupted == "hello Ada. Ada, are you ill?"


def test_slot_is_where_its_word_first_stands_after_bos():
    drawn = example()
    assert drawn.positions == {"who": 2, "state": 8}
    assert ["<bos>", *split(drawn.prompt)][8] == "well"


def test_slot_of_several_words_is_at_its_last():
    assert example(who="old Ada").positions["who"] == 3
    assert example(filler="it rains .").positions == {"who": 2, "filler": 6, "state": 11}


def test_slot_after_the_bar_has_a_label_and_no_position():
    drawn = example()
    assert "answer" not in drawn.positions
    assert drawn.labels == {
        **{"who": "Ada", "filler": "", "state": "well", "answer": "yes"},
        "kind": "polite",
    }


def test_slot_that_the_template_lacks_is_no_label():
    assert "verb" not in example(verb="run").labels


def test_answer_is_the_first_of_the_answers():
    drawn = dataclasses.replace(example(), answers=("17", "18"))
    assert drawn.answer == "17"


def test_example_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        example().prompt = "no"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["."], "."),
        (["[user]", "yes", ",", "no", "?"], "[user] yes, no?"),
        (["def", "sort", ":", "typed"], "def sort: typed"),
        ([".", "."], ".."),
    ],
)
def test_marks_take_no_space_before_them(words, text):
    assert join(words) == text
    assert split(text) == words


@given(WORDS)
def test_splitting_undoes_joining(words):
    assert split(join(words)) == words


def test_what_is_held_out_never_changes():
    """The weights were trained without exactly these."""
    years = [year for year in range(40) if is_held_out("greater_than", "17", f"{year:02d}")]
    assert years == [4, 10, 27, 33, 38]


def test_one_in_eight_is_held_out():
    kept = [is_held_out("task", str(i), str(j)) for i in range(80) for j in range(80)]
    assert sum(kept) / len(kept) == pytest.approx(1 / 8, abs=0.012)


def test_other_tasks_and_orders_hold_others_out():
    pairs = [(str(i), str(j)) for i in range(40) for j in range(i)]
    for other in (
        [is_held_out("other", *pair) for pair in pairs],
        [is_held_out("task", *reversed(pair)) for pair in pairs],
    ):
        assert other != [is_held_out("task", *pair) for pair in pairs]
