import pytest
from transformers import AutoTokenizer

from interpwidgets.errors import InterpWidgetsError
from interpwidgets.organisms import organism_path
from interpwidgets.organisms.induction import (
    BOS_ID,
    D_VOCAB,
    FIRST_WORD_ID,
    PAD_ID,
)
from interpwidgets.organisms.tokenizer import (
    WORDS,
    UnknownWordError,
    WordTokenizer,
)


def edit_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def test_vocabulary_is_what_the_task_draws_from(tokenizer):
    assert len(tokenizer) == tokenizer.vocab_size == D_VOCAB
    assert tokenizer.convert_ids_to_tokens([PAD_ID, BOS_ID]) == ["<pad>", "<bos>"]
    assert tokenizer.convert_ids_to_tokens(FIRST_WORD_ID) == WORDS[0]
    assert tokenizer.words == tuple(sorted(WORDS))


def test_words_are_distinct_lower_case_and_not_one_letter_apart():
    assert all(word.isascii() and word.islower() and len(word) <= 8 for word in WORDS)
    pairs = [(a, b) for i, a in enumerate(WORDS) for b in WORDS[:i]]
    assert min(edit_distance(a, b) for a, b in pairs) >= 2


def test_words_round_trip(tokenizer):
    text = " ".join(WORDS[:20])
    token_ids = tokenizer(text).input_ids
    assert tokenizer.convert_ids_to_tokens(token_ids) == ["<bos>", *WORDS[:20]]
    assert tokenizer.decode(token_ids, skip_special_tokens=True) == text
    assert tokenizer.decode(token_ids) == f"<bos> {text}"
    assert tokenizer.encode(tokenizer.decode(token_ids), add_special_tokens=False) == token_ids


def test_bos_is_added_unless_told_otherwise(tokenizer):
    assert tokenizer.encode("cat") == [BOS_ID, FIRST_WORD_ID + WORDS.index("cat")]
    assert tokenizer.encode("cat", add_special_tokens=False) == tokenizer.encode("cat")[1:]


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_empty_text_is_bos_alone(tokenizer, text):
    assert tokenizer(text).input_ids == [BOS_ID]


def test_any_white_space_sets_words_apart(tokenizer):
    assert tokenizer("cat\n dog\tegg\u00a0fish") == tokenizer("cat dog egg fish")


def test_batches_are_padded_on_the_left(tokenizer):
    batch = tokenizer(["cat", "cat dog"], padding=True)
    assert batch.input_ids[0][:2] == [PAD_ID, BOS_ID]
    assert batch.attention_mask == [[0, 1, 1], [1, 1, 1]]


def test_there_is_no_end_and_no_unknown_token(tokenizer):
    assert tokenizer.eos_token_id is None
    assert tokenizer.unk_token_id is None


@pytest.mark.parametrize(
    "encode",
    [
        lambda t: t("cat zebr"),
        lambda t: t.encode("cat zebr"),
        lambda t: t.tokenize("cat zebr"),
        lambda t: t(["cat", "cat zebr"]),
        lambda t: t("cat", "cat zebr"),
        lambda t: t(["cat", "zebr"], is_split_into_words=True),
        lambda t: t("cat zebr", truncation=True, max_length=2),
        lambda t: t.convert_tokens_to_ids("zebr"),
        lambda t: t.convert_tokens_to_ids(["cat", "zebr"]),
    ],
)
def test_no_way_in_lets_an_unknown_word_through(tokenizer, encode):
    with pytest.raises(UnknownWordError, match=r"'zebr' at word .*did you mean zebra"):
        encode(tokenizer)


def test_unknown_words_are_named_with_their_positions(tokenizer):
    with pytest.raises(
        UnknownWordError,
        match=r"unknown words: 'Cat' at word 1, 'kitten' at word 3\..* 62 words, .* cat",
    ):
        tokenizer("Cat dog kitten")


def test_word_like_no_other_is_answered_with_some_that_are_known(tokenizer):
    with pytest.raises(UnknownWordError, match="for instance apple, "):
        tokenizer("xyzzy")


def test_many_unknown_words_are_not_all_listed(tokenizer):
    with pytest.raises(UnknownWordError, match="'q' at word 5 and 95 more"):
        tokenizer("q " * 100)


@pytest.mark.parametrize(
    "text", ["\ud800", "cat\x1cdog", "a\x00", "<script>", "日本", "q" * 9999, "cat\u200bdog"]
)
def test_hostile_text_gets_the_same_short_printable_answer(tokenizer, text):
    with pytest.raises(UnknownWordError) as caught:
        tokenizer(text)
    message = str(caught.value)
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 300


def test_unknown_word_error_is_ours_and_a_value_error():
    assert issubclass(UnknownWordError, InterpWidgetsError)
    assert issubclass(UnknownWordError, ValueError)


def test_plain_auto_tokenizer_opens_the_folder(tokenizer):
    plain = AutoTokenizer.from_pretrained(organism_path("lil-attn-2l"))
    assert not isinstance(plain, WordTokenizer)
    text = " ".join(WORDS)
    assert plain(text).input_ids == tokenizer(text).input_ids
    assert (plain.padding_side, plain.pad_token_id) == ("left", PAD_ID)


def test_saved_tokenizer_opens_again(tmp_path, tokenizer):
    tokenizer.save_pretrained(tmp_path)
    again = WordTokenizer.from_pretrained(tmp_path)
    assert again("cat dog") == tokenizer("cat dog")
    with pytest.raises(UnknownWordError):
        again("dgo")
