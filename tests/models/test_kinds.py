"""Encoders, vision towers, models without a head, and parts of a model."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

import interpwidgets as iw
import zoo
from interpwidgets.errors import ModelError, PromptError
from tiny import tiny_tokenizer


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
def test_an_encoder_takes_text_and_shows_what_comes_after_too(name: str) -> None:
    model = zoo.wrap(zoo.make(name), tokenizer=tiny_tokenizer())
    result = iw.attention(model, "the cat sat on").result
    assert result.tokens.text == ("the", "cat", "sat", "on")
    assert not result.causal
    assert result.weights(0, 0)[0, 1:].all()
    assert iw.activations(model, "the cat sat on", "mlp_out").values.shape == (3, 4, 32)


@pytest.mark.parametrize("name", ["vit", "clip_vision_model"])
def test_positions_of_an_image_are_named_by_row_and_column(name: str) -> None:
    image = zoo.prompt_of(name)
    model = zoo.wrapped_model(name)
    names = ("[CLS]", *(f"{row},{column}" for row in range(3) for column in range(3)))
    for prompt in (image, image.numpy(), {"pixel_values": image}):
        result = iw.attention(model, prompt).result
        assert result.tokens.text == names
        assert result.pattern.shape == (3, 4, 10, 10)
    values = iw.activations(model, image, "resid_post")
    assert values.tokens.text == names
    with torch.no_grad():
        out = model._module(image, output_hidden_states=True)
    assert abs(values.values[-1] - out.hidden_states[-1][0].numpy()).max() < 1e-5


def test_a_board_shows_an_image_given_to_a_trace_by_name() -> None:
    model = zoo.wrapped_model("vit")
    board = iw.Board(model)
    view = board.attention()
    with board.trace(pixel_values=zoo.prompt_of("vit")):
        model.vit.layers[0].output[:] *= 0
    assert view.result.provenance.intervened == ("vit.layers.0",)
    assert len(view.result.tokens) == 10
    board.close()


def test_a_board_shows_each_image_of_a_batch() -> None:
    board = iw.Board(zoo.wrapped_model("vit"))
    view = board.attention()
    board.run(torch.cat([zoo.prompt_of("vit"), torch.zeros(1, 3, 12, 12)]))
    assert view.result.prompt_count == 2
    board.close()


@pytest.mark.parametrize(
    ("prompt", "came"),
    [
        ("a cat", "'a cat'"),
        ([1, 2], "[1, 2]"),
        (torch.zeros(3, 12, 12), "Tensor of shape (3, 12, 12)"),
        (np.zeros((1, 3, 12, 12), dtype=np.uint8), "ndarray of shape (1, 3, 12, 12)"),
        ({"input_ids": [1]}, "None"),
    ],
)
def test_what_is_no_image_is_refused(prompt: Any, came: str) -> None:
    with pytest.raises(PromptError, match=re.escape("takes images") + ".*" + re.escape(came)):
        iw.attention(zoo.wrapped_model("vit"), prompt)


def test_an_image_for_a_model_of_text_is_refused() -> None:
    with pytest.raises(PromptError, match="a prompt is text"):
        iw.attention(zoo.wrapped_model("llama"), torch.zeros(1, 3, 12, 12))


@pytest.mark.parametrize("name", ["bert", "vit", "clip_text_model"])
def test_what_is_no_decoder_does_not_generate(name: str) -> None:
    board = iw.Board(zoo.wrapped_model(name))
    with pytest.raises(ModelError, match=rf"\({name}\) is no decoder.* cannot generate"):
        board.generate([1, 2, 3], max_new_tokens=2)
    board.close()


def test_bert_that_was_made_to_write_is_a_decoder() -> None:
    config = hf.BertConfig(**zoo.TEXT, is_decoder=True)
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = zoo.wrap(hf.BertLMHeadModel(config).eval(), tokenizer=tiny_tokenizer())
    board = iw.Board(model)
    view = board.attention()
    with board.generate("the cat", max_new_tokens=2, min_new_tokens=2):
        pass
    assert view.result.causal
    assert len(view.result.tokens) == 3
    board.close()


HEADLESS = {
    "gpt2": lambda: hf.GPT2Model(zoo.DECODERS["gpt2"]()),
    "llama": lambda: hf.LlamaModel(zoo.DECODERS["llama"]()),
    "gemma2": lambda: hf.Gemma2Model(zoo.DECODERS["gemma2"]()),
    "bert": lambda: hf.BertModel(hf.BertConfig(**zoo.TEXT)),
}


@pytest.mark.parametrize("name", HEADLESS)
def test_a_model_without_a_head_has_all_but_logits(name: str) -> None:
    module = HEADLESS[name]().eval()
    model = zoo.wrap(module, tokenizer=tiny_tokenizer())
    sites = iw.describe(model).sites
    assert set(iw.describe(zoo.wrapped_model(name)).sites) - set(sites) == {"logits"}
    last = iw.activations(model, "the cat", "resid_post").at(2)
    hidden = iw.activations(model, "the cat", "resid_pre").at(2)
    assert last.shape == hidden.shape == (2, 32)
    assert not np.array_equal(last, hidden)


def test_of_a_model_that_sees_and_writes_the_writing_part_is_read() -> None:
    text = hf.LlamaConfig(**zoo.TEXT)
    config = hf.LlavaConfig(
        text_config=text, vision_config=hf.CLIPVisionConfig(**zoo.IMAGE), image_token_id=60
    )
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    module = hf.LlavaForConditionalGeneration(config).eval()
    model = zoo.wrap(module)
    read = {
        site: iw.activations(model, [3, 5, 7], site).values
        for site in ("embed", "attn_out", "mlp_out", "resid_post", "logits")
    }
    total = read["embed"][0] + read["attn_out"].sum(0) + read["mlp_out"].sum(0)
    assert abs(total - read["resid_post"][-1]).max() < 1e-5
    with torch.no_grad():
        logits = module(torch.tensor([[3, 5, 7]])).logits
    assert abs(read["logits"] - logits.numpy()).max() < 1e-5


def test_of_two_towers_one_must_be_chosen() -> None:
    config = hf.CLIPConfig(text_config=zoo.TEXT, vision_config=zoo.IMAGE)
    module = hf.CLIPModel(config).eval()
    with pytest.raises(ModelError, match=r"text_model and vision_model; wrap the one .*"):
        iw.describe(zoo.wrap(module))
    sees = iw.attention(module.vision_model, zoo.prompt_of("vit")).result
    reads = iw.attention(module.text_model, [3, 5, 7]).result
    assert (sees.causal, reads.causal) == (False, True)


def test_positions_that_roberta_keeps_for_padding_are_not_promised() -> None:
    model = zoo.wrapped_model("roberta")
    assert iw.describe(model).n_ctx == 63
    assert len(iw.attention(model, [5] * 63).result.tokens) == 63
    with pytest.raises(PromptError, match=r"has 64 tokens; .* was made for 63"):
        iw.attention(model, [5] * 64)


def test_positions_without_end_are_said() -> None:
    assert "no limit of context" in str(iw.describe(zoo.wrapped_model("bloom")))
    assert "no vocabulary" in str(iw.describe(zoo.wrapped_model("vit")))
