"""What is behind the last block, against the models' own logits."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import transformers as hf

import interpwidgets as iw
from interpwidgets.errors import SiteError
from interpwidgets.models.adapter import adapter_of, forget_adapters
from interpwidgets.models.architectures import registry
from interpwidgets.models.output_head import OutputHead
from tiny import VOCAB
from zoo import TEXT, having, make, prompt_of, wrap

WITH_LOGITS = having("logits")


def last_block_and_logits(module: Any, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """By a plain hook on the last block."""
    seen: list[Any] = []
    lists = (m for m in module.modules() if isinstance(m, torch.nn.ModuleList))
    blocks = next(m for m in lists if len(m) > 1)
    handle = blocks[-1].register_forward_hook(lambda _m, _i, output: seen.append(output))
    with torch.no_grad():
        logits = module(ids).logits
    handle.remove()
    stream = seen[0] if isinstance(seen[0], torch.Tensor) else seen[0][0]
    return stream[0], logits[0]


@pytest.mark.parametrize("name", WITH_LOGITS)
def test_the_last_blocks_output_through_the_head_is_the_models_logits(name: str) -> None:
    module = make(name)
    stream, logits = last_block_and_logits(module, prompt_of(name))
    head = OutputHead(wrap(module))
    with torch.no_grad():
        ours = head.logits(head.normed(stream))
    torch.testing.assert_close(ours, logits)


@pytest.mark.parametrize("name", WITH_LOGITS)
def test_some_columns_are_those_of_all(name: str) -> None:
    head = OutputHead(wrap(make(name)))
    with torch.no_grad():
        normed = head.normed(torch.randn(3, 32 if name != "lil-attn-2l" else 64))
        every = head.logits(normed)
        torch.testing.assert_close(head.logits(normed, slice(5, 9)), every[:, 5:9])
        some = torch.tensor([60, 2])
        torch.testing.assert_close(head.logits(normed, some), every[:, some])


@pytest.mark.parametrize("tied", [True, False])
def test_tied_and_untied_embeddings(tied: bool) -> None:
    torch.manual_seed(0)
    config = hf.LlamaConfig(**TEXT, tie_word_embeddings=tied)
    module = hf.LlamaForCausalLM(config).eval()
    assert (module.lm_head.weight is module.model.embed_tokens.weight) == tied
    stream, logits = last_block_and_logits(module, torch.tensor([[3, 5, 7]]))
    head = OutputHead(wrap(module))
    with torch.no_grad():
        torch.testing.assert_close(head.logits(head.normed(stream)), logits)


def test_a_soft_cap_is_the_models() -> None:
    module = make("gemma2")
    head = OutputHead(wrap(module))
    with torch.no_grad():
        logits = head.logits(head.normed(100 * torch.randn(5, 32)))
        bare = module.lm_head(module.model.norm(100 * torch.randn(5, 32)))
    assert bare.abs().max() > 3
    assert logits.abs().max() <= 3


def test_a_scale_of_the_logits_is_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_TABLES", dict(registry._TABLES))
    iw.register_architecture(
        "cohere",
        blocks="model.layers",
        attn="self_attn",
        out_proj="o_proj",
        norm="model.norm",
        unembed="lm_head",
        places={"logits": "output[logits]"},
    )
    torch.manual_seed(0)
    module = hf.CohereForCausalLM(hf.CohereConfig(**TEXT, logit_scale=0.3)).eval()
    stream, logits = last_block_and_logits(module, torch.tensor([[3, 5, 7]]))
    head = OutputHead(wrap(module))
    with torch.no_grad():
        normed = head.normed(stream)
        torch.testing.assert_close(head.logits(normed), logits)
        torch.testing.assert_close(head.logits(normed, slice(4, 8)), logits[:, 4:8])
    assert not torch.allclose(module.lm_head(normed), logits)
    forget_adapters("cohere")


def test_a_projection_behind_opts_norm_is_part_of_it() -> None:
    torch.manual_seed(0)
    config = hf.OPTConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        ffn_dim=48,
        max_position_embeddings=64,
        word_embed_proj_dim=16,
    )
    module = hf.OPTForCausalLM(config).eval()
    stream, logits = last_block_and_logits(module, torch.tensor([[3, 5, 7]]))
    head = OutputHead(wrap(module))
    with torch.no_grad():
        torch.testing.assert_close(head.logits(head.normed(stream)), logits)


def test_an_adapted_unembedding_is_asked_as_a_whole() -> None:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(target_modules=["lm_head"], init_lora_weights=False)
    adapted = peft.get_peft_model(make("llama"), config).eval()
    module = adapted.base_model.model
    stream, logits = last_block_and_logits(module, torch.tensor([[3, 5, 7]]))
    head = OutputHead(iw.wrap(adapted))
    assert not head.in_columns
    with torch.no_grad():
        torch.testing.assert_close(head.logits(head.normed(stream)), logits)


def test_the_models_parts_stay_where_they_are() -> None:
    module = make("llama")
    inside, head = module.model, OutputHead(wrap(module))
    with torch.no_grad():
        before = module(prompt_of("llama")).logits
        head.logits(head.normed(torch.randn(2, 32)))
        after = module(prompt_of("llama")).logits
    assert module.model is inside
    torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_a_model_whose_blocks_are_no_part_apart_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = make("llama")
    model = wrap(module)
    table = adapter_of(model).architecture
    flat = dataclasses.replace(table.places["resid_post"], path="layers.{layer}")
    places = {**table.places, "resid_post": flat}
    made_up = dataclasses.replace(
        adapter_of(model), architecture=dataclasses.replace(table, places=places)
    )
    monkeypatch.setattr("interpwidgets.models.output_head.adapter_of", lambda _: made_up)
    with pytest.raises(SiteError, match="has its blocks at its root"):
        OutputHead(model)


def test_a_model_without_logits_is_refused() -> None:
    with pytest.raises(SiteError, match="has no site 'logits'"):
        OutputHead(wrap(make("clip_text_model")))
