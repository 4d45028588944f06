"""GPT-NeoX, Bloom, Falcon and OPT: the decoders of 2022 and 2023, before Llama's form."""

from __future__ import annotations

from typing import Any

from interpwidgets.models.architectures.table import QKV, Architecture, Place, places_of


def gpt_neox(config: Any) -> Architecture:
    """Return GPT-NeoX's table; its blocks are parallel by ``use_parallel_residual``."""
    places = places_of(
        "gpt_neox.layers",
        attn="attention",
        out_proj="dense",
        grouped="query_key_value",
        mlp="mlp",
        mlp_proj="dense_4h_to_h",
        mlp_norm=None if config.use_parallel_residual else "post_attention_layernorm",
        norm="gpt_neox.final_layer_norm",
    )
    return Architecture("gpt_neox", places, base="gpt_neox")


def bloom(config: Any) -> Architecture:
    """Return Bloom's table: its modules add the residual stream themselves."""
    table = Architecture(
        "bloom",
        places_of(
            "transformer.h",
            attn="self_attention",
            out_proj="dense",
            grouped="query_key_value",
            mlp="mlp",
            mlp_proj="dense_4h_to_h",
            mlp_norm="post_attention_layernorm",
            norm="transformer.ln_f",
            more={
                "resid_post": Place("{block}", item=0),
                "attn_out": Place("{block}.self_attention.dense"),
                "mlp_out": Place("{block}.mlp.dense_4h_to_h"),
            },
        ),
        base="transformer",
        sizes={"n_ctx": None},  # ALiBi: no end to its positions
    )
    # A residual taken behind the norm makes no stream that parts are added to.
    if config.apply_residual_connection_post_layernorm:
        return table.without("resid_mid", "attn_out", "mlp_out")
    return table


# Seen in transformers 5.23: once in the mask, and once more in the eager branch.
_FALCON_CAUTION = (
    "Falcon's eager attention adds its ALiBi bias twice, which its fused one does not: "
    "these are the patterns of another model"
)


def falcon(config: Any) -> Architecture:
    """Return Falcon's table: parallel or not, one key-value head, a few, or all."""
    parallel = config.new_decoder_architecture or config.parallel_attn
    few_heads = config.new_decoder_architecture or not config.multi_query
    return Architecture(
        "falcon",
        places_of(
            "transformer.h",
            attn="self_attention",
            out_proj="dense",
            grouped="query_key_value",
            mlp="mlp",
            mlp_proj="dense_4h_to_h",
            mlp_norm=None if parallel else "post_attention_layernorm",
            norm="transformer.ln_f",
            more={
                "resid_post": Place("{block}", item=0),
                "attn_out": Place("{block}.self_attention", item=0),
            },
        ),
        base="transformer",
        caution=_FALCON_CAUTION if config.alibi else "",
        sizes={
            "n_kv_heads": config.num_kv_heads if few_heads else 1,
            **({"n_ctx": None} if config.alibi else {}),
        },
    )


def opt(config: Any) -> Architecture:
    """Return OPT's table: its MLP is two layers of the block, on one axis of positions."""
    table = Architecture(
        "opt",
        places_of(
            "model.decoder.layers",
            attn="self_attn",
            out_proj="out_proj",
            qkv=QKV,
            norm="model.decoder.final_layer_norm",
            more={
                "mlp_in": Place("{block}.fc1", "input", flat=True),
                "mlp_post": Place("{block}.fc2", "input", flat=True),
                "mlp_out": Place("{block}.fc2", flat=True),
                "resid_mid": Place("{block}.final_layer_norm", "input", flat=True),
            },
        ),
    )
    # opt-350m has its norms behind the sums, none at the end.
    return table if config.do_layer_norm_before else table.without("resid_mid", "ln_final")


TABLES: tuple[Architecture, ...] = ()
