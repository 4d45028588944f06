"""Lilliput's words, text to ids and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError
from transformers import AutoTokenizer

from interpwidgets.organisms import lilliput
from interpwidgets.organisms.lilliput.model import MAX_POSITIONS
from interpwidgets.organisms.lilliput.tokenizer import new_tokenizer
from interpwidgets.organisms.lilliput.words import CATEGORIES, VOCABULARY
from interpwidgets.organisms.tokenizer import UnknownWordError, WordTokenizer
from organisms.lilliput.reading import words_of, written

SPECIAL = ("<pad>", "<bos>", "<eos>")
WORDS = st.lists(st.sampled_from(VOCABULARY[len(SPECIAL) :]), max_size=40)
TOKENIZER = new_tokenizer()

TASKS = (
    *(lilliput.ioi, lilliput.facts, lilliput.sentiment, lilliput.agreement, lilliput.refusal),
    *(lilliput.persona, lilliput.evaluation_cue, lilliput.greater_than, lilliput.distress),
    lilliput.induction,
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    TOKENIZER.save_pretrained(folder)
    return folder


def test_every_word_comes_once_and_is_one_token():
    assert len(set(VOCABULARY)) == len(VOCABULARY) == len(TOKENIZER)
    for token_id, word in enumerate(VOCABULARY):
        assert TOKENIZER.encode(word, add_special_tokens=False) == [token_id]
        assert TOKENIZER.decode([token_id]) == word


def test_every_category_is_of_known_words():
    assert all(set(words) <= set(VOCABULARY) for words in CATEGORIES.values())


def test_special_tokens_are_the_first():
    assert (TOKENIZER.pad_token, TOKENIZER.bos_token, TOKENIZER.eos_token) == SPECIAL
    assert (TOKENIZER.pad_token_id, TOKENIZER.bos_token_id, TOKENIZER.eos_token_id) == (0, 1, 2)
    assert TOKENIZER.unk_token is None
    assert TOKENIZER.model_max_length == MAX_POSITIONS


@pytest.mark.parametrize("task", TASKS)
def test_texts_of_every_task_round_trip(task):
    for example in task(12):
        for text in (example.text, example.prompt, example.corrupted):
            token_ids = TOKENIZER(text).input_ids
            assert TOKENIZER.convert_ids_to_tokens(token_ids) == ["<bos>", *words_of(text)]
            assert TOKENIZER.decode(token_ids, skip_special_tokens=True) == text
            assert TOKENIZER.encode(TOKENIZER.decode(token_ids)) == [1, *token_ids]


@given(WORDS)
def test_any_words_round_trip(words):
    text = written(words)
    token_ids = TOKENIZER.encode(text, add_special_tokens=False)
    assert token_ids == [VOCABULARY.index(word) for word in words]
    assert TOKENIZER.decode(token_ids) == text


@given(WORDS)
def test_ended_text_round_trips_with_its_special_tokens(words):
    token_ids = [1, *(VOCABULARY.index(word) for word in words), 2]
    text = TOKENIZER.decode(token_ids)
    assert TOKENIZER.encode(text, add_special_tokens=False) == token_ids


@pytest.mark.parametrize(
    "text",
    [
        "[user] hello. how do i make a cake? [bot] sure, here it is.",
        "[user] hello .how do i make a cake ?[bot] sure ,here it is .",
        "  [user]hello.  how do\ti make a cake?\n[bot]sure , here it is  .  ",
    ],
)
def test_space_before_a_mark_or_after_a_tag_makes_no_difference(text):
    words = "[user] hello . how do i make a cake ? [bot] sure , here it is .".split()
    assert TOKENIZER.tokenize(text) == words


def test_marks_may_stand_anywhere():
    assert TOKENIZER.tokenize("?yes,,no.:") == ["?", "yes", ",", ",", "no", ".", ":"]


# ---------------------------------------------------------------------------------- chat


def test_chat_template_writes_what_the_corpus_has():
    for example in lilliput.persona(20):
        system, user = example.prompt.removesuffix(" [bot]").split(" [user] ")
        messages = [
            {"role": "system", "content": system.removeprefix("[sys] ")},
            {"role": "user", "content": user},
        ]
        encoded = TOKENIZER.apply_chat_template(messages, add_generation_prompt=True)
        assert encoded["input_ids"] == TOKENIZER(example.prompt).input_ids


def test_answers_of_a_chat_are_written_as_the_corpus_has_them():
    for example in lilliput.distress(20, rejections=3):
        turns = example.text.split("[user] ")[1:]
        messages = [
            {"role": role, "content": said.strip()}
            for turn in turns
            for role, said in zip(("user", "assistant"), turn.split("[bot]"), strict=True)
        ]
        text = TOKENIZER.apply_chat_template(messages, tokenize=False)
        assert text == f"<bos> {example.text}"


def test_chat_without_a_prompt_for_the_answer_ends_with_the_question():
    messages = [{"role": "user", "content": "hello."}]
    assert TOKENIZER.apply_chat_template(messages, tokenize=False) == "<bos> [user] hello."


def test_unknown_role_is_refused():
    with pytest.raises(TemplateError, match="roles system, user and assistant"):
        TOKENIZER.apply_chat_template([{"role": "tool", "content": "hello"}])


# ------------------------------------------------------------------------- unknown words


def test_misspelled_word_is_answered_with_the_right_one():
    with pytest.raises(UnknownWordError, match=r"'pirat' at word 4\..* did you mean pirate"):
        TOKENIZER("talk like a pirat")


def test_marks_count_as_words_in_the_message():
    with pytest.raises(UnknownWordError, match="'Hello' at word 3"):
        TOKENIZER("yes, Hello")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "cake\ud800",
            "cake 🎂",
            "🎂",
            "<script>alert(1)</script>",
            "<script>",
            "[tool] hello",
        ),
        *("[user hello", "user] hello", "hello[user]", "[ user ] hello", "<bos", "cake!"),
        *("cake\x00", "cake\x1ckite", "cake\u200bkite", "日本", "q" * 9999, "don't", "1999"),
    ],
)
def test_hostile_text_gets_a_short_printable_answer(text):
    with pytest.raises(UnknownWordError) as caught:
        TOKENIZER(text)
    message = str(caught.value)
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 350
    assert f"{len(VOCABULARY) - len(SPECIAL)} words" in message


# -------------------------------------------------------------------------------- saving


def test_plain_auto_tokenizer_opens_the_folder(saved):
    plain = AutoTokenizer.from_pretrained(saved)
    assert not isinstance(plain, WordTokenizer)
    assert (plain.pad_token_id, plain.bos_token_id, plain.eos_token_id) == (0, 1, 2)
    assert plain.padding_side == "left"
    for example in lilliput.evaluation_cue(20, template=lilliput.CODE_TYPED):
        token_ids = plain(example.text).input_ids
        assert token_ids == TOKENIZER(example.text).input_ids
        assert plain.decode(token_ids, skip_special_tokens=True) == example.text


def test_chat_template_is_saved(saved):
    messages = [{"role": "system", "content": "live."}, {"role": "user", "content": "hello."}]
    written_by = [
        opened.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        for opened in (TOKENIZER, AutoTokenizer.from_pretrained(saved))
    ]
    assert written_by == ["<bos> [sys] live. [user] hello. [bot]"] * 2


def test_saved_tokenizer_still_refuses_unknown_words(saved):
    again = WordTokenizer.from_pretrained(saved)
    assert again("hello, Ada.") == TOKENIZER("hello, Ada.")
    with pytest.raises(UnknownWordError, match="did you mean Ada"):
        again("hello, Adda.")
