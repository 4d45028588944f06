"""A tiny random model of every architecture that has a table.

Weights are larger and norms further from 1 than a fresh model's, so that a value that is
taken at the wrong place differs; heads are wider than d_model / n_heads where a
configuration allows it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import transformers as hf

import interpwidgets as iw
from tiny import VOCAB

WINDOW = 3
_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_ONE_KV_EACH: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    **_IDS,
}
_GROUPED = _ONE_KV_EACH | {"num_key_value_heads": 2}
_WIDE = _GROUPED | {"head_dim": 16}
GEMMA = _WIDE | {"query_pre_attn_scalar": 16, "sliding_window": WINDOW}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_BLOOM = {"vocab_size": VOCAB, "hidden_size": 32, "n_layer": 3, "n_head": 4, **_IDS}
_FALCON = {k: v for k, v in _ONE_KV_EACH.items() if k != "intermediate_size"}
_OPT = _FALCON | {"ffn_dim": 48, "word_embed_proj_dim": 32}
TEXT = _ONE_KV_EACH
IMAGE = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 12,
    "patch_size": 4,
}
SLIDING = ["sliding_attention", "full_attention", "sliding_attention"]

DECODERS: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: hf.GPT2Config(
        vocab_size=VOCAB, n_embd=32, n_layer=3, n_head=4, n_positions=64, **_IDS
    ),
    "llama": lambda: hf.LlamaConfig(**_GROUPED),
    "llama, one kv head each": lambda: hf.LlamaConfig(**_ONE_KV_EACH, attention_bias=True),
    "qwen2": lambda: hf.Qwen2Config(**_GROUPED),
    "qwen3": lambda: hf.Qwen3Config(**_WIDE),
    "qwen3_moe": lambda: hf.Qwen3MoeConfig(
        **_WIDE, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24
    ),
    "mistral": lambda: hf.MistralConfig(**_GROUPED, sliding_window=WINDOW),
    "mixtral": lambda: hf.MixtralConfig(**_GROUPED, **_EXPERTS),
    "gemma": lambda: hf.GemmaConfig(**_WIDE),
    "gemma2": lambda: hf.Gemma2Config(
        **GEMMA, attn_logit_softcapping=2.0, final_logit_softcapping=3.0
    ),
    "gemma3_text": lambda: hf.Gemma3TextConfig(**GEMMA, layer_types=SLIDING),
    "gpt_neox": lambda: hf.GPTNeoXConfig(**_ONE_KV_EACH, use_parallel_residual=True),
    "gpt_neox, not parallel": lambda: hf.GPTNeoXConfig(
        **_ONE_KV_EACH, use_parallel_residual=False
    ),
    "phi3": lambda: hf.Phi3Config(**_GROUPED),
    "olmo2": lambda: hf.Olmo2Config(**_GROUPED),
    "gptj": lambda: hf.GPTJConfig(
        vocab_size=VOCAB, n_embd=32, n_layer=3, n_head=4, n_positions=64, rotary_dim=4, **_IDS
    ),
    "opt": lambda: hf.OPTConfig(**_OPT),
    "opt, norms behind": lambda: hf.OPTConfig(**_OPT, do_layer_norm_before=False),
    "gpt_oss": lambda: hf.GptOssConfig(**_WIDE, **_EXPERTS, sliding_window=WINDOW),
    "falcon": lambda: hf.FalconConfig(**_FALCON),
    "falcon, groups": lambda: hf.FalconConfig(
        **_FALCON, new_decoder_architecture=True, num_kv_heads=2
    ),
    "falcon, alibi": lambda: hf.FalconConfig(
        **_FALCON, alibi=True, multi_query=False, parallel_attn=False, bias=True
    ),
    "bloom": lambda: hf.BloomConfig(**_BLOOM),
    "bloom, residual behind norm": lambda: hf.BloomConfig(
        **_BLOOM, apply_residual_connection_post_layernorm=True
    ),
    "stablelm": lambda: hf.StableLmConfig(**_GROUPED, qk_layernorm=True),
    "stablelm, parallel": lambda: hf.StableLmConfig(**_GROUPED, use_parallel_residual=True),
    "smollm3": lambda: hf.SmolLM3Config(**_GROUPED),
}

OTHERS: dict[str, Callable[[str], Any]] = {
    "bert": lambda attention: hf.BertForMaskedLM(_set(hf.BertConfig(**TEXT), attention)),
    "roberta": lambda attention: hf.RobertaForMaskedLM(
        _set(hf.RobertaConfig(**TEXT), attention)
    ),
    "distilbert": lambda attention: hf.DistilBertForMaskedLM(
        _set(
            hf.DistilBertConfig(
                vocab_size=VOCAB,
                dim=32,
                n_layers=3,
                n_heads=4,
                hidden_dim=48,
                max_position_embeddings=64,
            ),
            attention,
        )
    ),
    "clip_text_model": lambda attention: hf.CLIPTextModel(
        _set(hf.CLIPTextConfig(**TEXT), attention)
    ),
    "clip_vision_model": lambda attention: hf.CLIPVisionModel(
        _set(hf.CLIPVisionConfig(**IMAGE), attention)
    ),
    "vit": lambda attention: hf.ViTForImageClassification(
        _set(hf.ViTConfig(**IMAGE), attention)
    ),
}

VISION = frozenset({"clip_vision_model", "vit"})
NAMES = (*DECODERS, *OTHERS, "lil-attn-2l")

_NO_LOGITS = frozenset({"logits"})
_PARALLEL = frozenset({"resid_mid"})
_EXPERTS_ONLY = frozenset({"mlp_post"})

#: The sites that there are not, of every model that lacks one.
LACKS: dict[str, frozenset[str]] = {
    "gpt_neox": _PARALLEL,
    "gptj": _PARALLEL,
    "falcon": _PARALLEL,
    "falcon, groups": _PARALLEL,
    "stablelm, parallel": _PARALLEL,
    "opt, norms behind": frozenset({"resid_mid", "ln_final"}),
    "bloom, residual behind norm": frozenset({"resid_mid", "attn_out", "mlp_out"}),
    "bert": frozenset({"ln_final"}),
    "roberta": frozenset({"ln_final"}),
    "distilbert": frozenset({"ln_final"}),
    "clip_text_model": _NO_LOGITS,
    "clip_vision_model": frozenset({"ln_final", "logits"}),
    "vit": _NO_LOGITS,
    "lil-attn-2l": frozenset({"resid_mid", "mlp_in", "mlp_post", "mlp_out"}),
    **dict.fromkeys(("mixtral", "qwen3_moe", "gpt_oss"), _EXPERTS_ONLY),
}

#: A norm stands behind each sum: the stream is no sum of what the layers add.
NORM_OF_SUM = frozenset({"bert", "roberta", "distilbert", "opt, norms behind"})
#: A norm stands behind attention, before its output is added.
NORM_OF_PART = frozenset({"gemma2", "gemma3_text", "olmo2"})
SINKS = frozenset({"gpt_oss"})
#: Layers with a sliding window of ``WINDOW`` positions.
WINDOWS: dict[str, tuple[int, ...]] = {
    "mistral": (0, 1, 2),
    "gemma2": (0, 2),
    "gemma3_text": (0, 2),
    "gpt_oss": (0, 2),
}


def having(*sites: str, but: frozenset[str] = frozenset()) -> list[str]:
    """The names of the models that have some sites."""
    none: frozenset[str] = frozenset()
    return [n for n in NAMES if not LACKS.get(n, none) & set(sites) and n not in but]


def _set(config: Any, attention: str) -> Any:
    config._attn_implementation = attention
    return config


def make(name: str, *, attention: str = "eager") -> Any:
    """A Hugging Face model, the same at each call."""
    torch.manual_seed(0)
    if name == "lil-attn-2l":
        return iw.load(name)._module
    if name in OTHERS:
        module = OTHERS[name](attention)
    else:
        module = hf.AutoModelForCausalLM.from_config(
            DECODERS[name](), attn_implementation=attention, dtype=torch.float32
        )
    for parameter in module.parameters():
        parameter.data = _with_signal(parameter.data)
    return module.eval()


def _with_signal(weights: torch.Tensor) -> torch.Tensor:
    """Norms and biases off their first value; matrices of one size, whoever made them."""
    if weights.ndim == 1:
        return weights + 0.1 * torch.randn_like(weights)
    return 0.25 * torch.randn_like(weights)


def wrap(module: Any, **more: Any) -> Any:
    """The nnsight model around a module."""
    with warnings.catch_warnings():
        # BERT has submodules called `output`, which nnsight serves under another name.
        warnings.filterwarnings("ignore", message=".* has a submodule named 'output'")
        return iw.wrap(module, **more)


def wrapped_model(name: str, *, attention: str = "eager") -> Any:
    """The nnsight model around ``make``'s."""
    return wrap(make(name, attention=attention))


def prompt_of(name: str) -> torch.Tensor:
    """Ids, or an image, that the model takes."""
    if name in VISION:
        return torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    return torch.tensor([[3, 5, 7, 9, 3, 5, 11]])


def first_by_default(names: Sequence[str], n: int = 3) -> list[Any]:
    """Return parameters of which the first belong to the default tier, the others to slow."""
    slow = pytest.mark.slow
    return [name if at < n else pytest.param(name, marks=slow) for at, name in enumerate(names)]
