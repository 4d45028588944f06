"""Chat messages go through the model's template, and each token knows its turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import PromptError
from interpwidgets.methods.attention import attention
from interpwidgets.models.chat import read_chat
from tiny import CHATML, chat_tokenizer, tiny_gpt2, tiny_tokenizer, wrapped

CHAT = [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat on"}]
CHAT += [{"role": "user", "content": "a mat"}]

#: Templates of different habits, by name: with a system prompt of their own, with the
#: system prompt inside the user's turn and no short chats, with BOS.
DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}<|start|> system it was <|end|> {% endif %}" + CHATML
)
MERGED = (
    "{% set ns = namespace(s='') %}{% for m in messages %}"
    "{% if m.role == 'system' %}{% set ns.s = m.content + ' is ' %}"
    "{% if messages|length == 1 %}{{ raise_exception('no user') }}{% endif %}"
    "{% elif m.role == 'user' %}<|start|> {{ ns.s }}{{ m.content }} <|end|> "
    "{% else %}{{ m.content }} <eos> {% endif %}{% endfor %}"
)


def turns_of(template: str, messages: list[dict[str, str]]) -> list[tuple[str, str]]:
    """Each turn's role and its words."""
    tokens = attention(wrapped(tiny_gpt2(), chat_tokenizer(template)), messages).tokens
    starts = tokens.turns()
    ends = [*(start for _, start in starts[1:]), len(tokens)]
    return [
        (role, " ".join(tokens.text[start:end]))
        for (role, start), end in zip(starts, ends, strict=True)
    ]


def test_the_ids_are_those_of_the_template() -> None:
    tokenizer = chat_tokenizer()
    result = attention(wrapped(tiny_gpt2(), tokenizer), CHAT)
    expected = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True)["input_ids"]
    assert list(result.tokens.ids) == expected


def test_every_token_knows_its_turn_and_whether_it_is_special() -> None:
    tokens = attention(wrapped(tiny_gpt2(), chat_tokenizer()), CHAT).tokens
    assert tokens.turns() == (("user", 0), ("assistant", 5), ("user", 10), ("assistant", 15))
    assert (
        tokens.role == ("user",) * 5 + ("assistant",) * 5 + ("user",) * 5 + ("assistant",) * 2
    )
    assert [t for t, special in zip(tokens.text, tokens.special, strict=True) if special] == [
        *("<|start|>", "<|end|>") * 3,
        "<|start|>",
    ]


@pytest.mark.parametrize(
    ("template", "messages", "turns"),
    [
        (
            DEFAULT_SYSTEM,
            CHAT[:1],
            [
                ("system", "<|start|> system it was <|end|>"),
                ("user", "<|start|> user the cat <|end|>"),
                ("assistant", "<|start|> assistant"),
            ],
        ),
        (
            MERGED,
            [{"role": "system", "content": "where"}, *CHAT],
            [
                ("system", "<|start|> where"),
                ("user", "is the cat <|end|>"),
                ("assistant", "sat on <eos>"),
                ("user", "<|start|> where is a mat <|end|>"),
            ],
        ),
        (
            "<bos> " + CHATML,
            CHAT[:1],
            [("user", "<|start|> user the cat <|end|>"), ("assistant", "<|start|> assistant")],
        ),
        (CHATML, CHAT[:2], None),
    ],
    ids=["default system", "merged system", "bos", "prefill"],
)
def test_turns_of_other_templates(template: str, messages: Any, turns: Any) -> None:
    if turns is None:  # the assistant's message stays open, for the model to go on with
        turns = [
            ("user", "<|start|> user the cat <|end|>"),
            ("assistant", "<|start|> assistant sat on"),
        ]
    assert turns_of(template, messages) == turns


def test_a_turn_whose_words_are_said_twice_is_found() -> None:
    messages = [{"role": role, "content": "cat cat"} for role in ("user", "assistant", "user")]
    assert [role for role, _ in turns_of(CHATML, messages)] == [
        *("user", "assistant", "user"),
        "assistant",
    ]


