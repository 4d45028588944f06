"""Tiny random models, made from configs: the same seed gives the same weights."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

import interpwidgets as iw

VOCAB = 64
WORDS = "the cat sat on a mat and dog ran to Paris in France is where it was".split()


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer: ``WORDS`` from id 2, then w0, w1, …"""
    names = ["<eos>", "<unk>", *WORDS]
    names += [f"w{i}" for i in range(VOCAB - len(names))]
    raw = Tokenizer(
        models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>")
    )
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<eos>", pad_token="<eos>", unk_token="<unk>"
    )


CHATML = (
    "{% for m in messages %}<|start|> {{ m.role }} {{ m.content }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|start|> assistant {% endif %}"
)


def chat_tokenizer(template: str | None = CHATML, *, bos: bool = False) -> Any:
    """The tiny tokenizer with marks and roles at the end of its words, and a template."""
    specials = ["<|start|>", "<|end|>", "<bos>"]
    names = ["<eos>", "<unk>", *WORDS]
    names += [f"w{i}" for i in range(VOCAB - len(names) - 6)]
    names += ["system", "user", "assistant", *specials]
    raw = Tokenizer(
        models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>")
    )
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if bos:
        raw.post_processor = processors.TemplateProcessing(
            single="<bos> $A", special_tokens=[("<bos>", VOCAB - 1)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<eos>",
        unk_token="<unk>",
        additional_special_tokens=specials[:2],
        chat_template=template,
        clean_up_tokenization_spaces=False,
    )


def tiny_gpt2(*, attention: str = "eager", n_ctx: int = 64, **more: Any) -> GPT2LMHeadModel:
    """4 layers × 4 heads, d_model 32."""
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=4,
        n_head=4,
        n_embd=32,
        vocab_size=VOCAB,
        n_positions=n_ctx,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.3,
        attn_implementation=attention,
        **more,
    )
    return GPT2LMHeadModel(config).eval()


def tiny_llama(
    *, attention: str = "eager", n_kv_heads: int = 2, n_ctx: int = 64
) -> LlamaForCausalLM:
    """3 layers × 4 heads over ``n_kv_heads`` key-value heads, d_model 32."""
    torch.manual_seed(0)
    config = LlamaConfig(
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=n_kv_heads,
        hidden_size=32,
        intermediate_size=48,
        vocab_size=VOCAB,
        max_position_embeddings=n_ctx,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.3,
        attn_implementation=attention,
    )
    return LlamaForCausalLM(config).eval()


def wrapped(module: PreTrainedModel, tokenizer: Any = None) -> Any:
    """The nnsight model around a module, with the tiny tokenizer."""
    return iw.wrap(module, tokenizer=tokenizer or tiny_tokenizer())


def blocks_of(model: Any) -> Any:
    """The list of blocks of an nnsight model, whatever its architecture."""
    return model.transformer.h if hasattr(model, "transformer") else model.model.layers


class CountForwards:
    """Counts the forwards of a module by a plain torch hook."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.n = 0
        self._handle = module.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.n += 1

    def __enter__(self) -> CountForwards:
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()
