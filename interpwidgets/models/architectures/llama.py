"""Llama and the many models with its modules."""

from __future__ import annotations

from typing import Any

from interpwidgets.models.architectures.table import QKV, Architecture, Place, places_of

_MODULES: dict[str, Any] = {
    "attn": "self_attn",
    "out_proj": "o_proj",
    "qkv": QKV,
    "mlp": "mlp",
    "mlp_proj": "down_proj",
    "mlp_norm": "post_attention_layernorm",
    "norm": "model.norm",
}

LLAMA = Architecture("llama", places_of("model.layers", **_MODULES))

# Query-key norms, biases, windows, experts and scaled embeddings are inside of these
# modules, or before them. "Before rotary" is before a query-key norm, too.
SAME_AS_LLAMA = tuple(
    LLAMA.named(name)
    for name in ("gemma", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "smollm3")
)

PHI3 = Architecture(
    "phi3", places_of("model.layers", **(_MODULES | {"qkv": None, "fused": "qkv_proj"}))
)

# Its MLP also gives the router's scores, and a learned sink takes part in each softmax.
GPT_OSS = Architecture(
    "gpt_oss",
    places_of(
        "model.layers",
        **_MODULES,
        more={
            "mlp_out": Place("{block}.mlp", item=0),
            "attn_scores": Place("{block}.self_attn", "softmax", sinks="sinks"),
        },
    ),
)

# Norms stand after attention and MLP, too: what is added to the residual stream is what
# they give. Gemma caps its logits behind the unembedding.
_POST_NORMS = {
    "attn_out": Place("{block}.post_attention_layernorm"),
    "mlp_out": Place("{block}.post_feedforward_layernorm"),
}
_GEMMA = _MODULES | {"mlp_norm": "pre_feedforward_layernorm"}
_CAPPED = {**_POST_NORMS, "logits": Place("", item="logits")}

GEMMA2 = Architecture("gemma2", places_of("model.layers", **_GEMMA, more=_CAPPED))
GEMMA3 = GEMMA2.named("gemma3_text")

# No norm before attention or MLP: the MLP itself receives the stream between them.
OLMO2 = Architecture(
    "olmo2", places_of("model.layers", **(_MODULES | {"mlp_norm": "mlp"}), more=_POST_NORMS)
)


def stablelm(config: Any) -> Architecture:
    """Return StableLM's table: Llama's, or parallel blocks by ``use_parallel_residual``."""
    table = LLAMA.named("stablelm")
    return table.without("resid_mid") if config.use_parallel_residual else table


TABLES = (LLAMA, *SAME_AS_LLAMA, PHI3, GPT_OSS, GEMMA2, GEMMA3, OLMO2)
