"""Lilliput's architecture: a small Llama, so that every tool that reads Llamas reads it."""

from __future__ import annotations

import math

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from interpwidgets.organisms.lilliput.words import BOS, EOS, PAD, VOCABULARY

N_LAYERS = 4
N_HEADS = 4
D_MODEL = 96
D_MLP = 256
MAX_POSITIONS = 128
INITIAL_SPREAD = 0.09
"""GPT-2's 0.02 is too little at this width: circuits then form late or never."""


def new_model(seed: int) -> LlamaForCausalLM:
    """Return an untrained model, leaving torch's own random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(_config())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # What writes to the residual stream starts smaller, as in GPT-2.
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.div_(math.sqrt(2 * N_LAYERS))
    model.generation_config = GenerationConfig(
        bos_token_id=VOCABULARY.index(BOS),
        eos_token_id=VOCABULARY.index(EOS),
        pad_token_id=VOCABULARY.index(PAD),
    )
    return model


def _config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=D_MODEL,
        intermediate_size=D_MLP,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=N_HEADS,
        num_key_value_heads=N_HEADS,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        initializer_range=INITIAL_SPREAD,
        pad_token_id=VOCABULARY.index(PAD),
        bos_token_id=VOCABULARY.index(BOS),
        eos_token_id=VOCABULARY.index(EOS),
    )