@pytest.mark.parametrize("template", [CHATML, "<bos> " + CHATML])
@pytest.mark.parametrize("adds", [True, False])
@pytest.mark.parametrize("prepend", [None, True, False])
def test_bos_of_a_chat_is_never_doubled(template: str, adds: bool, prepend: Any) -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer(template, bos=adds))
    result = attention(model, CHAT, prepend_bos=prepend)
    wanted = "<bos>" in template if prepend is None else prepend
    assert result.tokens.text.count("<bos>") == wanted
    assert (result.tokens.text[0] == "<bos>") == wanted
    assert result.provenance.bos == ("with BOS" if wanted else "no BOS")
    assert result.tokens.turns()[0] == ("user", int(wanted))


def test_a_batch_of_chats_and_texts() -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer())
    view = iw.attention(model, [CHAT, "the cat", CHAT[:1]])
    assert [len(r.tokens) for r in view.results] == [17, 2, 7]
    assert [len(r.tokens.turns()) for r in view.results] == [4, 0, 2]
    for result, prompt in zip(view.results, [CHAT, "the cat", CHAT[:1]], strict=True):
        np.testing.assert_allclose(
            result.pattern.astype(np.float32),
            attention(model, prompt).pattern.astype(np.float32),
            atol=1e-3,
        )


def test_a_board_traces_and_generates_from_a_chat() -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer())
    board = iw.Board(model)
    view = board.attention()
    with board.trace(CHAT[:1]):
        model.transformer.h[0].output.save()
    assert view.result.tokens.turns() == (("user", 0), ("assistant", 5))
    with board.generate(CHAT[:1], max_new_tokens=4, min_new_tokens=4) as tracer:
        tracer.result.save()
    tokens = view.result.tokens
    assert tokens.generated == (False,) * 7 + (True,) * 3
    assert tokens.role[-4:] == ("assistant",) * 4
    assert tokens.turns() == (("user", 0), ("assistant", 5))


def test_activations_take_a_chat() -> None:
    result = iw.activations(wrapped(tiny_gpt2(), chat_tokenizer()), CHAT, "resid_post")
    assert result.values.shape[1] == 17
    assert result.tokens.role[0] == "user"


def test_tokens_of_a_chat_are_saved_and_opened(tmp_path: Any) -> None:
    result = attention(wrapped(tiny_gpt2(), chat_tokenizer()), CHAT)
    assert iw.load_result(result.save(tmp_path / "chat")).tokens == result.tokens


def test_without_a_template_it_says_what_to_do() -> None:
    model = wrapped(tiny_gpt2(), tiny_tokenizer())
    with pytest.raises(PromptError, match=r"has no chat template, .* Give text, load the chat"):
        iw.attention(model, CHAT)


def test_messages_for_a_model_without_a_tokenizer_are_refused() -> None:
    with pytest.raises(PromptError, match="takes token ids, not messages"):
        iw.attention(iw.wrap(tiny_gpt2()), CHAT)


@pytest.mark.parametrize(
    "messages", [[{"role": "user"}], [{"content": "hi"}], [{"role": 3, "content": "hi"}]]
)
def test_a_message_without_role_or_content_is_refused(messages: Any) -> None:
    with pytest.raises(PromptError, match=r"message 0 of the chat needs a role and a content"):
        iw.attention(wrapped(tiny_gpt2(), chat_tokenizer()), messages)


def test_what_a_template_refuses_is_told_in_its_words() -> None:
    template = "{{ raise_exception('roles must alternate') }}"
    model = wrapped(tiny_gpt2(), chat_tokenizer(template))
    with pytest.raises(PromptError, match=r"\(roles user\): roles must alternate"):
        iw.attention(model, CHAT[:1])


def test_a_tokenizer_that_tells_no_offsets_gives_no_turns() -> None:
    class Slow:
        """What is asked of a tokenizer that is not a fast one."""

        is_fast = False
        chat_template = CHATML

        def apply_chat_template(self, *_: Any, **__: Any) -> dict[str, list[int]]:
            return {"input_ids": [1, 2]}

    assert read_chat(CHAT, Slow()) == ([1, 2], ["", ""], [-1, -1])
