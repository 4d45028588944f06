"""GPT-2, GPT-J and the bundled attention-only model."""

from __future__ import annotations

from interpwidgets.models.architectures.table import QKV, Architecture, Place, places_of

GPT2 = Architecture(
    "gpt2",
    places_of(
        "transformer.h",
        attn="attn",
        out_proj="c_proj",
        fused="c_attn",
        mlp="mlp",
        mlp_proj="c_proj",
        mlp_norm="ln_2",
        norm="transformer.ln_f",
    ),
    base="transformer",
)

# Parallel: attention and MLP read the same norm, so nothing is between them. The block
# gives a tuple.
GPTJ = Architecture(
    "gptj",
    places_of(
        "transformer.h",
        attn="attn",
        out_proj="out_proj",
        qkv=QKV,
        mlp="mlp",
        mlp_proj="fc_out",
        norm="transformer.ln_f",
        more={"resid_post": Place("{block}", item=0)},
    ),
    base="transformer",
)

ATTENTION_ONLY = Architecture(
    "interpwidgets-attn-only",
    places_of("model.layers", attn="attn", out_proj="o_proj", qkv=QKV, norm="model.norm"),
)

TABLES = (GPT2, GPTJ, ATTENTION_ONLY)
