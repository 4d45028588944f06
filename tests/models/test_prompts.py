"""Prompts in every form: batches of unequal length, BOS, and what is no prompt."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from nnsight import NNsight
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import interpwidgets as iw
from interpwidgets.errors import ModelError, PromptError
from interpwidgets.methods.activations import ActivationsMethod
from interpwidgets.methods.attention import AttentionMethod, attention
from interpwidgets.models import prompts
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.results.activations import Activations
from tiny import (
    VOCAB,
    CountForwards,
    chat_tokenizer,
    tiny_gpt2,
    tiny_llama,
    tiny_tokenizer,
    wrapped,
)

LONG, SHORT = "the cat sat on a mat and the dog ran to Paris", "a dog"


def read(model: Any, prompt: Any, method: Any) -> tuple[Any, ...]:
    """One Result per prompt of one forward over all of them."""
    reader = MethodReader(model, [method])
    return tuple(method.build(reader.run_of(forward(model, prompt, reader)), ()))


def same(batched: Any, alone: Any) -> None:
    assert batched.tokens == alone.tokens
    if isinstance(batched, Activations):
        tolerance = 1e-5 * max(1.0, np.abs(alone.values).max())
        np.testing.assert_allclose(batched.values, alone.values, rtol=0, atol=tolerance)
    else:
        a, b = batched.pattern.astype(np.float32), alone.pattern.astype(np.float32)
        np.testing.assert_allclose(a, b, atol=1e-3)  # float16


METHODS = [
    AttentionMethod(),
    *(ActivationsMethod(site) for site in ("resid_post", "z", "pattern", "logits", "embed")),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: getattr(m, "site", "attention"))
@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
@pytest.mark.parametrize("side", ["left", "right"])
def test_each_prompt_of_a_batch_equals_the_prompt_alone(
    make: Any, method: Any, side: str
) -> None:
    model = wrapped(make())
    model.tokenizer.padding_side = side
    given = [SHORT, LONG, "cat"]
    for batched, prompt in zip(read(model, given, method), given, strict=True):
        same(batched, read(model, prompt, method)[0])


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_a_batch_without_a_tokenizer_equals_each_alone(make: Any) -> None:
    model = iw.wrap(make())
    given = [[3, 4], [5, 6, 7, 8, 9]]
    method = ActivationsMethod("resid_post")
    for batched, prompt in zip(read(model, given, method), given, strict=True):
        same(batched, read(model, prompt, method)[0])


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_encoding_that_is_padded_already_is_read_without_its_pads(side: str) -> None:
    model = wrapped(tiny_gpt2())
    encoding = tiny_tokenizer()([SHORT, LONG], padding=True, padding_side=side)
    method = ActivationsMethod("resid_post")
    for batched, prompt in zip(read(model, encoding, method), [SHORT, LONG], strict=True):
        same(batched, read(model, prompt, method)[0])


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_nnsight_encodes_itself_is_read_without_pads(side: str) -> None:
    model = wrapped(tiny_gpt2())
    model.tokenizer.padding_side = side
    board = iw.Board(model)
    view = board.attention()
    with board.trace() as tracer:
        with tracer.invoke(SHORT):
            model.transformer.h[0].output.save()
        with tracer.invoke(LONG):
            model.transformer.h[0].output.save()
    for result, prompt in zip(view.results, (SHORT, LONG), strict=True):
        same(result, attention(model, prompt))


def test_an_encoder_is_padded_on_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    model = wrapped(tiny_gpt2())
    adapter = adapter_of(model)
    encoder = dataclasses.replace(adapter.architecture, causal=False)
    no_direction = dataclasses.replace(adapter, architecture=encoder)
    monkeypatch.setattr(prompts, "adapter_of", lambda _: no_direction)
    batch = prompts.Batch((prompts.Prompt((5,)), prompts.Prompt((6, 7))))
    _, encoding = prompts.to_input(batch, model)
    assert encoding["input_ids"].tolist() == [[5, 0], [6, 7]]
    assert encoding["attention_mask"].tolist() == [[1, 0], [1, 1]]
    assert "position_ids" not in encoding


def test_pads_are_neither_drawn_nor_counted() -> None:
    view = iw.attention(wrapped(tiny_gpt2()), [SHORT, LONG])
    assert [len(result.tokens) for result in view.results] == [2, 12]
    assert [t["text"] for t in view.payload["tokens"]] == ["a", "dog"]
    assert view.payload["thumbs"]["shape"][-1] == 2


def test_the_picker_shows_the_other_prompts() -> None:
    view = iw.attention(wrapped(tiny_gpt2()), [SHORT, LONG])
    view._on_message(None, {"id": "1", "kind": "prompt", "index": 1}, [])
    assert (view.payload["prompt_index"], len(view.result.tokens)) == (1, 12)


def test_an_empty_and_a_long_prompt_name_the_empty_one() -> None:
    with pytest.raises(PromptError, match="prompt 0 is empty: it has no token ids"):
        iw.attention(wrapped(tiny_gpt2()), ["", LONG])


def test_an_empty_and_a_long_prompt_with_bos_are_read() -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer())
    view = iw.attention(model, ["", LONG], prepend_bos=True)
    empty, long = view.results
    assert empty.tokens.text == ("<bos>",)
    assert (empty.pattern == 1).all()
    same(long, attention(model, LONG, prepend_bos=True))


# ------------------------------------------------------------------------------ BOS


@pytest.mark.parametrize(
    ("adds", "prepend", "begins", "said"),
    [
        (False, None, False, "no BOS"),
        (False, True, True, "with BOS"),
        (False, False, False, "no BOS"),
        (True, None, True, "with BOS"),
        (True, True, True, "with BOS"),
        (True, False, False, "no BOS"),
    ],
)
def test_bos_is_there_once_or_not_and_said(
    adds: bool, prepend: bool | None, begins: bool, said: str
) -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer(bos=adds))
    result = attention(model, "the cat", prepend_bos=prepend)
    assert result.tokens.text == (("<bos>",) if begins else ()) + ("the", "cat")
    assert result.provenance.bos == said


def test_bos_that_a_person_typed_stays() -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer())
    result = attention(model, "<bos> the cat", prepend_bos=False)
    assert result.tokens.text == ("<bos>", "the", "cat")
    assert len(attention(model, "<bos> the cat", prepend_bos=True).tokens) == 3


def test_bos_is_put_before_ids_too() -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer())
    assert attention(model, [3, 4], prepend_bos=True).tokens.ids == (VOCAB - 1, 3, 4)


def test_every_way_in_takes_prepend_bos() -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer())
    board = iw.Board(model)
    view = board.attention()
    board.run("the cat", prepend_bos=True)
    assert len(view.result.tokens) == 3
    assert "with BOS" in view.payload["stamp"]["note"]
    with board.trace("the cat", prepend_bos=True):
        model.transformer.h[0].output.save()
    assert len(view.result.tokens) == 3
    with board.generate("the cat", prepend_bos=True, max_new_tokens=2) as tracer:
        tracer.result.save()
    assert view.result.tokens.text[0] == "<bos>"
    values = iw.activations(model, "the cat", "resid_post", prepend_bos=True).values
    assert values.shape[1] == 3


def test_bos_of_a_tokenizer_without_one_is_refused() -> None:
    with pytest.raises(PromptError, match="has no beginning-of-sequence token"):
        iw.attention(wrapped(tiny_gpt2()), "the cat", prepend_bos=True)


def test_bos_for_prompts_in_invokes_is_refused() -> None:
    board = iw.Board(wrapped(tiny_gpt2(), chat_tokenizer()))
    with pytest.raises(PromptError, match=r"needs the prompt in trace\(\.\.\.\)"):
        board.trace(prepend_bos=True)


# ------------------------------------------------------------------------ bad input


def test_a_tokenizer_of_another_model_is_named_as_the_cause() -> None:
    config = tiny_gpt2().config
    config.vocab_size = 10
    model = wrapped(type(tiny_gpt2())(config).eval())
    with (
        CountForwards(model._module) as count,
        pytest.raises(
            PromptError,
            match=r"token id 1\d at position 1 .* 0-9\. The tokenizer has 64 tokens: it is",
        ),
    ):
        iw.attention(model, "the Paris")
    assert count.n == 0


def test_ids_out_of_range_in_an_invoke_are_refused_before_the_forward() -> None:
    model = wrapped(tiny_gpt2())
    board = iw.Board(model)
    board.attention()
    with pytest.raises(PromptError, match="token id 99 at position 2 is outside"):
        with board.trace() as tracer:
            with tracer.invoke([1, 2, 99]):
                model.transformer.h[0].output.save()


def test_a_model_without_config_is_refused_in_words() -> None:
    with pytest.raises(ModelError, match="Linear has no Hugging Face config"):
        iw.Board(NNsight(torch.nn.Linear(2, 2))).attention()


def test_the_longest_prompt_of_a_batch_is_held_to_the_context() -> None:
    with pytest.raises(PromptError, match=r"the prompt has 65 tokens; .* Shorten it by 1"):
        iw.attention(wrapped(tiny_gpt2()), ["the cat", "the " * 65])


@pytest.mark.parametrize(
    "prompt", [["the cat", 3], [[[1, 2]]], [None], {"role": "user"}, [[1, 2], "the cat", 0.5]]
)
def test_what_is_no_prompt_is_refused(prompt: Any) -> None:
    with pytest.raises(PromptError, match="a prompt is text, a list or tensor of token ids"):
        iw.attention(wrapped(tiny_gpt2()), prompt)


def test_several_arguments_are_refused() -> None:
    with pytest.raises(PromptError, match="give several prompts as one list; got 2"):
        iw.Board(wrapped(tiny_gpt2())).trace("the cat", "a dog")


def test_an_encoding_whose_mask_does_not_fit_is_refused() -> None:
    with pytest.raises(PromptError, match="differ in shape"):
        iw.attention(
            wrapped(tiny_gpt2()), {"input_ids": [[1, 2]], "attention_mask": [[1, 1, 1]]}
        )


def test_keywords_for_encoding_leave_it_to_nnsight() -> None:
    model = wrapped(tiny_gpt2())
    board = iw.Board(model)
    view = board.attention()
    with board.trace(LONG, tokenizer_encode_kwargs={"truncation": True, "max_length": 4}):
        model.transformer.h[0].output.save()
    assert view.result.tokens.text == ("the", "cat", "sat", "on")


def test_emoji_and_markup_in_tokens_stay_text() -> None:
    names = {"🙂": 0, "<script>alert(1)</script>": 1, "<unk>": 2}
    model = wrapped(tiny_gpt2(), _words(names))
    view = iw.attention(model, "🙂 <script>alert(1)</script>")
    assert view.result.tokens.text == ("🙂", "<script>alert(1)</script>")
    assert "<script>" not in view.static_html()
    assert "🙂" in view.static_html()


def _words(names: dict[str, int]) -> Any:
    raw = Tokenizer(models.WordLevel(names, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", pad_token="<unk>", eos_token="<unk>"
    )
