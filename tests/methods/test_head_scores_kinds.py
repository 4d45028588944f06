"""Scores of heads on other kinds of model and of prompt: no mask, images, chats, BOS."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

import interpwidgets as iw
import zoo
from interpwidgets.errors import ModelError
from interpwidgets.models import adapter as adapters
from tiny import VOCAB, chat_tokenizer, tiny_llama, wrapped

KINDS = ("bloom", "gpt_oss", "gemma2", "bert")


def hooked(module: torch.nn.Module, ids: tuple[int, ...]) -> np.ndarray:
    """Patterns ``[layer, head, query_pos, key_pos]``, by Hugging Face's own route."""
    with torch.no_grad():
        out = module(torch.tensor([ids]), output_attentions=True)
    return torch.cat(out.attentions).float().numpy()


@pytest.mark.parametrize("name", KINDS)
def test_drawn_sequences_score_what_hooked_patterns_give(name: str) -> None:
    model = zoo.wrapped_model(name)
    found = iw.head_scores(model, n=2, scores="previous_token")
    assert found.period == 20
    expected = [
        np.diagonal(hooked(model._module, ids), offset=-1, axis1=2, axis2=3).mean(-1)
        for ids in found.token_ids
    ]
    assert abs(found.of("previous_token") - np.mean(expected, axis=0)).max() < 1e-5


def test_ids_that_a_model_keeps_for_images_and_its_text_part_for_itself_are_not_drawn() -> None:
    config = hf.LlavaConfig(
        text_config=hf.LlamaConfig(**zoo.TEXT),
        vision_config=hf.CLIPVisionConfig(**zoo.IMAGE),
        image_token_id=60,
        attn_implementation="eager",
    )
    model = zoo.wrap(hf.LlavaForConditionalGeneration(config).eval())
    drawn = {i for ids in iw.head_scores(model, n=40).token_ids for i in ids}
    assert drawn == set(range(64)) - {0, 1, 2, 60}


@pytest.mark.parametrize("given", [(), (zoo.prompt_of("vit"),)])
def test_a_model_that_sees_images_has_no_tokens_to_score_on(given: Any) -> None:
    with pytest.raises(ModelError, match=r"needs a model that reads tokens; .* sees images"):
        iw.head_scores(zoo.wrapped_model("vit"), *given)


def test_a_model_that_does_not_say_how_many_tokens_it_knows_is_asked_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = wrapped(tiny_llama())
    silent = dataclasses.replace(adapters.adapter_of(model), d_vocab=None)
    monkeypatch.setitem(adapters._CACHE, model._module, silent)
    assert iw.activations(model, [3, 5], "z").values.shape == (3, 2, 4, 8)
    with pytest.raises(ModelError, match=r"how many tokens it knows.*sizes=\{'d_vocab'"):
        iw.head_scores(model)


def test_a_chat_scores_as_the_ids_that_its_template_makes() -> None:
    tokenizer = chat_tokenizer()
    model = wrapped(tiny_llama(), tokenizer)
    chat = [{"role": "user", "content": "the cat sat"}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    found = iw.head_scores(model, chat)
    assert found.token_ids == (tuple(ids),)
    assert np.array_equal(found.values, iw.head_scores(model, ids).values, equal_nan=True)


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ([[VOCAB - 1, 3, 5], [VOCAB - 1, 4, 6]], "with BOS"),
        ([[7, 3, 5], [8, 4, 6, 7]], "no BOS"),
        ([[VOCAB - 1, 3, 5], [8, 4, 6]], "BOS in some"),
        ([[VOCAB - 1, 3, 5], [8, 4, 6, 7]], "BOS in some"),
    ],
)
def test_the_stamp_says_of_all_sequences_whether_bos_is_there(
    prompts: list[list[int]], said: str
) -> None:
    model = wrapped(tiny_llama(), chat_tokenizer(bos=True))
    assert iw.head_scores(model, prompts, scores="entropy").provenance.bos == said
